//! Flavors: what a machine has, from the three forms in which services tell it. PURE.

use std::collections::BTreeMap;

use serde_json::Value;

use super::json;
use crate::collect::record::{Attributes, attribute};
use crate::config::SourceConfig;

const GIB: i64 = 1 << 30;

/// Prefix of the extra specs that ask for a trait.
const TRAIT: &str = "trait:";
const PCI_ALIAS: &str = "pci_passthrough:alias";
const VGPU: &str = "resources:VGPU";
const CPU_POLICY: &str = "hw:cpu_policy";

/// Which PCI aliases count as GPUs.
#[derive(Clone, Debug)]
pub struct GpuAliases(Vec<String>);

impl GpuAliases {
    /// As configured; an empty list means all.
    pub fn new(config: &SourceConfig) -> Self {
        Self(config.gpu_aliases.clone())
    }

    /// The number of GPUs that extra specs ask for, and their model where one is named.
    fn count(&self, specs: &[(String, String)]) -> (i64, Option<String>) {
        let spec = |wanted: &str| {
            let found = specs.iter().find(|(name, _)| name == wanted);
            found.map(|(_, value)| value.as_str())
        };
        let (mut count, mut models) = (0, Vec::new());
        for part in spec(PCI_ALIAS).into_iter().flat_map(|value| value.split(',')) {
            let (alias, number) = part.trim().split_once(':').unwrap_or((part.trim(), "1"));
            let wanted = self.0.is_empty() || self.0.iter().any(|own| own == alias);
            if let (true, Ok(number)) = (wanted && !alias.is_empty(), number.parse::<i64>()) {
                count += number.max(0);
                models.push(alias.to_owned());
            }
        }
        if let Some(number) = spec(VGPU).and_then(|number| number.parse::<i64>().ok()) {
            count += number.max(0);
            models.push("vgpu".to_owned());
        }
        (count, (count > 0).then(|| models.join(",")))
    }
}

/// Sizes of a flavor, in whatever form they came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    pub vcpus: i64,
    pub ram_mib: i64,
    pub root_gib: i64,
    pub ephemeral_gib: i64,
}

impl Sizes {
    /// From the embedded flavor of a server, or a row of the list of flavors.
    pub fn of(row: &Value) -> Option<Self> {
        let number = |name: &str| json::whole(row, name);
        let ephemeral = number("ephemeral").or_else(|| number("OS-FLV-EXT-DATA:ephemeral"));
        Some(Self {
            vcpus: number("vcpus")?,
            ram_mib: number("ram")?,
            root_gib: number("disk").unwrap_or(0),
            ephemeral_gib: ephemeral.unwrap_or(0),
        })
    }

    /// From the payload of a notification: flat in the unversioned ones, an object of its own in
    /// the versioned ones, whose fields have the same names.
    pub fn of_payload(row: &Value) -> Option<Self> {
        let number = |name: &str| json::whole(row, name);
        Some(Self {
            vcpus: number("vcpus")?,
            ram_mib: number("memory_mb")?,
            root_gib: number("root_gb").unwrap_or(0),
            ephemeral_gib: number("ephemeral_gb").unwrap_or(0),
        })
    }

    /// Adds them to a machine's attributes. The local disks are the machine's size; one that
    /// boots from a volume has no root disk of its own.
    pub fn add_to(self, attributes: &mut Attributes, from_volume: bool) {
        let root = if from_volume { 0 } else { self.root_gib };
        let disks = (root + self.ephemeral_gib).saturating_mul(GIB);
        let mut add = |key: &str, value: i64| attributes.insert(key.to_owned(), value.to_string());
        add(attribute::VCPUS, self.vcpus);
        add(attribute::RAM_MIB, self.ram_mib);
        add(attribute::SIZE_BYTES, disks);
    }
}

/// What the extra specs say that prices look at: GPUs, dedicated CPUs, traits.
pub fn add_specs(attributes: &mut Attributes, specs: &[(String, String)], aliases: &GpuAliases) {
    let (count, model) = aliases.count(specs);
    attributes.insert(attribute::GPU_COUNT.to_owned(), count.to_string());
    attributes.extend(model.map(|model| (attribute::GPU_MODEL.to_owned(), model)));
    let policy = specs.iter().find(|(name, _)| name == CPU_POLICY);
    let policy = policy.map_or("shared", |(_, policy)| policy.as_str());
    attributes.insert(attribute::CPU_POLICY.to_owned(), policy.to_owned());
}

/// Traits that the extra specs ask for: `trait:NAME` to `required` or `forbidden`.
pub fn add_traits(attributes: &mut Attributes, specs: &[(String, String)]) {
    for (name, value) in specs {
        if name.starts_with(TRAIT) {
            attributes.insert(name.clone(), value.clone());
        }
    }
}

/// The ids of flavors by what an embedded flavor still tells of them.
#[derive(Clone, Debug, Default)]
pub struct FlavorIds(BTreeMap<String, (String, Option<Sizes>)>);

impl FlavorIds {
    /// From the list of flavors.
    pub fn new(rows: &[Value]) -> Self {
        let entry = |row: &Value| {
            let name = json::text(row, "name")?;
            Some((name, (json::text(row, "id")?, Sizes::of(row))))
        };
        Self(rows.iter().filter_map(entry).collect())
    }

    /// The id of the flavor that has this name and still these sizes; a flavor that was deleted,
    /// or made again with other sizes, has none.
    pub fn of(&self, embedded: &Value) -> Option<&str> {
        let (id, sizes) = self.0.get(&json::text(embedded, "original_name")?)?;
        (sizes.is_some() && Sizes::of(embedded) == *sizes).then_some(id)
    }
}

/// What a machine has by the flavor embedded in it, which is the one it was made or resized with,
/// whatever became of the flavor. One that is not listed any more has an empty id: what stood
/// there before holds no longer.
pub fn embedded(
    flavor: &Value,
    id: Option<String>,
    from_volume: bool,
    gpus: &GpuAliases,
) -> Attributes {
    let mut attributes = Attributes::new();
    let mut add = |key: &str, value: String| attributes.insert(key.to_owned(), value);
    add(attribute::OFFERING, id.unwrap_or_else(String::new));
    if let Some(name) = json::text(flavor, "original_name") {
        add(attribute::OFFERING_NAME, name);
    }
    if let Some(sizes) = Sizes::of(flavor) {
        sizes.add_to(&mut attributes, from_volume);
    }
    if flavor.get("extra_specs").is_some() {
        add_specs(&mut attributes, &json::pairs(flavor, "extra_specs"), gpus);
    }
    attributes
}

/// The keys that a flavor sets, emptied: it is another one, and nobody tells which.
pub fn unknown() -> Attributes {
    let keys = [
        attribute::OFFERING,
        attribute::OFFERING_NAME,
        attribute::VCPUS,
        attribute::RAM_MIB,
        attribute::SIZE_BYTES,
        attribute::GPU_COUNT,
        attribute::CPU_POLICY,
    ];
    keys.iter().map(|key| ((*key).to_owned(), String::new())).collect()
}
