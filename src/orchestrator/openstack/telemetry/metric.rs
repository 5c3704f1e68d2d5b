//! The counters that the collector of telemetry keeps, under its names. PURE.

use crate::config::{Counter, TelemetryConfig};
use crate::meter::kind;

/// How a counter is kept.
pub struct Metric {
    pub counter: Counter,
    pub meter: &'static str,
    /// Gnocchi's type of the resources that have it.
    pub resource_type: &'static str,
    pub name: &'static str,
    /// Units of the metric in one of the meter.
    pub divisor: i128,
}

const fn metric(
    counter: Counter,
    meter: &'static str,
    resource_type: &'static str,
    name: &'static str,
) -> Metric {
    Metric { counter, meter, resource_type, name, divisor: 1 }
}

const INTERFACE: &str = "instance_network_interface";
const DISK: &str = "instance_disk";
/// Whose flavor changes: read with its history.
pub const MACHINE: &str = "instance";

/// What the collector of telemetry keeps, under its names. Traffic is counted as the machine sees
/// it.
pub const METRICS: [Metric; 7] = [
    metric(Counter::NetworkSent, kind::NETWORK_SENT, INTERFACE, "network.outgoing.bytes"),
    metric(Counter::NetworkReceived, kind::NETWORK_RECEIVED, INTERFACE, "network.incoming.bytes"),
    metric(Counter::DiskReadBytes, "disk_read_bytes", DISK, "disk.device.read.bytes"),
    metric(Counter::DiskWriteBytes, "disk_write_bytes", DISK, "disk.device.write.bytes"),
    metric(Counter::DiskReadRequests, "disk_read_requests", DISK, "disk.device.read.requests"),
    metric(Counter::DiskWriteRequests, "disk_write_requests", DISK, "disk.device.write.requests"),
    Metric {
        // Nanoseconds of all CPUs together.
        divisor: 3_600_000_000_000,
        ..metric(Counter::CpuTime, kind::CPU_TIME, MACHINE, "cpu")
    },
];

/// Those that the configuration names.
pub fn wanted(config: &TelemetryConfig) -> impl Iterator<Item = &'static Metric> {
    METRICS.iter().filter(|metric| config.meters.contains(&metric.counter))
}
