//! A scripted server on a real socket, recorded files, and an adapter that points at it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use billow::config::{SourceConfig, SourceKind};
use billow::orchestrator::cloudstack::CloudStack;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

pub const SECRET: &str = "secret-that-must-not-be-seen";
pub const KEY: &str = "key-of-billow";

/// The bytes of a recorded file.
pub fn recorded(path: &str) -> Vec<u8> {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/recorded/cloudstack/");
    std::fs::read(format!("{root}{path}")).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub head: String,
    /// Query and body together.
    pub parameters: Vec<(String, String)>,
}

impl Request {
    pub fn get(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }

    pub fn command(&self) -> &str {
        self.get("command").unwrap_or("")
    }
}

/// What the server does with a request.
pub enum Reply {
    Answer {
        status: u16,
        headers: String,
        body: Vec<u8>,
    },
    /// Says that the body is longer than what it sends, and ends.
    Cut(Vec<u8>),
    /// Never answers.
    Silence,
}

pub fn ok(body: impl Into<Vec<u8>>) -> Reply {
    Reply::Answer { status: 200, headers: String::new(), body: body.into() }
}

pub fn status(status: u16, body: impl Into<Vec<u8>>) -> Reply {
    Reply::Answer { status, headers: String::new(), body: body.into() }
}

type Answerer = dyn FnMut(&Request) -> Reply + Send;

/// A server that answers as the test says; it ends when dropped.
pub struct Server {
    pub endpoint: String,
    requests: Arc<Mutex<Vec<Request>>>,
    task: tokio::task::JoinHandle<()>,
}

impl Server {
    pub async fn start(answer: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let answer: Arc<Mutex<Answerer>> = Arc::new(Mutex::new(answer));
        let seen = requests.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), seen.clone()));
            }
        });
        Self { endpoint: format!("http://{address}/client/api"), requests, task }
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic").clone()
    }

    pub fn adapter(&self) -> CloudStack {
        adapter(&self.endpoint, KEY, SECRET)
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// An adapter with a time-out of one second.
pub fn adapter(endpoint: &str, key: &str, secret: &str) -> CloudStack {
    // Another test of the same process may have installed it.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let digits: String = secret.chars().filter(char::is_ascii_alphanumeric).take(12).collect();
    let file = format!("{}/secret-{digits}", env!("CARGO_TARGET_TMPDIR"));
    std::fs::write(&file, secret).expect("write the secret's file");
    CloudStack::new(&SourceConfig {
        name: "cs1".to_owned(),
        kind: SourceKind::Cloudstack,
        endpoint: endpoint.to_owned(),
        api_key: Some(key.to_owned()),
        api_key_env: None,
        secret_env: None,
        secret_file: Some(file.into()),
        timeout_seconds: 1,
        collect_from: None,
    })
    .expect("an adapter")
}

async fn serve(
    mut stream: TcpStream,
    answer: Arc<Mutex<Answerer>>,
    seen: Arc<Mutex<Vec<Request>>>,
) {
    let Some(request) = read(&mut stream).await else { return };
    seen.lock().expect("no panic").push(request.clone());
    let reply = answer.lock().expect("no panic")(&request);
    match reply {
        Reply::Answer { status, headers, body } => {
            let length = body.len();
            let head = format!(
                "HTTP/1.1 {status} X\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n{headers}\r\n"
            );
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&body).await;
        }
        Reply::Cut(body) => {
            let length = body.len() + 1_000;
            let head = format!("HTTP/1.1 200 X\r\nContent-Length: {length}\r\n\r\n");
            let _ = stream.write_all(head.as_bytes()).await;
            let _ = stream.write_all(&body).await;
        }
        Reply::Silence => tokio::time::sleep(Duration::from_secs(60)).await,
    }
    let _ = stream.shutdown().await;
}

async fn read(stream: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let mut buffer = [0; 8192];
    loop {
        let count = stream.read(&mut buffer).await.ok()?;
        bytes.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok())
                .unwrap_or(0);
            if body.len() >= length {
                return Some(request(head, body));
            }
        }
        if count == 0 {
            return None;
        }
    }
}

fn request(head: &str, body: &str) -> Request {
    let mut first = head.split_whitespace();
    let method = first.next().unwrap_or("").to_owned();
    let query = first.next().and_then(|path| path.split_once('?')).map_or("", |(_, q)| q);
    let pairs = query.split('&').chain(body.split('&')).filter_map(|pair| pair.split_once('='));
    let parameters = pairs.map(|(name, value)| (name.to_owned(), decode(value))).collect();
    Request { method, head: head.to_owned(), parameters }
}

fn decode(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut decoded = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            decoded.push(u8::from_str_radix(&text[at + 1..at + 3], 16).expect("two digits"));
            at += 3;
        } else {
            decoded.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(decoded).expect("UTF-8")
}
