//! Statement of account: what moved a customer's receivable, and what is open.

use serde::Serialize;

use crate::ids::{CustomerId, SellerId};
use crate::ledger::store::load_receivable;
use crate::money::{Currency, Money};
use crate::store::{Conn, StoreError};

/// One movement with the balance after it.
#[derive(Clone, Debug, Serialize)]
pub struct StatementLine {
    pub at: i64,
    /// `invoice` or `credit_note`.
    pub kind: String,
    pub number: String,
    pub amount: Money,
    pub balance: Money,
}

/// A customer's statement at one seller, one balance for each currency.
#[derive(Clone, Debug, Serialize)]
pub struct Statement {
    pub seller: SellerId,
    pub customer: CustomerId,
    pub lines: Vec<StatementLine>,
    pub open: Vec<Money>,
}

/// The statement from the ledger, oldest movement first.
pub async fn load_statement(
    conn: &mut Conn,
    seller: &SellerId,
    customer: &CustomerId,
) -> Result<Statement, StoreError> {
    let mut balances: std::collections::BTreeMap<Currency, i64> = std::collections::BTreeMap::new();
    let mut lines = Vec::new();
    for row in load_receivable(conn, seller, customer).await? {
        let balance = balances.entry(row.amount.currency).or_insert(0);
        *balance += row.amount.minor;
        lines.push(StatementLine {
            at: row.at,
            kind: row.kind,
            number: row.number,
            amount: row.amount,
            balance: Money { minor: *balance, currency: row.amount.currency },
        });
    }
    let open = balances.into_iter().map(|(currency, minor)| Money { minor, currency }).collect();
    Ok(Statement { seller: seller.clone(), customer: customer.clone(), lines, open })
}
