//! One request to `/client/api`: parameters, caller, permission, command, envelope.

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};

use super::session::{self, Caller, LoginAnswer};
use super::shape::{Object, Refusal, array, xml};
use super::usage_list;
use super::{Cloud, Settings, catalog_lists, commands, lock, people_lists, resource_lists};
use crate::demo::http::{Request, Response, pairs};

/// The parameters of a call; the query wins over the body.
#[derive(Clone, Debug, Default)]
pub struct Parameters(Vec<(String, String)>);

impl Parameters {
    fn of(request: &Request) -> Self {
        let mut held = pairs(&request.query);
        for (name, value) in pairs(&request.body) {
            if !held.iter().any(|(other, _)| *other == name) {
                held.push((name, value));
            }
        }
        Self(held)
    }

    /// As they came, for signing.
    pub fn pairs(&self) -> &[(String, String)] {
        &self.0
    }

    /// A value by name; `command` and `response` are lower case, the others of any case.
    pub fn get(&self, name: &str) -> Option<&str> {
        let exact = name == "command" || name == "response";
        let found = self
            .0
            .iter()
            .find(|(key, _)| if exact { key == name } else { key.eq_ignore_ascii_case(name) });
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    pub fn get_any_case(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }

    pub fn flag(&self, name: &str) -> bool {
        self.get(name).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }
}

/// What a command sees.
pub struct Call<'c> {
    pub cloud: &'c Cloud,
    pub settings: Settings,
    pub parameters: &'c Parameters,
    pub caller: Caller,
    pub now: i64,
    /// Lower-case name of the command, as error texts show it.
    pub command: String,
}

impl Call<'_> {
    pub fn date(&self, at: i64) -> String {
        // Listings print plain dates in every version.
        super::Forms { quoted_dates: false, ..self.settings.forms.clone() }.date(at)
    }

    /// Cuts a page out of all matches and wraps it up.
    pub fn list<T>(
        &self,
        name: &str,
        matches: Vec<T>,
        row: impl Fn(&T) -> String,
    ) -> Result<String, Refusal> {
        let page = self.page()?;
        if matches.is_empty() {
            return Ok("{}".to_owned());
        }
        let count = Object::new().number("count", matches.len());
        let rows: Vec<_> = matches.iter().skip(page.0).take(page.1).map(row).collect();
        if rows.is_empty() {
            return Ok(count.done());
        }
        Ok(count.raw(name, &array(&rows)).done())
    }

    /// First row and number of rows.
    fn page(&self) -> Result<(usize, usize), Refusal> {
        let most = self.settings.page_size_max;
        let number = |name: &str| match self.parameters.get(name) {
            Some(text) => text.parse::<i64>().map(Some).map_err(|_| self.invalid(name, text)),
            None => Ok(None),
        };
        match (number("page")?, number("pagesize")?) {
            (None, None) => Ok((0, most)),
            (Some(_), None) => Err(Refusal::parameter(
                "\"pagesize\" parameter is required when \"page\" is specified",
            )),
            (None, Some(_)) => Err(Refusal::parameter(
                "\"page\" parameter is required when \"pagesize\" is specified",
            )),
            (Some(_), Some(-1)) => {
                Err(Refusal::value("Can't specify page parameter when pagesize is -1 (Unlimited)"))
            }
            (Some(page), Some(size)) => {
                let size = usize::try_from(size).unwrap_or(0);
                if size > most {
                    return Err(Refusal::value(format!(
                        "Page size can't exceed max allowed page size value: {most}"
                    )));
                }
                let page = usize::try_from(page - 1).unwrap_or(0);
                Ok((page.saturating_mul(size), size))
            }
        }
    }

    pub fn required(&self, name: &str) -> Result<&str, Refusal> {
        self.parameters.get(name).ok_or_else(|| {
            Refusal::parameter(format!(
                "Unable to execute API command {} due to missing parameter {name}",
                self.command
            ))
        })
    }

    pub fn invalid(&self, name: &str, value: &str) -> Refusal {
        Refusal::parameter(format!(
            "Unable to execute API command {} due to invalid value {value} for parameter {name}",
            self.command
        ))
    }

    /// The refusal of an id that names nothing.
    pub fn unknown_id(&self, name: &str, value: &str) -> Refusal {
        Refusal::parameter(format!(
            "Unable to execute API command {} due to invalid value. Invalid parameter {name} \
             value={value} due to incorrect long value format, or entity does not exist or due \
             to incorrect parameter annotation for the field in api cmd class.",
            self.command
        ))
    }

    fn check_lengths(&self) -> Result<(), Refusal> {
        const LENGTH_MAX: usize = 255;
        let long = self.parameters.pairs().iter().find(|(name, value)| {
            value.chars().count() > LENGTH_MAX && !name.eq_ignore_ascii_case("apikey")
        });
        match long {
            Some((name, _)) => Err(Refusal::parameter(format!(
                "Unable to execute API command {} due to invalid value. Value greater than max \
                 allowed length 255 for param: {name}",
                self.command
            ))),
            None => Ok(()),
        }
    }
}

/// Answers one request.
pub fn answer(cloud: &Cloud, request: &Request) -> Response {
    let parameters = Parameters::of(request);
    let command = parameters.get("command").map(str::to_owned);
    let name = command.as_deref().unwrap_or("");
    lock(&cloud.control).calls.push(name.to_owned());
    let envelope = match name {
        "" => "null".to_owned(),
        name => format!("{}response", name.to_lowercase()),
    };
    let json = parameters.get("response").is_some_and(|form| form.eq_ignore_ascii_case("json"));
    let mut answer = match name {
        "login" => login(cloud, request, &parameters),
        "logout" => session::logout(cloud, request),
        _ => LoginAnswer { outcome: run(cloud, request, &parameters), cookies: Vec::new() },
    };
    let mut response = finish(&answer.outcome, &envelope);
    if name == "login" && parameters.get("username").is_none() && answer.outcome.is_err() {
        response.body = b"null".to_vec();
    }
    if !json && response.status != 405 {
        let text = String::from_utf8_lossy(&response.body).into_owned();
        response.body = xml(&text).into_bytes();
        response.content_type = "text/xml;charset=utf-8".to_owned();
    }
    for cookie in answer.cookies.drain(..) {
        response.headers.push(("Set-Cookie".to_owned(), cookie));
    }
    response.headers.push(("X-Content-Type-Options".to_owned(), "nosniff".to_owned()));
    response.headers.push(("X-XSS-Protection".to_owned(), "1;mode=block".to_owned()));
    response
}

fn login(cloud: &Cloud, request: &Request, parameters: &Parameters) -> LoginAnswer {
    if request.method != "POST" {
        let text = "Please use HTTP POST to authenticate using this API";
        let cookie = format!("JSESSIONID={}; Path=/client", lock(&cloud.sessions).new_id());
        return LoginAnswer { outcome: Err(Refusal::servlet(405, text)), cookies: vec![cookie] };
    }
    session::login(cloud, parameters)
}

fn finish(outcome: &Result<String, Refusal>, envelope: &str) -> Response {
    let content_type = "application/json;charset=utf-8".to_owned();
    match outcome {
        Ok(body) => {
            Response { status: 200, content_type, headers: Vec::new(), body: body.clone().into() }
        }
        Err(refusal) => {
            let mut headers = Vec::new();
            if refusal.inner_code.is_some() {
                let text = refusal.text.replace(['\r', '\n'], " ");
                headers.push(("X-Description".to_owned(), text));
            }
            let body =
                if refusal.code == 405 { refusal.text.clone() } else { refusal.body(envelope) };
            Response { status: refusal.code, content_type, headers, body: body.into() }
        }
    }
}

fn run(cloud: &Cloud, request: &Request, parameters: &Parameters) -> Result<String, Refusal> {
    let caller = session::identify(cloud, request, parameters)?;
    let name = parameters.get("command").unwrap_or("");
    let now = cloud.now();
    let Some(command) = commands::find(name) else {
        if caller.by_session {
            return Err(commands::forbidden(&cloud.world, &caller, name, now));
        }
        return Err(Refusal { anonymous: true, ..Refusal::credentials() });
    };
    if !commands::allowed(&cloud.world, &caller, command) {
        return Err(commands::forbidden(&cloud.world, &caller, name, now));
    }
    let call = Call {
        cloud,
        settings: cloud.settings(),
        parameters,
        caller,
        now,
        command: name.to_lowercase(),
    };
    call.check_lengths()?;
    let inner = match name {
        "validateUserTwoFactorAuthenticationCode" => {
            session::second_factor(cloud, request, parameters)?
        }
        "listUsageRecords" => usage_list::records(&call)?,
        "listUsageTypes" => usage_list::types(&call)?,
        "listUsageServerMetrics" => usage_list::metrics(&call),
        name => {
            let found = people_lists::run(&call, name)
                .or_else(|| catalog_lists::run(&call, name))
                .or_else(|| resource_lists::run(&call, name));
            found.unwrap_or_else(|| Err(Refusal::new(530, 9999, "not simulated")))?
        }
    };
    Ok(Object::new().raw(&format!("{}response", call.command), &inner).done())
}

/// Reads a date in any of the server's forms; `end` fills a bare day's missing time.
pub fn parse_date(text: &str, end: i64) -> Option<i64> {
    let text = text.trim();
    if let Ok(instant) = text.parse::<Timestamp>() {
        return Some(instant.as_second());
    }
    for form in ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S%z"] {
        if let Ok(instant) = Timestamp::strptime(form, text) {
            return Some(instant.as_second());
        }
    }
    let utc = TimeZone::fixed(Offset::UTC);
    for form in ["%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S"] {
        if let Ok(local) = DateTime::strptime(form, text) {
            return Some(local.to_zoned(utc).ok()?.timestamp().as_second());
        }
    }
    let day = Date::strptime("%Y-%m-%d", text).ok()?;
    Some(day.to_zoned(utc).ok()?.timestamp().as_second() + end)
}
