//! Differences of an issued period: what all usage known now costs, less what was billed. PURE.
//!
//! Formed for each price pool (price, tier scope, service period) and tax rate, in minor units as
//! billed: an increase is paid with the next invoice, a decrease is credited on the document that
//! billed it. Credit notes by a person's decision are no withdrawal of usage and do not count.

use std::collections::{BTreeMap, BTreeSet};

use super::document::{ChargePart, DocumentKind, InvoiceDocument, Line, Reference, TaxRate};
use super::draft::Correction;
use crate::ids::{InvoiceId, OwnerRef};
use crate::period::Span;
use crate::rate::PoolKey;

/// Where differences are formed.
pub(super) type Key = (Option<PoolKey>, Span, TaxRate);

/// A decrease, on one line of one issued document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decrease {
    pub invoice: InvoiceId,
    pub line: u32,
    pub minor: i64,
}

/// What has changed since a period was billed.
#[derive(Debug, Default)]
pub struct Changes {
    pub increases: Vec<Correction>,
    pub decreases: Vec<Decrease>,
}

/// Compares an issued invoice, and what was billed or withdrawn for its period since, with the
/// lines of the same period as known now.
pub fn changes(
    invoice: &InvoiceDocument,
    issued: &[InvoiceDocument],
    (now, parts): (&InvoiceDocument, &[ChargePart]),
) -> Changes {
    let reference = Reference {
        id: invoice.id.clone(),
        number: invoice.number.clone().unwrap_or_else(|| invoice.id.to_string()),
        issue_date: invoice.issue_date.clone().unwrap_or_else(String::new),
    };
    let billed = billed_lines(invoice, issued);
    let mut wanted: BTreeMap<Key, (i64, &Line)> = BTreeMap::new();
    for line in own_lines(now) {
        wanted.entry(key_of(line)).or_insert((0, line)).0 += line.net_minor;
    }
    let mut found: BTreeMap<Key, (i64, &Line)> = BTreeMap::new();
    for billed in &billed {
        found.entry(key_of(billed.line)).or_insert((0, billed.line)).0 += billed.left;
    }
    let mut changes = Changes::default();
    for (key, (minor, line)) in &wanted {
        let before = found.get(key).map_or(0, |(minor, _)| *minor);
        let minor = minor - before;
        if minor > 0 {
            let parts = parts_of(key, now, parts);
            changes.increases.push(Correction {
                line: Line::clone(line),
                minor,
                corrects: reference.clone(),
                owners: owners_of(now, &parts),
                parts,
            });
        } else if minor < 0 {
            spread(&billed, key, -minor, &mut changes.decreases);
        }
    }
    for (key, (minor, _)) in &found {
        if !wanted.contains_key(key) && *minor > 0 {
            spread(&billed, key, *minor, &mut changes.decreases);
        }
    }
    changes
}

/// The parts of all lines of a pool, with the records behind them.
fn parts_of(key: &Key, now: &InvoiceDocument, parts: &[ChargePart]) -> Vec<ChargePart> {
    let lines: BTreeSet<u32> =
        own_lines(now).filter(|line| key_of(line) == *key).map(|line| line.number).collect();
    parts.iter().filter(|part| lines.contains(&part.line)).cloned().collect()
}

/// Whose usage a pool holds; of what several owners owe as a whole, all of the document's.
fn owners_of(now: &InvoiceDocument, parts: &[ChargePart]) -> Vec<OwnerRef> {
    if parts.iter().any(|part| part.owner.id.is_empty()) {
        return now.owners.clone();
    }
    let owners: BTreeSet<&OwnerRef> = parts.iter().map(|part| &part.owner).collect();
    owners.into_iter().cloned().collect()
}

/// A line that billed usage of the period, and what is left of it.
struct Billed<'a> {
    document: &'a InvoiceDocument,
    line: &'a Line,
    left: i64,
}

/// Where a line's differences are formed.
pub(super) fn key_of(line: &Line) -> Key {
    (line.pool.clone(), line.service_span, line.tax.clone())
}

/// Lines for the document's own period.
fn own_lines(document: &InvoiceDocument) -> impl Iterator<Item = &Line> {
    document.lines.iter().filter(|line| line.corrects.is_none())
}

fn billed_lines<'a>(
    invoice: &'a InvoiceDocument,
    issued: &'a [InvoiceDocument],
) -> Vec<Billed<'a>> {
    let mut billed: Vec<Billed<'a>> = own_lines(invoice)
        .map(|line| Billed { document: invoice, line, left: line.net_minor })
        .collect();
    for later in issued.iter().filter(|one| one.kind == DocumentKind::Invoice) {
        let corrections = later
            .lines
            .iter()
            .filter(|line| line.corrects.as_ref().is_some_and(|of| of.id == invoice.id));
        billed.extend(corrections.map(|line| Billed {
            document: later,
            line,
            left: line.net_minor,
        }));
    }
    for note in issued.iter().filter(|one| one.kind == DocumentKind::CreditNote && one.automatic) {
        let Some(of) = &note.corrects else { continue };
        for line in &note.lines {
            let number = super::credit::credited_number(line);
            let same =
                |one: &&mut Billed<'_>| one.document.id == of.id && Some(one.line.number) == number;
            if let Some(one) = billed.iter_mut().find(same) {
                one.left -= line.net_minor;
            }
        }
    }
    billed
}

/// Takes a decrease from the lines that billed it, the newest document first.
fn spread(billed: &[Billed<'_>], key: &Key, mut minor: i64, decreases: &mut Vec<Decrease>) {
    for one in billed.iter().rev().filter(|one| key_of(one.line) == *key && one.left > 0) {
        if minor == 0 {
            return;
        }
        let taken = minor.min(one.left);
        decreases.push(Decrease {
            invoice: one.document.id.clone(),
            line: one.line.number,
            minor: taken,
        });
        minor -= taken;
    }
}
