//! The built-in meters: what can be measured, in which unit, and how it is shown.

use serde::{Deserialize, Serialize};

/// The unit in which a meter's quantity is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeterUnit {
    Hour,
    Byte,
    Request,
    Piece,
}

impl MeterUnit {
    /// Code of the unit, the key of its name in each language.
    pub fn code(self) -> &'static str {
        match self {
            Self::Hour => "hour",
            Self::Byte => "byte",
            Self::Request => "request",
            Self::Piece => "piece",
        }
    }
}

/// The category of an invoice's breakdown.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Category {
    /// Licences by application or operating system template.
    Application,
    RunningMachines,
    StoppedMachines,
    Storage,
    Network,
    Other,
}

impl Category {
    pub const ALL: [Self; 6] = [
        Self::Application,
        Self::RunningMachines,
        Self::StoppedMachines,
        Self::Storage,
        Self::Network,
        Self::Other,
    ];

    /// The stored text, also the key of its translations.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Application => "application",
            Self::RunningMachines => "running_machines",
            Self::StoppedMachines => "stopped_machines",
            Self::Storage => "storage",
            Self::Network => "network",
            Self::Other => "other",
        }
    }
}

/// A built-in meter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meter {
    pub code: &'static str,
    pub unit: MeterUnit,
    pub category: Category,
    /// The component a price of this meter belongs to when the book does not say.
    pub component: &'static str,
    /// One resource cannot be used for more hours than its span has.
    pub bounded_by_span: bool,
    /// Collected as evidence of another meter and not billed by itself.
    pub informational: bool,
}

const fn meter(
    code: &'static str,
    unit: MeterUnit,
    category: Category,
    component: &'static str,
    bounded_by_span: bool,
) -> Meter {
    Meter { code, unit, category, component, bounded_by_span, informational: false }
}

use Category::{Network, Other, RunningMachines, StoppedMachines, Storage};
use MeterUnit::{Byte, Hour, Request};

pub const VM_RUNNING: &str = "vm_running";
pub const VM_ALLOCATED: &str = "vm_allocated";
pub const VM_STOPPED: &str = "vm_stopped";
pub const VM_PAUSED: &str = "vm_paused";
pub const VM_SUSPENDED: &str = "vm_suspended";
pub const VM_SHELVED: &str = "vm_shelved";
pub const VM_SHELVED_OFFLOADED: &str = "vm_shelved_offloaded";
pub const VOLUME: &str = "volume";
pub const NETWORK_SENT: &str = "network_sent";
pub const NETWORK_RECEIVED: &str = "network_received";
pub const BUCKET: &str = "bucket";
pub const OBJECT_STORAGE: &str = "object_storage";
pub const ROUTER: &str = "router";
pub const CPU_TIME: &str = "cpu_time";
pub const SHARE: &str = "share";

/// The meters of machines that are billed: each counts hours of one state.
pub const MACHINE_METERS: [&str; 6] =
    [VM_RUNNING, VM_STOPPED, VM_PAUSED, VM_SUSPENDED, VM_SHELVED, VM_SHELVED_OFFLOADED];

/// The meter under which an inventory tells the resources that a meter counts: each state of a
/// machine is a meter, and it is one machine.
pub fn listed_as(code: &str) -> &str {
    if MACHINE_METERS.contains(&code) { VM_ALLOCATED } else { code }
}

/// All built-in meters. `vm_allocated` is informational: `vm_stopped` is derived from it.
pub const METERS: [Meter; 34] = [
    meter(VM_RUNNING, Hour, RunningMachines, "compute", true),
    Meter { informational: true, ..meter(VM_ALLOCATED, Hour, RunningMachines, "compute", true) },
    meter(VM_STOPPED, Hour, StoppedMachines, "compute", true),
    // Paused and suspended machines keep their memory, shelved ones their place until offloaded.
    meter(VM_PAUSED, Hour, StoppedMachines, "compute", true),
    meter(VM_SUSPENDED, Hour, StoppedMachines, "compute", true),
    meter(VM_SHELVED, Hour, StoppedMachines, "compute", true),
    meter(VM_SHELVED_OFFLOADED, Hour, StoppedMachines, "compute", true),
    meter("ip_address", Hour, Network, "address", true),
    meter(NETWORK_SENT, Byte, Network, "traffic", false),
    meter(NETWORK_RECEIVED, Byte, Network, "traffic", false),
    meter(VOLUME, Hour, Storage, "storage", true),
    meter("template", Hour, Storage, "image", true),
    meter("iso", Hour, Storage, "image", true),
    meter("snapshot", Hour, Storage, "snapshot", true),
    // One record for each machine in the group.
    meter("security_group", Hour, Network, "security_group", false),
    meter("load_balancer", Hour, Network, "load_balancer", true),
    meter("port_forwarding", Hour, Network, "port_forwarding", true),
    meter("network_interface", Hour, Network, "network_interface", false),
    meter("vpn_user", Hour, Network, "vpn", true),
    meter("disk_read_requests", Request, Storage, "disk_io", false),
    meter("disk_write_requests", Request, Storage, "disk_io", false),
    meter("disk_read_bytes", Byte, Storage, "disk_io", false),
    meter("disk_write_bytes", Byte, Storage, "disk_io", false),
    // One record for each volume of the machine.
    meter("vm_snapshot", Hour, Storage, "snapshot", false),
    meter("volume_secondary", Hour, Storage, "storage", true),
    meter("vm_snapshot_on_primary", Hour, Storage, "snapshot", true),
    meter("backup", Hour, Storage, "backup", true),
    meter(BUCKET, Hour, Storage, "object_storage", true),
    // All that an owner keeps, where buckets are not reported one by one.
    meter(OBJECT_STORAGE, Hour, Storage, "object_storage", true),
    meter(SHARE, Hour, Storage, "storage", true),
    meter("network", Hour, Network, "network", true),
    meter("vpc", Hour, Network, "network", true),
    // Time of all CPUs together, as far as they worked.
    meter(CPU_TIME, Hour, RunningMachines, "cpu_time", false),
    meter(ROUTER, Hour, Network, "router", true),
];

/// The built-in meter with a code; imported meters have none and count as pieces of `other`.
pub fn meter_of(code: &str) -> Option<&'static Meter> {
    METERS.iter().find(|meter| meter.code == code)
}

/// The category of any meter, built in or imported.
pub fn category_of(code: &str) -> Category {
    meter_of(code).map_or(Other, |meter| meter.category)
}
