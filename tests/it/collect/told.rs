//! Goal: each doubt says in words what was seen, and whatever was doubted is still there. Method:
//! a table of answers with the exact text of the finding and the quantities that are kept.

use billow::orchestrator::InventoryItem;
use serde_json::{Value, json};

use super::rules::{OWNER, day, late, machine, network, row};
use super::world::{World, page};
use crate::support::db::sqlite;

/// What is found in windows that are read one after the other, and what is kept of them.
struct Told {
    readings: Vec<Vec<Value>>,
    inventory: Vec<InventoryItem>,
    rule: &'static str,
    message: &'static str,
    /// Quantities of all records, those withheld too, and of those that count.
    kept: &'static [&'static str],
    counted: &'static [&'static str],
}

impl Told {
    fn of(rows: Vec<Value>, rule: &'static str, message: &'static str) -> Self {
        Self { readings: vec![rows], inventory: Vec::new(), rule, message, kept: &[], counted: &[] }
    }

    fn then(mut self, rows: Vec<Value>) -> Self {
        self.readings.push(rows);
        self
    }

    fn beside(mut self, item: InventoryItem) -> Self {
        self.inventory.push(item);
        self
    }

    async fn keeps(self, kept: &'static [&'static str], counted: &'static [&'static str]) {
        Self { kept, counted, ..self }.check().await;
    }

    async fn check(self) {
        let world = World::new(sqlite().await);
        world.show(|shown| shown.inventory.clone_from(&self.inventory));
        for rows in &self.readings {
            world.read(day(), vec![page(rows)]).await;
        }
        let found = world.findings(self.rule).await;
        let messages: Vec<&str> = found.iter().map(|one| one.message.as_str()).collect();
        assert_eq!(messages, [self.message], "{}", self.rule);
        let owners = [OWNER.to_owned()];
        let quantities = |records: Vec<billow::collect::record::StoredRecord>| {
            let mut all: Vec<String> = records.iter().map(|r| r.quantity.to_string()).collect();
            all.sort();
            all
        };
        assert_eq!(quantities(world.all(&owners).await), self.kept, "{}", self.rule);
        assert_eq!(quantities(world.billable(&owners).await), self.counted, "{}", self.rule);
    }
}

fn vm(resource: &str, hours: &str) -> Value {
    row(1, resource, hours, json!({}))
}

#[tokio::test]
async fn quantities_that_cannot_be() {
    let message = "48 h in a window of 24 h: two resources may have been merged into one record";
    Told::of(vec![vm("vm1", "48")], "longer_than_window", message).keeps(&["48"], &[]).await;
    let message = "rawusage: \"-1\" is less than nothing";
    Told::of(vec![vm("vm1", "-1")], "rejected_record", message).keeps(&[], &[]).await;
    let message = "cloudstack_type_99 is no meter that Billow knows: price it by this name";
    let unknown = row(99, "x", "5", json!({}));
    Told::of(vec![unknown], "unknown_meter", message).keeps(&["5"], &["5"]).await;
    let (small, large) = (json!({ "offeringid": "small" }), json!({ "offeringid": "large" }));
    let both = vec![row(1, "vm1", "12", large), row(1, "vm1", "13", small)];
    let message = "2 records of the resource have 25 h in a window of 24 h";
    Told::of(both, "overlap", message).keeps(&["12", "13"], &["13"]).await;
    let both = vec![vm("vm1", "23"), row(2, "vm1", "8", json!({}))];
    let message = "the machine ran 23 h and was allocated 8 h: allocated time was lost";
    Told::of(both, "running_beyond_allocated", message).keeps(&["23", "8"], &["23", "8"]).await;
}

#[tokio::test]
async fn records_that_came_again() {
    let message = "first reported as 20, later as 21: the first counts until this is decided";
    let twice = Told::of(vec![vm("vm1", "20")], "changed_on_reread", message);
    twice.then(vec![vm("vm1", "21")]).keeps(&["20"], &["20"]).await;
    let message = "2 equal records of 4 h where others of this window come 1 times: one is \
                   counted; equal parts cannot be told from copies";
    let rows = vec![network("4"), network("4"), vm("vm1", "24")];
    Told::of(rows, "copy_or_part", message).keeps(&["24", "4"], &["24", "4"]).await;
    let message = "a part of the window was reported again with 2: the window then has 21.84, \
                   not 23.84";
    let late = Told::of(vec![vm("vm1", "23.84")], "fragment", message)
        .then(vec![vm("vm1", "23.84"), late(1, "vm1", "2")]);
    late.keeps(&["23.84"], &["23.84"]).await;
    let message = "the source holds the records of this window more than once; each counts once";
    let rows = vec![vm("vm1", "24"), vm("vm2", "20"), vm("vm1", "24"), vm("vm2", "20")];
    Told::of(rows, "repeated_window", message).keeps(&["20", "24"], &["20", "24"]).await;
}

#[tokio::test]
async fn resources_that_are_gone_or_silent() {
    let allocated = || row(2, "vm1", "24", json!({ "name": "vm1" }));
    let message = "vm1 was removed before this window and still has usage";
    let gone = machine("vm1", "2026-11-01T00:00:00Z", Some("2026-11-18T12:00:00Z"));
    let ghost = Told::of(vec![allocated()], "ghost", message).beside(gone);
    ghost.keeps(&["24"], &[]).await;
    let message = "vm2 is in the inventory and has no usage in this window: its usage is missing";
    let silent = machine("vm2", "2026-11-01T00:00:00Z", None);
    let gap = Told::of(vec![allocated()], "gap", message).beside(silent);
    gap.keeps(&["24"], &["24"]).await;
}
