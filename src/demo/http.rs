//! The little of HTTP/1.1 that the simulated servers speak: whole bodies, keep-alive.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const HEAD_MAX: usize = 16 * 1024;
const BODY_MAX: usize = 1024 * 1024;

/// A request as it came.
#[derive(Debug, Default)]
pub struct Request {
    pub method: String,
    pub path: String,
    pub query: String,
    pub body: String,
    pub cookies: Vec<(String, String)>,
    /// Names in small letters.
    pub headers: Vec<(String, String)>,
    pub keep_alive: bool,
}

/// An answer; the reason is what the real server writes behind the status.
#[derive(Debug, Default)]
pub struct Response {
    pub status: u16,
    pub content_type: String,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Request {
    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.cookies.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The value of a header; its name in small letters.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Reads one request; `None` when the peer is done or speaks something else.
pub async fn read(stream: &mut TcpStream, left: &mut Vec<u8>) -> Option<Request> {
    let end = loop {
        if let Some(end) = left.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        if left.len() > HEAD_MAX || !more(stream, left).await {
            return None;
        }
    };
    let head = String::from_utf8_lossy(&left[..end]).into_owned();
    left.drain(..end + 4);
    let (mut request, length) = parse_head(&head)?;
    if length > BODY_MAX {
        return None;
    }
    while left.len() < length {
        if !more(stream, left).await {
            return None;
        }
    }
    request.body = String::from_utf8_lossy(&left[..length]).into_owned();
    left.drain(..length);
    Some(request)
}

async fn more(stream: &mut TcpStream, left: &mut Vec<u8>) -> bool {
    matches!(stream.read_buf(left).await, Ok(read) if read > 0)
}

fn parse_head(head: &str) -> Option<(Request, usize)> {
    let mut lines = head.split("\r\n");
    let mut first = lines.next()?.split(' ');
    let method = first.next()?.to_owned();
    let target = first.next()?;
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut request = Request {
        method,
        path: path.to_owned(),
        query: query.to_owned(),
        keep_alive: true,
        ..Request::default()
    };
    let mut length = 0;
    for line in lines {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        let name = name.to_ascii_lowercase();
        match name.as_str() {
            "content-length" => length = value.parse().ok()?,
            "connection" => request.keep_alive = !value.eq_ignore_ascii_case("close"),
            "cookie" => request.cookies.extend(cookies(value)),
            _ => {}
        }
        request.headers.push((name, value.to_owned()));
    }
    Some((request, length))
}

fn cookies(value: &str) -> Vec<(String, String)> {
    let pairs = value.split(';').filter_map(|pair| pair.trim().split_once('='));
    pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Writes an answer; `cut` ends the connection in the middle of the body.
pub async fn write(stream: &mut TcpStream, response: &Response, cut: bool) -> bool {
    let mut head = format!("HTTP/1.1 {} {}\r\n", response.status, reason(response.status));
    head.push_str(&format!("Content-Type: {}\r\n", response.content_type));
    for (name, value) in &response.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str(&format!("Content-Length: {}\r\n\r\n", response.body.len()));
    let sent = if cut { response.body.len() / 2 } else { response.body.len() };
    let mut bytes = head.into_bytes();
    bytes.extend_from_slice(&response.body[..sent]);
    stream.write_all(&bytes).await.is_ok() && stream.flush().await.is_ok() && !cut
}

fn reason(status: u16) -> String {
    match status {
        200 => "OK".to_owned(),
        201 => "Created".to_owned(),
        202 => "Accepted".to_owned(),
        204 => "No Content".to_owned(),
        300 => "Multiple Choices".to_owned(),
        400 => "Bad Request".to_owned(),
        401 => "Unauthorized".to_owned(),
        403 => "Forbidden".to_owned(),
        404 => "Not Found".to_owned(),
        405 => "Method Not Allowed".to_owned(),
        406 => "Not Acceptable".to_owned(),
        409 => "Conflict".to_owned(),
        429 => "Too Many Requests".to_owned(),
        431 => "Request Header Fields Too Large".to_owned(),
        503 => "Service Unavailable".to_owned(),
        511 => "Network Authentication Required".to_owned(),
        other => other.to_string(),
    }
}

/// The pairs of a form or query, decoded.
pub fn pairs(text: &str) -> Vec<(String, String)> {
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let source = text.as_bytes();
    let mut at = 0;
    while at < source.len() {
        let hex = source.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match (source[at], hex.and_then(|two| u8::from_str_radix(two, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                at += 3;
                continue;
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(other),
        }
        at += 1;
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// A value as Java's form encoding writes it, with `%20` for the blank.
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'*' | b'_' => {
                out.push(char::from(byte));
            }
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
