//! A shop whose usage comes from a source by the ordinary way: pages of evidence, read by the
//! real parser and rules.

use billow::collect::job::CollectReport;
use billow::orchestrator::InventoryItem;
use billow::period::Span;
use billow::store::Db;
use serde_json::{Value, json};

use super::shop::{Opening, Shop, open, seconds};
use crate::collect::world::{World, page};

/// A shop and the source of its usage, on one clock.
pub struct CloudShop {
    pub shop: Shop,
    pub world: World,
}

/// Usage types of the source.
pub const RUNNING: i64 = 1;
pub const ALLOCATED: i64 = 2;
pub const ADDRESS: i64 = 3;
pub const SENT: i64 = 4;
pub const VOLUME: i64 = 6;
pub const VPC: i64 = 31;

impl CloudShop {
    /// A shop as `open` makes it; its customers' owners are the accounts `a1`, `a2`, …
    pub async fn open(db: Db, opening: Opening<'_>, prices: &str) -> Self {
        let mut world = World::new(db.clone());
        let mut shop = open(db, opening, prices).await;
        shop.app.orchestrators = world.app.orchestrators.clone();
        world.app.clock = shop.clock.clone();
        world.clock = shop.clock.clone();
        Self { shop, world }
    }

    /// Takes in what the source says of a day, such as `2025-09-01`.
    pub async fn collect(&self, day: &str, rows: &[Value]) -> CollectReport {
        self.world.read(whole(day), vec![page(rows)]).await
    }

    pub fn show_inventory(&self, items: Vec<InventoryItem>) {
        self.world.show(|shown| shown.inventory = items);
    }
}

/// A day as a span.
pub fn whole(day: &str) -> Span {
    let from = seconds(&format!("{day}T00:00:00Z"));
    Span::new(from, from + 86_400)
}

/// A row of the first customer's usage on a day.
pub fn row(kind: i64, resource: &str, day: &str, amount: &str) -> Value {
    json!({
        "account": "a1", "accountid": "a1", "zoneid": "z1", "usagetype": kind,
        "usageid": resource, "rawusage": amount, "description": "text", "tags": [],
        "startdate": format!("{day}T00:00:00+0000"), "enddate": format!("{day}T23:59:59+0000"),
    })
}

/// The same with other fields laid over it.
pub fn with(mut row: Value, changes: Value) -> Value {
    let Value::Object(changes) = changes else { panic!("changes are an object") };
    for (key, value) in changes {
        row[key] = value;
    }
    row
}

/// A resource of the first customer that is there since an instant.
pub fn item(meter: &str, resource: &str, created: &str) -> InventoryItem {
    InventoryItem {
        owner: "a1".to_owned(),
        meter: meter.to_owned(),
        resource: resource.to_owned(),
        name: format!("name of {resource}"),
        created: Some(seconds(created)),
        removed: None,
    }
}
