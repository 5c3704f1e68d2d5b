//! Machines: what was done to one, and what follows from it at an instant.

/// What is done to a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    Create,
    Stop,
    Start,
    /// To the flavor at this position.
    Resize(usize),
    ConfirmResize,
    Pause,
    Unpause,
    Suspend,
    Resume,
    Shelve,
    Unshelve,
    Delete,
}

impl Verb {
    /// The name in the list of actions.
    pub fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Stop => "stop",
            Self::Start => "start",
            Self::Resize(_) => "resize",
            Self::ConfirmResize => "confirmResize",
            Self::Pause => "pause",
            Self::Unpause => "unpause",
            Self::Suspend => "suspend",
            Self::Resume => "resume",
            Self::Shelve => "shelve",
            Self::Unshelve => "unshelve",
            Self::Delete => "delete",
        }
    }

    /// The task while it is under way.
    fn task(self) -> &'static str {
        match self {
            Self::Create => "spawning",
            Self::Stop => "powering-off",
            Self::Start => "powering-on",
            Self::Resize(_) => "resize_migrating",
            Self::ConfirmResize => "resize_confirming",
            Self::Pause => "pausing",
            Self::Unpause => "unpausing",
            Self::Suspend => "suspending",
            Self::Resume => "resuming",
            Self::Shelve => "shelving",
            Self::Unshelve => "unshelving",
            Self::Delete => "deleting",
        }
    }

    /// The steps that its details show, in their order.
    pub fn steps(self) -> &'static [&'static str] {
        match self {
            Self::Resize(_) => &[
                "conductor_migrate_server",
                "compute_prep_resize",
                "compute_resize_instance",
                "compute_finish_resize",
            ],
            Self::Shelve => &["compute_shelve_instance", "compute_shelve_offload_instance"],
            Self::Create => &["conductor_schedule_and_build_instances", "compute__do_build"],
            Self::Delete => &["compute_terminate_instance"],
            Self::Stop => &["compute_stop_instance"],
            Self::Start => &["compute_start_instance"],
            Self::ConfirmResize => &["compute_confirm_resize"],
            Self::Pause => &["compute_pause_instance"],
            Self::Unpause => &["compute_unpause_instance"],
            Self::Suspend => &["compute_suspend_instance"],
            Self::Resume => &["compute_resume_instance"],
            Self::Unshelve => &["conductor_unshelve_instance", "compute_unshelve_instance"],
        }
    }

    /// The states in which it may be done.
    pub fn fits(self, state: &str) -> bool {
        match self {
            Self::Create => false,
            Self::Stop | Self::Pause | Self::Suspend => state == "active",
            Self::Start => state == "stopped",
            Self::Resize(_) => state == "active" || state == "stopped",
            Self::ConfirmResize => state == "resized",
            Self::Unpause => state == "paused",
            Self::Resume => state == "suspended",
            Self::Shelve => ["active", "stopped", "paused", "suspended"].contains(&state),
            Self::Unshelve => state == "shelved_offloaded",
            Self::Delete => state != "deleted",
        }
    }
}

/// Something that was done, from its request to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Action {
    pub verb: Verb,
    pub request: String,
    pub user: usize,
    pub from: i64,
    pub until: i64,
}

/// A machine; its first action makes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Server {
    pub id: String,
    pub number: u32,
    pub name: String,
    pub project: usize,
    pub user: usize,
    /// The flavor that it was made with.
    pub flavor: usize,
    /// `None` where it boots from a volume.
    pub image: Option<usize>,
    /// Id of its interface, and the last part of its address.
    pub port: (String, u8),
    pub metadata: Vec<(String, String)>,
    pub actions: Vec<Action>,
}

/// A machine at an instant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seen {
    pub vm_state: &'static str,
    pub status: &'static str,
    pub power: u8,
    pub task: Option<&'static str>,
    pub flavor: usize,
    pub launched: Option<i64>,
    pub terminated: Option<i64>,
    pub updated: i64,
}

impl Server {
    /// When it was asked for.
    pub fn created(&self) -> i64 {
        self.actions.first().map_or(i64::MAX, |action| action.from)
    }

    /// The actions that have begun at an instant.
    pub fn begun(&self, now: i64) -> &[Action] {
        let count = self.actions.iter().take_while(|action| action.from <= now).count();
        &self.actions[..count]
    }

    /// What it is at an instant; `None` before it was asked for.
    pub fn at(&self, now: i64) -> Option<Seen> {
        let begun = self.begun(now);
        let mut seen = Seen {
            vm_state: "building",
            status: "BUILD",
            power: 0,
            task: None,
            flavor: self.flavor,
            launched: None,
            terminated: None,
            updated: begun.first()?.from,
        };
        for action in begun {
            if action.until > now {
                seen.task = Some(action.verb.task());
                seen.updated = action.from;
            } else {
                seen.after(action.verb, action.until);
            }
        }
        Some(seen)
    }
}

impl Seen {
    fn after(&mut self, verb: Verb, at: i64) {
        const RUNNING: u8 = 1;
        const PAUSED: u8 = 3;
        const SHUT_DOWN: u8 = 4;
        let was_off = self.vm_state == "stopped" || self.power == SHUT_DOWN;
        let (vm_state, status, power) = match verb {
            Verb::Stop => ("stopped", "SHUTOFF", SHUT_DOWN),
            Verb::Resize(_) if was_off => ("resized", "VERIFY_RESIZE", SHUT_DOWN),
            Verb::Resize(_) => ("resized", "VERIFY_RESIZE", RUNNING),
            Verb::ConfirmResize if was_off => ("stopped", "SHUTOFF", SHUT_DOWN),
            Verb::Pause => ("paused", "PAUSED", PAUSED),
            Verb::Suspend => ("suspended", "SUSPENDED", SHUT_DOWN),
            Verb::Shelve => ("shelved_offloaded", "SHELVED_OFFLOADED", SHUT_DOWN),
            Verb::Delete => ("deleted", "DELETED", 0),
            Verb::Create
            | Verb::Start
            | Verb::ConfirmResize
            | Verb::Unpause
            | Verb::Resume
            | Verb::Unshelve => ("active", "ACTIVE", RUNNING),
        };
        (self.vm_state, self.status, self.power) = (vm_state, status, power);
        self.updated = at;
        match verb {
            Verb::Create | Verb::Unshelve => self.launched = Some(at),
            Verb::Resize(flavor) => {
                self.launched = Some(at);
                self.flavor = flavor;
            }
            Verb::Delete => self.terminated = Some(at),
            _ => {}
        }
    }

    pub fn is_deleted(&self) -> bool {
        self.vm_state == "deleted"
    }
}
