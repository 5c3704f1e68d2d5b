//! A whole price book from the discovered catalogue and a few rates: every offering, and every
//! built-in meter, so that nothing is left without a price. PURE.

use std::collections::{BTreeMap, BTreeSet};

use super::book::Book;
use super::book_write;
use super::price::{Conditions, Dimension, Model, MonthMode, Per, Price, TierScope, Unit};
use crate::collect::record::attribute;
use crate::money::{Currency, Exact};
use crate::orchestrator::{CatalogItem, ItemKind};

/// Rates from which amounts are made, in major units of the currency.
#[derive(Clone, Debug)]
pub struct Rates {
    pub vcpu_hour: Exact,
    pub ram_gib_hour: Exact,
    pub gpu_hour: Exact,
    pub storage_gib_month: Exact,
    pub iops_month: Exact,
    pub snapshot_gib_month: Exact,
    pub image_gib_month: Exact,
    pub backup_gib_month: Exact,
    pub object_gb_month: Exact,
    pub address_hour: Exact,
    pub traffic_gb: Exact,
    /// GB sent that are free for each customer and period.
    pub traffic_included_gb: Exact,
    pub load_balancer_hour: Exact,
    pub vpn_user_hour: Exact,
}

impl Rates {
    /// Rates usual for a currency worth about a euro; a hundredfold where there is no minor unit.
    pub fn usual(currency: Currency) -> Self {
        let factor: i128 = if currency.exponent() == 0 { 100 } else { 1 };
        let rate = |ten_thousandths: i128| Exact::ratio(ten_thousandths * factor, 10_000);
        Self {
            vcpu_hour: rate(120),
            ram_gib_hour: rate(60),
            gpu_hour: rate(9_000),
            storage_gib_month: rate(1_000),
            iops_month: Exact::ZERO,
            snapshot_gib_month: rate(500),
            image_gib_month: rate(400),
            backup_gib_month: rate(450),
            object_gb_month: rate(200),
            address_hour: rate(40),
            traffic_gb: rate(150),
            traffic_included_gb: Exact::int(100),
            load_balancer_hour: rate(80),
            vpn_user_hour: rate(30),
        }
    }
}

/// What the generator reads.
pub struct GenerateInput<'a> {
    pub code: String,
    pub name: String,
    pub currency: Currency,
    /// How hours become months in the prices by the month.
    pub month: MonthMode,
    pub rates: Rates,
    /// The catalogue as it is now.
    pub items: &'a [CatalogItem],
    /// Amount an hour of a licence by the name of its operating system, its category or its
    /// template; what is not named here is free.
    pub licences: BTreeMap<String, Exact>,
}

/// The book.
pub fn generate(input: &GenerateInput<'_>) -> Book {
    let mut work = Generator { input, prices: Vec::new(), codes: BTreeSet::new() };
    work.machines();
    work.licences();
    work.volumes();
    work.everything_else();
    Book {
        code: input.code.clone(),
        name: input.name.clone(),
        currency: input.currency,
        imported_meters: Vec::new(),
        prices: work.prices,
    }
}

/// The book as a file, with the discovered names as comments.
pub fn generate_text(input: &GenerateInput<'_>) -> String {
    let book = generate(input);
    let names: BTreeMap<&str, String> = input
        .items
        .iter()
        .filter(|item| !matches!(item.kind, ItemKind::Resource))
        .map(|item| (item.id.as_str(), describe(item)))
        .collect();
    book_write::write_with_comments(&book, &|price| {
        let ids = price.conditions.offering.iter().chain(&price.conditions.template);
        let found: Vec<&str> =
            ids.filter_map(|id| names.get(id.as_str())).map(String::as_str).collect();
        (!found.is_empty()).then(|| found.join(", "))
    })
}

fn describe(item: &CatalogItem) -> String {
    match machine_size(item) {
        Some((vcpus, ram)) => format!("{}: {vcpus} vCPU, {ram} GiB RAM", item.name),
        None => item.name.clone(),
    }
}

/// vCPUs and GiB of RAM of a fixed offering.
pub(super) fn machine_size(item: &CatalogItem) -> Option<(Exact, Exact)> {
    if item.attributes.get("fixed").is_some_and(|fixed| fixed == "false") {
        return None;
    }
    let number = |key: &str| item.attributes.get(key)?.parse::<Exact>().ok();
    let vcpus = number(attribute::VCPUS)?;
    let ram = number(attribute::RAM_MIB)?.divided_by(&Exact::int(1024))?;
    Some((vcpus, ram))
}

struct Generator<'a> {
    input: &'a GenerateInput<'a>,
    prices: Vec<Price>,
    codes: BTreeSet<String>,
}

/// What a generated price needs to say.
struct Draft<'a> {
    code: String,
    component: &'a str,
    meter: &'a str,
    unit: Unit,
    amount: Exact,
    conditions: Conditions,
}

fn hour(dimension: Dimension) -> Unit {
    Unit { dimension, per: Per::Hour }
}

impl Generator<'_> {
    fn month(&self, dimension: Dimension) -> Unit {
        Unit { dimension, per: Per::Month(self.input.month) }
    }

    fn push(&mut self, draft: Draft<'_>) -> &mut Price {
        let mut code = draft.code.clone();
        let mut number = 2;
        while !self.codes.insert(code.clone()) {
            code = format!("{}-{number}", draft.code);
            number += 1;
        }
        self.prices.push(Price {
            code,
            component: draft.component.to_owned(),
            meter: draft.meter.to_owned(),
            unit: draft.unit,
            model: Model::PerUnit { amount: draft.amount, base: Exact::ONE },
            conditions: draft.conditions,
            included: Exact::ZERO,
            minimum: None,
            cap: None,
            tier_scope: TierScope::default(),
            tier_restart: false,
            tax_class: "standard".to_owned(),
            text: None,
        });
        let last = self.prices.len() - 1;
        &mut self.prices[last]
    }

    /// A price without conditions.
    fn plain(&mut self, code: &str, component: &str, meter: &str, unit: Unit, amount: &Exact) {
        self.push(Draft {
            code: code.to_owned(),
            component,
            meter,
            unit,
            amount: amount.clone(),
            conditions: Conditions::default(),
        });
    }

    fn items(&self, kind: ItemKind) -> Vec<CatalogItem> {
        let mut items: Vec<CatalogItem> =
            self.input.items.iter().filter(|item| item.kind == kind).cloned().collect();
        items.sort_by(|a, b| (&a.name, &a.id).cmp(&(&b.name, &b.id)));
        items
    }

    fn machines(&mut self) {
        let rates = self.input.rates.clone();
        for item in self.items(ItemKind::ServiceOffering) {
            let Some((vcpus, ram)) = machine_size(&item) else { continue };
            let amount = vcpus.times(&rates.vcpu_hour).plus(&ram.times(&rates.ram_gib_hour));
            self.push(Draft {
                code: format!("vm-{}", slug(&item.name)),
                component: "compute",
                meter: "vm_running",
                unit: hour(Dimension::Resource),
                amount: amount.reduced(),
                conditions: by_offering(&item),
            });
        }
        // Custom offerings, and those that appear after the book was made.
        self.plain("vcpu", "compute", "vm_running", hour(Dimension::Vcpu), &rates.vcpu_hour);
        self.plain("ram", "compute", "vm_running", hour(Dimension::RamGib), &rates.ram_gib_hour);
        self.plain("gpu", "gpu", "vm_running", hour(Dimension::Gpu), &rates.gpu_hour);
        // A paused machine keeps its CPUs and memory.
        let (vcpu, ram) = (hour(Dimension::Vcpu), hour(Dimension::RamGib));
        self.plain("vm-paused-vcpu", "compute", "vm_paused", vcpu, &rates.vcpu_hour);
        self.plain("vm-paused-ram", "compute", "vm_paused", ram, &rates.ram_gib_hour);
        // A stopped machine frees its CPU and memory; its volumes and addresses go on.
        let unit = hour(Dimension::Resource);
        for (code, meter) in [
            ("vm-stopped", "vm_stopped"),
            ("vm-suspended", "vm_suspended"),
            ("vm-shelved", "vm_shelved"),
            ("vm-shelved-offloaded", "vm_shelved_offloaded"),
        ] {
            self.plain(code, "compute", meter, unit, &Exact::ZERO);
        }
    }

    fn licences(&mut self) {
        let amounts = self.input.licences.clone();
        let templates = self.items(ItemKind::Template);
        let mut systems = BTreeSet::new();
        for item in &templates {
            let category = item.attributes.get(attribute::OS_CATEGORY);
            let exact = item.attributes.get(attribute::OS);
            match exact.filter(|os| amounts.contains_key(*os)).or(category).or(exact) {
                Some(os) => systems.insert(os.clone()),
                None => false,
            };
        }
        for os in systems {
            let amount = amounts.get(&os).cloned().unwrap_or(Exact::ZERO);
            self.push(Draft {
                code: format!("licence-{}", slug(&os)),
                component: "licence",
                meter: "vm_running",
                unit: hour(Dimension::Resource),
                amount,
                conditions: Conditions { os: vec![os], ..Conditions::default() },
            });
        }
        for item in &templates {
            let Some(amount) = amounts.get(&item.name).cloned() else { continue };
            let conditions =
                Conditions { template: vec![item.id.clone()], ..Conditions::default() };
            self.push(Draft {
                code: format!("licence-{}", slug(&item.name)),
                component: "application",
                meter: "vm_running",
                unit: hour(Dimension::Resource),
                amount,
                conditions,
            });
        }
    }

    fn volumes(&mut self) {
        let rates = self.input.rates.clone();
        let unit = self.month(Dimension::Gib);
        for item in self.items(ItemKind::DiskOffering) {
            self.push(Draft {
                code: format!("disk-{}", slug(&item.name)),
                component: "storage",
                meter: "volume",
                unit,
                amount: rates.storage_gib_month.clone(),
                conditions: by_offering(&item),
            });
        }
        self.plain("volume", "storage", "volume", unit, &rates.storage_gib_month);
        let iops = self.month(Dimension::Iops);
        self.plain("volume-iops", "iops", "volume", iops, &rates.iops_month);
        for (code, component, meter, rate) in [
            ("template", "image", "template", &rates.image_gib_month),
            ("iso", "image", "iso", &rates.image_gib_month),
            ("snapshot", "snapshot", "snapshot", &rates.snapshot_gib_month),
            ("vm-snapshot", "snapshot", "vm_snapshot", &rates.snapshot_gib_month),
            (
                "vm-snapshot-primary",
                "snapshot",
                "vm_snapshot_on_primary",
                &rates.snapshot_gib_month,
            ),
            ("backup", "backup", "backup", &rates.backup_gib_month),
        ] {
            self.plain(code, component, meter, unit, rate);
        }
        let object = self.month(Dimension::Gb);
        for meter in ["bucket", "object_storage"] {
            let code = meter.replace('_', "-");
            self.plain(&code, "object_storage", meter, object, &rates.object_gb_month);
        }
        self.plain("share", "storage", "share", unit, &rates.storage_gib_month);
        // Uploaded volumes are reported without a size.
        let unit = hour(Dimension::Resource);
        self.plain("volume-secondary", "storage", "volume_secondary", unit, &Exact::ZERO);
    }

    fn everything_else(&mut self) {
        let rates = self.input.rates.clone();
        let unit = hour(Dimension::Resource);
        self.plain("address", "address", "ip_address", unit, &rates.address_hour);
        self.push(Draft {
            code: "address-source-nat".to_owned(),
            component: "address",
            meter: "ip_address",
            unit,
            amount: Exact::ZERO,
            conditions: Conditions {
                attribute: vec![format!("{}=true", attribute::SOURCE_NAT)],
                ..Conditions::default()
            },
        });
        let gb = Unit { dimension: Dimension::Gb, per: Per::Amount };
        self.push(Draft {
            code: "traffic-sent".to_owned(),
            component: "traffic",
            meter: "network_sent",
            unit: gb,
            amount: rates.traffic_gb.clone(),
            conditions: Conditions::default(),
        })
        .included = rates.traffic_included_gb.clone();
        self.plain("traffic-received", "traffic", "network_received", gb, &Exact::ZERO);
        let lb = &rates.load_balancer_hour;
        self.plain("load-balancer", "load_balancer", "load_balancer", unit, lb);
        self.plain("vpn-user", "vpn", "vpn_user", unit, &rates.vpn_user_hour);
        for (code, meter) in [
            ("security-group", "security_group"),
            ("port-forwarding", "port_forwarding"),
            ("network-interface", "network_interface"),
        ] {
            self.plain(code, meter, meter, unit, &Exact::ZERO);
        }
        self.plain("network", "network", "network", unit, &Exact::ZERO);
        self.plain("vpc", "network", "vpc", unit, &Exact::ZERO);
        self.plain("router", "router", "router", unit, &Exact::ZERO);
        self.plain("cpu-time", "cpu_time", "cpu_time", unit, &Exact::ZERO);
        let request = Unit { dimension: Dimension::Count, per: Per::Amount };
        self.plain("disk-reads", "disk_io", "disk_read_requests", request, &Exact::ZERO);
        self.plain("disk-writes", "disk_io", "disk_write_requests", request, &Exact::ZERO);
        self.plain("disk-bytes-read", "disk_io", "disk_read_bytes", gb, &Exact::ZERO);
        self.plain("disk-bytes-written", "disk_io", "disk_write_bytes", gb, &Exact::ZERO);
    }
}

fn by_offering(item: &CatalogItem) -> Conditions {
    Conditions { offering: vec![item.id.clone()], ..Conditions::default() }
}

/// Longest slug; the code around it stays below the limit of codes.
const SLUG_MAX: usize = 40;

/// A name in small letters, digits and single dashes.
pub(super) fn slug(name: &str) -> String {
    let mut slug = String::new();
    for c in name.chars().flat_map(char::to_lowercase) {
        if c.is_ascii_alphanumeric() {
            slug.push(c);
        } else if !slug.ends_with('-') && !slug.is_empty() {
            slug.push('-');
        }
        if slug.len() >= SLUG_MAX {
            break;
        }
    }
    let slug = slug.trim_end_matches('-');
    if slug.is_empty() { "unnamed".to_owned() } else { slug.to_owned() }
}
