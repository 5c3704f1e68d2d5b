//! The demo's people: roles, domains, accounts, users with keys, projects.

use super::cloudstack::world::{
    Account, Domain, KeyPair, Life, Owner, Project, Role, RoleKind, User,
};
use super::seed::{DAY, Maker, Size};

/// Positions of the roles.
const ROOT_ADMIN: usize = 0;
const DOMAIN_ADMIN: usize = 1;
const USER: usize = 2;
const READ_ONLY: usize = 3;
const BILLING_READER: usize = 4;

/// Positions of the domains.
const ROOT: usize = 0;
const DIRECT: usize = 1;
const ALPINE: usize = 2;
const THAMES: usize = 3;

/// A customer's name, short name, domain, and the zone its things lie in.
const CUSTOMERS: [(&str, &str, usize, usize); 13] = [
    ("Harbour Logistics", "harbour", DIRECT, 0),
    ("Meridian Clinics", "meridian", DIRECT, 0),
    ("Montclair Vins", "montclair", ALPINE, 1),
    ("Foxglove Studios", "foxglove", THAMES, 2),
    ("Kestrel Analytics", "kestrel", DIRECT, 0),
    ("Öresund Papier & Söhne", "oresund", DIRECT, 0),
    ("Larkfield Games", "larkfield", DIRECT, 0),
    ("Atelier Lumière", "lumiere", ALPINE, 1),
    ("Belvédère Hôtels", "belvedere", ALPINE, 1),
    ("Granite Robotics", "granite", ALPINE, 1),
    ("Tidewater Insurance", "tidewater", THAMES, 2),
    ("Brass Lantern Books", "lantern", THAMES, 2),
    ("Quarry Lane Schools", "quarry", THAMES, 2),
];

/// A customer for whom resources are made.
#[derive(Clone, Debug)]
pub(super) struct CustomerSeed {
    pub account: usize,
    pub user: usize,
    pub project: Option<usize>,
    pub short: String,
    pub zone: usize,
    /// Position among the customers: the first ones have everything.
    pub index: usize,
}

impl CustomerSeed {
    pub fn owner(&self) -> Owner {
        Owner::Account(self.account)
    }
}

impl Maker {
    pub(super) fn people(&mut self) {
        self.roles();
        self.domain("ROOT", None);
        self.domain("direct", Some(ROOT));
        self.domain("alpine", Some(ROOT));
        self.domain("thames", Some(ROOT));
        self.account("system", (ROOT_ADMIN, ROOT));
        let admin = self.account("admin", (ROOT_ADMIN, ROOT));
        let reader = self.account("billow", (BILLING_READER, ROOT));
        // The reader has keys and no password: nobody signs in as it.
        let reader = self.user("billow", reader);
        self.world.users[reader].password.clear();
        self.key(reader, None);
        let admin = self.user("cloud-admin", admin);
        self.key(admin, Some(("EXAMPLE-Api_Key", "example-secret-key")));
        for (name, role, domain) in [
            ("alpine-admin", DOMAIN_ADMIN, ALPINE),
            ("thames-admin", DOMAIN_ADMIN, THAMES),
            ("auditor", READ_ONLY, ROOT),
        ] {
            let account = self.account(name, (role, domain));
            let user = self.user(name, account);
            self.key(user, None);
        }
    }

    /// Accounts, users and projects of the customers.
    pub(super) fn customers(&mut self) -> Vec<CustomerSeed> {
        let number = if self.size == Size::Small { 4 } else { CUSTOMERS.len() };
        let mut made = Vec::new();
        for (index, (name, short, domain, zone)) in CUSTOMERS.into_iter().take(number).enumerate() {
            let account = self.account(name, (USER, domain));
            let user = self.user(&format!("{short}-admin"), account);
            self.key(user, None);
            if index == 1 {
                self.world.users[user].second_factor = Some("314159".to_owned());
            }
            if index == 0 {
                self.user("harbour-dev", account);
            }
            let project = (index % 3 == 0).then(|| self.project(short, domain, account));
            let short = short.to_owned();
            made.push(CustomerSeed { account, user, project, short, zone, index });
        }
        made
    }

    fn roles(&mut self) {
        let roles = [
            ("Root Admin", RoleKind::Admin, Vec::new()),
            ("Domain Admin", RoleKind::DomainAdmin, Vec::new()),
            ("User", RoleKind::User, Vec::new()),
            ("Read-Only Admin - Default", RoleKind::Admin, read_only()),
            ("Billing Reader", RoleKind::Admin, billing_reader()),
        ];
        for (name, kind, rules) in roles {
            let uuid = self.uuid();
            let description = format!("{name} role");
            let (name, built_in) = (name.to_owned(), name != "Billing Reader");
            self.world.roles.push(Role { uuid, name, kind, description, built_in, rules });
        }
    }

    fn domain(&mut self, name: &str, parent: Option<usize>) {
        let path = match parent {
            Some(parent) => format!("{}/{name}", self.world.domains[parent].path),
            None => name.to_owned(),
        };
        let (ids, created) = (self.ids(), self.before());
        self.world.domains.push(Domain { ids, name: name.to_owned(), parent, path, created });
    }

    fn account(&mut self, name: &str, place: (usize, usize)) -> usize {
        let (ids, life) = (self.ids(), Life::since(self.before()));
        let (role, domain) = place;
        let name = name.to_owned();
        self.world.accounts.push(Account {
            ids,
            name,
            renamed: None,
            role,
            domain,
            life,
            locked: false,
        });
        self.world.accounts.len() - 1
    }

    fn user(&mut self, name: &str, account: usize) -> usize {
        const WORDS: [&str; 8] =
            ["amber", "basalt", "cedar", "delta", "ember", "fjord", "garnet", "heath"];
        let word = WORDS[self.position(WORDS.len())];
        let password = format!("{word}-{}", self.pick(100_000, 1_000_000));
        let (ids, created) = (self.ids(), self.before());
        self.world.users.push(User {
            ids,
            name: name.to_owned(),
            password,
            account,
            time_zone: "Europe/Berlin".to_owned(),
            second_factor: None,
            created,
        });
        self.world.users.len() - 1
    }

    fn key(&mut self, user: usize, pair: Option<(&str, &str)>) {
        let (api_key, secret) = match pair {
            Some((key, secret)) => (key.to_owned(), secret.to_owned()),
            None => {
                let parts: Vec<_> = (0..4).map(|_| self.uuid().replace('-', "")).collect();
                (format!("{}{}", parts[0], parts[1]), format!("{}{}", parts[2], parts[3]))
            }
        };
        self.world.keys.push(KeyPair { user, api_key, secret, rules: Vec::new() });
    }

    fn project(&mut self, short: &str, domain: usize, owner: usize) -> usize {
        let ids = self.ids();
        let name = format!("{short}-web");
        let life = Life::since(self.world.start - DAY);
        self.world.projects.push(Project { ids, name, domain, owner, members: Vec::new(), life });
        self.world.projects.len() - 1
    }
}

fn read_only() -> Vec<(String, bool)> {
    vec![("list*".to_owned(), true), ("*".to_owned(), false)]
}

/// The least that Billow's own key needs.
fn billing_reader() -> Vec<(String, bool)> {
    let mut rules: Vec<_> =
        super::cloudstack::listing_commands().map(|name| (name.to_owned(), true)).collect();
    rules.push(("*".to_owned(), false));
    rules
}
