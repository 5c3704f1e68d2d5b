//! Goal: a change is known soon after the cloud told of it by its webhook, and nobody else can tell
//! it. Method: recorded deliveries at the served endpoint, the recorded lists behind a real
//! socket, and the daemon's own stages with looks an hour apart.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use billow::app::App;
use billow::collect::observation::ResourceState;
use billow::collect::observe::interval::timeline;
use billow::collect::observe::store::load_observations;
use billow::config::Config;
use billow::ids::SourceName;
use billow::jobs::schedule;
use billow::orchestrator::{Orchestrator, OrchestratorError};
use billow::store::migrate::migrate;
use reqwest::StatusCode;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::lists;
use super::support::{KEY, Server, adapter, ok, recorded};
use crate::ops::stopped::billow;
use crate::support::db::folder;

const SECRET: &str = "webhook-dummy-secret-0001";
/// The end of what the recorded server has closed, so that there is no usage to collect.
const FROM: &str = "collect_from = \"2026-11-23\"\n";
const WEB: &str = "d112ac74-b9a7-4f64-b84d-5623123d9027";

/// A delivery as it arrived.
struct Delivery {
    event: String,
    signature: Option<String>,
    body: String,
}

fn deliveries(file: &str) -> Vec<Delivery> {
    let all = recorded(&format!("webhooks/{file}.json"));
    let all: Vec<Value> = serde_json::from_slice(&all).expect("JSON");
    let read = |one: &Value| {
        let headers = one["headers"].as_array().expect("headers");
        let header = |name: &str| {
            let found = headers.iter().find(|pair| pair[0].as_str() == Some(name))?;
            found[1].as_str().map(str::to_owned)
        };
        Delivery {
            event: header("X-CS-Event").expect("an event"),
            signature: header("X-CS-Signature"),
            body: one["body"].as_str().expect("a body").to_owned(),
        }
    };
    all.iter().map(read).collect()
}

const FILES: [&str; 14] = [
    "delivered.VM.CREATE",
    "delivered.VM.START",
    "delivered.VM.STOP",
    "delivered.VM.DESTROY",
    "delivered.VM.UPGRADE",
    "delivered.VOLUME.CREATE",
    "delivered.VOLUME.RESIZE",
    "delivered.VOLUME.DELETE",
    "delivered.NET.IPASSIGN",
    "delivered.NET.IPRELEASE",
    "delivered.SNAPSHOT.CREATE",
    "delivered.SNAPSHOT.DELETE",
    "delivered.ACCOUNT.CREATE",
    "delivered.USER.LOGIN",
];

#[test]
fn what_is_done_asks_for_a_look_and_what_begins_does_not() {
    let adapter = adapter("http://127.0.0.1:1", KEY, "unused");
    let mut looks = 0;
    for file in FILES {
        for one in deliveries(file) {
            let parsed = adapter.parse_event(one.body.as_bytes()).expect("an event");
            assert!(parsed.observations.is_empty(), "an event tells no state");
            let counted = ["VM.", "VOLUME.", "NET.IP", "SNAPSHOT."];
            let counted = counted.iter().any(|prefix| one.event.starts_with(prefix));
            let done = one.body.contains(r#""status":"Completed""#);
            assert_eq!(parsed.look, counted && done, "{}", one.body);
            looks += usize::from(parsed.look);
            assert_eq!(parsed.name, one.event);
        }
    }
    assert!(looks >= 12, "{looks}");
    // The bus tells usage events once, when they are done.
    let bus = json!({
        "account": "a", "zone": "z", "event": "VM.START", "resource": "com.cloud.vm.VirtualMachine",
        "id": WEB, "eventDateTime": "2026-11-22 16:21:24 +0000",
    });
    assert!(adapter.parse_event(bus.to_string().as_bytes()).expect("an event").look);
    let state = json!({ "resource": "VirtualMachine", "id": WEB, "old-state": "Running" });
    let state = adapter.parse_event(state.to_string().as_bytes()).expect("an event");
    assert_eq!((state.name.as_str(), state.look), ("other", false));
    for body in ["", "{", "[]", "{}", "7", "\"text\"", "<html>"] {
        let refused = adapter.parse_event(body.as_bytes());
        assert!(matches!(refused, Err(OrchestratorError::Malformed { .. })), "{body:?}");
    }
}

/// A daemon beside a cloud whose machine `web1` is in a state.
pub struct Daemon {
    app: App,
    address: String,
    file: PathBuf,
    pub state: Arc<Mutex<&'static str>>,
    stop: CancellationToken,
    stages: tokio::task::JoinHandle<()>,
    _cloud: Server,
}

impl Daemon {
    async fn start() -> Self {
        let folder = folder("webhook");
        let secret = folder.join("webhook");
        std::fs::write(&secret, SECRET).expect("write");
        let heard = format!("[source.webhook]\nsecret_file = \"{}\"\n", secret.display());
        Self::hearing(&folder, &heard).await
    }

    /// Looks an hour apart, and what the source `cs1` is heard by in between.
    pub async fn hearing(folder: &Path, heard: &str) -> Self {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let state = Arc::new(Mutex::new("Running"));
        let shown = state.clone();
        let cloud = Server::start(move |request| match request.command() {
            "listVirtualMachines" => {
                let file = recorded("lists/listVirtualMachines.listall-projectid-minus-1.json");
                let mut all: Value = serde_json::from_slice(&file).expect("JSON");
                let row = &mut all["listvirtualmachinesresponse"]["virtualmachine"][0];
                row["state"] = json!(*shown.lock().expect("no panic"));
                ok(all.to_string())
            }
            "listPublicIpAddresses" => ok(recorded("lists/listPublicIpAddresses.listall.json")),
            "listUsageRecords" => ok(r#"{"listusagerecordsresponse":{}}"#),
            _ => lists::answer(request),
        })
        .await;
        let text = |path: &str| folder.join(path).display().to_string();
        std::fs::write(text("secret"), "of the key").expect("write");
        let config = format!(
            "[database]\naddress = \"sqlite:{}\"\n[billing]\nobserve_every_seconds = 3600\n\
             [[source]]\nname = \"cs1\"\nkind = \"cloudstack\"\nendpoint = \"{}\"\n\
             api_key = \"{KEY}\"\nsecret_file = \"{}\"\n{FROM}{heard}\
             [[source]]\nname = \"cs2\"\nkind = \"cloudstack\"\nendpoint = \"{}\"\n\
             api_key = \"{KEY}\"\nsecret_file = \"{}\"\n{FROM}",
            text("billow.db"),
            cloud.endpoint(),
            text("secret"),
            cloud.endpoint(),
            text("secret"),
        );
        std::fs::write(text("billow.toml"), &config).expect("write");
        let file = folder.join("billow.toml");
        let config = Config::parse(&config, "test").expect("a configuration");
        assert_eq!(config.problems(), Vec::<String>::new());
        let app = App::open(config, None).await.expect("open");
        migrate(&app.db).await.expect("migrate");
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("an address"));
        tokio::spawn(billow::web::serve(app.clone(), listener).await.expect("serve"));
        let stop = CancellationToken::new();
        let stages = tokio::spawn(schedule::run(app.clone(), stop.clone()));
        Self { app, address, file, state, stop, stages, _cloud: cloud }
    }

    async fn deliver(&self, source: &str, one: &Delivery) -> (StatusCode, Value) {
        let url = format!("{}/api/v1/sources/{source}/events", self.address);
        let mut request = reqwest::Client::new().post(url).body(one.body.clone());
        request = request.header("Content-Type", "application/json; charset=UTF-8");
        if let Some(signature) = &one.signature {
            request = request.header("X-CS-Signature", signature);
            request = request.header("X-CS-Event", &one.event);
        }
        let answer = request.send().await.expect("an answer");
        (answer.status(), answer.json().await.expect("a body"))
    }

    /// Waits until Billow knows a state of `web1`.
    pub async fn knows(&self, wanted: ResourceState) {
        let begun = Instant::now();
        let source = SourceName("cs1".to_owned());
        let key = (billow::collect::observation::ResourceKind::Machine, WEB.to_owned());
        loop {
            let mut conn = self.app.db.read().await.expect("read");
            let told = load_observations(&mut conn, &source, [&key], i64::MAX).await;
            drop(conn);
            let told = told.expect("observations");
            let last = told.get(&key).and_then(|all| timeline(all).last()?.state);
            if last == Some(wanted) {
                return;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "it stays {last:?}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    async fn doctor(&self) -> String {
        let told = billow(&self.file, &["doctor", "--all", "--json"]).await;
        String::from_utf8_lossy(&told.stdout).into_owned()
    }

    pub async fn end(self) {
        self.stop.cancel();
        self.stages.await.expect("the stages end");
    }
}

#[tokio::test]
async fn a_signed_delivery_is_looked_after_at_once() {
    let daemon = Daemon::start().await;
    daemon.knows(ResourceState::Running).await;
    let told = daemon.doctor().await;
    assert!(told.contains("source cs1: no event came by its webhook yet"), "{told}");
    assert!(!told.contains("source cs2: no event"), "{told}");
    *daemon.state.lock().expect("no panic") = "Stopped";
    let stop = deliveries("delivered.VM.STOP");
    for one in &stop {
        let (status, body) = daemon.deliver("cs1", one).await;
        assert_eq!(status, StatusCode::OK, "{body}");
        assert_eq!(body["events"], 1);
    }
    assert!(stop.iter().any(|one| one.body.contains("Completed")));
    daemon.knows(ResourceState::Stopped).await;
    let told = daemon.doctor().await;
    assert!(told.contains("source cs1: the last event came "), "{told}");
    daemon.end().await;
}

#[tokio::test]
async fn nobody_else_can_deliver() {
    let daemon = Daemon::start().await;
    let real = deliveries("delivered.VM.STOP").remove(0);
    let with = |signature: Option<&str>, body: &str| Delivery {
        event: String::new(),
        signature: signature.map(str::to_owned),
        body: body.to_owned(),
    };
    let signature = real.signature.as_deref();
    let refused = [
        with(None, &real.body),
        with(Some(""), &real.body),
        with(Some("no base64 !"), &real.body),
        with(Some("AAAA"), &real.body),
        with(signature, &real.body.replace("Scheduled", "Completed")),
        with(signature, ""),
    ];
    for one in &refused {
        let (status, body) = daemon.deliver("cs1", one).await;
        assert_eq!(status, StatusCode::UNAUTHORIZED, "{:?} {body}", one.signature);
        assert_eq!(body["error"]["code"], "unauthenticated", "{body}");
    }
    // Whether a source is there, and takes none, is nobody's business.
    for source in ["cs2", "nowhere"] {
        let (status, body) = daemon.deliver(source, &real).await;
        assert_eq!((status, &body["error"]["code"]), (StatusCode::NOT_FOUND, &json!("not_found")));
    }
    for unsigned in deliveries("receiver-alice.first-12").iter().take(3) {
        assert_eq!(daemon.deliver("cs1", unsigned).await.0, StatusCode::UNAUTHORIZED);
    }
    let trial = deliveries("delivered.TEST.WEBHOOK").remove(0);
    let (status, body) = daemon.deliver("cs1", &trial).await;
    assert_eq!((status, body), (StatusCode::OK, json!({ "events": 0, "look": false })));
    daemon.end().await;
}
