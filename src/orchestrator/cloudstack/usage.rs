//! Usage records: reading whole windows, and rows into neutral records.
//!
//! The new description format is asked for: names serve people, and what tells rows apart stands
//! in fields of its own but for networks and VPCs, whose internal number is read from the text.

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::client::{Client, PAGE_ROWS, command};
use super::{date, json};
use crate::collect::record::{Attributes, RecordKind, UsageRecord, attribute};
use crate::ids::{OwnerRef, SourceName};
use crate::money::Exact;
use crate::orchestrator::{
    Answer, OrchestratorError, ParsedRecord, RawPage, RawWindow, RejectedRecord, Watermark,
};
use crate::period::Span;

/// Readings of a window while records arrive.
const READINGS_MAX: usize = 5;
/// Pages of a window.
const PAGES_MAX: usize = 20_000;
/// Where the watermark cannot be read, windows count as closed after this.
const CLOSED_AFTER_SECONDS: i64 = 86_400;
const MINUTE_SECONDS: i64 = 60;

/// How far usage is closed, and how its windows lie.
pub async fn fetch_watermark(client: &Client) -> Answer<Watermark> {
    let range = setting(client, "usage.stats.job.aggregation.range").await?;
    let zone = setting(client, "usage.aggregation.timezone").await?;
    let minutes = range.and_then(|text| text.trim().parse::<i64>().ok()).unwrap_or(1_440);
    let zone = match zone.as_deref() {
        None | Some("" | "GMT" | "UTC") => "UTC".to_owned(),
        Some(zone) => zone.to_owned(),
    };
    let closed_until = match client.call(command("listUsageServerMetrics", &[])).await {
        Ok(body) => {
            let (_, inner) = json::envelope(&body)
                .map_err(|detail| client.malformed("listUsageServerMetrics", detail))?;
            let metrics = inner.get("usageMetrics").unwrap_or(&inner);
            json::text(metrics, "lastsuccessfuljob")
                .and_then(|text| date::instant(&text))
                // The end of the last window is inclusive.
                .map_or(0, |last| last + 1)
        }
        Err(OrchestratorError::Forbidden { .. }) => {
            // The machine's clock: how long ago the server closed it, not business time.
            jiff::Timestamp::now().as_second() - CLOSED_AFTER_SECONDS
        }
        Err(error) => return Err(error),
    };
    Ok(Watermark { closed_until, window_seconds: minutes * MINUTE_SECONDS, zone })
}

/// A global setting, or `None` where it is not set or may not be read.
pub async fn setting(client: &Client, name: &str) -> Answer<Option<String>> {
    match client.call(command("listConfigurations", &[("name", name)])).await {
        Ok(body) => {
            let (_, inner) = json::envelope(&body)
                .map_err(|detail| client.malformed("listConfigurations", detail))?;
            let rows = json::rows(&inner);
            let row = rows.iter().find(|row| json::text(row, "name").as_deref() == Some(name));
            Ok(row.and_then(|row| json::text(row, "value")))
        }
        Err(OrchestratorError::Forbidden { .. } | OrchestratorError::Refused { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// All pages of a window; read again from the start when records arrive meanwhile.
pub async fn fetch_usage(client: &Client, window: Span) -> Answer<RawWindow> {
    for _ in 0..READINGS_MAX {
        if let Some(pages) = read_once(client, window).await? {
            return Ok(RawWindow { window, pages });
        }
    }
    let detail = format!("the number of records changed in {READINGS_MAX} readings of a window");
    Err(client.malformed("listUsageRecords", detail))
}

async fn read_once(client: &Client, window: Span) -> Answer<Option<Vec<RawPage>>> {
    let from = date::text(window.from);
    let until = date::text(window.until - 1);
    let rows_max = PAGE_ROWS.to_string();
    let mut pages = Vec::new();
    let mut first_count = None;
    let mut total = 0;
    for number in 1..=PAGES_MAX {
        let page = number.to_string();
        let parameters = command(
            "listUsageRecords",
            &[("startdate", &from), ("enddate", &until), ("page", &page), ("pagesize", &rows_max)],
        );
        let request = super::sign::query(&parameters);
        let body = client.call(parameters).await?;
        let (_, inner) =
            json::envelope(&body).map_err(|detail| client.malformed("listUsageRecords", detail))?;
        let rows = json::rows(&inner).len();
        let count = json::count(&inner).unwrap_or(0);
        if *first_count.get_or_insert(count) != count && rows > 0 {
            return Ok(None);
        }
        total += rows;
        pages.push(RawPage { request, page: u32::try_from(number).unwrap_or(u32::MAX), body });
        if rows < PAGE_ROWS {
            let expected = first_count.unwrap_or(0);
            let complete = u64::try_from(total).is_ok_and(|total| total == expected);
            return Ok(complete.then_some(pages));
        }
    }
    Err(client.malformed("listUsageRecords", format!("more than {PAGES_MAX} pages")))
}

/// How a usage type is read.
struct Type {
    meter: &'static str,
    kind: RecordKind,
}

fn type_of(number: i64) -> Option<Type> {
    use RecordKind::{Delta, Gauge, Interval};
    let (meter, kind) = match number {
        1 => ("vm_running", Interval),
        2 => ("vm_allocated", Interval),
        3 => ("ip_address", Interval),
        4 => ("network_sent", Delta),
        5 => ("network_received", Delta),
        6 => ("volume", Interval),
        7 => ("template", Interval),
        8 => ("iso", Interval),
        9 => ("snapshot", Interval),
        10 => ("security_group", Interval),
        11 => ("load_balancer", Interval),
        12 => ("port_forwarding", Interval),
        13 => ("network_interface", Interval),
        14 => ("vpn_user", Interval),
        21 => ("disk_read_requests", Delta),
        22 => ("disk_write_requests", Delta),
        23 => ("disk_read_bytes", Delta),
        24 => ("disk_write_bytes", Delta),
        25 => ("vm_snapshot", Interval),
        26 => ("volume_secondary", Interval),
        27 => ("vm_snapshot_on_primary", Interval),
        28 => ("backup", Interval),
        29 => ("bucket", Gauge),
        30 => ("network", Interval),
        31 => ("vpc", Interval),
        _ => return None,
    };
    Some(Type { meter, kind })
}

/// Reads a page; each row is a record or the reason why it cannot be one.
pub fn parse_usage(source: &SourceName, page: &RawPage) -> Answer<Vec<ParsedRecord>> {
    let (_, inner) = json::envelope(&page.body).map_err(|detail| OrchestratorError::Malformed {
        source_name: source.0.clone(),
        request: page.request.clone(),
        detail,
    })?;
    let rows = json::rows(&inner);
    Ok(rows.iter().enumerate().map(|(index, row)| parse_row(source, index, row)).collect())
}

fn parse_row(source: &SourceName, index: usize, row: &Value) -> ParsedRecord {
    let number = json::text(row, "usagetype").and_then(|text| text.parse::<i64>().ok());
    let meter = match number.and_then(type_of) {
        Some(known) => known.meter.to_owned(),
        None => format!("cloudstack_type_{}", number.map_or("unknown".into(), |n| n.to_string())),
    };
    let owner = json::text(row, "projectid")
        .or_else(|| json::text(row, "accountid"))
        .map(|id| OwnerRef { source: source.clone(), id });
    let span = span_of(row);
    let additive = number == Some(30);
    let made = record(row, number, &meter, (owner.clone(), span.as_ref().ok().copied()));
    let outcome = match (made, span) {
        (Ok(record), _) => Ok(record),
        (Err(reason), span) => Err(RejectedRecord { owner, meter, span: span.ok(), reason }),
    };
    // Any resource may lose its id once it is moved or deleted; some types never have one.
    let named = !matches!(number, None | Some(13 | 26 | 28 | 30 | 31));
    let disguise = named.then(|| fields_hash(row, number, &DISGUISE));
    ParsedRecord { index, additive, disguise, outcome }
}

fn record(
    row: &Value,
    number: Option<i64>,
    meter: &str,
    (owner, span): (Option<OwnerRef>, Option<Span>),
) -> Result<UsageRecord, String> {
    let number = number.ok_or("usagetype is missing or no number")?;
    let owner = owner.ok_or("neither accountid nor projectid")?;
    let span = match span {
        Some(span) => span,
        None => return Err(span_of(row).err().unwrap_or_else(String::new)),
    };
    let quantity = quantity_of(row)?;
    Ok(UsageRecord {
        owner,
        meter: meter.to_owned(),
        resource: resource_of(row, number),
        kind: type_of(number).map_or(RecordKind::Delta, |known| known.kind),
        span,
        quantity,
        attributes: attributes_of(row, number),
        identity: identity_of(row, number),
    })
}

fn quantity_of(row: &Value) -> Result<Exact, String> {
    let text = json::text(row, "rawusage").ok_or("rawusage is missing")?;
    // Some locales write a decimal comma.
    text.trim().replace(',', ".").parse().map_err(|_| format!("rawusage: {text:?} is no number"))
}

fn span_of(row: &Value) -> Result<Span, String> {
    let field = |name: &str| {
        let text = json::text(row, name).ok_or_else(|| format!("{name} is missing"))?;
        date::instant(&text).ok_or_else(|| format!("{name}: {text:?} is no date"))
    };
    let (from, last) = (field("startdate")?, field("enddate")?);
    if last < from {
        return Err("enddate lies before startdate".to_owned());
    }
    // Ends are inclusive: …23:59:59 is the next midnight.
    Ok(Span::new(from, last + 1))
}

fn resource_of(row: &Value, number: i64) -> String {
    let field = |name: &str| json::text(row, name);
    let internal = |what: &str, mark: &str| {
        let text = field("description").unwrap_or_else(String::new);
        let id: String = text
            .split_once(mark)
            .map_or("", |(_, rest)| rest)
            .trim_start()
            .chars()
            .take_while(char::is_ascii_digit)
            .collect();
        format!("{what}:{id}")
    };
    let found = match number {
        13 => field("virtualmachineid"),
        26 => field("usageid").or_else(|| field("description")),
        28 => field("virtualmachineid").or_else(|| field("usageid")),
        30 => Some(internal("network", "network ID:")),
        31 => Some(internal("vpc", "VPC ID:")),
        _ => field("usageid"),
    };
    found.unwrap_or_else(String::new)
}

/// Fields of the natural key beside owner, meter, resource and window. Names, domains and the
/// guest's system are shown as they are now, so that they are not part of it.
const IDENTITY: [&str; 16] = [
    "zoneid",
    "virtualmachineid",
    "offeringid",
    "templateid",
    "size",
    "virtualsize",
    "cpunumber",
    "cpuspeed",
    "memory",
    "type",
    "networkid",
    "vpcid",
    "isdefault",
    "issourcenat",
    "issystem",
    "usagetype",
];

/// What a record still has when it has lost its id: seen at volumes that were moved to another
/// pool (4.23) and at VPN users that were deleted.
const DISGUISE: [&str; 8] = [
    "zoneid",
    "virtualmachineid",
    "offeringid",
    "templateid",
    "size",
    "type",
    "accountid",
    "projectid",
];

fn identity_of(row: &Value, number: i64) -> String {
    let mut hash = fields_hash(row, Some(number), &IDENTITY);
    if number == 30 {
        // The network offering stands in the text only, by its internal number.
        let text = json::text(row, "description").unwrap_or_else(String::new);
        let offering = text.split_once("network offering:").map_or("", |(_, rest)| rest).trim();
        hash = hex::encode(Sha256::digest(format!("{hash}|{offering}")));
    }
    hash.chars().take(32).collect()
}

fn fields_hash(row: &Value, number: Option<i64>, fields: &[&str]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(number.unwrap_or(0).to_be_bytes());
    for field in fields {
        hasher.update(json::text(row, field).unwrap_or_else(String::new));
        hasher.update([0x1f]);
    }
    hex::encode(hasher.finalize())
}

fn attributes_of(row: &Value, number: i64) -> Attributes {
    let fields = [
        ("name", attribute::NAME),
        ("offeringid", attribute::OFFERING),
        ("templateid", attribute::TEMPLATE),
        ("osdisplayname", attribute::OS),
        ("oscategoryname", attribute::OS_CATEGORY),
        ("zoneid", attribute::ZONE),
        ("cpunumber", attribute::VCPUS),
        ("cpuspeed", attribute::CPU_MHZ),
        ("memory", attribute::RAM_MIB),
        ("size", attribute::SIZE_BYTES),
        ("virtualsize", attribute::VIRTUAL_SIZE_BYTES),
        ("virtualmachineid", attribute::MACHINE),
        ("networkid", attribute::NETWORK),
        ("issourcenat", attribute::SOURCE_NAT),
        ("isdefault", attribute::DEFAULT),
    ];
    let mut attributes = Attributes::new();
    for (field, key) in fields {
        if let Some(value) = json::text(row, field) {
            attributes.insert(key.to_owned(), value);
        }
    }
    if matches!(number, 1 | 2)
        && let Some(hypervisor) = json::text(row, "type")
    {
        attributes.insert(attribute::HYPERVISOR.to_owned(), hypervisor);
        // The machine is the resource itself.
        attributes.remove(attribute::MACHINE);
    }
    if !attributes.contains_key(attribute::NAME)
        && let Some(name) = name_in(row, number)
    {
        attributes.insert(attribute::NAME.to_owned(), name);
    }
    attributes
}

/// The name that a description gives where no field does.
fn name_in(row: &Value, number: i64) -> Option<String> {
    let text = json::text(row, "description")?;
    let named = |before: &str| {
        let rest = text.strip_prefix(before)?;
        Some(rest.split(" (").next()?.trim().to_owned()).filter(|name| !name.is_empty())
    };
    match number {
        3 => text.strip_prefix("IPAddress: ").map(str::to_owned),
        6 => named("Volume usage for "),
        7 => named("Template usage for "),
        8 => named("ISO usage for "),
        9 => named("Snapshot usage for "),
        10 => named("Security group "),
        11 => named("Loadbalancer policy usage "),
        _ => None,
    }
}
