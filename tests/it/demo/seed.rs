//! Goal: a seed gives one world, and a full one is as large as promised.

use billow::demo::cloudstack::usage::records;
use billow::demo::cloudstack::{Defects, world::Life};
use billow::demo::seed::{DAY, Size, logins, world};

use super::cloud::START;

#[test]
fn the_same_seed_gives_the_same_world() {
    let one = world(3, Size::Full, START);
    assert_eq!(one, world(3, Size::Full, START));
    assert_ne!(one, world(4, Size::Full, START));
    assert_ne!(one, world(3, Size::Small, START));
}

#[test]
fn the_full_world_has_what_the_demo_promises() {
    for seed in 0..5 {
        let world = world(seed, Size::Full, START);
        assert!(world.domains.iter().filter(|one| one.path.matches('/').count() == 1).count() >= 3);
        let customers = world.accounts.iter().filter(|one| one.role == 2).count();
        assert!(customers >= 12, "{customers}");
        assert!(!world.projects.is_empty());
        let mut number = 0;
        for day in 0..150 {
            let from = START + day * DAY;
            let span = Life { from, until: from + DAY };
            number += records(&world, &Defects::usual(), span, 1000).len();
        }
        assert!((40_000..140_000).contains(&number), "seed {seed}: {number} records");
        let roles: std::collections::BTreeSet<_> = logins(&world)
            .into_iter()
            .map(|login| login.role.split(',').next().map(str::to_owned))
            .collect();
        assert!(roles.len() >= 4, "{roles:?}");
    }
}

#[test]
fn machines_are_never_in_two_states() {
    let world = world(9, Size::Full, START);
    for machine in &world.machines {
        let mut at = machine.life.from;
        for phase in &machine.phases {
            assert_eq!(phase.from, at, "{}", machine.name);
            assert!(phase.from < phase.until);
            at = phase.until;
        }
        assert_eq!(at, machine.life.until, "{}", machine.name);
    }
}
