//! Usage records: reading whole windows, and rows into neutral records.
//!
//! The stored descriptions are asked for (`oldformat=true`): they never change afterwards, and
//! their internal numbers tell rows apart that are equal in every field: VPN users of an account,
//! disks of one size in a machine snapshot, resources that lost their id. Names come from the
//! catalogue then. Pages in the other format are read as well, with what they have.

use std::borrow::Cow;
use std::time::Duration;

use serde_json::Value;
use sha2::{Digest, Sha256};

use super::client::{Client, PAGE_ROWS, command};
use super::{date, json};
use crate::collect::record::{Attributes, RecordKind, UsageRecord, attribute};
use crate::ids::{OwnerRef, SourceName};
use crate::money::Exact;
use crate::orchestrator::plain::plain_record;
use crate::orchestrator::{
    Answer, OrchestratorError, ParsedRecord, RawPage, RawWindow, RejectedRecord, Watermark,
};
use crate::period::Span;

/// Readings of a window while records arrive.
const READINGS_MAX: usize = 5;
/// Pages of a window.
const PAGES_MAX: usize = 20_000;
/// Pause before a window is read again, times the number of the reading.
const READING_PAUSE: Duration = Duration::from_millis(200);
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
    let window_seconds = minutes * MINUTE_SECONDS;
    Ok(Watermark { closed_until, window_seconds, zone, late_seconds: None, bulk_seconds: None })
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
    for reading in 1..=READINGS_MAX {
        if let Some(pages) = read_once(client, window).await? {
            return Ok(RawWindow { window, pages });
        }
        tokio::time::sleep(READING_PAUSE * u32::try_from(reading).unwrap_or(1)).await;
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
            &[
                ("startdate", &from),
                ("enddate", &until),
                ("oldformat", "true"),
                ("page", &page),
                ("pagesize", &rows_max),
            ],
        );
        let request = super::sign::query(&parameters);
        let body = client.call(parameters).await?;
        let (_, inner) =
            json::envelope(&body).map_err(|detail| client.malformed("listUsageRecords", detail))?;
        let rows = json::rows(&inner).len();
        let count = match json::count(&inner) {
            Some(count) => count,
            // No match at all is `{}`; anything else without a count tells nothing about usage.
            None if inner.as_object().is_some_and(serde_json::Map::is_empty) => 0,
            None => return Err(client.malformed("listUsageRecords", "no count".to_owned())),
        };
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
    let stated = json::count(&inner).is_some() || inner.as_object().is_some_and(|i| i.is_empty());
    if rows.is_empty() && !stated {
        let detail = "neither records nor their count".to_owned();
        let (source_name, request) = (source.0.clone(), page.request.clone());
        return Err(OrchestratorError::Malformed { source_name, request, detail });
    }
    Ok(rows.iter().enumerate().map(|(index, row)| parse_row(source, index, row)).collect())
}

fn parse_row(source: &SourceName, index: usize, row: &Value) -> ParsedRecord {
    let number = json::text_in(row, "usagetype").and_then(|text| text.parse::<i64>().ok());
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
    let disguise = number.filter(|number| stored_mark(*number).is_some()).map(|number| {
        hash_of(&[&fields_hash(row, Some(number), &DISGUISE), &mark_of(row, number)])
    });
    plain_record(ParsedRecord { index, additive, disguise, outcome })
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
    let text = json::text_in(row, "rawusage").ok_or("rawusage is missing")?;
    // Some locales write a decimal comma.
    let number: Exact = text
        .trim()
        .replace(',', ".")
        .parse()
        .map_err(|_| format!("rawusage: {text:?} is no number"))?;
    if number.is_negative() {
        return Err(format!("rawusage: {text:?} is less than nothing"));
    }
    Ok(number)
}

fn span_of(row: &Value) -> Result<Span, String> {
    let field = |name: &str| {
        let text = json::text_in(row, name).ok_or_else(|| format!("{name} is missing"))?;
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
    let numbered = |what: &str, mark: &str| {
        field("usageid").or_else(|| Some(format!("{what}:{}", number_after(row, mark)?)))
    };
    let found = match number {
        13 => field("virtualmachineid"),
        // The id is lost when the user is deleted, the number never.
        14 => number_after(row, ", Id:")
            .map(|id| format!("vpn_user:{id}"))
            .or_else(|| field("usageid")),
        26 => numbered("volume_secondary", "Volume Id:").or_else(|| field("description")),
        28 => field("virtualmachineid").or_else(|| field("usageid")),
        30 => numbered("network", "network ID:").or_else(|| field("description")),
        31 => numbered("vpc", "VPC ID:").or_else(|| field("description")),
        unknown if type_of(unknown).is_none() => field("usageid").or_else(|| field("description")),
        _ => field("usageid"),
    };
    found.unwrap_or_else(String::new)
}

fn description(row: &Value) -> Cow<'_, str> {
    json::text_in(row, "description").unwrap_or(Cow::Borrowed(""))
}

/// The internal number that a description gives after a mark.
fn number_after(row: &Value, mark: &str) -> Option<String> {
    let text = description(row);
    let (_, rest) = text.split_once(mark)?;
    let digits: String = rest.trim_start().chars().take_while(char::is_ascii_digit).collect();
    Some(digits).filter(|digits| !digits.is_empty())
}

/// Where the stored description has the internal number of a resource whose records may lose the
/// id later: a volume that moves to another pool, a VPN user or rule whose row is deleted for good.
fn stored_mark(number: i64) -> Option<&'static str> {
    Some(match number {
        6 => "Volume Id:",
        7 => "Template Id:",
        8 => "ISO Id:",
        9 => "Snapshot Id:",
        10 => "Security Group:",
        11 => "Load Balancing Policy:",
        12 => "Port Forwarding Rule:",
        14 => ", Id:",
        21..=24 => "and Volume:",
        _ => return None,
    })
}

/// What still names a resource when its record has lost the id: the internal number of the stored
/// description, else the volume's name of the other format.
fn mark_of(row: &Value, number: i64) -> String {
    if let Some(id) = stored_mark(number).and_then(|mark| number_after(row, mark)) {
        return id;
    }
    let shown = match number {
        6 => "Volume usage for ",
        21..=24 => " and volume ",
        _ => return String::new(),
    };
    let text = description(row);
    let id = json::text(row, "usageid").unwrap_or_else(|| "null".to_owned());
    let rest = text.split_once(shown).map_or("", |(_, rest)| rest);
    rest.split_once(&format!(" ({id})")).map_or("", |(name, _)| name).to_owned()
}

/// The backup offering, which stands in the text only: its name and id.
fn backup_offering(row: &Value) -> Option<(String, String)> {
    let text = description(row);
    let (_, rest) = text.split_once(" and backup offering ")?;
    let (rest, _) = rest.split_once(", user ad-hoc")?;
    let (name, id) = rest.rsplit_once(" (")?;
    Some((name.to_owned(), id.to_owned()))
}

/// Hexadecimal digits of an identity.
const IDENTITY_DIGITS: usize = 32;

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

/// What a record still has when it has lost the resource's id.
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
    // What tells apart and has no field of its own.
    let hidden = match number {
        6..=12 | 21..=24 if json::text(row, "usageid").is_none() => Some(mark_of(row, number)),
        25 => number_after(row, "Volume Id:"),
        28 => backup_offering(row).map(|(_, id)| id),
        30 => number_after(row, "network offering:"),
        unknown if type_of(unknown).is_none() => Some(description(row).into_owned()),
        _ => None,
    };
    let mut parts = vec![fields_hash(row, Some(number), &IDENTITY)];
    parts.extend(hidden);
    let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
    hash_of(&parts).chars().take(IDENTITY_DIGITS).collect()
}

fn hash_of(parts: &[&str]) -> String {
    hex::encode(Sha256::digest(parts.join("|")))
}

fn fields_hash(row: &Value, number: Option<i64>, fields: &[&str]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(number.unwrap_or(0).to_be_bytes());
    for field in fields {
        hasher.update(json::text_in(row, field).as_deref().unwrap_or(""));
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
    special_attributes(row, number, &mut attributes);
    if !attributes.contains_key(attribute::NAME)
        && let Some(name) = name_in(row, number)
    {
        attributes.insert(attribute::NAME.to_owned(), name);
    }
    attributes
}

/// What some types say in another way than all others.
fn special_attributes(row: &Value, number: i64, attributes: &mut Attributes) {
    match number {
        // The offering is an internal number here, which no price can name.
        25 => {
            attributes.remove(attribute::OFFERING);
        }
        28 => {
            // The field holds the hypervisor's name of the machine.
            attributes.remove(attribute::NAME);
            if let Some((name, id)) = backup_offering(row) {
                attributes.insert(attribute::OFFERING.to_owned(), id);
                attributes.insert(attribute::OFFERING_NAME.to_owned(), name);
            }
        }
        // Always the zone that was made first, wherever the bucket lies.
        29 => {
            attributes.remove(attribute::ZONE);
        }
        _ => {}
    }
    // What has no fields of its own keeps its words.
    if matches!(number, 26 | 28 | 30 | 31) || type_of(number).is_none() {
        let text = description(row);
        if !text.is_empty() {
            attributes.insert(attribute::DESCRIPTION.to_owned(), text.into_owned());
        }
    }
}

/// The name that a description gives where no field does.
fn name_in(row: &Value, number: i64) -> Option<String> {
    let text = json::text_in(row, "description")?;
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
        14 => Some(text.strip_prefix("VPN User: ")?.split_once(", Id:")?.0.to_owned()),
        28 => named("Backup usage for VM "),
        _ => None,
    }
}
