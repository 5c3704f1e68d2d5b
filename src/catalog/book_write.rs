//! A price book back into TOML: what is read again equals what was written. PURE.

use std::fmt::Write;

use super::book::Book;
use super::book_check::condition_lists;
use super::price::{Model, Per, Price, Tier, TierScope};
use crate::money::Exact;

/// The text of a book.
pub fn write(book: &Book) -> String {
    write_with_comments(book, &|_| None)
}

/// The text of a book with a comment line above some prices.
pub fn write_with_comments(book: &Book, comment: &dyn Fn(&Price) -> Option<String>) -> String {
    let mut text = String::from("[book]\n");
    line(&mut text, "code", &quoted(&book.code));
    line(&mut text, "name", &quoted(&book.name));
    line(&mut text, "currency", &quoted(book.currency.code()));
    if !book.imported_meters.is_empty() {
        line(&mut text, "imported_meters", &list(&book.imported_meters));
    }
    for price in &book.prices {
        text.push('\n');
        if let Some(comment) = comment(price) {
            for row in comment.lines() {
                let _ = writeln!(text, "# {}", row.replace(char::is_control, " "));
            }
        }
        text.push_str(&write_price(price));
    }
    text
}

/// The text of one price, as it stands in a book.
pub fn write_price(price: &Price) -> String {
    let mut text = String::from("[[price]]\n");
    for (key, value) in fields(price) {
        line(&mut text, key, &value);
    }
    text
}

/// The keys of a price with their values as TOML, in the order of the reference; what has its
/// default is left out, except the component and the mode of a month.
pub fn fields(price: &Price) -> Vec<(&'static str, String)> {
    let mut fields = vec![
        ("code", quoted(&price.code)),
        ("component", quoted(&price.component)),
        ("meter", quoted(&price.meter)),
        ("unit", quoted(price.unit.name_for(&price.meter))),
    ];
    if let Per::Month(mode) = price.unit.per {
        fields.push(("month", quoted(mode.as_str())));
    }
    fields.extend(model_fields(&price.model));
    if !price.included.is_zero() {
        fields.push(("included", number(&price.included)));
    }
    if let Some(minimum) = &price.minimum {
        fields.push(("minimum", number(minimum)));
    }
    if let Some(cap) = &price.cap {
        fields.push(("cap", number(cap)));
    }
    if price.tier_scope != TierScope::default() {
        fields.push(("scope", quoted(price.tier_scope.as_str())));
    }
    if price.tier_restart {
        fields.push(("tier_restart", "true".to_owned()));
    }
    if price.tax_class != "standard" {
        fields.push(("tax_class", quoted(&price.tax_class)));
    }
    if let Some(text) = &price.text {
        fields.push(("text", quoted(text)));
    }
    let conditions: Vec<String> = condition_lists(&price.conditions)
        .into_iter()
        .filter(|(_, words)| !words.is_empty())
        .map(|(key, words)| format!("{key} = {}", list(words)))
        .collect();
    if !conditions.is_empty() {
        fields.push(("when", format!("{{ {} }}", conditions.join(", "))));
    }
    fields
}

fn model_fields(model: &Model) -> Vec<(&'static str, String)> {
    let named = |name: &str| ("model", quoted(name));
    match model {
        Model::PerUnit { amount, base } => {
            let mut fields = vec![("amount", number(amount))];
            if *base != Exact::ONE {
                fields.push(("per", number(base)));
            }
            fields
        }
        Model::Graduated { tiers } => vec![named("graduated"), ("tiers", tier_list(tiers))],
        Model::Volume { tiers } => vec![named("volume"), ("tiers", tier_list(tiers))],
        Model::Package { size, amount } => {
            vec![named("package"), ("size", number(size)), ("amount", number(amount))]
        }
        Model::Flat { amount, prorate } => {
            let mut fields = vec![named("flat"), ("amount", number(amount))];
            if *prorate {
                fields.push(("prorate", "true".to_owned()));
            }
            fields
        }
        Model::OneOff { amount } => vec![named("one_off"), ("amount", number(amount))],
    }
}

fn tier_list(tiers: &[Tier]) -> String {
    let rows = tiers.iter().map(|tier| {
        let mut parts = Vec::new();
        if let Some(bound) = &tier.up_to {
            parts.push(format!("up_to = {}", number(bound)));
        }
        parts.push(format!("amount = {}", number(&tier.amount)));
        if !tier.flat.is_zero() {
            parts.push(format!("flat = {}", number(&tier.flat)));
        }
        format!("{{ {} }}", parts.join(", "))
    });
    format!("[{}]", rows.collect::<Vec<_>>().join(", "))
}

fn line(text: &mut String, key: &str, value: &str) {
    let _ = writeln!(text, "{key} = {value}");
}

fn number(value: &Exact) -> String {
    format!("\"{value}\"")
}

fn list(words: &[String]) -> String {
    match words {
        [word] => quoted(word),
        words => format!("[{}]", words.iter().map(|w| quoted(w)).collect::<Vec<_>>().join(", ")),
    }
}

/// A basic string of TOML.
fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => {
                let _ = write!(out, "\\u{:04X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
    out
}
