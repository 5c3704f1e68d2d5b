//! Goal: the month to date moves on an open page within a minute of an event of the simulated
//! region. Method: the demo's small world served as the demo serves it; a user of the region
//! starts a machine by its compute service, while Chromium has the month's page open and nobody
//! touches it.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use billow::demo::openstack::seed::SHARED;
use billow::demo::run::prepare;
use billow::demo::seed::OPENSTACK;
use billow::jobs::schedule;
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::story::options;
use crate::support::db::folder;
use crate::web::browser::Proxy;

/// From the event to the page.
const MINUTE: Duration = Duration::from_secs(60);

/// The figure below a label of the month's page, in cents.
fn net(text: &str) -> Option<i64> {
    let mut lines = text.lines().skip_while(|line| !line.to_lowercase().contains("net"));
    let figure = lines.find(|line| line.contains('€'))?;
    figure.chars().filter(char::is_ascii_digit).collect::<String>().parse().ok()
}

#[tokio::test]
async fn slow_an_event_moves_the_open_page_within_a_minute() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let mut options = options(folder("demo-live"));
    options.listen = address.trim_start_matches("http://").to_owned();
    let world = prepare(&options, &|_| {}).await.expect("prepare the demo");
    let server = billow::web::serve(world.app.clone(), listener).await.expect("serve");
    let handle = server.handle();
    tokio::spawn(server);
    let stop = CancellationToken::new();
    let stages = tokio::spawn(schedule::run(world.app.clone(), stop.clone()));
    // Time passes as fast as for an onlooker's demo.
    world.clock.run(720);

    let client = reqwest::Client::new();
    let login = world.logins.iter().find(|login| login.name == "harbour-ops").expect("a login");
    let shown = json!({
        "name": login.name, "domain": login.domain, "password": login.password,
    });
    let body = json!({ "source": OPENSTACK, "password": shown });
    let sent = client.post(format!("{address}/api/v1/session")).json(&body).send().await;
    let told: Value = sent.expect("an answer").json().await.expect("JSON");
    let token = told["session"]["token"].as_str().unwrap_or_else(|| panic!("{told}"));
    let proxy = Proxy::to(&address, token).await;
    let (_browser, mut page) = proxy.watch("/billing").await;
    let first = page.wait_for(|text| net(text).is_some());
    let first = tokio::time::timeout(MINUTE, first).await.expect("the page opens");
    let before = net(&first.expect("the browser runs")).expect("a figure");

    let event = Instant::now();
    let id = start_machine(&world.region, &client, login).await;
    let moved = page.wait_for(|text| text.contains(&id) || text.contains("started-live"));
    let moved = tokio::time::timeout(MINUTE, moved).await;
    let text = moved.expect("a minute passed").expect("the browser runs").clone();
    assert!(event.elapsed() < MINUTE);
    let after = net(&text).expect("a figure");
    assert!(after > before, "{before} then {after}: {text}");
    stop.cancel();
    stages.await.expect("the stages end");
    handle.stop(false).await;
    proxy.stop().await;
}

/// A user of the region starts a machine with a GPU; gives its id.
async fn start_machine(
    region: &billow::demo::openstack::Simulator,
    client: &reqwest::Client,
    login: &billow::demo::seed::Login,
) -> String {
    let world = region.world();
    let root = region.endpoint();
    let root = root.strip_suffix("/identity/v3").expect("the identity service's address");
    let domain = json!({ "name": login.domain });
    let person = json!({ "name": login.name, "domain": domain, "password": login.password });
    let identity = json!({ "methods": ["password"], "password": { "user": person } });
    let scope = json!({ "project": { "name": SHARED, "domain": domain } });
    let body = json!({ "auth": { "identity": identity, "scope": scope } });
    let url = format!("{root}/identity/v3/auth/tokens");
    let answer = client.post(url).json(&body).send().await.expect("an answer");
    let token = answer.headers()["x-subject-token"].to_str().expect("a token").to_owned();
    let flavor = world.flavors.iter().find(|flavor| flavor.name == "g1.gpu").expect("a flavor");
    let wanted = json!({ "server": {
        "name": "started-live", "flavorRef": flavor.id, "imageRef": world.images[0].id,
    } });
    let url = format!("{root}/compute/v2.1/servers");
    let sent = client.post(url).header("X-Auth-Token", token).json(&wanted).send().await;
    let told: Value = sent.expect("an answer").json().await.expect("JSON");
    told["server"]["id"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned()
}
