//! Whom and what a finding touches, by name, for people.

use std::collections::BTreeMap;

use super::Finding;
use crate::catalog::store::load_resource_name;
use crate::customer::store::{
    AsOf, OwnerHistory, load_customer, load_customer_of_owner, load_owner_history,
};
use crate::ids::CustomerId;
use crate::store::{Conn, StoreError};

/// The names behind a finding's ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Subject {
    /// Whose invoice it holds: the owner's customer at that time.
    pub customer: Option<SubjectCustomer>,
    /// Name of the account or project; its id where it was never seen, empty where none is named.
    pub owner: String,
    /// Name of the resource; its id where it has none.
    pub resource: String,
}

/// A customer in a [`Subject`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubjectCustomer {
    pub id: CustomerId,
    pub number: String,
    pub name: String,
}

/// Looks the names of findings up, one subject each in their order.
pub async fn load_subjects(
    conn: &mut Conn,
    findings: &[Finding],
    known_at: i64,
) -> Result<Vec<Subject>, StoreError> {
    let mut owners: BTreeMap<String, OwnerHistory> = BTreeMap::new();
    let mut subjects = Vec::with_capacity(findings.len());
    for finding in findings {
        let source = &finding.owner.source;
        if !owners.contains_key(&source.0) {
            owners.insert(source.0.clone(), load_owner_history(conn, source, known_at).await?);
        }
        let at = finding.span.from;
        let seen = owners.get(&source.0).and_then(|all| all.at(&finding.owner.id, at));
        let named = load_resource_name(conn, source, &finding.resource).await?;
        subjects.push(Subject {
            customer: customer_of(conn, finding, known_at).await?,
            owner: seen.map_or_else(|| finding.owner.id.clone(), |owner| owner.name.clone()),
            resource: named.unwrap_or_else(|| finding.resource.clone()),
        });
    }
    Ok(subjects)
}

async fn customer_of(
    conn: &mut Conn,
    finding: &Finding,
    known_at: i64,
) -> Result<Option<SubjectCustomer>, StoreError> {
    let as_of = AsOf { at: finding.span.from, known_at };
    let Some(id) = load_customer_of_owner(conn, &finding.owner, as_of).await? else {
        return Ok(None);
    };
    let found = load_customer(conn, &id, as_of).await?;
    Ok(found.map(|customer| SubjectCustomer {
        id,
        number: customer.number,
        name: customer.details.name,
    }))
}
