//! Goal: a wrong configuration is explained at its place. Method: texts in, messages out.

use billow::config::Config;

#[track_caller]
fn check(text: &str, expected: &str) {
    let message = match Config::parse(text, "billow.toml") {
        Ok(config) => config.problems().join("\n"),
        Err(error) => format!("{error:#}"),
    };
    assert!(message.contains(expected), "{message:?} does not hold {expected:?}");
}

#[test]
fn the_example_is_a_good_configuration() {
    let config = Config::parse(billow::cli::config::EXAMPLE, "example").expect("parses");
    assert_eq!(config.problems(), Vec::<String>::new());
}

#[test]
fn mistakes_are_named_with_their_place() {
    let database = "[database]\naddress = \"sqlite:/tmp/b.db\"\n";
    check("[database]\nadress = \"x\"\n", "billow.toml:2:1: unknown field `adress`");
    check(&format!("{database}[server]\nlisten = 8780\n"), "billow.toml:4:10: invalid type");
    check(&format!("{database}[server]\nlisten = \"here\"\n"), "listen: \"here\" is no address");
    check(
        &format!("{database}[billing]\nclose_after_days = 90\n"),
        "close_after_days: 90 is more than 60",
    );
    let source = "[[source]]\nname = \"c 1\"\nkind = \"cloudstack\"\nendpoint = \"ftp://x\"\n";
    check(&format!("{database}{source}"), "name: \"c 1\": use letters");
    check(&format!("{database}{source}"), "endpoint is no http or https address");
    check(&format!("{database}{source}"), "set api_key or api_key_env");
    check(&format!("{database}{source}"), "set secret_env or secret_file");
    let webhook = format!("{database}{source}[source.webhook]\n");
    check(&webhook, "source c 1: set webhook.secret_env or webhook.secret_file");
    let unset = format!("{webhook}secret_env = \"BILLOW_NOT_SET\"\n");
    check(&unset, "webhook.secret_env names BILLOW_NOT_SET, which is not set");
    let empty = format!("{webhook}secret_file = \"/dev/null\"\n");
    check(&empty, "the webhook's secret is empty: anybody could sign with it");
    let telemetry = format!("{database}{source}[source.telemetry]\nmeters = []\n");
    check(&telemetry, "telemetry.meters is empty: name what to read");
    check(&telemetry, "telemetry is for kind = \"openstack\" only");
    check(&telemetry.replace("[]", "[\"bytes\"]"), "unknown variant `bytes`");
    let late = telemetry.replace("meters = []", "settle_seconds = 90000");
    check(&late, "telemetry.settle_seconds: 90000 is more than a day");
    let table = |keys: &str| telemetry.replace("meters = []", keys);
    check(&table("selector = \"a\""), "telemetry.selector is for store = \"prometheus\" only");
    check(&table("store = \"influx\""), "unknown variant `influx`");
    let prometheus = |keys: &str| table(&format!("store = \"prometheus\"\n{keys}"));
    check(&prometheus("endpoint = \"here\""), "telemetry.endpoint is no http or https address");
    check(&prometheus("user = \"b\""), "telemetry.endpoint is missing: user and secret are for it");
    check(
        &prometheus("endpoint = \"http://p\"\nuser = \"b\""),
        "telemetry.user has no password: set telemetry.secret_env or telemetry.secret_file",
    );
    check(
        &prometheus("endpoint = \"http://p\"\nsecret_env = \"BILLOW_NOT_SET\""),
        "telemetry.secret_env names BILLOW_NOT_SET, which is not set",
    );
    check(&prometheus("selector = \"{a=1}\""), "give matchers without braces");
    let other = webhook.replace("\"cloudstack\"", "\"openstack\"");
    check(&other, "webhook is for kind = \"cloudstack\" only; set events");
}
