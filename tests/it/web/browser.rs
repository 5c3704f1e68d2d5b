//! A real Chromium without a window, and a proxy that shows it pages as a signed-in user.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use actix_web::{HttpRequest, HttpResponse, HttpServer, web};
use tokio::process::{Child, Command};
use tokio::sync::watch;

use super::app::TestApp;
use crate::support::db::folder;

/// Adds the user's token to what the browser asks for; adds nothing else.
pub struct Proxy {
    pub address: String,
    handle: actix_web::dev::ServerHandle,
    /// What a page that is kept open showed last.
    shown: watch::Receiver<String>,
}

struct Upstream {
    address: String,
    token: String,
    client: reqwest::Client,
    shown: watch::Sender<String>,
}

impl Proxy {
    pub async fn start(app: &TestApp, token: &str) -> Self {
        Self::to(&app.address, token).await
    }

    /// A proxy of the console at an address.
    pub async fn to(console: &str, token: &str) -> Self {
        let (sender, shown) = watch::channel(String::new());
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let upstream = web::Data::new(Upstream {
            address: console.to_owned(),
            token: token.to_owned(),
            client: reqwest::Client::new(),
            shown: sender,
        });
        let server = HttpServer::new(move || {
            actix_web::App::new()
                .app_data(upstream.clone())
                .route("/probe", web::get().to(probe))
                .route("/watch", web::get().to(watched))
                .route("/shown", web::post().to(shown_now))
                .default_service(web::to(forward))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)
        .expect("listen")
        .run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { address, handle, shown }
    }

    /// Opens a page in a browser that keeps it open, and gives each text that it shows; the
    /// browser ends when dropped.
    pub async fn watch(&self, path: &str) -> (Child, watch::Receiver<String>) {
        let profile = folder("chromium");
        let mut command = Command::new("chromium");
        let port = "--remote-debugging-port=0";
        command.args(FLAGS).args([port, &format!("--user-data-dir={}", profile.display())]);
        command.arg(format!("{}/watch?path={path}", self.address));
        let quiet = std::process::Stdio::null;
        command.stdout(quiet()).stderr(quiet()).kill_on_drop(true);
        let browser = command.spawn().expect("chromium must be installed: tests/run installs it");
        (browser, self.shown.clone())
    }

    pub async fn stop(self) {
        self.handle.stop(false).await;
    }
}

async fn forward(request: HttpRequest, upstream: web::Data<Upstream>) -> HttpResponse {
    let url = format!("{}{}", upstream.address, request.uri());
    let answer = upstream.client.get(url).bearer_auth(&upstream.token).send().await;
    let answer = answer.expect("an answer");
    let status = actix_web::http::StatusCode::from_u16(answer.status().as_u16()).expect("status");
    let mut response = HttpResponse::build(status);
    for name in ["content-type", "content-security-policy", "location"] {
        if let Some(value) = answer.headers().get(name).and_then(|value| value.to_str().ok()) {
            response.insert_header((name, value));
        }
    }
    response.body(answer.bytes().await.expect("a body"))
}

/// Frames a page of the same origin and writes its widths into its own title.
async fn probe(request: HttpRequest) -> HttpResponse {
    let path = request.query_string().replace("%26", "&");
    let page = format!(
        "<!DOCTYPE html><title>waiting</title><style>*{{margin:0;border:0}}iframe{{width:100vw;\
         height:90vh}}</style><iframe src=\"{}\"></iframe><script>\
         document.querySelector('iframe').onload = (event) => {{\
         const root = event.target.contentDocument.documentElement;\
         document.title = `${{root.scrollWidth}} ${{root.clientWidth}} ` +\
         root.ownerDocument.title;}};</script>",
        path.trim_start_matches("path=").replace('"', "")
    );
    HttpResponse::Ok().content_type("text/html").body(page)
}

/// Frames a page of the same origin, and tells its text whenever that changes.
async fn watched(request: HttpRequest) -> HttpResponse {
    let path = request.query_string().trim_start_matches("path=").replace('"', "");
    let page = format!(
        "<!DOCTYPE html><title>watching</title><iframe width=1200 height=800 src=\"{path}\">\
         </iframe><script>let last = '';\
         setInterval(() => {{\
         const body = document.querySelector('iframe').contentDocument.body;\
         const text = body ? body.innerText : '';\
         if (text === last) return;\
         last = text;\
         fetch('/shown', {{ method: 'POST', body: text }});}}, 200);</script>"
    );
    HttpResponse::Ok().content_type("text/html").body(page)
}

async fn shown_now(body: String, upstream: web::Data<Upstream>) -> HttpResponse {
    upstream.shown.send_replace(body);
    HttpResponse::NoContent().finish()
}

/// What the browser made of a page.
pub struct Seen {
    pub dom: String,
    /// What it complained about: blocked by the content policy, scripts that failed.
    pub complaints: Vec<String>,
}

const FLAGS: [&str; 9] = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
];

async fn run(arguments: &[String]) -> (String, String) {
    let profile = folder("chromium");
    let output = Command::new("chromium")
        .args(FLAGS)
        .args(["--enable-logging=stderr", "--virtual-time-budget=4000"])
        .arg(format!("--user-data-dir={}", profile.display()))
        .args(arguments)
        .output()
        .await
        .expect("chromium must be installed: tests/run installs it");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(output.status.success(), "{}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

/// Loads a page and gives its DOM.
pub async fn load(url: &str) -> Seen {
    let (dom, log) = run(&["--dump-dom".to_owned(), url.to_owned()]).await;
    let complaints = log
        .lines()
        .filter(|line| line.contains("CONSOLE") || line.contains("Content Security Policy"))
        .map(str::to_owned)
        .collect();
    Seen { dom, complaints }
}

/// Whether a page is wider than a window of that width: scroll and client width.
pub async fn widths(proxy: &Proxy, path: &str, width: u32) -> (u32, u32) {
    let path = path.replace('&', "%26");
    let url = format!("{}/probe?path={path}", proxy.address);
    let size = format!("--window-size={width},900");
    let (dom, log) = run(&[size, "--dump-dom".to_owned(), url]).await;
    let title = dom.split("<title>").nth(1).and_then(|rest| rest.split("</title>").next());
    let mut numbers = title.unwrap_or("").split(' ').map(str::parse);
    match (numbers.next(), numbers.next()) {
        (Some(Ok(scroll)), Some(Ok(client))) => (scroll, client),
        _ => panic!("no widths in {title:?}: {log}"),
    }
}

/// Where screenshots are kept: below the build folder, or in `BILLOW_SCREENSHOTS`.
fn screenshots() -> PathBuf {
    let kept = std::env::var_os("BILLOW_SCREENSHOTS").map(PathBuf::from);
    let path = kept.unwrap_or_else(|| Path::new(env!("CARGO_TARGET_TMPDIR")).join("screenshots"));
    std::fs::create_dir_all(&path).expect("make the folder of screenshots");
    path
}

/// Takes a picture of a page; gives its path.
pub async fn picture(url: &str, name: &str, (width, height): (u32, u32)) -> PathBuf {
    let path = screenshots().join(format!("{name}.png"));
    let _ = std::fs::remove_file(&path);
    let arguments = [
        format!("--screenshot={}", path.display()),
        format!("--window-size={width},{height}"),
        url.to_owned(),
    ];
    run(&arguments).await;
    let bytes = std::fs::read(&path).expect("a picture");
    assert!(bytes.starts_with(b"\x89PNG") && bytes.len() > 4_000, "{name} is empty");
    path
}
