//! A scripted server on a real socket: tests say what each request is answered.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub head: String,
    pub body: String,
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

    /// The path without its query.
    pub fn path(&self) -> &str {
        let target = self.head.split_whitespace().nth(1).unwrap_or("");
        target.split('?').next().unwrap_or("")
    }

    /// A header's text.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (own, value) = line.split_once(':')?;
            own.eq_ignore_ascii_case(name).then(|| value.trim())
        })
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

type Answerer = dyn FnMut(&Request) -> BoxFuture<'static, Reply> + Send;

/// A server that answers as the test says; it ends when dropped.
pub struct Server {
    /// `http://127.0.0.1:PORT`.
    pub address: String,
    requests: Arc<Mutex<Vec<Request>>>,
    load: Arc<Load>,
    task: tokio::task::JoinHandle<()>,
}

/// Requests that are being answered, and the most there were at a time.
#[derive(Default)]
struct Load {
    now: AtomicUsize,
    most: AtomicUsize,
    latency: Duration,
}

impl Server {
    pub async fn start(answer: impl FnMut(&Request) -> Reply + Send + 'static) -> Self {
        Self::start_slow(Duration::ZERO, answer).await
    }

    /// A server that takes its time for each answer, as a distant one does.
    pub async fn start_slow(
        latency: Duration,
        mut answer: impl FnMut(&Request) -> Reply + Send + 'static,
    ) -> Self {
        Self::start_asking(latency, move |request| Box::pin(std::future::ready(answer(request))))
            .await
    }

    /// A server whose answers have to wait for others.
    pub async fn start_asking(
        latency: Duration,
        answer: impl FnMut(&Request) -> BoxFuture<'static, Reply> + Send + 'static,
    ) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("an address");
        let requests = Arc::new(Mutex::new(Vec::new()));
        let answer: Arc<Mutex<Answerer>> = Arc::new(Mutex::new(answer));
        let seen = requests.clone();
        let load = Arc::new(Load { latency, ..Load::default() });
        let shared = load.clone();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, answer.clone(), seen.clone(), shared.clone()));
            }
        });
        Self { address: format!("http://{address}"), requests, load, task }
    }

    /// The most requests that were being answered at a time.
    pub fn at_once(&self) -> usize {
        self.load.most.load(Ordering::SeqCst)
    }

    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().expect("no panic").clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(
    mut stream: TcpStream,
    answer: Arc<Mutex<Answerer>>,
    seen: Arc<Mutex<Vec<Request>>>,
    load: Arc<Load>,
) {
    let Some(request) = read(&mut stream).await else { return };
    let now = load.now.fetch_add(1, Ordering::SeqCst) + 1;
    load.most.fetch_max(now, Ordering::SeqCst);
    seen.lock().expect("no panic").push(request.clone());
    if !load.latency.is_zero() {
        tokio::time::sleep(load.latency).await;
    }
    let replying = answer.lock().expect("no panic")(&request);
    let reply = replying.await;
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
    // Before the caller can know: else its next request would seem to come at the same time.
    load.now.fetch_sub(1, Ordering::SeqCst);
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
    Request { method, head: head.to_owned(), body: body.to_owned(), parameters }
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
