//! `billow sellers list | show | set`: who bills.

use std::path::PathBuf;

use anyhow::Context;
use serde_json::json;

use super::details::DetailArgs;
use super::output::table;
use super::{Exit, Output, when};
use crate::app::App;
use crate::customer::change::{self, Change, NewSeller};
use crate::customer::store::{AsOf, load_owner_history, load_sellers};
use crate::customer::{Seller, SellerDetails, logo};
use crate::ids::{IdMaker, OwnerRef, SourceName};
use crate::orchestrator::OwnerKind;
use crate::store::Conn;

/// The commented details that `example` writes; a test reads them back.
pub const EXAMPLE: &str = include_str!("../../docs/seller.example.toml");

/// Who bills: the provider and the resellers below it.
#[derive(clap::Args, Debug)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(clap::Subcommand, Debug)]
enum Verb {
    /// All sellers.
    List,
    /// One seller with all its details.
    Show { code: String },
    /// A file of details to fill in, with all keys and their defaults.
    Example,
    /// Make a seller, or change its details from an instant on.
    Set(SetArgs),
}

#[derive(clap::Args, Debug)]
struct SetArgs {
    /// Short stable code: provider, alpha.
    code: String,
    #[command(flatten)]
    details: DetailArgs,
    /// Code of the seller above a new one; only the provider has none.
    #[arg(long)]
    parent: Option<String>,
    /// The domain that a new seller owns: SOURCE/ID or SOURCE/PATH, such as cs1/ROOT/alpha.
    #[arg(long)]
    domain: Option<String>,
    /// PNG file of the logo.
    #[arg(long)]
    logo: Option<PathBuf>,
    /// From when it holds: a day or an instant. New sellers hold from the beginning, changes
    /// from now.
    #[arg(long)]
    from: Option<String>,
    /// Why, for the audit log.
    #[arg(long)]
    reason: Option<String>,
}

/// Runs the verb.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    match args.verb {
        Verb::List => list(app, out).await,
        Verb::Show { code } => show(app, &code, out).await,
        Verb::Example => {
            let text = EXAMPLE.trim_end();
            out.show(&json!({ "text": EXAMPLE }), || text.to_owned());
            Ok(Exit::Done)
        }
        Verb::Set(args) => set(app, args, out).await,
    }
}

async fn list(app: &App, out: Output) -> anyhow::Result<Exit> {
    let mut conn = app.db.read().await?;
    let sellers = load_sellers(&mut conn, AsOf::now(app.clock.now_seconds())).await?;
    let value: Vec<_> = sellers.iter().map(|seller| seller_json(seller, &sellers)).collect();
    let rows = sellers.iter().map(|seller| {
        vec![
            seller.code.clone(),
            seller.details.name.clone(),
            parent_code(seller, &sellers).unwrap_or("").to_owned(),
            seller.domain.as_ref().map_or_else(String::new, ToString::to_string),
            seller.details.currency.to_string(),
            seller.details.price_book.clone(),
            seller.details.time_zone.clone(),
        ]
    });
    let header = ["code", "name", "parent", "domain", "currency", "price book", "time zone"];
    out.show(&json!({ "sellers": value }), || table(&header, rows));
    Ok(Exit::Done)
}

fn parent_code<'a>(seller: &Seller, sellers: &'a [Seller]) -> Option<&'a str> {
    let parent = seller.parent.as_ref()?;
    sellers.iter().find(|other| other.id == *parent).map(|other| other.code.as_str())
}

fn seller_json(seller: &Seller, sellers: &[Seller]) -> serde_json::Value {
    json!({
        "id": seller.id, "code": seller.code, "parent": parent_code(seller, sellers),
        "domain": seller.domain, "details": seller.details,
    })
}

/// The seller with a code; the error names the known ones.
pub(super) fn find_seller<'a>(sellers: &'a [Seller], code: &str) -> anyhow::Result<&'a Seller> {
    sellers.iter().find(|seller| seller.code == code).with_context(|| {
        let known: Vec<&str> = sellers.iter().map(|seller| seller.code.as_str()).collect();
        match known.is_empty() {
            true => format!("no seller {code:?}: there is none yet, make one with sellers set"),
            false => format!("no seller {code:?}: known are {}", known.join(", ")),
        }
    })
}

async fn show(app: &App, code: &str, out: Output) -> anyhow::Result<Exit> {
    let mut conn = app.db.read().await?;
    let sellers = load_sellers(&mut conn, AsOf::now(app.clock.now_seconds())).await?;
    let seller = find_seller(&sellers, code)?;
    let value = seller_json(seller, &sellers);
    let text = toml::to_string_pretty(&seller.details).context("showing the details")?;
    out.show(&value, || {
        let parent = parent_code(seller, &sellers).unwrap_or("none");
        let domain = seller.domain.as_ref().map_or("none".to_owned(), ToString::to_string);
        format!("# seller {code}, parent {parent}, domain {domain}\n{text}")
    });
    Ok(Exit::Done)
}

async fn set(app: &App, args: SetArgs, out: Output) -> anyhow::Result<Exit> {
    let (mut tx, now) = app.record().await?;
    let ids = IdMaker::new(app.clock.as_ref());
    let reason = args.reason.as_deref();
    let change = Change { ids: &ids, at: now, actor: &app.actor, reason };
    let png = match &args.logo {
        Some(path) => Some(std::fs::read(path).with_context(|| path.display().to_string())?),
        None => None,
    };
    let sellers = load_sellers(&mut tx, AsOf::now(now)).await?;
    let present = sellers.iter().find(|seller| seller.code == args.code);
    anyhow::ensure!(
        present.is_some() || !args.details.is_empty(),
        "a new seller needs its details: billow sellers example > seller.toml writes a file to \
         fill in, then give it with --file"
    );
    let from = match &args.from {
        Some(text) => Some(when::instant(&mut tx, text, now).await?),
        None => None,
    };
    let mut details: SellerDetails = args.details.details(present.map(|seller| &seller.details))?;
    if let Some(png) = png {
        details.style.logo = Some(logo::save_logo(&mut tx, &png, &change).await?);
    }
    let done = match present {
        Some(seller) => {
            anyhow::ensure!(
                args.parent.is_none() && args.domain.is_none(),
                "seller {} exists already: its parent and domain stay; leave --parent and \
                 --domain out",
                args.code
            );
            anyhow::ensure!(
                !args.details.is_empty() || args.logo.is_some(),
                "nothing to change: give --file, --field or --logo"
            );
            let from = from.unwrap_or(now);
            change::save_seller_details(&mut tx, &seller.id, &details, from, &change).await?;
            json!({ "seller": args.code, "created": false, "from": when::json(from) })
        }
        None => create(&mut tx, &args, details, &sellers, from, &change).await?,
    };
    tx.commit().await?;
    out.show(&done, || match done["created"] == true {
        true => created_text(&done),
        false => format!("seller {} changed", args.code),
    });
    Ok(Exit::Done)
}

async fn create(
    conn: &mut Conn,
    args: &SetArgs,
    details: SellerDetails,
    sellers: &[Seller],
    from: Option<i64>,
    change: &Change<'_>,
) -> anyhow::Result<serde_json::Value> {
    let parent = match &args.parent {
        Some(code) => Some(find_seller(sellers, code)?.id.clone()),
        None => None,
    };
    let domain = match &args.domain {
        Some(text) => Some(find_domain(conn, text, change.at).await?),
        None => None,
    };
    let new = NewSeller {
        code: args.code.clone(),
        parent,
        domain,
        details,
        // What is known of a seller holds for all earlier usage too.
        from: 0,
    };
    let id = change::save_seller(conn, new, change).await?;
    let sellers = load_sellers(conn, AsOf::now(change.at)).await?;
    let seller = sellers.iter().find(|seller| seller.id == id).context("the new seller")?;
    let moved = change::take_over(conn, seller, from.unwrap_or(0), change).await?;
    let moved: Vec<_> = moved
        .iter()
        .map(|taken| {
            let name = &taken.customer.details.name;
            json!({ "number": taken.customer.number, "name": name,
                    "from": when::json(taken.from) })
        })
        .collect();
    Ok(json!({ "seller": args.code, "created": true, "id": id, "customers_moved": moved }))
}

fn created_text(done: &serde_json::Value) -> String {
    let moved = done["customers_moved"].as_array().map_or(0, Vec::len);
    let code = done["seller"].as_str().unwrap_or("");
    match moved {
        0 => format!("seller {code} made"),
        _ => format!(
            "seller {code} made; it bills {moved} customers of its domain from now on \
             (billow --json tells from when)"
        ),
    }
}

/// A domain by `SOURCE/ID` or `SOURCE/PATH`, among those that the catalogue sync saw.
async fn find_domain(conn: &mut Conn, text: &str, at: i64) -> anyhow::Result<OwnerRef> {
    let (source, name) = text
        .split_once('/')
        .with_context(|| format!("--domain {text}: write SOURCE/ID or SOURCE/PATH"))?;
    let source = SourceName(source.to_owned());
    let history = load_owner_history(conn, &source, at).await?;
    let found = history
        .latest()
        .filter(|owner| owner.kind == OwnerKind::Domain)
        .find(|owner| owner.id == name || owner.domain_path == name)
        .with_context(|| {
            format!("--domain {text}: not seen at {source} yet; run billow catalog sync first")
        })?;
    Ok(OwnerRef { source, id: found.id.clone() })
}
