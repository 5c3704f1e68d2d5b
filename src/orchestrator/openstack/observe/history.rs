//! A machine's life from its actions: each finished action is a change at its own instant. PURE.
//!
//! The list of actions tells when and what, and not which flavor: only the present flavor is
//! known, and holds since the resize that brought it. Of an earlier one that no listing showed,
//! the history says that it is not known.

use serde_json::Value;

use crate::collect::observation::ResourceState;
use crate::orchestrator::openstack::{date, json};

/// Seconds by which the end of a machine may differ from that of the action that ended it.
const END_SECONDS: i64 = 60;
const MICROS: i64 = 1_000_000;

/// A change of a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub at_micros: i64,
    pub state: Option<ResourceState>,
    pub flavor: Piece,
    pub image: Piece,
    /// It is made now: what never changes about it holds from here.
    pub created: bool,
}

impl Change {
    fn of(at_micros: i64, state: ResourceState) -> Self {
        let (flavor, image) = (Piece::Same, Piece::Same);
        Self { at_micros, state: Some(state), flavor, image, created: false }
    }
}

/// What a change does to a machine's flavor or image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece {
    Same,
    /// From now on the machine has the one that it has at last.
    Last,
    /// Another one, which nobody tells.
    Unknown,
}

/// What is known of a machine besides its actions.
#[derive(Clone, Copy, Debug)]
pub struct Life {
    pub created: Option<i64>,
    pub launched: Option<i64>,
    /// When it was deleted, where it is.
    pub deleted: Option<i64>,
    pub broken: bool,
    /// A task is under way: the last action has not ended.
    pub busy: bool,
}

impl Life {
    /// From the server's own fields.
    pub fn of(server: &Value) -> Self {
        let instant = |field: &str| json::text(server, field).and_then(|text| date::micros(&text));
        let state = json::text(server, "OS-EXT-STS:vm_state");
        let status = json::text(server, "status");
        let ended = [&state, &status]
            .iter()
            .any(|text| text.as_ref().is_some_and(|text| text.eq_ignore_ascii_case("deleted")));
        let terminated = instant("OS-SRV-USG:terminated_at").or_else(|| instant("updated"));
        Self {
            created: instant("created"),
            launched: instant("OS-SRV-USG:launched_at"),
            deleted: terminated.filter(|_| ended),
            broken: state.as_deref() == Some("error"),
            busy: json::text(server, "OS-EXT-STS:task_state").is_some(),
        }
    }
}

/// An action as the service tells it.
#[derive(Clone, Debug)]
struct Action {
    name: String,
    start: i64,
    /// End of the last step; `None` while one is under way.
    end: Option<i64>,
    failed: bool,
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
struct Step {
    name: String,
    start: Option<i64>,
    end: Option<i64>,
    good: bool,
}

impl Action {
    fn read(row: &Value) -> Option<Self> {
        let instant =
            |row: &Value, field: &str| json::text(row, field).and_then(|text| date::micros(&text));
        let steps: Vec<Step> = json::list(row, "events")
            .iter()
            .filter_map(|step| {
                Some(Step {
                    name: json::text(step, "event")?,
                    start: instant(step, "start_time"),
                    end: instant(step, "finish_time"),
                    good: json::text(step, "result").as_deref() == Some("Success"),
                })
            })
            .collect();
        let open = steps.iter().any(|step| step.end.is_none());
        let last = steps.iter().filter_map(|step| step.end).max();
        let end = last.or_else(|| instant(row, "updated_at")).filter(|_| !open);
        Some(Self {
            name: json::text(row, "action")?,
            start: instant(row, "start_time")?,
            end,
            failed: json::text(row, "message").as_deref() == Some("Error"),
            steps,
        })
    }

    /// When a step of a name ended well; the action's own end where no steps are told.
    fn step(&self, name: &str) -> Option<i64> {
        if self.steps.is_empty() {
            return self.end;
        }
        let named = |step: &&Step| step.name.ends_with(name) && step.good;
        self.steps.iter().filter(named).filter_map(|step| step.end).max()
    }

    fn step_start(&self, name: &str) -> Option<i64> {
        self.steps.iter().find(|step| step.name.ends_with(name)).and_then(|step| step.start)
    }
}

/// The changes that a machine's actions tell, ascending. `whole` says that the list of actions
/// goes back to the machine's beginning.
pub fn changes(life: &Life, rows: &[Value], whole: bool) -> Vec<Change> {
    let mut actions: Vec<Action> = rows.iter().filter_map(Action::read).collect();
    actions.sort_by_key(|action| action.start);
    if life.busy && actions.last().is_some_and(|action| action.steps.is_empty()) {
        actions.pop();
    }
    let mut found = Vec::new();
    if let Some(created) = life.created.filter(|_| whole || begins(&actions)) {
        found.push(Change { created: true, ..Change::of(created, ResourceState::Building) });
    }
    if whole && actions.is_empty() {
        // The actions are gone; the last launch is all that is known of it.
        let launched = life.launched.filter(|_| !life.broken);
        found.extend(launched.map(|at| Change::of(at, ResourceState::Running)));
    }
    for action in &actions {
        found.extend(states(life, action));
    }
    found.extend(broken(life, &actions));
    settle_flavors(&actions, &mut found);
    settle_images(&actions, &mut found);
    if let Some(deleted) = life.deleted {
        found.retain(|change| change.at_micros <= deleted);
        found.push(Change::of(deleted, ResourceState::Gone));
    }
    found.sort_by_key(|change| change.at_micros);
    found
}

/// Whether the list of actions goes back to the machine's beginning.
fn begins(actions: &[Action]) -> bool {
    actions.iter().any(|action| action.name == "create")
}

/// The states that an action led to.
fn states(life: &Life, action: &Action) -> Vec<Change> {
    use ResourceState::{
        Paused, Rescued, Running, Shelved, ShelvedOffloaded, SoftDeleted, Stopped, Suspended,
    };
    let change = |at: Option<i64>, state| at.map(|at| Change::of(at, state));
    if action.failed && action.name != "shelve" {
        return Vec::new();
    }
    let one = |state| change(action.end, state).into_iter().collect();
    match action.name.as_str() {
        "create" | "start" | "reboot" | "unpause" | "resume" | "unrescue" | "unshelve"
        | "restore" => one(Running),
        "stop" => one(Stopped),
        "pause" => one(Paused),
        "suspend" => one(Suspended),
        "rescue" => one(Rescued),
        "shelveOffload" => one(ShelvedOffloaded),
        "shelve" if action.steps.is_empty() => one(Shelved),
        "shelve" => {
            let kept = change(action.step("shelve_instance"), Shelved);
            let left = change(action.step("shelve_offload_instance"), ShelvedOffloaded);
            kept.into_iter().chain(left).collect()
        }
        "delete" | "forceDelete" if !is_end(life, action) => one(SoftDeleted),
        _ => Vec::new(),
    }
}

/// Whether a deletion is the one that ended the machine, and not one that could be undone.
fn is_end(life: &Life, action: &Action) -> bool {
    let Some(deleted) = life.deleted else { return false };
    let slack = END_SECONDS * MICROS;
    let end = action.end.unwrap_or(action.start);
    action.start - slack <= deleted && deleted <= end + slack
}

/// When a machine that is broken now broke: at the end of its last failed action.
fn broken(life: &Life, actions: &[Action]) -> Option<Change> {
    let last = actions.last()?;
    let at_micros = last.end.filter(|_| life.broken && last.failed)?;
    let ran = life.launched.is_some();
    let state = if ran { ResourceState::Error } else { ResourceState::Building };
    Some(Change::of(at_micros, state))
}

/// Finds which of the flavor's changes brought the flavor that the machine has at last. Flavors
/// have no names here, so each resize puts a new one on a stack and each reversal takes it away.
fn settle_flavors(actions: &[Action], found: &mut Vec<Change>) {
    struct Turn {
        at: i64,
        early: i64,
        symbol: usize,
    }
    let mut stack = vec![0];
    let mut symbols = 1;
    let mut turns = Vec::new();
    for action in actions {
        let good = !action.failed;
        match action.name.as_str() {
            "resize" if good => {
                let Some(at) = action.step("finish_resize") else { continue };
                stack.push(symbols);
                symbols += 1;
                let early = action.step_start("finish_resize").unwrap_or(at);
                turns.push(Turn { at, early, symbol: symbols - 1 });
            }
            "revertResize" if good => {
                stack.pop();
                let Some(at) = action.end else { continue };
                let symbol = stack.last().copied();
                let symbol = symbol.unwrap_or_else(|| {
                    stack.push(symbols);
                    symbols += 1;
                    symbols - 1
                });
                turns.push(Turn { at, early: at, symbol });
            }
            _ => {}
        }
    }
    let last = stack.last().copied().unwrap_or(0);
    for change in found.iter_mut().filter(|change| change.created) {
        // The first flavor is known where no resize followed, or all were undone.
        change.flavor = if last == 0 { Piece::Last } else { Piece::Unknown };
    }
    for turn in turns {
        let known = turn.symbol == last;
        let flavor = if known { Piece::Last } else { Piece::Unknown };
        // Before its end, so that a message of the end, which knows the flavor, comes after it.
        let at_micros = if known { turn.at } else { turn.early };
        let image = Piece::Same;
        found.push(Change { at_micros, state: None, flavor, image, created: false });
    }
}

/// The image that the machine has at last holds since its last rebuilding.
fn settle_images(actions: &[Action], found: &mut Vec<Change>) {
    let rebuilds = actions.iter().filter(|action| action.name == "rebuild" && !action.failed);
    let ends: Vec<i64> = rebuilds.filter_map(|action| action.end).collect();
    for change in found.iter_mut().filter(|change| change.created) {
        change.image = if ends.is_empty() { Piece::Last } else { Piece::Unknown };
    }
    for (index, at_micros) in ends.iter().copied().enumerate() {
        let image = if index + 1 == ends.len() { Piece::Last } else { Piece::Unknown };
        let flavor = Piece::Same;
        found.push(Change { at_micros, state: None, flavor, image, created: false });
    }
}
