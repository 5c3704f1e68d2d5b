//! The money at stake of a finding: what its record, or the difference it proposes, would cost
//! at the customer's prices, rated by itself.

use super::facts::{Histories, load_facts};
use super::month::cycle_of;
use crate::catalog::store::load_book_versions;
use crate::collect::record::{RecordKey, RecordKind, StoredRecord};
use crate::collect::store::load_all_records;
use crate::customer::store::{
    AsOf, load_customer, load_customer_agreements, load_customer_of_owner, load_seller,
};
use crate::finding::Finding;
use crate::meter::quantities::{MeteringInput, quantities};
use crate::money::{Exact, Money};
use crate::period::Span;
use crate::rate::engine::rate;
use crate::rate::{Charge, RatingInput};
use crate::store::codec::At;
use crate::store::{Conn, StoreError};

/// Knowledge of everything: findings are judged by what is known now.
const ALL: i64 = i64::MAX;

/// What a finding would cost, or save when below zero; `None` where it names no record, its
/// owner has no customer yet, or the book has no price.
pub async fn money_at_stake(
    conn: &mut Conn,
    finding: &Finding,
) -> Result<Option<Money>, StoreError> {
    let Some(record) = load_doubted(conn, finding).await? else { return Ok(None) };
    let as_of = AsOf { at: finding.span.from, known_at: ALL };
    let Some(customer) = load_customer_of_owner(conn, &finding.owner, as_of).await? else {
        return Ok(None);
    };
    let agreements = load_customer_agreements(conn, &customer, ALL).await?;
    let at = finding.span.from;
    let Some(agreement) = agreements.iter().find(|one| one.from <= at && at < one.until) else {
        return Ok(None);
    };
    let seller = load_seller(conn, &agreement.seller, as_of).await?;
    let customer = load_customer(conn, &customer, as_of).await?;
    let (Some(seller), Some(customer)) = (seller, customer) else { return Ok(None) };
    let outside = |error| StoreError::Conflict(format!("finding {}: {error}", finding.id));
    let period = cycle_of(&seller, &customer)?.period_at(at).map_err(outside)?;
    let versions = load_book_versions(conn, &agreement.price_book, period.span, ALL).await?;
    let negative = record.quantity.is_negative();
    let quantity = if negative { record.quantity.negated() } else { record.quantity.clone() };
    let records = [StoredRecord { quantity, ..record }];
    let mut histories = Histories::default();
    histories.load(conn, &records, ALL).await?;
    let facts = load_facts(conn, &histories, &records, &customer.id).await?;
    let metering = quantities(&MeteringInput {
        records: &records,
        facts: &facts,
        span: stake_span(finding, &records[0]),
        boundaries: &[],
    });
    let rating = rate(&RatingInput {
        period,
        period_hours: Exact::ratio(i128::from(period.span.seconds()), 3_600),
        metered: &metering.metered,
        versions: &versions,
        boundaries: &[],
        customer: &customer.id,
    });
    if rating.charges.is_empty() {
        return Ok(None);
    }
    let amounts: Vec<Exact> = rating.charges.iter().map(Charge::amount).collect();
    let sum = Exact::sum(&amounts);
    let sum = if negative { sum.negated() } else { sum };
    let money = Money::round(&sum, agreement.currency, seller.details.rounding);
    money.map(Some).map_err(|error| StoreError::Conflict(error.to_string()))
}

/// All time; a level that holds until the next one is judged by how long it has held.
fn stake_span(finding: &Finding, record: &StoredRecord) -> Span {
    if record.kind == RecordKind::Gauge && record.key.from == record.until {
        let held = finding.span.until.min(finding.recorded_at).max(record.key.from);
        return Span::new(record.key.from, held);
    }
    Span::new(i64::MIN / 2, i64::MAX / 2)
}

/// The doubted record, with the quantity that is in question.
async fn load_doubted(
    conn: &mut Conn,
    finding: &Finding,
) -> Result<Option<StoredRecord>, StoreError> {
    let Some(text) = &finding.record_key else { return Ok(None) };
    let at = At { table: "finding", id: finding.id.as_str(), column: "record_key" };
    let key: RecordKey = at.json(text)?;
    let span = Span::new(key.from, key.from + 1);
    let records = load_all_records(conn, &key.owner, span, ALL).await?;
    let found = records.into_iter().find(|record| {
        record.key.identity == key.identity
            && record.key.resource == key.resource
            && record.key.meter == key.meter
            && record.key.from == key.from
    });
    let number = |field: &str| -> Option<Exact> {
        let text = finding.detail.get(field)?.as_str()?;
        crate::money::amount::parse_stored(text).ok()
    };
    let difference = match (number("reported"), number("corrected")) {
        (Some(reported), Some(corrected)) => Some(corrected.minus(&reported)),
        _ => number("first").zip(number("later")).map(|(first, later)| later.minus(&first)),
    };
    Ok(found.map(|record| match difference {
        Some(quantity) => StoredRecord { quantity, ..record },
        None => record,
    }))
}
