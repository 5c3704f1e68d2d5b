//! `billow customers list | show | set | map | move`: who is billed, and for whose usage.

use anyhow::Context;
use serde_json::{Value, json};

use super::details::DetailArgs;
use super::output::table;
use super::sellers::find_seller;
use super::{Exit, Output, when};
use crate::app::App;
use crate::catalog::store::load_version_rows;
use crate::customer::change::{self, Change, NewAgreement, NewCustomer, NewTerms};
use crate::customer::store::{
    AsOf, load_agreements, load_customer_agreements, load_customer_by_number, load_customers,
    load_mappings, load_owner_history, load_owners_with_usage, load_sellers,
};
use crate::customer::{Agreement, Customer, CustomerDetails, OwnerMapping};
use crate::ids::{IdMaker, OwnerRef, SourceName};
use crate::money::Currency;
use crate::orchestrator::OwnerKind;
use crate::period::Span;
use crate::store::Conn;

/// Who is billed.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    /// All customers, or those of one seller.
    List {
        /// Code of the seller.
        #[arg(long)]
        seller: Option<String>,
    },
    /// One customer with its agreements and owners.
    Show { number: String },
    /// Change details or terms of a customer from an instant on, or make a new one.
    Set(SetArgs),
    /// Give an owner (account or project) to a customer.
    Map(MapArgs),
    /// Move a customer to another seller at a period boundary.
    Move(MoveArgs),
}

#[derive(clap::Args, Debug)]
struct SetArgs {
    /// The customer's number, or `new`.
    number: String,
    #[command(flatten)]
    details: DetailArgs,
    /// Code of the seller of a new customer.
    #[arg(long)]
    seller: Option<String>,
    /// Price book of its agreement.
    #[arg(long)]
    price_book: Option<String>,
    /// Currency of its agreement.
    #[arg(long)]
    currency: Option<Currency>,
    /// From when it holds: a day or an instant. New customers hold from the beginning, details
    /// from now, terms from the next period boundary.
    #[arg(long)]
    from: Option<String>,
    /// Why, for the audit log.
    #[arg(long)]
    reason: Option<String>,
}

#[derive(clap::Args, Debug)]
struct MapArgs {
    /// The owner: SOURCE/ID, or SOURCE/NAME where the name is unique.
    owner: String,
    /// Number of the customer.
    #[arg(long)]
    to: String,
    /// From when: a day or an instant; from the beginning where nothing is given.
    #[arg(long)]
    from: Option<String>,
    /// Until when (exclusive); open where nothing is given.
    #[arg(long)]
    until: Option<String>,
    /// Why, for the audit log.
    #[arg(long)]
    reason: Option<String>,
}

#[derive(clap::Args, Debug)]
struct MoveArgs {
    /// Number of the customer.
    number: String,
    /// Code of the new seller.
    #[arg(long)]
    to: String,
    /// The period boundary from which the new seller bills; the next one where nothing is given.
    #[arg(long)]
    from: Option<String>,
    /// Why, for the audit log.
    #[arg(long)]
    reason: Option<String>,
}

/// Runs the verb.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::List { seller } => list(app, seller.as_deref(), out).await,
        Verb::Show { number } => show(app, &number, out).await,
        Verb::Set(args) if args.number == "new" => create(app, args, out).await,
        Verb::Set(args) => set(app, args, out).await,
        Verb::Map(args) => map(app, args, out).await,
        Verb::Move(args) => relocate(app, args, out).await,
    }
}

async fn list(app: &App, seller: Option<&str>, out: Output) -> anyhow::Result<Exit> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let sellers = load_sellers(&mut conn, AsOf::now(now)).await?;
    let wanted = match seller {
        Some(code) => Some(find_seller(&sellers, code)?.id.clone()),
        None => None,
    };
    let mut billed: Vec<(Agreement, String)> = Vec::new();
    for seller in &sellers {
        let agreements =
            load_agreements(&mut conn, &seller.id, Span::new(now, now + 1), now).await?;
        billed.extend(agreements.into_iter().map(|agreement| (agreement, seller.code.clone())));
    }
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for customer in load_customers(&mut conn, AsOf::now(now)).await? {
        let found = billed.iter().find(|(agreement, _)| agreement.customer == customer.id);
        if wanted.is_some() && found.map(|(agreement, _)| &agreement.seller) != wanted.as_ref() {
            continue;
        }
        let seller = found.map(|(_, code)| code.clone());
        let book = found.map(|(agreement, _)| agreement.price_book.clone());
        let currency = found.map(|(agreement, _)| agreement.currency.to_string());
        values.push(json!({
            "id": customer.id, "number": customer.number, "name": customer.details.name,
            "internal": customer.internal, "seller": seller, "price_book": book,
            "currency": currency,
        }));
        let or_dash = |text: Option<String>| text.unwrap_or_else(|| "-".to_owned());
        rows.push(vec![
            customer.number,
            customer.details.name,
            or_dash(seller),
            or_dash(book),
            or_dash(currency),
        ]);
    }
    let header = ["number", "name", "seller", "price book", "currency"];
    out.show(&json!({ "customers": values }), || table(&header, rows));
    Ok(Exit::Done)
}

/// The customer with a number.
async fn find_customer(conn: &mut Conn, number: &str, now: i64) -> anyhow::Result<Customer> {
    let found = load_customer_by_number(conn, number, AsOf::now(now)).await?;
    found.with_context(|| format!("no customer {number:?}: billow customers list shows them"))
}

async fn show(app: &App, number: &str, out: Output) -> anyhow::Result<Exit> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.read().await?;
    let customer = find_customer(&mut conn, number, now).await?;
    let sellers = load_sellers(&mut conn, AsOf::now(now)).await?;
    let agreements = load_customer_agreements(&mut conn, &customer.id, now).await?;
    let everything = Span::new(0, i64::MAX);
    let mappings = load_mappings(&mut conn, &customer.id, everything, now).await?;
    let mut names = std::collections::BTreeMap::new();
    for mapping in &mappings {
        let source = &mapping.owner.source;
        if !names.contains_key(source) {
            names.insert(source.clone(), load_owner_history(&mut conn, source, now).await?);
        }
    }
    let name = |owner: &OwnerRef| {
        let found = names.get(&owner.source).and_then(|history| history.at(&owner.id, now));
        found.map_or("", |owner| owner.name.as_str())
    };
    let code = |agreement: &Agreement| {
        let seller = sellers.iter().find(|seller| seller.id == agreement.seller);
        seller.map_or("", |seller| seller.code.as_str())
    };
    let value = json!({
        "id": customer.id, "number": customer.number, "internal": customer.internal,
        "details": customer.details,
        "agreements": agreements.iter().map(|agreement| json!({
            "id": agreement.id, "seller": code(agreement), "currency": agreement.currency,
            "price_book": agreement.price_book, "from": when::json(agreement.from),
            "until": when::json(agreement.until),
        })).collect::<Vec<_>>(),
        "owners": mappings.iter().map(|mapping| json!({
            "owner": mapping.owner, "name": name(&mapping.owner),
            "from": when::json(mapping.from), "until": when::json(mapping.until),
        })).collect::<Vec<_>>(),
    });
    let details = toml::to_string_pretty(&customer.details).context("showing the details")?;
    out.show(&value, || {
        let agreements = agreements.iter().map(|agreement| {
            vec![
                code(agreement).to_owned(),
                agreement.price_book.clone(),
                agreement.currency.to_string(),
                when::text(agreement.from),
                when::text(agreement.until),
            ]
        });
        let owners = mappings.iter().map(|mapping| {
            vec![
                mapping.owner.to_string(),
                name(&mapping.owner).to_owned(),
                when::text(mapping.from),
                when::text(mapping.until),
            ]
        });
        let header = ["seller", "price book", "currency", "from", "until"];
        let agreements = table(&header, agreements);
        let owners = table(&["owner", "name", "from", "until"], owners);
        format!("# customer {}\n{details}\n{agreements}\n\n{owners}", customer.number)
    });
    Ok(Exit::Done)
}

async fn create(app: &App, args: SetArgs, out: Output) -> anyhow::Result<Exit> {
    let (mut tx, now) = app.record().await?;
    let ids = IdMaker::new(app.clock.as_ref());
    let reason = args.reason.as_deref();
    let change = Change { ids: &ids, at: now, actor: &app.actor, reason };
    let code = args.seller.as_deref().context("a new customer needs --seller CODE")?;
    let sellers = load_sellers(&mut tx, AsOf::now(now)).await?;
    let seller = find_seller(&sellers, code)?;
    let from = match &args.from {
        Some(text) => when::instant(&mut tx, text, now).await?,
        None => 0,
    };
    let details: CustomerDetails = args.details.details(None)?;
    refuse_unknown_book(&mut tx, args.price_book.as_deref(), now).await?;
    let price_book = args.price_book.unwrap_or_else(|| seller.details.price_book.clone());
    let currency = args.currency.unwrap_or(seller.details.currency);
    refuse_other_currency(&mut tx, &price_book, currency, now).await?;
    let agreement = NewAgreement { seller: seller.id.clone(), from, currency, price_book };
    let new = NewCustomer { details, from, agreement: Some(agreement) };
    let id = change::save_customer(&mut tx, new, &change).await?;
    let made = crate::customer::store::load_customer(&mut tx, &id, AsOf::now(now)).await?;
    let made = made.context("the new customer")?;
    tx.commit().await?;
    let value = json!({ "id": id, "number": made.number, "created": true });
    out.show(&value, || format!("customer {} made", made.number));
    Ok(Exit::Done)
}

async fn set(app: &App, args: SetArgs, out: Output) -> anyhow::Result<Exit> {
    anyhow::ensure!(args.seller.is_none(), "use billow customers move to change the seller");
    let (mut tx, now) = app.record().await?;
    let ids = IdMaker::new(app.clock.as_ref());
    let reason = args.reason.as_deref();
    let change = Change { ids: &ids, at: now, actor: &app.actor, reason };
    let customer = find_customer(&mut tx, &args.number, now).await?;
    let from = match &args.from {
        Some(text) => Some(when::instant(&mut tx, text, now).await?),
        None => None,
    };
    let terms = args.price_book.is_some() || args.currency.is_some();
    anyhow::ensure!(
        terms || !args.details.is_empty(),
        "nothing to change: give --file, --field, --price-book or --currency"
    );
    let mut done = json!({ "number": customer.number, "created": false });
    if !args.details.is_empty() {
        let details: CustomerDetails = args.details.details(Some(&customer.details))?;
        let from = from.unwrap_or(now);
        change::save_customer_details(&mut tx, &customer.id, &details, from, &change).await?;
        done["details_from"] = when::json(from);
    }
    if terms {
        let from = match from {
            Some(from) => from,
            None => change::next_boundary(&mut tx, &customer.id, now).await?,
        };
        let agreements = load_customer_agreements(&mut tx, &customer.id, now).await?;
        let last = agreements.last().context("the customer has no agreement")?;
        refuse_unknown_book(&mut tx, args.price_book.as_deref(), now).await?;
        let book = args.price_book.as_ref().unwrap_or(&last.price_book);
        let currency = args.currency.unwrap_or(last.currency);
        refuse_other_currency(&mut tx, book, currency, now).await?;
        let (currency, price_book) = (args.currency, args.price_book.clone());
        let terms = NewTerms { seller: None, currency, price_book, from };
        let agreement = change::change_terms(&mut tx, &customer.id, terms, &change).await?;
        done["agreement"] = json!(agreement);
        done["terms_from"] = when::json(from);
    }
    tx.commit().await?;
    out.show(&done, || format!("customer {} changed", customer.number));
    Ok(Exit::Done)
}

/// A price book and the agreement that names it have one currency. A book without a version
/// has none yet.
async fn refuse_other_currency(
    conn: &mut Conn,
    book: &str,
    currency: Currency,
    now: i64,
) -> anyhow::Result<()> {
    let rows = load_version_rows(conn, Some(book), now).await?;
    let Some(row) = rows.last() else { return Ok(()) };
    anyhow::ensure!(
        row.currency == currency.code(),
        "price book {book} is in {}, the agreement would be in {currency}: choose a book of \
         that currency",
        row.currency
    );
    Ok(())
}

/// A book that somebody names must have been applied: a mistyped one would price nothing.
async fn refuse_unknown_book(conn: &mut Conn, book: Option<&str>, now: i64) -> anyhow::Result<()> {
    let Some(book) = book else { return Ok(()) };
    let rows = load_version_rows(conn, Some(book), now).await?;
    anyhow::ensure!(
        !rows.is_empty(),
        "price book {book} has no version yet: apply it first with billow prices apply"
    );
    Ok(())
}

async fn map(app: &App, args: MapArgs, out: Output) -> anyhow::Result<Exit> {
    let (mut tx, now) = app.record().await?;
    let ids = IdMaker::new(app.clock.as_ref());
    let reason = args.reason.as_deref();
    let change = Change { ids: &ids, at: now, actor: &app.actor, reason };
    let owner = find_owner(&mut tx, &args.owner, now).await?;
    let customer = find_customer(&mut tx, &args.to, now).await?;
    let from = match &args.from {
        Some(text) => when::instant(&mut tx, text, now).await?,
        None => 0,
    };
    let until = match &args.until {
        Some(text) => when::instant(&mut tx, text, now).await?,
        None => i64::MAX,
    };
    let mapping = OwnerMapping { owner, customer: customer.id, from, until };
    change::map_owner(&mut tx, &mapping, &change).await?;
    tx.commit().await?;
    let value = json!({
        "owner": mapping.owner, "number": customer.number,
        "from": when::json(from), "until": when::json(until),
    });
    out.show(&value, || {
        let (from, until) = (when::text(from), when::text(until));
        format!("{} belongs to {} from {from} until {until}", mapping.owner, customer.number)
    });
    Ok(Exit::Done)
}

/// An owner by `SOURCE/ID` or by a name that is unique; one that was removed before it was
/// first seen is known by its usage alone.
async fn find_owner(conn: &mut Conn, text: &str, now: i64) -> anyhow::Result<OwnerRef> {
    let (source, name) =
        text.split_once('/').with_context(|| format!("{text}: write SOURCE/ID or SOURCE/NAME"))?;
    let source = SourceName(source.to_owned());
    let history = load_owner_history(conn, &source, now).await?;
    let named: Vec<&str> = history
        .latest()
        .filter(|owner| owner.kind != OwnerKind::Domain)
        .filter(|owner| owner.id == name || owner.name == name)
        .map(|owner| owner.id.as_str())
        .collect();
    let id = match named.as_slice() {
        [id] => (*id).to_owned(),
        [] => {
            let with_usage = load_owners_with_usage(conn, &source).await?;
            with_usage.into_iter().find(|owner| owner == name).with_context(|| {
                format!("{text}: neither the catalogue nor the usage of {source} knows it")
            })?
        }
        several => anyhow::bail!("{text} names several owners; use an id: {}", several.join(", ")),
    };
    Ok(OwnerRef { source, id })
}

async fn relocate(app: &App, args: MoveArgs, out: Output) -> anyhow::Result<Exit> {
    let (mut tx, now) = app.record().await?;
    let ids = IdMaker::new(app.clock.as_ref());
    let reason = args.reason.as_deref();
    let change = Change { ids: &ids, at: now, actor: &app.actor, reason };
    let customer = find_customer(&mut tx, &args.number, now).await?;
    let sellers = load_sellers(&mut tx, AsOf::now(now)).await?;
    let seller = find_seller(&sellers, &args.to)?;
    let from = match &args.from {
        Some(text) => when::instant(&mut tx, text, now).await?,
        None => change::next_boundary(&mut tx, &customer.id, now).await?,
    };
    let agreements = load_customer_agreements(&mut tx, &customer.id, now).await?;
    let stays = agreements.last().is_some_and(|last| last.seller == seller.id);
    anyhow::ensure!(!stays, "customer {} is billed by {} already", customer.number, args.to);
    let agreement = change::move_customer(&mut tx, &customer.id, &seller.id, from, &change).await?;
    tx.commit().await?;
    let value: Value = json!({
        "number": customer.number, "seller": args.to, "from": when::json(from),
        "agreement": agreement,
    });
    out.show(&value, || {
        format!("{} is billed by {} from {}", customer.number, args.to, when::text(from))
    });
    Ok(Exit::Done)
}
