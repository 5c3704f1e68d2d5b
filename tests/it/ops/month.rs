//! Goal: a month, from an empty database to credited invoices, comes out the same however often
//! the program dies on the way. Method: the real program and each of its verbs against a simulated
//! cloud on a real socket, once undisturbed; then every step that changes something is killed with
//! SIGKILL at seeded moments and started again.

use std::path::PathBuf;
use std::process::{Command, Output, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use billow::clock::ManualClock;
use billow::demo::cloudstack::{Defects, Settings, Simulator};
use billow::demo::seed::{self, Size};
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use serde_json::{Value, json};

use crate::support::db::folder;

/// 1 October 2026, 00:00 UTC.
const START: i64 = 1_790_812_800;
const PRESENT: &str = "2026-11-05T06:00:00Z";
const PERIOD: &str = "2026-10";
/// How long a daemon lives at most: long enough to have collected.
const SERVED_MAX: Duration = Duration::from_secs(2);
/// Kills of each step.
const KILLS: usize = 3;

async fn cloud() -> Simulator {
    // Without the defects that hold invoices by themselves.
    let defects =
        Defects { lost_volume_ids: false, live_scale_overwrites: false, ..Defects::usual() };
    let settings = Settings { defects, ..Settings::usual() };
    let clock = Arc::new(ManualClock::at(PRESENT.parse().expect("an instant")));
    let world = seed::world(11, Size::Small, START);
    Simulator::start(world, settings, clock, 0).await.expect("a simulated cloud")
}

/// A folder with a configuration, and the program beside it.
struct Office {
    folder: PathBuf,
    /// How long each step takes, undisturbed.
    lengths: Vec<Duration>,
    kills: Option<Kills>,
}

/// Who kills the program on the way.
struct Kills {
    moments: StdRng,
    /// The length of each step, of those that are still to come.
    lengths: std::vec::IntoIter<Duration>,
    /// Kills that came before the program's end.
    count: usize,
}

impl Office {
    fn open(simulator: &Simulator) -> Self {
        let folder = folder("month");
        let pair = simulator.world().keys.iter().find(|pair| {
            let world = simulator.world();
            world.roles[world.accounts[world.users[pair.user].account].role]
                .name
                .contains("Billing")
        });
        let pair = pair.expect("the key for billing");
        let secret = folder.join("secret");
        std::fs::write(&secret, &pair.secret).expect("write the secret");
        let text = format!(
            "[database]\naddress = \"sqlite:{}\"\n\n[server]\nlisten = \"127.0.0.1:0\"\n\n\
             [[source]]\nname = \"cs1\"\nkind = \"cloudstack\"\nendpoint = \"{}\"\n\
             api_key = \"{}\"\nsecret_file = \"{}\"\ncollect_from = \"2026-09-30\"\n",
            folder.join("billow.db").display(),
            simulator.endpoint(),
            pair.api_key,
            secret.display(),
        );
        std::fs::write(folder.join("billow.toml"), text).expect("write the configuration");
        Self { folder, lengths: Vec::new(), kills: None }
    }

    fn file(&self, name: &str) -> String {
        self.folder.join(name).display().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_billow"));
        command.args(["--config", &self.file("billow.toml"), "--as-of", PRESENT]);
        command.args(arguments).current_dir(&self.folder);
        command.env_remove("BILLOW_CONFIG").env_remove("BILLOW_DATABASE");
        command
    }

    fn output(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("run billow")
    }

    /// What a verb answers, for programs; the same for people must be there, too.
    fn told(&self, arguments: &[&str]) -> Value {
        let output = self.output(&[arguments, &["--json"]].concat());
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{arguments:?}: {said}");
        serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{arguments:?}: {error}"))
    }

    /// A step that changes something, killed on the way if that is wanted.
    fn step(&mut self, arguments: &[&str]) -> Value {
        self.kill_on_the_way(arguments);
        let begun = Instant::now();
        let told = self.told(arguments);
        self.lengths.push(begun.elapsed());
        told
    }

    fn kill_on_the_way(&mut self, arguments: &[&str]) {
        let Some(mut kills) = self.kills.take() else { return };
        let length = kills.lengths.next().expect("a step of the undisturbed month");
        for _ in 0..KILLS {
            let moment = kills.moments.random_range(Duration::ZERO..length);
            let mut command = self.command(arguments);
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
            let child = child.as_mut().expect("start billow");
            // Not a wait for something: the moment of the kill is the test's input.
            #[expect(clippy::disallowed_methods, reason = "a random moment is what is wanted")]
            std::thread::sleep(moment);
            child.kill().expect("kill");
            let ended = child.wait().expect("reap");
            kills.count += usize::from(ended.code().is_none());
        }
        self.kills = Some(kills);
    }

    /// Lets the daemon collect, and kills it.
    fn serve_for_moments(&mut self) {
        self.lengths.push(SERVED_MAX);
        self.kill_on_the_way(&["serve"]);
    }

    fn write(&self, name: &str, text: &str) -> String {
        std::fs::write(self.folder.join(name), text).expect("write a file");
        self.file(name)
    }
}

/// The month's story; what came of it.
fn live(office: &mut Office, owner: &str) -> Value {
    office.step(&["migrate"]);
    let example = office.output(&["sellers", "example"]);
    let seller = String::from_utf8(example.stdout).expect("a text");
    let seller = office.write("seller.toml", &seller.replace("\"Europe/Berlin\"", "\"UTC\""));
    office.step(&["sellers", "set", "provider", "--file", seller.as_str()]);
    office.step(&["catalog", "sync"]);
    let book = office.file("book.toml");
    let generate = ["prices", "generate", "--code", "standard", "--out", book.as_str(), "--force"];
    office.step(&generate);
    let prices = std::fs::read_to_string(&book).expect("a book");
    office.write("book.toml", &imported(&prices));
    office.told(&["prices", "check", &book]);
    office.step(&["prices", "apply", &book, "--from", "2026-09-30"]);
    for customer in array(&office.told(&["customers", "list"]), "customers") {
        let number = text(&customer, "number");
        let fields = ["address.lines=[\"Hafenweg 1\"]", "address.city=Kiel", "address.country=DE"];
        let set = ["customers", "set", number, "--from", "2026-09-30"];
        let fields: Vec<&str> = fields.iter().flat_map(|field| ["--field", field]).collect();
        office.step(&[set.as_slice(), &fields].concat());
    }
    office.serve_for_moments();
    office.step(&["collect"]);
    let usage = office.write(
        "usage.csv",
        &format!(
            "source,id,owner,meter,resource,kind,from,until,quantity,unit\n\
             desk,1,cs1/{owner},set_up,order-1,delta,2026-10-05,2026-10-05,1,piece\n"
        ),
    );
    office.step(&["usage", "import", &usage]);
    office.step(&["bill", "run", "--period", PERIOD]);
    let drafts = office.told(&["bill", "preview", "--period", PERIOD]);
    office.step(&["bill", "approve", "--period", PERIOD]);
    office.step(&["bill", "issue", "--period", PERIOD]);
    let issued = office.told(&["invoices", "list", "--period", PERIOD]);
    let first = array(&issued, "invoices").pop().expect("an invoice");
    credit(office, text(&first, "number"));
    office.step(&["bill", "run", "--period", PERIOD]);
    office.told(&["verify"]);
    let copy = back_up(office);
    office.step(&["restore", &copy]);
    outcome(office, &drafts)
}

/// The generated book, with a price for what comes by file.
fn imported(book: &str) -> String {
    let price = "[[price]]\ncode = \"set-up\"\nmeter = \"set_up\"\nunit = \"piece\"\n\
                 amount = \"49\"\n";
    format!(
        "{}\n\n{price}",
        book.replacen("\n[[price]]", "\nimported_meters = [\"set_up\"]\n\n[[price]]", 1)
    )
}

/// Credits all of an invoice; who does not know whether a note was made looks, and finds out by
/// asking for it once more.
fn credit(office: &mut Office, number: &str) {
    let full = ["credit-notes", "create", number, "--full", "--reason", "story"];
    office.kill_on_the_way(&full);
    let begun = Instant::now();
    let output = office.output(&full);
    office.lengths.push(begun.elapsed());
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let notes = || {
        let list = office.told(&["invoices", "list", "--period", PERIOD]);
        let kinds = array(&list, "invoices").into_iter().filter(|one| one["kind"] == "credit_note");
        kinds.count()
    };
    if !output.status.success() {
        assert!(said.contains("is credited in full already"), "{said}");
    }
    assert_eq!(notes(), 1, "one note, whenever it died");
}

/// A file of that name is a whole backup, whenever the program died.
fn back_up(office: &mut Office) -> String {
    let copy = office.file("copy.db");
    office.kill_on_the_way(&["backup", &copy]);
    let begun = Instant::now();
    if !std::path::Path::new(&copy).exists() {
        office.told(&["backup", &copy]);
    }
    office.lengths.push(begun.elapsed());
    copy
}

fn array(value: &Value, key: &str) -> Vec<Value> {
    value[key].as_array().unwrap_or_else(|| panic!("no {key}: {value}")).clone()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_else(|| panic!("no {key}: {value}"))
}

/// All that must not depend on how often the program died.
fn outcome(office: &Office, drafts: &Value) -> Value {
    let verified = office.told(&["verify"]);
    let list = office.told(&["invoices", "list", "--period", PERIOD]);
    let mut documents = Vec::new();
    // Those of one day come in the order of their ids, which are drawn at random.
    let mut invoices = array(&list, "invoices");
    invoices.sort_by_key(|one| text(one, "number").to_owned());
    for invoice in invoices {
        let number = text(&invoice, "number");
        let file = office.file(&format!("{number}.csv"));
        office.told(&["invoices", "csv", number, "--out", &file]);
        let lines = std::fs::read_to_string(&file).expect("lines");
        let whole = office.told(&["invoices", "show", number]);
        documents.push(json!({ "listed": invoice, "lines": lines, "whole": whole }));
    }
    let customers = array(&office.told(&["customers", "list"]), "customers");
    let statements: Vec<Value> = customers
        .iter()
        .map(|one| office.told(&["statement", "--customer", text(one, "number")]))
        .collect();
    let sides = office.output(&["reconcile", "--period", PERIOD, "--json"]);
    let sides: Value = serde_json::from_slice(&sides.stdout).expect("a reconciliation");
    let mut all = json!({
        "drafts": drafts, "verified": verified, "documents": documents, "customers": customers,
        "statements": statements, "sides": sides,
    });
    forget(&mut all);
    all
}

/// Takes away what is drawn at random or counts knowledge.
fn forget(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|key, _| {
                let drawn = key == "id" || key.ends_with("_id") || key.ends_with("hash");
                !drawn
                    && !["known_at", "recorded_at", "sealed_at", "versions"].contains(&key.as_str())
            });
            fields.values_mut().for_each(forget);
        }
        Value::Array(items) => items.iter_mut().for_each(forget),
        Value::String(text) if is_own_id(text) => *value = Value::Null,
        _ => {}
    }
}

/// Ids of Billow's own are of version 7, those of the clouds are not.
fn is_own_id(text: &str) -> bool {
    text.len() == 36 && text.as_bytes()[14] == b'7' && text.as_bytes()[8] == b'-'
}

fn first_account(simulator: &Simulator) -> String {
    let world = simulator.world();
    let login = seed::logins(world).into_iter().find(|login| login.second_factor.is_none());
    let name = login.expect("a login").name;
    let user = world.users.iter().find(|user| user.name == name).expect("a user");
    world.accounts[user.account].ids.uuid.clone()
}

#[tokio::test]
async fn slow_a_month_is_the_same_however_often_the_program_dies() {
    let simulator = cloud().await;
    let owner = first_account(&simulator);
    let (mut quiet, mut killed) = (Office::open(&simulator), Office::open(&simulator));
    let lived = tokio::task::spawn_blocking(move || {
        let expected = live(&mut quiet, &owner);
        let lengths = std::mem::take(&mut quiet.lengths).into_iter();
        killed.kills = Some(Kills { moments: StdRng::seed_from_u64(31), lengths, count: 0 });
        let found = live(&mut killed, &owner);
        (expected, found, killed.kills.map_or(0, |kills| kills.count))
    });
    let (expected, found, kills) = lived.await.expect("no panic");
    assert!(kills > 20, "{kills} kills came in time");
    let documents = expected["documents"].as_array().expect("documents");
    assert!(documents.len() > 2, "{documents:?}");
    let mut differing = Vec::new();
    differences("", &expected, &found, &mut differing);
    assert_eq!(differing, Vec::<String>::new());
}

/// Where two values differ, and how.
fn differences(path: &str, one: &Value, other: &Value, found: &mut Vec<String>) {
    match (one, other) {
        (Value::Object(a), Value::Object(b)) => {
            for key in a.keys().chain(b.keys().filter(|key| !a.contains_key(*key))) {
                differences(&format!("{path}.{key}"), &one[key], &other[key], found);
            }
        }
        (Value::Array(a), Value::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}[{index}]"), a, b, found);
            }
        }
        _ if one != other => found.push(format!("{path}: {one} became {other}")),
        _ => {}
    }
}
