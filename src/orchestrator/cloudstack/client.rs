//! Calls of the API: signed, bounded in time and size, repeated where that may help.

use std::time::Duration;

use backon::{ExponentialBuilder, Retryable};
use reqwest::StatusCode;
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;

use super::sign::{self, Parameters};
use super::{date, json};
use crate::config::SourceConfig;
use crate::ids::SourceName;
use crate::orchestrator::{Answer, OrchestratorError};

/// Rows of a page; the server refuses more than its `default.page.size`, 500 as delivered.
pub const PAGE_ROWS: usize = 500;
/// Bytes of an answer.
const BODY_BYTES_MAX: usize = 64 * 1024 * 1024;
/// Tries of a call that reads.
const TRIES_MAX: usize = 4;
const WAIT_MIN: Duration = Duration::from_millis(300);
const WAIT_MAX: Duration = Duration::from_secs(20);
/// Seconds by which the clocks may differ before a refused signature is laid to them.
const SKEW_SECONDS_MAX: i64 = 300;
/// Pages of one list.
const PAGES_MAX: usize = 2_000;

/// A management server and the key it is called with.
pub struct Client {
    pub source: SourceName,
    endpoint: String,
    key: String,
    secret: SecretString,
    http: reqwest::Client,
    timeout: Duration,
}

/// A page of a list.
pub struct Page {
    /// The call, without credentials.
    pub request: String,
    pub body: Vec<u8>,
    /// The object inside the envelope.
    pub inner: Value,
}

/// An answer with its headers' cookies.
pub struct Raw {
    pub body: Vec<u8>,
    pub cookies: Vec<(String, String)>,
}

impl Client {
    /// Builds the client; calls nobody.
    pub fn new(config: &SourceConfig) -> anyhow::Result<Self> {
        let timeout = Duration::from_secs(config.timeout_seconds.max(1));
        let http = reqwest::Client::builder()
            .timeout(timeout)
            .connect_timeout(timeout.min(Duration::from_secs(10)))
            .redirect(reqwest::redirect::Policy::none())
            .build()?;
        Ok(Self {
            source: SourceName(config.name.clone()),
            endpoint: config.endpoint.trim_end_matches('/').to_owned(),
            key: config.key()?,
            secret: config.secret()?,
            http,
            timeout,
        })
    }

    /// A signed call that reads; repeated after time-outs, 429, 503 and broken answers.
    pub async fn call(&self, parameters: Parameters) -> Answer<Vec<u8>> {
        let name = command_of(&parameters);
        let attempt = || async {
            let query =
                sign::signed_query(parameters.clone(), &self.key, self.secret.expose_secret());
            let raw = self.get(&name, &query, None).await?;
            // A cut or foreign body is found here, so that it is asked for again.
            let (_, inner) =
                json::envelope(&raw.body).map_err(|detail| self.malformed(&name, detail))?;
            if json::text(&inner, "errorcode").is_some() {
                let detail = "a refusal in the place of an answer".to_owned();
                return Err(self.malformed(&name, detail));
            }
            Ok(raw.body)
        };
        let policy = ExponentialBuilder::default()
            .with_min_delay(WAIT_MIN)
            .with_max_delay(WAIT_MAX)
            .with_max_times(TRIES_MAX - 1)
            .with_jitter();
        attempt
            .retry(policy)
            .when(OrchestratorError::is_retryable)
            .adjust(|error, wait| match (error, wait) {
                (OrchestratorError::Throttled { after: Some(after), .. }, Some(wait)) => {
                    Some((*after).min(WAIT_MAX).max(wait))
                }
                (_, wait) => wait,
            })
            .await
    }

    /// All rows of a list, page by page.
    pub async fn list(&self, parameters: Parameters) -> Answer<Vec<Value>> {
        let mut rows = Vec::new();
        for page in self.pages(parameters).await? {
            rows.extend_from_slice(json::rows(&page.inner));
        }
        Ok(rows)
    }

    /// All pages of a list, as they came.
    pub async fn pages(&self, parameters: Parameters) -> Answer<Vec<Page>> {
        let name = command_of(&parameters);
        let mut pages = Vec::new();
        for page in 1..=PAGES_MAX {
            let mut paged = parameters.clone();
            paged.push(("page".to_owned(), page.to_string()));
            paged.push(("pagesize".to_owned(), PAGE_ROWS.to_string()));
            let request = sign::query(&paged);
            let body = self.call(paged).await?;
            let (_, inner) =
                json::envelope(&body).map_err(|detail| self.malformed(&name, detail))?;
            let short = json::rows(&inner).len() < PAGE_ROWS;
            pages.push(Page { request, body, inner });
            if short {
                return Ok(pages);
            }
        }
        Err(self.malformed(&name, format!("more than {PAGES_MAX} pages")))
    }

    /// A call by GET with a ready query, and cookies where a session is checked.
    pub async fn get(&self, name: &str, query: &str, cookies: Option<&str>) -> Answer<Raw> {
        let mut request = self.http.get(format!("{}?{query}", self.endpoint));
        if let Some(cookies) = cookies {
            request = request.header("Cookie", cookies);
        }
        self.send(name, request).await
    }

    /// A call by POST, whose parameters never stand in a URL.
    pub async fn post(
        &self,
        name: &str,
        parameters: &Parameters,
        cookies: Option<&str>,
    ) -> Answer<Raw> {
        let mut request = self
            .http
            .post(&self.endpoint)
            .header("Content-Type", "application/x-www-form-urlencoded")
            .body(sign::query(parameters));
        if let Some(cookies) = cookies {
            request = request.header("Cookie", cookies);
        }
        self.send(name, request).await
    }

    async fn send(&self, name: &str, request: reqwest::RequestBuilder) -> Answer<Raw> {
        let mut response = request.send().await.map_err(|error| self.unreached(name, &error))?;
        let status = response.status();
        let after = header(&response, "retry-after").and_then(|text| text.parse().ok());
        let skew = header(&response, "date").as_deref().and_then(skew_seconds);
        let cookies = cookies_of(&response);
        let mut body = Vec::new();
        while let Some(chunk) =
            response.chunk().await.map_err(|error| self.unreached(name, &error))?
        {
            body.extend_from_slice(&chunk);
            if body.len() > BODY_BYTES_MAX {
                let detail = format!("more than {BODY_BYTES_MAX} bytes");
                return Err(self.malformed(name, detail));
            }
        }
        if status.is_success() {
            return Ok(Raw { body, cookies });
        }
        Err(self.refusal(name, status, &body, Clues { after, skew }))
    }

    fn unreached(&self, name: &str, error: &reqwest::Error) -> OrchestratorError {
        let source_name = self.source.0.clone();
        let request = name.to_owned();
        if error.is_timeout() {
            let seconds = self.timeout.as_secs();
            return OrchestratorError::Timeout { source_name, request, seconds };
        }
        // The URL holds a signature: it never stands in an error.
        let kind = if error.is_connect() {
            "connecting failed"
        } else if error.is_body() || error.is_decode() {
            "the answer was cut"
        } else {
            "sending failed"
        };
        OrchestratorError::Unreachable { source_name, request, detail: kind.to_owned() }
    }

    /// An answer that is none.
    pub fn malformed(&self, name: &str, detail: String) -> OrchestratorError {
        let request = name.to_owned();
        OrchestratorError::Malformed { source_name: self.source.0.clone(), request, detail }
    }

    fn refusal(
        &self,
        name: &str,
        status: StatusCode,
        body: &[u8],
        clues: Clues,
    ) -> OrchestratorError {
        let source_name = self.source.0.clone();
        let request = name.to_owned();
        let detail = error_text(body);
        match status.as_u16() {
            401 => match clues.skew {
                Some(seconds) if seconds.abs() > SKEW_SECONDS_MAX => {
                    OrchestratorError::ClockSkew { source_name, seconds }
                }
                Some(_) => OrchestratorError::Unauthenticated { source_name, request, detail },
                // The server itself sends no date: the clocks can only be suspected.
                None => {
                    let detail = format!("{detail} (key, secret, or clocks that differ)");
                    OrchestratorError::Unauthenticated { source_name, request, detail }
                }
            },
            429 => {
                let after = clues.after.map(Duration::from_secs);
                OrchestratorError::Throttled { source_name, request, status: 429, after }
            }
            432 => OrchestratorError::Forbidden { source_name, request },
            status @ (500 | 502 | 503 | 504) => {
                OrchestratorError::Unavailable { source_name, request, status }
            }
            status => {
                let detail = format!("{status}: {detail}");
                OrchestratorError::Refused { source_name, request, detail }
            }
        }
    }
}

struct Clues {
    after: Option<u64>,
    skew: Option<i64>,
}

fn command_of(parameters: &Parameters) -> String {
    let command = parameters.iter().find(|(name, _)| name == "command");
    command.map_or_else(String::new, |(_, value)| value.clone())
}

/// Parameters of a command.
pub fn command(name: &str, parameters: &[(&str, &str)]) -> Parameters {
    let mut all = vec![("command".to_owned(), name.to_owned())];
    all.extend(parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
    all
}

fn header(response: &reqwest::Response, name: &str) -> Option<String> {
    Some(response.headers().get(name)?.to_str().ok()?.to_owned())
}

fn cookies_of(response: &reqwest::Response) -> Vec<(String, String)> {
    let all = response.headers().get_all("set-cookie").iter();
    all.filter_map(|value| {
        let pair = value.to_str().ok()?.split(';').next()?;
        let (name, value) = pair.split_once('=')?;
        Some((name.trim().to_owned(), value.trim().trim_matches('"').to_owned()))
    })
    .collect()
}

/// How far the server's clock is from the machine's.
fn skew_seconds(date: &str) -> Option<i64> {
    let theirs = jiff::fmt::rfc2822::parse(date).ok()?.timestamp().as_second();
    Some(theirs - jiff::Timestamp::now().as_second())
}

/// The server's own words about a refusal, without what callers sent.
fn error_text(body: &[u8]) -> String {
    match json::envelope(body) {
        Ok((_, inner)) => json::text(&inner, "errortext").unwrap_or_else(|| "no reason".to_owned()),
        Err(_) => "no reason that could be read".to_owned(),
    }
}

/// An instant of a row's field.
pub fn instant(row: &Value, field: &str) -> Option<i64> {
    date::instant(&json::text(row, field)?)
}
