//! The tokens of the identity service: opaque to all others, gone when revoked or at their end.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rand::rngs::StdRng;
use rand::{RngCore, SeedableRng};

use super::world::{Place, Role, World};

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Held {
    pub user: usize,
    /// `None`: unscoped.
    pub place: Option<Place>,
    pub methods: Vec<String>,
    /// The application credential that it was made with, which may not be rescoped.
    pub credential: Option<usize>,
    pub issued: i64,
    pub expires: i64,
    /// Its own, and that of the first token of its chain.
    pub audit: Vec<String>,
}

impl Held {
    /// The effective roles, as they are now.
    pub fn roles(&self, world: &World) -> Vec<Role> {
        self.place.map_or(Vec::new(), |place| world.roles_on(self.user, place))
    }

    /// Whether it lets its holder see everything in the services.
    pub fn is_admin(&self, world: &World) -> bool {
        let on_project = matches!(self.place, Some(Place::Project(_)));
        on_project && self.roles(world).contains(&Role::Admin)
    }

    /// The project that it is for.
    pub fn project(&self) -> Option<usize> {
        match self.place {
            Some(Place::Project(project)) => Some(project),
            Some(Place::Domain(_)) | None => None,
        }
    }
}

/// All tokens that hold.
#[derive(Debug)]
pub struct Tokens {
    held: BTreeMap<String, Held>,
    random: StdRng,
}

impl Tokens {
    pub fn new(seed: u64) -> Self {
        Self { held: BTreeMap::new(), random: StdRng::seed_from_u64(seed ^ 0x70_4e5) }
    }

    fn text(&mut self, bytes: usize) -> String {
        let mut random = vec![0; bytes];
        self.random.fill_bytes(&mut random);
        URL_SAFE_NO_PAD.encode(random)
    }

    /// An id of a token for audits.
    pub fn audit_id(&mut self) -> String {
        self.text(16)
    }

    /// Issues a token; gives its text.
    pub fn issue(&mut self, held: Held) -> String {
        let text = format!("gAAAAAB{}", self.text(120));
        self.held.insert(text.clone(), held);
        text
    }

    /// A token that holds at the machine's time.
    pub fn get(&self, text: &str, now: i64) -> Option<&Held> {
        self.held.get(text).filter(|held| held.expires > now)
    }

    /// Revokes a token with all that were made from it.
    pub fn revoke(&mut self, text: &str) {
        let Some(held) = self.held.remove(text) else { return };
        let Some(own) = held.audit.first() else { return };
        self.held.retain(|_, other| !other.audit.contains(own));
    }

    pub fn forget_all(&mut self) {
        self.held.clear();
    }

    pub fn open(&self) -> usize {
        self.held.len()
    }
}
