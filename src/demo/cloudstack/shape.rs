//! How answers are written: JSON objects in the real server's field order, dates, hours, errors.

use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};

/// A JSON object under construction; fields keep their order, absent ones are left out.
#[derive(Debug, Default)]
pub struct Object(String);

impl Object {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn text(mut self, key: &str, value: &str) -> Self {
        self.key(key);
        quote(&mut self.0, value);
        self
    }

    pub fn maybe(self, key: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(key, value),
            None => self,
        }
    }

    pub fn number(self, key: &str, value: impl std::fmt::Display) -> Self {
        self.raw(key, &value.to_string())
    }

    pub fn flag(self, key: &str, value: bool) -> Self {
        self.raw(key, if value { "true" } else { "false" })
    }

    /// A value that is JSON already.
    pub fn raw(mut self, key: &str, value: &str) -> Self {
        self.key(key);
        self.0.push_str(value);
        self
    }

    /// Text that is itself JSON: the real server writes escapes here that JSON does not know.
    pub fn nested_json(mut self, key: &str, value: &str) -> Self {
        self.key(key);
        quote_badly(&mut self.0, value);
        self
    }

    /// The fields of another object behind this one's.
    pub fn and(mut self, other: Object) -> Self {
        if !other.0.is_empty() {
            if !self.0.is_empty() {
                self.0.push(',');
            }
            self.0.push_str(&other.0);
        }
        self
    }

    pub fn done(self) -> String {
        format!("{{{}}}", self.0)
    }

    fn key(&mut self, key: &str) {
        if !self.0.is_empty() {
            self.0.push(',');
        }
        quote(&mut self.0, key);
        self.0.push(':');
    }
}

/// A JSON array of finished values.
pub fn array(values: &[String]) -> String {
    format!("[{}]", values.join(","))
}

fn quote(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            control if u32::from(control) < 0x20 => {
                out.push_str(&format!("\\u{:04x}", u32::from(control)));
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

fn quote_badly(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '&' | '<' | '>' | '=' | '\'' => {
                out.push('\\');
                out.push(character);
            }
            other if !other.is_ascii() => {
                out.push('\\');
                out.push(other);
            }
            other => out.push(other),
        }
    }
    out.push('"');
}

/// Which form dates and numbers take: both are settings of the server's machine or version.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forms {
    /// `2025-05-11'T'00:59:59+00:00`, as versions up to 4.20 print usage dates.
    pub quoted_dates: bool,
    /// `23,96` in place of `23.96`.
    pub decimal_comma: bool,
    /// Offset of the server's zone in minutes, used in printed dates.
    pub offset_minutes: i32,
}

impl Forms {
    /// An instant as usage records and listings print it.
    pub fn date(&self, at: i64) -> String {
        let offset = Offset::from_seconds(self.offset_minutes * 60).unwrap_or(Offset::UTC);
        let Ok(instant) = Timestamp::from_second(at) else { return String::new() };
        let local = instant.to_zoned(TimeZone::fixed(offset));
        if self.quoted_dates {
            local.strftime("%Y-%m-%d'T'%H:%M:%S%:z").to_string()
        } else {
            local.strftime("%Y-%m-%dT%H:%M:%S%z").to_string()
        }
    }

    /// Milliseconds as hours, through the 24 binary digits of the server's arithmetic.
    pub fn hours(&self, millis: i64) -> String {
        let text = six_decimals(single_precision(millis));
        if self.decimal_comma { text.replace('.', ",") } else { text }
    }
}

/// Hours in millionths, rounded first to 24 binary digits as a 32-bit float holds them.
fn single_precision(millis: i64) -> u128 {
    const MILLIS_PER_HOUR: u128 = 3_600_000;
    let millis = u128::from(millis.unsigned_abs());
    if millis == 0 {
        return 0;
    }
    let mut scale: u32 = 0;
    while (millis << scale) / MILLIS_PER_HOUR < (1 << 23) {
        scale += 1;
    }
    let digits = ((millis << scale) + MILLIS_PER_HOUR / 2) / MILLIS_PER_HOUR;
    ((digits * 1_000_000) + (1 << scale) / 2) >> scale
}

fn six_decimals(millionths: u128) -> String {
    let whole = millionths / 1_000_000;
    let part = format!("{:06}", millionths % 1_000_000);
    let part = part.trim_end_matches('0');
    if part.is_empty() { whole.to_string() } else { format!("{whole}.{part}") }
}

/// A size for people, as descriptions show it: `(2.00 GB) 2147483648`.
pub fn human_size(bytes: u64) -> String {
    const UNITS: [(&str, u32); 4] = [("TB", 40), ("GB", 30), ("MB", 20), ("KB", 10)];
    for (unit, shift) in UNITS {
        if bytes >> shift > 0 {
            let hundredths = (u128::from(bytes) * 100 + (1 << shift) / 2) >> shift;
            return format!("({}.{:02} {unit}) {bytes}", hundredths / 100, hundredths % 100);
        }
    }
    format!("({bytes} bytes) {bytes}")
}

/// An answer other than the wanted one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// HTTP status and `errorcode`.
    pub code: u16,
    /// The servlet's own 401 carries none, and no `X-Description` either.
    pub inner_code: Option<u16>,
    pub text: String,
    /// Unknown and forbidden commands answer under `errorresponse`.
    pub anonymous: bool,
    /// The text is written with escapes that JSON does not know.
    pub bad_escapes: bool,
}

impl Refusal {
    pub fn new(code: u16, inner_code: u16, text: impl Into<String>) -> Self {
        Self {
            code,
            inner_code: Some(inner_code),
            text: text.into(),
            anonymous: false,
            bad_escapes: false,
        }
    }

    /// A parameter is missing or wrong.
    pub fn parameter(text: impl Into<String>) -> Self {
        Self::new(431, 9999, text)
    }

    /// A value the command itself refuses.
    pub fn value(text: impl Into<String>) -> Self {
        Self::new(431, 4350, text)
    }

    /// The caller may not touch this.
    pub fn permission(text: impl Into<String>) -> Self {
        Self::new(531, 4365, text)
    }

    /// The servlet's refusal of a bad signature, key or session.
    pub fn credentials() -> Self {
        Self::servlet(401, "unable to verify user credentials and/or request signature")
    }

    pub fn servlet(code: u16, text: impl Into<String>) -> Self {
        Self { inner_code: None, ..Self::new(code, 0, text) }
    }

    /// The body, under the command's own envelope where it has one.
    pub fn body(&self, envelope: &str) -> String {
        let mut inner = Object::new().raw("uuidList", "[]").number("errorcode", self.code);
        if let Some(code) = self.inner_code {
            inner = inner.number("cserrorcode", code);
        }
        let inner = if self.bad_escapes {
            inner.nested_json("errortext", &self.text)
        } else {
            inner.text("errortext", &self.text)
        };
        let key = if self.anonymous { "errorresponse" } else { envelope };
        Object::new().raw(key, &inner.done()).done()
    }
}

/// A JSON answer as XML, which the server speaks when `response=json` is not asked for.
pub fn xml(json: &str) -> String {
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>".to_owned();
    if let Ok(serde_json::Value::Object(envelope)) = serde_json::from_str(json) {
        for (name, value) in envelope {
            element(&mut out, &name, &value);
        }
    }
    out
}

fn element(out: &mut String, name: &str, value: &serde_json::Value) {
    match value {
        serde_json::Value::Array(values) => {
            for value in values {
                element(out, name, value);
            }
        }
        serde_json::Value::Object(fields) => {
            out.push_str(&format!("<{name}>"));
            for (name, value) in fields {
                element(out, name, value);
            }
            out.push_str(&format!("</{name}>"));
        }
        serde_json::Value::String(text) => {
            let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
            out.push_str(&format!("<{name}>{text}</{name}>"));
        }
        other => out.push_str(&format!("<{name}>{other}</{name}>")),
    }
}
