//! A customer's month as a caller may see it: the same figures for the API and the pages.

use std::collections::{BTreeMap, BTreeSet};

use super::error::ApiError;
use super::reach::{self, Reach, Reached};
use crate::app::App;
use crate::bill::days::DayAmount;
use crate::bill::document::ChargePart;
use crate::bill::month::{Month, MonthRequest, load_month_so_far};
use crate::customer::change::cycle_of;
use crate::customer::store::AsOf;
use crate::customer::{Agreement, Customer};
use crate::finding::Finding;
use crate::ids::{AgreementId, OwnerRef};
use crate::meter::{Category, category_of};
use crate::money::{Exact, Money};
use crate::period::{BillingCycle, Period, PeriodLabel, Span};
use crate::scope::Scope;
use crate::store::{Conn, knowledge};

/// Which month, and how much of it.
#[derive(Clone, Debug, Default)]
pub struct MonthAsk {
    /// Id or number.
    pub customer: String,
    /// The running one when absent.
    pub period: Option<PeriodLabel>,
    /// The one that holds last in the period when absent.
    pub agreement: Option<AgreementId>,
    /// Only these owners' usage, where the page was opened for a project or an account.
    pub only: Option<BTreeSet<OwnerRef>>,
}

/// A month with the caller's view of it.
pub struct MonthView {
    pub period: Period,
    pub agreement: Agreement,
    pub customer: Customer,
    /// Parts that may be shown; all of them when `whole`.
    pub parts: Vec<ChargePart>,
    /// False: only some owners' parts are shown, and no taxes.
    pub whole: bool,
    /// Sum of the shown lines or parts.
    pub net: Money,
    /// Non-zero sums only.
    pub by_category: Vec<(Category, Money)>,
    /// By project's name; `None` is what lies in no project.
    pub by_project: Vec<(Option<String>, Money)>,
    /// By resource's name and meter, greatest first.
    pub by_resource: Vec<((String, String), Money)>,
    /// What each local day adds, exact before rounding; ascending.
    pub days: Vec<(String, Exact)>,
    /// Open findings that hold what is shown.
    pub holds: Vec<Finding>,
    /// Usage is complete up to this instant.
    pub complete_until: i64,
    /// The period is over, or usage up to now is not all there.
    pub progress: Progress,
    pub month: Month,
}

/// How final the figures are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The period runs; more usage will come.
    Running,
    /// The period is over and not all of its usage is collected.
    Incomplete,
    /// All usage of the period is collected.
    Complete,
}

impl Progress {
    /// The stable text.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Incomplete => "incomplete",
            Self::Complete => "complete",
        }
    }
}

/// Rates the month that is asked for, within the scope; 404 when it reaches nothing of it.
/// Computes for long: call it by `State::offload`.
pub async fn load_view(app: &App, scope: &Scope, ask: MonthAsk) -> Result<MonthView, ApiError> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.snapshot().await?;
    let reached = reach::load_customer(&mut conn, scope, &ask.customer, now).await?;
    let (agreement, period) =
        load_period(&mut conn, &reached, ask.agreement.as_ref(), ask.period, now).await?;
    let reach = reach::load_reach(&mut conn, scope, &agreement, period.span, now).await?;
    let reach = reach.ok_or_else(|| ApiError::not_found("customer"))?;
    let known_at = knowledge::present(&mut conn, app.clock.as_ref()).await?;
    let request =
        MonthRequest { agreement: &agreement, period, known_at, prices_known_at: known_at };
    let month = load_month_so_far(&mut conn, request, now).await?;
    view_of(month, agreement, (period, now), narrowed(reach, ask.only))
}

fn narrowed(reach: Reach, only: Option<BTreeSet<OwnerRef>>) -> Reach {
    match (reach, only) {
        (reach, None) => reach,
        (Reach::Whole, Some(only)) => Reach::Owners(only),
        (Reach::Owners(owners), Some(only)) => {
            Reach::Owners(owners.intersection(&only).cloned().collect())
        }
    }
}

fn view_of(
    month: Month,
    agreement: Agreement,
    (period, now): (Period, i64),
    reach: Reach,
) -> Result<MonthView, ApiError> {
    let currency = month.document.currency;
    let whole = reach.is_whole();
    let parts: Vec<ChargePart> =
        month.parts.iter().filter(|part| reach.sees(&part.owner)).cloned().collect();
    let holds = month.holds.iter().filter(|hold| reach.sees(&hold.owner)).cloned().collect();
    let categories: BTreeMap<u32, Category> =
        month.document.lines.iter().map(|line| (line.number, line.category)).collect();
    let mut by_category = BTreeMap::new();
    let mut by_project = BTreeMap::new();
    let mut by_resource = BTreeMap::new();
    let mut shown = Money::zero(currency);
    for part in &parts {
        let category = categories.get(&part.line).copied();
        let category = category.unwrap_or_else(|| category_of(&part.meter));
        let net = Money { minor: part.net_minor, currency };
        add(by_category.entry(category).or_insert(Money::zero(currency)), net)?;
        add(by_project.entry(part.project.clone()).or_insert(Money::zero(currency)), net)?;
        let resource = (name_of(part).to_owned(), part.meter.clone());
        add(by_resource.entry(resource).or_insert(Money::zero(currency)), net)?;
        add(&mut shown, net)?;
    }
    let net = if whole { Money { minor: month.document.net_minor, currency } } else { shown };
    let complete_until = month.complete_until;
    let progress = match (complete_until >= period.span.until, now < period.span.until) {
        (true, _) => Progress::Complete,
        (false, true) => Progress::Running,
        (false, false) => Progress::Incomplete,
    };
    Ok(MonthView {
        customer: month.customer.clone(),
        by_category: by_category.into_iter().filter(|(_, net)| net.minor != 0).collect(),
        by_project: by_project.into_iter().filter(|(_, net)| net.minor != 0).collect(),
        period,
        agreement,
        by_resource: greatest_first(by_resource),
        days: days_of(&month.days, &reach),
        parts,
        whole,
        net,
        holds,
        complete_until,
        progress,
        month,
    })
}

/// The days' sums of what the caller sees. A pool's own charges are the whole customer's.
fn days_of(days: &[DayAmount], reach: &Reach) -> Vec<(String, Exact)> {
    let mut sums: BTreeMap<String, Exact> = BTreeMap::new();
    for day in days {
        let seen = day.owner.as_ref().map_or(reach.is_whole(), |owner| reach.sees(owner));
        if seen {
            sums.entry(day.day.clone()).or_insert(Exact::ZERO).add_assign(&day.amount);
        }
    }
    sums.into_iter().collect()
}

/// The resource's name, or its id where it has none.
pub fn name_of(part: &ChargePart) -> &str {
    if part.resource_name.is_empty() { &part.resource } else { &part.resource_name }
}

fn greatest_first<K: Ord>(sums: BTreeMap<K, Money>) -> Vec<(K, Money)> {
    let mut sums: Vec<(K, Money)> = sums.into_iter().collect();
    sums.sort_by_key(|(_, net)| std::cmp::Reverse(net.minor));
    sums
}

fn add(sum: &mut Money, net: Money) -> Result<(), ApiError> {
    *sum = sum.checked_add(net).map_err(|error| ApiError::internal("sum a month", &error))?;
    Ok(())
}

/// The agreement and period that are asked for: the given one, or the last that holds in it.
pub async fn load_period(
    conn: &mut Conn,
    reached: &Reached,
    agreement: Option<&AgreementId>,
    label: Option<PeriodLabel>,
    now: i64,
) -> Result<(Agreement, Period), ApiError> {
    let wanted = |candidate: &&Agreement| agreement.is_none_or(|id| candidate.id == *id);
    for agreement in reached.agreements.iter().rev().filter(wanted) {
        let cycle = load_cycle(conn, &reached.customer, agreement, now).await?;
        let period = match label {
            Some(label) => cycle.period(label)?,
            None => cycle.period_at(now)?,
        };
        if Span::new(agreement.from, agreement.until).overlaps(period.span) {
            return Ok((agreement.clone(), period));
        }
    }
    Err(ApiError::not_found("agreement in this period"))
}

/// Zone and anchor day from which the customer's periods follow.
async fn load_cycle(
    conn: &mut Conn,
    customer: &Customer,
    agreement: &Agreement,
    now: i64,
) -> Result<BillingCycle, ApiError> {
    let seller =
        crate::customer::store::load_seller(conn, &agreement.seller, AsOf::now(now)).await?;
    let seller = seller.ok_or_else(|| ApiError::not_found("seller"))?;
    Ok(cycle_of(customer, &seller)?)
}
