//! A real Chromium without a window, and a proxy that shows it pages as a signed-in user.

use std::net::TcpListener;
use std::path::{Path, PathBuf};

use actix_web::{HttpRequest, HttpResponse, HttpServer, web};
use tokio::process::Command;

use super::app::TestApp;
use crate::support::db::folder;

/// Adds the user's token to what the browser asks for; adds nothing else.
pub struct Proxy {
    pub address: String,
    handle: actix_web::dev::ServerHandle,
}

struct Upstream {
    address: String,
    token: String,
    client: reqwest::Client,
}

impl Proxy {
    pub async fn start(app: &TestApp, token: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        let upstream = web::Data::new(Upstream {
            address: app.address.clone(),
            token: token.to_owned(),
            client: app.client.clone(),
        });
        let server = HttpServer::new(move || {
            actix_web::App::new()
                .app_data(upstream.clone())
                .route("/probe", web::get().to(probe))
                .default_service(web::to(forward))
        })
        .workers(1)
        .disable_signals()
        .listen(listener)
        .expect("listen")
        .run();
        let handle = server.handle();
        tokio::spawn(server);
        Self { address, handle }
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

/// What the browser made of a page.
pub struct Seen {
    pub dom: String,
    /// What it complained about: blocked by the content policy, scripts that failed.
    pub complaints: Vec<String>,
}

async fn run(arguments: &[String]) -> (String, String) {
    let profile = folder("chromium");
    let output = Command::new("chromium")
        .args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--hide-scrollbars",
            "--enable-logging=stderr",
            "--virtual-time-budget=4000",
        ])
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
