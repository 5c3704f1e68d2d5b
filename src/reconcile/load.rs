//! Reads and compares all sides of a period. Nothing is stored; the orchestrators are asked for
//! their inventory before any transaction is open.

use std::collections::{BTreeMap, BTreeSet};

use jiff::tz::TimeZone;

use super::compare::{Sides, Whose, compare};
use super::sides::{Asked, HistoriesAt, load_sides, load_unbilled, load_unmapped_finding};
use super::{Between, Difference, Reason, Reconciliation, Row, SourceSide};
use crate::app::App;
use crate::bill::month::cycle_of;
use crate::bill::store::{Draft, load_drafts};
use crate::collect::job::configured_from;
use crate::collect::store::{SourceState, load_source_state, load_watermarks};
use crate::customer::store::{
    AsOf, OwnerHistory, load_customer_agreements, load_customers, load_mappings,
    load_owner_history, load_owners_with_usage, load_sellers, load_source_mappings,
};
use crate::customer::{Agreement, Customer, OwnerMapping, Seller};
use crate::ids::{CustomerId, OwnerRef, SellerId, SourceName};
use crate::orchestrator::{AccountedLife, Answer, InventoryItem, Orchestrator};
use crate::period::{BillingCycle, Period, PeriodLabel, Span};
use crate::scope::Scope;
use crate::store::{Conn, StoreError, knowledge};

const DAY_SECONDS: i64 = 86_400;

/// What is to be compared.
#[derive(Clone, Debug)]
pub struct ReconcileRequest {
    pub label: PeriodLabel,
    /// Only what these bill.
    pub sellers: Option<BTreeSet<SellerId>>,
    pub customer: Option<CustomerId>,
    /// Ask the orchestrators what exists.
    pub ask_inventory: bool,
}

/// What does not depend on the customer.
pub(super) struct World {
    sources: BTreeMap<SourceName, Source>,
    sellers: Vec<Seller>,
}

/// One source of usage.
struct Source {
    state: Option<SourceState>,
    owners: OwnerHistory,
    told: Option<Told>,
    /// Why the inventory is not told, where it was asked.
    refused: Option<String>,
}

/// The inventory of a source, with how far its usage is collected.
pub(super) struct Told {
    pub items: BTreeMap<String, Vec<InventoryItem>>,
    pub meters: BTreeSet<String>,
    /// By owner; `None` where the source has no accounting of its own.
    pub accounted: Option<BTreeMap<String, Vec<AccountedLife>>>,
    /// What was before is not to be collected.
    pub collected_from: i64,
    pub collected_until: i64,
    pub window_seconds: i64,
}

impl World {
    /// The inventory of a source whose usage was collected before.
    pub fn told(&self, source: &SourceName) -> Option<&Told> {
        self.sources.get(source)?.told.as_ref()
    }

    /// Notes the name that an owner had.
    pub fn name(&self, owner: &OwnerRef, at: i64, names: &mut BTreeMap<OwnerRef, String>) {
        let source = self.sources.get(&owner.source);
        if let Some(found) = source.and_then(|source| source.owners.at(&owner.id, at)) {
            names.insert(owner.clone(), found.name.clone());
        }
    }
}

/// Compares a period; `progress` is told after each customer: done, all.
pub async fn load_reconciliation(
    app: &App,
    request: &ReconcileRequest,
    progress: &(dyn Fn(usize, usize) + Sync),
) -> anyhow::Result<Reconciliation> {
    let inventories = match request.ask_inventory {
        true => ask_inventories(app, asked_span(request.label)?).await,
        false => BTreeMap::new(),
    };
    let mut conn = app.db.snapshot().await?;
    let known_at = knowledge::present(&mut conn, app.clock.as_ref()).await?;
    let world = load_world(&mut conn, app, inventories, known_at).await?;
    let mut customers = load_customers(&mut conn, AsOf::now(known_at)).await?;
    customers.retain(|one| request.customer.as_ref().is_none_or(|wanted| one.id == *wanted));
    drop(conn);
    let mut reader = Reader {
        app,
        request,
        world: &world,
        known_at,
        drafts: BTreeMap::new(),
        histories: HistoriesAt::new(),
        rows: Vec::new(),
    };
    for (done, customer) in customers.iter().enumerate() {
        reader.customer(customer).await?;
        progress(done + 1, customers.len());
    }
    let mut rows = reader.rows;
    rows.sort_by(|a, b| {
        let whose = |row: &Row| (row.customer.is_none(), row.seller.clone(), row.customer.clone());
        let place = |row: &Row| (row.owner.clone(), row.meter.clone());
        whose(a).cmp(&whose(b)).then_with(|| place(a).cmp(&place(b)))
    });
    if request.customer.is_none() && request.sellers.is_none() {
        rows.extend(unmapped(app, &world, request.label, known_at).await?);
    }
    let sources = source_sides(&world, request, known_at)?;
    let of_sources = sources.iter().flat_map(|source| &source.differences);
    let good = !rows.iter().flat_map(|row| &row.differences).chain(of_sources).any(|one| one.open);
    Ok(Reconciliation { period: request.label, good, known_at, sources, rows })
}

/// What a source says of itself.
struct SourceTold {
    items: Vec<InventoryItem>,
    accounted: Option<Vec<AccountedLife>>,
}

type Inventories = BTreeMap<SourceName, Result<SourceTold, String>>;

/// Every period of a label, whatever its time zone and anchor day.
fn asked_span(label: PeriodLabel) -> anyhow::Result<Span> {
    let cycle = BillingCycle::new("UTC", 1)?;
    let (first, next) = (cycle.period(label)?.span, cycle.period(label.next())?.span);
    Ok(Span::new(first.from - DAY_SECONDS, next.until + DAY_SECONDS))
}

async fn ask_inventories(app: &App, span: Span) -> Inventories {
    let span = Span::new(span.from, span.until.min(app.clock.now_seconds()));
    let mut inventories = Inventories::new();
    for orchestrator in &app.orchestrators {
        let answer = ask(orchestrator.as_ref(), span).await.map_err(|error| error.to_string());
        inventories.insert(orchestrator.source().clone(), answer);
    }
    inventories
}

async fn ask(orchestrator: &dyn Orchestrator, span: Span) -> Answer<SourceTold> {
    let items = orchestrator.fetch_inventory().await?;
    let accounted = match span.is_empty() {
        true => None,
        false => orchestrator.fetch_accounting(span).await?,
    };
    Ok(SourceTold { items, accounted })
}

async fn load_world(
    conn: &mut Conn,
    app: &App,
    mut inventories: Inventories,
    known_at: i64,
) -> anyhow::Result<World> {
    let mut names: BTreeSet<SourceName> =
        load_watermarks(conn).await?.into_iter().map(|(name, _, _)| SourceName(name)).collect();
    names.extend(app.orchestrators.iter().map(|one| one.source().clone()));
    let mut sources = BTreeMap::new();
    for name in names {
        let state = load_source_state(conn, &name).await?.filter(|one| one.collected_until > 0);
        let owners = load_owner_history(conn, &name, known_at).await?;
        let (answer, refused) = match inventories.remove(&name) {
            Some(Ok(asked)) => (Some(asked), None),
            Some(Err(error)) => (None, Some(error)),
            None => (None, None),
        };
        let from = configured_from(app, &name.0, &TimeZone::UTC)?.unwrap_or(i64::MIN);
        let told = answer.zip(state.as_ref()).map(|(asked, state)| told(asked, from, state));
        sources.insert(name, Source { state, owners, told, refused });
    }
    let sellers = load_sellers(conn, AsOf::now(known_at)).await?;
    Ok(World { sources, sellers })
}

fn told(asked: SourceTold, collected_from: i64, state: &SourceState) -> Told {
    let meters = asked.items.iter().map(|item| item.meter.clone()).collect();
    let mut by_owner: BTreeMap<String, Vec<InventoryItem>> = BTreeMap::new();
    for item in asked.items {
        by_owner.entry(item.owner.clone()).or_default().push(item);
    }
    let accounted = asked.accounted.map(|lives| {
        let mut by_owner: BTreeMap<String, Vec<AccountedLife>> = BTreeMap::new();
        for life in lives {
            by_owner.entry(life.owner.clone()).or_default().push(life);
        }
        by_owner
    });
    Told {
        items: by_owner,
        meters,
        accounted,
        collected_from,
        collected_until: state.collected_until,
        window_seconds: state.window_seconds,
    }
}

struct Reader<'a> {
    app: &'a App,
    request: &'a ReconcileRequest,
    world: &'a World,
    known_at: i64,
    drafts: BTreeMap<SellerId, Vec<Draft>>,
    histories: HistoriesAt,
    rows: Vec<Row>,
}

impl Reader<'_> {
    async fn customer(&mut self, customer: &Customer) -> anyhow::Result<()> {
        let mut conn = self.app.db.snapshot().await?;
        let agreements = load_customer_agreements(&mut conn, &customer.id, self.known_at).await?;
        let world = self.world;
        let mut agreed = false;
        for agreement in &agreements {
            let wanted = self.request.sellers.as_ref();
            if wanted.is_some_and(|sellers| !sellers.contains(&agreement.seller)) {
                continue;
            }
            let seller = world.sellers.iter().find(|seller| seller.id == agreement.seller);
            let Some(seller) = seller else { continue };
            let period = cycle_of(seller, customer)?.period(self.request.label)?;
            if Span::new(agreement.from, agreement.until).overlaps(period.span) {
                agreed = true;
                self.agreement(&mut conn, (seller, customer), agreement, period).await?;
            }
        }
        if !agreed && self.request.sellers.is_none() {
            self.unagreed(&mut conn, customer).await?;
        }
        Ok(())
    }

    async fn agreement(
        &mut self,
        conn: &mut Conn,
        (seller, customer): (&Seller, &Customer),
        agreement: &Agreement,
        period: Period,
    ) -> Result<(), StoreError> {
        if !self.drafts.contains_key(&seller.id) {
            let drafts = load_drafts(conn, &Scope::Provider, Some(&seller.id), None).await?;
            self.drafts.insert(seller.id.clone(), drafts);
        }
        let asked = Asked {
            agreement,
            period,
            known_at: self.known_at,
            drafts: self.drafts.get(&seller.id).map_or(&[][..], Vec::as_slice),
            world: self.world,
        };
        let mut sides = load_sides(conn, &asked, &mut self.histories).await?;
        sides.unbilled = customer.internal.then(internal);
        let whose = Whose { seller: Some(seller.code.clone()), ..whose(customer) };
        self.rows.extend(compare(&whose, &sides));
        Ok(())
    }

    /// Usage of a customer that no agreement bills in the period.
    async fn unagreed(&mut self, conn: &mut Conn, customer: &Customer) -> anyhow::Result<()> {
        let zone = customer.details.time_zone.as_deref().unwrap_or("UTC");
        let cycle = BillingCycle::new(zone, customer.details.anchor_day)?;
        let span = cycle.period(self.request.label)?.span;
        let reason = match customer.internal {
            true => internal(),
            false => {
                let number = &customer.number;
                let mend = format!("billow customers move {number} gives it one");
                (Reason::NoAgreement, format!("{number} has no agreement in the period: {mend}"))
            }
        };
        for mapping in load_mappings(conn, &customer.id, span, self.known_at).await? {
            let mut sides =
                load_unbilled(conn, (&mapping, span), self.world, self.known_at).await?;
            sides.unbilled = Some(reason.clone());
            self.rows.extend(compare(&whose(customer), &sides));
        }
        Ok(())
    }
}

fn whose(customer: &Customer) -> Whose {
    Whose {
        seller: None,
        customer: Some(customer.number.clone()),
        customer_name: Some(customer.details.name.clone()),
    }
}

fn internal() -> (Reason, String) {
    (Reason::Internal, "the provider's own usage is collected and never billed".to_owned())
}

/// Usage of owners in the times in which they are nobody's. The period is that of UTC: nobody's
/// time zone is known.
async fn unmapped(
    app: &App,
    world: &World,
    label: PeriodLabel,
    known_at: i64,
) -> anyhow::Result<Vec<Row>> {
    let span = BillingCycle::new("UTC", 1)?.period(label)?.span;
    let mut conn = app.db.snapshot().await?;
    let mut rows = Vec::new();
    for source in world.sources.keys() {
        let mut mapped: BTreeMap<String, Vec<Span>> = BTreeMap::new();
        for mapping in load_source_mappings(&mut conn, source, known_at).await? {
            let spans = mapped.entry(mapping.owner.id).or_default();
            spans.push(Span::new(mapping.from, mapping.until));
        }
        for id in load_owners_with_usage(&mut conn, source).await? {
            let spans = mapped.remove(&id).unwrap_or_default();
            let owner = OwnerRef { source: source.clone(), id };
            for free in gaps_of(span, spans) {
                let nobodys = OwnerMapping {
                    owner: owner.clone(),
                    customer: CustomerId(String::new()),
                    from: free.from,
                    until: free.until,
                };
                let sides = load_unbilled(&mut conn, (&nobodys, span), world, known_at).await?;
                rows.extend(unmapped_rows(&mut conn, &owner, sides, known_at).await?);
            }
        }
    }
    Ok(rows)
}

async fn unmapped_rows(
    conn: &mut Conn,
    owner: &OwnerRef,
    mut sides: Sides,
    known_at: i64,
) -> Result<Vec<Row>, StoreError> {
    if sides.records.is_empty() {
        return Ok(Vec::new());
    }
    let message = format!("{owner} belongs to no customer: billow customers map gives it to one");
    sides.unbilled = Some((Reason::UnmappedOwner, message));
    let finding = load_unmapped_finding(conn, owner, known_at).await?;
    let mut rows = compare(&Whose::default(), &sides);
    for difference in rows.iter_mut().flat_map(|row| &mut row.differences) {
        if difference.reason == Reason::UnmappedOwner {
            difference.finding = finding.clone();
        }
    }
    Ok(rows)
}

/// The parts of `span` that none of `taken` covers.
fn gaps_of(span: Span, mut taken: Vec<Span>) -> Vec<Span> {
    taken.sort();
    let mut gaps = Vec::new();
    let mut from = span.from;
    for one in taken {
        let gap = Span::new(from, one.from.min(span.until));
        if !gap.is_empty() {
            gaps.push(gap);
        }
        from = from.max(one.until);
    }
    let rest = Span::new(from, span.until);
    if !rest.is_empty() {
        gaps.push(rest);
    }
    gaps
}

/// How far each source was collected and told.
fn source_sides(
    world: &World,
    request: &ReconcileRequest,
    now: i64,
) -> anyhow::Result<Vec<SourceSide>> {
    let end = BillingCycle::new("UTC", 1)?.period(request.label)?.span.until;
    let side = |(name, source): (&SourceName, &Source)| {
        let mut differences = Vec::new();
        let collected_until = source.state.as_ref().map(|state| state.collected_until);
        if end <= now && collected_until.is_none_or(|until| until < end) {
            let message = format!(
                "{name}: usage is not collected up to the period's end: billow collect, billow \
                 doctor tells what is wrong"
            );
            let reason = Reason::NotCollected;
            differences.push(Difference::new(Between::SourceAndRecords, reason, message));
        }
        if let Some(error) = &source.refused {
            let reason = Reason::InventoryMissing;
            let between = Between::InventoryAndRecords;
            differences.push(Difference::new(between, reason, error.clone()));
        }
        SourceSide {
            source: name.0.clone(),
            collected_until,
            inventory_meters: source.told.as_ref().map(|one| one.meters.iter().cloned().collect()),
            differences,
        }
    };
    Ok(world.sources.iter().map(side).collect())
}
