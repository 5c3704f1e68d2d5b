//! What customers used in a span: the records of their owners, metered and cut by whose the owners
//! were at each instant.

use std::collections::{BTreeMap, BTreeSet};

use super::facts::{Histories, load_facts};
use crate::collect::import::store::load_around;
use crate::collect::observe::live::load_live;
use crate::collect::record::StoredRecord;
use crate::collect::store::{load_counter_neighbours, load_records};
use crate::customer::store::{load_agreements, load_mappings};
use crate::customer::{Agreement, OwnerMapping};
use crate::ids::{CustomerId, OwnerRef};
use crate::meter::Metered;
use crate::meter::quantities::{MeteringInput, quantities};
use crate::period::Span;
use crate::store::{Conn, StoreError};

/// Records, and the quantities that name them by position.
#[derive(Default)]
pub(super) struct Used {
    pub records: Vec<StoredRecord>,
    pub metered: Vec<Metered>,
}

/// Reads and meters usage of one span with one knowledge.
pub(super) struct Metering<'a> {
    pub conn: &'a mut Conn,
    pub histories: &'a mut Histories,
    pub span: Span,
    pub known_at: i64,
    /// Now, where usage that is not stored yet counts too.
    pub now: Option<i64>,
    /// The time in which any does.
    pub provisional: Option<Span>,
}

impl Metering<'_> {
    /// What a customer's owners used while they were the customer's: a record that straddles a
    /// change of mapping is cut there, so that each side is somebody's and none is twice.
    /// `boundaries` must hold the mappings' ends inside the span.
    pub async fn of(
        &mut self,
        customer: &CustomerId,
        mappings: &[OwnerMapping],
        boundaries: &[i64],
    ) -> Result<Used, StoreError> {
        let mut spans: BTreeMap<&OwnerRef, Vec<Span>> = BTreeMap::new();
        for mapping in mappings {
            let mapped = self.span.intersect(Span::new(mapping.from, mapping.until));
            if !mapped.is_empty() {
                spans.entry(&mapping.owner).or_default().push(mapped);
            }
        }
        let mut records = Vec::new();
        for (owner, spans) in &spans {
            records.extend(self.records_of(owner, spans).await?);
        }
        self.histories.load(self.conn, &records, self.known_at).await?;
        let facts = load_facts(self.conn, self.histories, &records, customer).await?;
        let input = MeteringInput { records: &records, facts: &facts, span: self.span, boundaries };
        let mut metered = quantities(&input).metered;
        metered.retain(|one| {
            let spans = spans.get(&one.facts.owner);
            spans.is_some_and(|spans| spans.iter().any(|span| span.contains(one.span.from)))
        });
        Ok(Used { records, metered })
    }

    /// Records that touch an owner's spans, the readings of counters on both sides of them, and
    /// the levels that hold when they begin.
    async fn records_of(
        &mut self,
        owner: &OwnerRef,
        spans: &[Span],
    ) -> Result<Vec<StoredRecord>, StoreError> {
        let from = spans.iter().map(|span| span.from).min().unwrap_or(self.span.from);
        let until = spans.iter().map(|span| span.until).max().unwrap_or(self.span.until);
        let hull = Span::new(from, until);
        let mut records = load_records(self.conn, owner, hull, self.known_at).await?;
        let mut around = load_counter_neighbours(self.conn, owner, hull, self.known_at).await?;
        around.extend(load_around(self.conn, owner, hull, self.known_at).await?);
        if !around.is_empty() {
            let known: BTreeSet<_> = records.iter().map(|record| record.key.clone()).collect();
            records.extend(around.into_iter().filter(|one| !known.contains(&one.key)));
        }
        if let Some(now) = self.now {
            let live = load_live(self.conn, owner, hull, now).await?;
            records.extend(live.records);
            self.histories.add_live(live.sets);
            self.provisional = match (self.provisional, live.span) {
                (Some(a), Some(b)) => Some(Span::new(a.from.min(b.from), a.until.max(b.until))),
                (a, b) => a.or(b),
            };
        }
        Ok(records)
    }

    /// Adds what the seller's other customers under the same book used, for prices that pool over
    /// them.
    pub async fn add_pool(
        &mut self,
        used: &mut Used,
        agreement: &Agreement,
        boundaries: &[i64],
    ) -> Result<(), StoreError> {
        let agreements =
            load_agreements(self.conn, &agreement.seller, self.span, self.known_at).await?;
        let mut seen: BTreeSet<CustomerId> = BTreeSet::from([agreement.customer.clone()]);
        for other in agreements {
            if other.price_book != agreement.price_book || !seen.insert(other.customer.clone()) {
                continue;
            }
            let mappings =
                load_mappings(self.conn, &other.customer, self.span, self.known_at).await?;
            let ends = mappings.iter().flat_map(|mapping| [mapping.from, mapping.until]);
            let inside = ends.filter(|at| self.span.from < *at && *at < self.span.until);
            let cuts: BTreeSet<i64> = boundaries.iter().copied().chain(inside).collect();
            let cuts: Vec<i64> = cuts.into_iter().collect();
            let theirs = self.of(&other.customer, &mappings, &cuts).await?;
            let first = used.records.len();
            used.records.extend(theirs.records);
            let moved = theirs.metered.into_iter();
            used.metered.extend(moved.map(|one| Metered { record: first + one.record, ..one }));
        }
        Ok(())
    }
}
