//! Goal: the pages read well in a real browser: both themes, narrow and wide, in a frame, in
//! three languages, without script and without a breach of the content policy.

use reqwest::{Method, StatusCode};

use super::app::TestApp;
use super::browser::{Proxy, load, picture, widths};
use super::invoices::ids_of;
use super::world;
use crate::support::db;

const QUIET: &str = "requests_per_minute = 100000\nsign_ins_per_minute = 100000";

async fn world_app() -> TestApp {
    let app = TestApp::start_with(QUIET, db::sqlite().await).await;
    world::fill(&app).await;
    app
}

/// Pages of a customer, by name.
async fn customer_pages(app: &TestApp) -> Vec<(&'static str, String)> {
    let invoice = ids_of(app, "anna").await.remove(0).0;
    vec![
        ("month", "/billing".to_owned()),
        ("invoices", "/billing/invoices".to_owned()),
        ("invoice", format!("/billing/invoices/{invoice}")),
        ("line", format!("/billing/invoices/{invoice}/lines/1")),
    ]
}

#[tokio::test]
async fn the_sign_in_page_looks_right_in_both_themes() {
    let app = TestApp::start().await;
    for (theme, size) in [("light", (1200, 800)), ("dark", (390, 800))] {
        let url = format!("{}/sign-in?theme={theme}", app.address);
        picture(&url, &format!("sign-in-{theme}"), size).await;
        let seen = load(&url).await;
        assert!(seen.dom.contains(&format!("data-theme=\"{theme}\"")));
        assert_eq!(seen.complaints, Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_customers_pages_read_well_in_both_themes() {
    let app = world_app().await;
    let token = app.token("anna").await;
    let proxy = Proxy::start(&app, &token).await;
    for (name, path) in customer_pages(&app).await {
        for (theme, size) in [("light", (1280, 1400)), ("dark", (390, 1400))] {
            let url = format!("{}{path}?theme={theme}", proxy.address);
            picture(&url, &format!("{name}-{theme}"), size).await;
        }
        let seen = load(&format!("{}{path}", proxy.address)).await;
        assert_eq!(seen.complaints, Vec::<String>::new(), "{name}");
        assert!(seen.dom.contains("data-theme=\"auto\""), "{name}");
        // What lies inside another shape is not drawn.
        for shape in ["line", "rect", "path"] {
            let nested = seen.dom.split(&format!("<{shape} ")).skip(1).any(|rest| {
                let inside = rest.split(&format!("</{shape}>")).next().unwrap_or(rest);
                ["<line", "<rect", "<path", "<text"].iter().any(|other| inside.contains(other))
            });
            assert!(!nested, "{name}: a shape inside a {shape}");
        }
    }
    proxy.stop().await;
}

#[tokio::test]
async fn pages_fit_a_phone_and_a_frame() {
    let app = world_app().await;
    let token = app.token("anna").await;
    let proxy = Proxy::start(&app, &token).await;
    for (name, path) in customer_pages(&app).await {
        for width in [500, 1280] {
            let (scroll, client) = widths(&proxy, &format!("{path}?embed=1"), width).await;
            assert!(scroll <= client, "{name} is {scroll} wide in a window of {client}");
        }
    }
    proxy.stop().await;
}

#[tokio::test]
async fn the_operators_pages_read_well() {
    let app = world_app().await;
    world::add_finding(&app, "finding-1", "acme", 1_790_000_000).await;
    let token = app.token("root").await;
    let proxy = Proxy::start(&app, &token).await;
    let pages = [
        ("customers", "/billing/customers", "acme"),
        ("findings", "/billing/findings", "a doubt about acme"),
        ("finding", "/billing/findings/finding-1", "Release"),
        ("drafts", "/billing/drafts", "nothing waits"),
    ];
    for (name, path, text) in pages {
        let seen = load(&format!("{}{path}", proxy.address)).await;
        assert!(seen.dom.contains(text), "{name}: {}", seen.dom);
        assert_eq!(seen.complaints, Vec::<String>::new(), "{name}");
        picture(&format!("{}{path}?theme=light", proxy.address), name, (1280, 900)).await;
    }
    proxy.stop().await;
}

#[tokio::test]
async fn links_carry_theme_language_and_scope() {
    let app = world_app().await;
    let token = app.token("anna").await;
    let path = "/billing?theme=dark&lang=fr&embed=1&scope=project:apollo";
    let page = app.get(&token, path).await;
    assert_eq!(page.status, StatusCode::OK, "{}", page.body);
    let carried = "theme=dark&amp;lang=fr&amp;embed=1&amp;scope=project%3Aapollo";
    assert!(page.body.contains(carried), "{}", page.body);
    assert!(page.body.contains("lang=\"fr\"") && page.body.contains("Par catégorie"));
    assert!(page.body.contains("rocket") && !page.body.contains("web1"), "the project's own");
    let foreign = app.get(&token, "/billing?scope=account:bolt").await;
    assert!(!foreign.body.contains("thunder"), "{}", foreign.body);
    let unreadable = app.get(&token, "/billing?scope=everything").await;
    assert!(!unreadable.body.contains("web1"), "a scope that cannot be read shows nothing");
}

#[tokio::test]
async fn the_month_says_what_is_missing_and_in_doubt() {
    let app = world_app().await;
    world::add_finding(&app, "finding-1", "acme", 1_790_000_000).await;
    let token = app.token("anna").await;
    let page = app.get(&token, "/billing?lang=en").await.body;
    // Dates hold together by spaces that do not break.
    let page = page.replace(['\u{a0}', '\u{202f}'], " ");
    assert!(
        page.contains("Usage collected until") && page.contains("14 Oct 2026, 22:00 UTC"),
        "{page}"
    );
    assert!(page.contains("In doubt") && page.contains("a doubt about acme"), "{page}");
    assert!(page.contains("<svg"), "a bar for each day");
    assert!(page.contains("data-live"), "the script refreshes a running month");
    let acme = app.customer("acme").await.id;
    let closed =
        app.get(&token, &format!("/billing/customers/{acme}?period=2026-09&lang=en")).await;
    assert!(closed.body.contains("All usage of this month is collected."), "{}", closed.body);
}

#[tokio::test]
async fn strangers_find_no_page() {
    let app = world_app().await;
    let bolt = app.customer("bolt").await;
    let invoice = ids_of(&app, "bob").await.remove(0).0;
    let token = app.token("anna").await;
    for path in [
        format!("/billing/customers/{}", bolt.id),
        format!("/billing/invoices/{invoice}"),
        format!("/billing/invoices/{invoice}/lines/1"),
        "/billing/drafts".to_owned(),
        "/billing/nothing".to_owned(),
    ] {
        let page = app.get(&token, &path).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
        assert!(page.header("content-type").starts_with("text/html"), "{path}");
        assert!(!page.body.contains("bolt") && !page.body.contains("thunder"), "{path}");
    }
}

#[tokio::test]
async fn signing_out_needs_the_forms_own_token() {
    let app = TestApp::start().await;
    let token = app.token("anna").await;
    let post = |csrf: &str| {
        app.request(Method::POST, "/sign-out")
            .header("cookie", format!("billow_session={token}"))
            .header("origin", &app.address)
            .form(&[("csrf", csrf)])
    };
    let refused = app.send(post("guess")).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    let csrf = app.get(&token, "/api/v1/session").await.json()["session"]["csrf"].clone();
    let done = app.send(post(csrf.as_str().expect("a token"))).await;
    assert_eq!(done.header("location"), "/sign-in");
    assert_eq!(done.cookie().as_deref(), Some(""));
    assert_eq!(app.get(&token, "/api/v1/session").await.status, StatusCode::UNAUTHORIZED);
}
