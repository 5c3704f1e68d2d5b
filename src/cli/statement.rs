//! `billow statement`: what moved a customer's account, and what is open.

use serde_json::json;

use super::output::table;
use super::rate::find_customer;
use super::sellers::find_seller;
use super::{Exit, Output, when};
use crate::app::App;
use crate::bill::statement::{Statement, load_statement};
use crate::customer::store::{AsOf, load_customer_agreements, load_sellers};
use crate::customer::{Customer, Seller};
use crate::ids::SellerId;

/// A customer's statement of account.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The customer's number, such as C00001.
    #[arg(long)]
    customer: String,
    /// Code of one seller; all that ever billed the customer where nothing is given.
    #[arg(long)]
    seller: Option<String>,
}

/// Runs the verb.
pub async fn run(app: &App, args: Args, out: Output) -> anyhow::Result<Exit> {
    let now = app.clock.now_seconds();
    let mut conn = app.db.snapshot().await?;
    let customer = find_customer(&mut conn, &args.customer, now).await?;
    let sellers = load_sellers(&mut conn, AsOf::now(now)).await?;
    let mut ids: Vec<SellerId> = match &args.seller {
        Some(code) => vec![find_seller(&sellers, code)?.id.clone()],
        None => {
            let agreements = load_customer_agreements(&mut conn, &customer.id, now).await?;
            agreements.into_iter().map(|agreement| agreement.seller).collect()
        }
    };
    ids.sort();
    ids.dedup();
    let mut statements = Vec::new();
    for id in &ids {
        statements.push(load_statement(&mut conn, id, &customer.id).await?);
    }
    let value = json!({
        "customer": { "id": customer.id, "number": customer.number, "name": customer.details.name },
        "as_of": when::json(now),
        "statements": statements,
    });
    out.show(&value, || {
        let texts = statements.iter().map(|one| statement_text(one, &customer, &sellers));
        texts.collect::<Vec<_>>().join("\n\n")
    });
    Ok(Exit::Done)
}

fn statement_text(statement: &Statement, customer: &Customer, sellers: &[Seller]) -> String {
    let seller = sellers.iter().find(|seller| seller.id == statement.seller);
    let name = seller.map_or(statement.seller.as_str(), |seller| seller.details.name.as_str());
    let rows = statement.lines.iter().map(|line| {
        vec![
            when::text(line.at),
            line.kind.replace('_', " "),
            line.number.clone(),
            line.amount.to_decimal_text(),
            line.balance.to_decimal_text(),
            line.amount.currency.to_string(),
        ]
    });
    let mut text = format!(
        "{} {} at {name}\n{}",
        customer.number,
        customer.details.name,
        table(&["at", "kind", "number", "amount", "balance", ""], rows)
    );
    for open in &statement.open {
        text.push_str(&format!("\nopen: {} {}", open.to_decimal_text(), open.currency));
    }
    text
}
