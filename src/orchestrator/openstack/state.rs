//! The states of a machine, by the service's word for them. PURE.

use serde_json::Value;

use super::json;
use crate::collect::observation::ResourceState;

/// Power state of a machine that is shut down.
const SHUT_DOWN: &str = "4";

/// What a `vm_state` means; `None` for words that are not known. A machine that never ran is
/// still being made, whatever became of it.
pub fn of_vm_state(word: &str, launched: bool) -> Option<ResourceState> {
    Some(match word {
        "building" => ResourceState::Building,
        // A resized machine runs with its new flavor before that is confirmed.
        "active" | "resized" => ResourceState::Running,
        "paused" => ResourceState::Paused,
        "suspended" => ResourceState::Suspended,
        "stopped" => ResourceState::Stopped,
        "shelved" => ResourceState::Shelved,
        "shelved_offloaded" => ResourceState::ShelvedOffloaded,
        "rescued" => ResourceState::Rescued,
        "error" if launched => ResourceState::Error,
        "error" => ResourceState::Building,
        "soft-delete" => ResourceState::SoftDeleted,
        "deleted" => ResourceState::Gone,
        _ => return None,
    })
}

/// The state of a listed machine.
pub fn machine_state(server: &Value, launched: bool) -> Option<ResourceState> {
    let word = json::text(server, "OS-EXT-STS:vm_state")?;
    let power = json::text(server, "OS-EXT-STS:power_state");
    if word == "resized" && power.as_deref() == Some(SHUT_DOWN) {
        // It was stopped when it was resized, and still is.
        return Some(ResourceState::Stopped);
    }
    of_vm_state(&word, launched)
}
