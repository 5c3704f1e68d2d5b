//! Goal: intervals do not depend on how what happened became known. Method: true lives drawn at
//! random, told by events and listings in every order, and single cases worked out by hand.

use billow::collect::observation::{Certainty, Observation, ResourceKind, ResourceState};
use billow::collect::observe::interval::{Interval, Observed, timeline};
use billow::collect::observe::meters::records;
use billow::collect::observe::news::{Look, news};
use billow::collect::record::Attributes;
use billow::period::Span;
use proptest::prelude::*;

use super::life::{Being, Life, SECOND, START, life, observed, owner, shown, told};

const POLL: i64 = 60 * SECOND;

fn intervals(observed: &[Observed]) -> Vec<Interval> {
    timeline(observed).intervals()
}

/// Truthful listings of a life each minute, which take some seconds.
fn listings(life: &Life, took: i64) -> Vec<Observed> {
    let end = life.end(i64::MAX).min(life.0[life.0.len() - 1].at + 10 * POLL) + 5 * POLL;
    let mut all = Vec::new();
    let mut at = START * SECOND;
    let mut before = None;
    while at < end {
        all.push(life.listing(at, at + took / 2, at + took, before));
        before = life.exists(at + took / 2).then_some(at).or(before);
        at += POLL;
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// Whatever is told, in whatever order and however often, gives the same intervals.
    #[test]
    fn order_and_repetition_change_nothing(
        life in life(), other in life(), took in 0..20 * SECOND, seed in any::<u64>()
    ) {
        // Listings of another life contradict the events, as broken sources do.
        let mut all = life.events();
        all.extend(listings(&other, took).into_iter().take(40));
        let first = shown(&intervals(&all));
        let copies: Vec<Observed> = all.iter().step_by(3).cloned().collect();
        all.extend(copies);
        shuffle(&mut all, seed);
        prop_assert_eq!(first, shown(&intervals(&all)));
    }

    /// Cut to seconds, intervals leave no hole and never overlap: their seconds are the life's.
    #[test]
    fn seconds_sum_to_the_life(life in life(), took in 0..20 * SECOND, cut in 1..86_400_i64) {
        let mut all = life.events();
        all.extend(listings(&life, took));
        let found = intervals(&all);
        let now = life.0[life.0.len() - 1].at + POLL;
        let mut seconds = 0;
        for interval in &found {
            let until = interval.until_micros.unwrap_or(now);
            seconds += until.div_euclid(SECOND) - interval.from_micros.div_euclid(SECOND);
        }
        let whole = life.end(now).div_euclid(SECOND) - life.0[0].at.div_euclid(SECOND);
        prop_assert_eq!(seconds, whole);
        // Records cut into windows sum to the records of one window.
        let window = Span::new(START, now.div_euclid(SECOND));
        let middle = START + cut % window.seconds().max(1);
        let of = |window| {
            records((ResourceKind::Machine, "m1"), &found, window)
                .iter().map(|one| one.record.span.seconds()).sum::<i64>()
        };
        let parts = of(Span::new(START, middle)) + of(Span::new(middle, window.until));
        prop_assert_eq!(of(window), parts);
    }

    /// Truthful listings add nothing to complete events.
    #[test]
    fn events_with_listings_are_events_alone(life in life(), took in 0..20 * SECOND) {
        let events = shown(&intervals(&life.events()));
        let mut all = life.events();
        all.extend(listings(&life, took));
        prop_assert_eq!(events, shown(&intervals(&all)));
    }

    /// Taken in bit by bit, with events that come late, twice, and out of order, what is stored
    /// gives the same; listings that show nothing new are not stored.
    #[test]
    fn late_events_replace_what_listings_guessed(
        life in life(), took in 0..20 * SECOND, delays in prop::collection::vec(0..40_u8, 13)
    ) {
        let mut coming: Vec<(i64, Observed)> = life.events().into_iter().zip(&delays)
            .map(|(event, delay)| {
                (event.observation.at_micros + i64::from(*delay) * POLL / 4, event)
            })
            .collect();
        coming.extend(listings(&life, took).into_iter().map(|one| (one.read_micros, one)));
        let events = coming.iter().filter(|(_, one)| is_event(one)).cloned().collect::<Vec<_>>();
        coming.extend(events.into_iter().map(|(at, event)| (at + 7 * POLL, event)));
        coming.sort_by_key(|(at, _)| *at);
        let stored = take_in(coming.into_iter().map(|(_, one)| one));
        prop_assert_eq!(shown(&intervals(&life.events())), shown(&intervals(&stored)));
        prop_assert!(stored.len() <= 6 * life.0.len() + 6, "{} rows", stored.len());
    }

    /// Without any event each change is found at the first look after it, and the end at the last
    /// look before it: never more is billed than was seen.
    #[test]
    fn listings_alone_are_right_to_one_look(life in life()) {
        let stored = take_in(listings(&life, 0).into_iter());
        for interval in intervals(&stored) {
            let truth = life.at(interval.from_micros);
            prop_assert_eq!(truth.map(|being| being.state), Some(interval.state));
            prop_assert!((interval.from_micros - START * SECOND) % POLL == 0);
            let until = interval.until_micros.unwrap_or(i64::MAX);
            let late = life.0.iter().find(|being| {
                being.at > interval.from_micros && being.at + POLL < until
                    && life.at((being.at + POLL) / POLL * POLL) == Some(being)
                    && !same(being, &interval)
            });
            prop_assert!(late.is_none(), "{late:?} was overlooked in {interval:?}");
        }
    }
}

fn same(being: &Being, interval: &Interval) -> bool {
    let gpu = interval.attributes.get("offering").cloned();
    being.state == interval.state
        && owner(being.owner) == interval.owner
        && gpu == Some(format!("size-{}", being.size))
}

fn is_event(one: &Observed) -> bool {
    one.observation.certainty.is_event()
}

/// Takes in as the intake does: one after the other, rounds noted when they are over.
fn take_in(coming: impl Iterator<Item = Observed>) -> Vec<Observed> {
    let (mut stored, mut rounds): (Vec<Observed>, Vec<Look>) = (Vec::new(), Vec::new());
    for one in coming {
        let found = news(&stored, &rounds, std::slice::from_ref(&one));
        let again = [stored.clone(), found.fresh.clone()].concat();
        let again = news(&again, &rounds, std::slice::from_ref(&one));
        assert!(again.fresh.is_empty(), "the same again is not new");
        stored.extend(found.fresh);
        if !is_event(&one) {
            let at_micros = one.observation.at_micros;
            rounds.push(Look { at_micros, read_micros: one.read_micros });
        }
    }
    stored
}

/// A shuffle that proptest can shrink.
fn shuffle(all: &mut [Observed], mut seed: u64) {
    for index in (1..all.len()).rev() {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(seed >> 33).expect("31 bits") % (index + 1);
        all.swap(index, other);
    }
}

// Cases by hand, in seconds from START.

fn at(seconds: i64) -> i64 {
    (START + seconds) * SECOND
}

fn being(state: ResourceState) -> Being {
    Being { at: 0, state, owner: "a", size: 0 }
}

fn event(seconds: i64, state: ResourceState) -> Observed {
    observed(told(&being(state), at(seconds), Certainty::Event))
}

fn heard(millis: i64, state: ResourceState) -> Observed {
    let at = START * SECOND + millis * 1000;
    observed(told(&being(state), at, Certainty::Heard))
}

fn seen(seconds: i64, state: ResourceState) -> Observed {
    observed(told(&being(state), at(seconds), Certainty::Seen))
}

fn missing(seconds: i64, shown: Option<i64>) -> Observed {
    let mut missing = told(&being(ResourceState::Gone), at(seconds), Certainty::Missing);
    missing.attributes = Attributes::new();
    Observed { shown_micros: shown.map(at), ..observed(missing) }
}

fn short(observed: &[Observed]) -> Vec<(i64, Option<i64>, ResourceState)> {
    let second = |micros: i64| micros / SECOND - START;
    let short = |one: &Interval| (second(one.from_micros), one.until_micros.map(second), one.state);
    intervals(observed).iter().map(short).collect()
}

#[test]
fn a_beginning_is_exact_and_what_is_seen_next_holds_from_it() {
    let made = |owner| {
        let being = Being { owner, ..being(ResourceState::Gone) };
        let mut made = told(&being, at(0), Certainty::Made);
        (made.state, made.attributes) = (None, Attributes::new());
        observed(made)
    };
    let seen = |seconds, owner, size| {
        let being = Being { at: 0, state: ResourceState::Present, owner, size };
        observed(told(&being, at(seconds), Certainty::Seen))
    };
    // Each round tells the beginning again, with the owner that it has by then.
    let rounds =
        [[made("a"), seen(4, "a", 0)], [made("a"), seen(8, "a", 1)], [made("b"), seen(12, "b", 1)]];
    let all = rounds.concat();
    let found: Vec<(i64, Option<i64>, String, String)> = intervals(&all)
        .iter()
        .map(|one| {
            let second = |micros: i64| micros / SECOND - START;
            let offering = one.attributes["offering"].clone();
            let until = one.until_micros.map(second);
            (second(one.from_micros), until, one.owner.id.clone(), offering)
        })
        .collect();
    let expected =
        [(0, Some(8), "a", "size-0"), (8, Some(12), "a", "size-1"), (12, None, "b", "size-1")];
    let expected = expected
        .map(|(from, until, owner, offering)| (from, until, owner.to_owned(), offering.to_owned()));
    assert_eq!(found, expected);
    // A beginning is news once.
    let first = news(&[], &[], &rounds[0]).fresh;
    assert_eq!(first.len(), 2);
    assert_eq!(news(&first, &[], &[made("b")]).fresh, []);
}

use ResourceState::{Building, Gone, Running, Shelved, Stopped};

#[test]
fn a_change_that_nobody_saw_counts_from_when_it_was_seen() {
    let all = [event(0, Running), seen(60, Running), seen(120, Stopped)];
    assert_eq!(short(&all), [(0, Some(120), Running), (120, None, Stopped)]);
    // The event that comes later is better.
    let all = [all.to_vec(), vec![event(71, Stopped)]].concat();
    assert_eq!(short(&all), [(0, Some(71), Running), (71, None, Stopped)]);
}

#[test]
fn what_a_complete_listing_misses_is_gone_since_the_last_sign_of_it() {
    let all = [event(0, Running), missing(180, Some(120))];
    assert_eq!(short(&all), [(0, Some(120), Running)]);
    let all = [event(0, Running), event(150, Stopped), missing(240, Some(120))];
    assert_eq!(short(&all), [(0, Some(150), Running)]);
    // The exact end is better, before and after the listing that missed it.
    for end in [133, 400] {
        let all = [event(0, Running), missing(180, Some(120)), event(end, Gone)];
        assert_eq!(short(&all), [(0, Some(end), Running)]);
    }
    // It comes back: what lies between was not seen.
    let all = [event(0, Running), missing(180, Some(120)), seen(240, Running)];
    assert_eq!(short(&all), [(0, Some(120), Running), (240, None, Running)]);
}

#[test]
fn a_listing_that_is_behind_an_event_counts_for_nothing() {
    let all = [event(0, Running), event(99, Stopped), seen(100, Running), seen(160, Stopped)];
    assert_eq!(short(&all), [(0, Some(99), Running), (99, None, Stopped)]);
    // What never was is no old copy: it changed again and nobody told.
    let all = [event(0, Running), event(99, Stopped), seen(110, Shelved)];
    let expected = [(0, Some(99), Running), (99, Some(110), Stopped), (110, None, Shelved)];
    assert_eq!(short(&all), expected);
    // Made a moment ago, not yet in the listing.
    let all = [event(0, Running), missing(10, None)];
    assert_eq!(short(&all), [(0, None, Running)]);
}

#[test]
fn a_listing_that_took_its_time_yields_to_the_event_in_it() {
    let slow = Observed { read_micros: at(140), ..seen(100, Stopped) };
    let all = [event(0, Running), slow, event(130, Stopped)];
    assert_eq!(short(&all), [(0, Some(130), Running), (130, None, Stopped)]);
}

#[test]
fn a_change_told_by_a_message_and_by_a_history_is_one_and_the_history_dates_it() {
    // Sent in another second than the one in which the history says that it happened.
    for millis in [9_200, 9_999, 10_800] {
        let all =
            [heard(0, Running), heard(millis, Stopped), event(10, Stopped), seen(60, Stopped)];
        assert_eq!(short(&all), [(0, Some(10), Running), (10, None, Stopped)], "{millis}");
    }
    // Stopped and started at once: each message is that of its own change.
    let all = [event(0, Running), event(10, Stopped), event(11, Running)];
    let all = [all.to_vec(), vec![heard(9_100, Stopped), heard(10_100, Running)]].concat();
    let expected = [(0, Some(10), Running), (10, Some(11), Stopped), (11, None, Running)];
    assert_eq!(short(&all), expected);
    // What no history tells counts from its message.
    let all = [event(0, Running), event(10, Stopped), heard(13_000, Running)];
    let expected = [(0, Some(10), Running), (10, Some(13), Stopped), (13, None, Running)];
    assert_eq!(short(&all), expected);
    // The message knows the size that the history does not, whichever comes first.
    let mut blank = event(10, Stopped);
    blank.observation.attributes.insert("offering".to_owned(), String::new());
    let all = [event(0, Running), heard(9_500, Stopped), blank];
    let sized = intervals(&all);
    assert_eq!(sized[1].attributes["offering"], "size-0");
}

#[test]
fn what_is_not_told_stays_and_what_a_listing_adds_holds_from_the_change_on() {
    let with = |one: Observed, pairs: &[(&str, &str)]| {
        let attributes = pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let observation = Observation { attributes, ..one.observation.clone() };
        Observed { observation, ..one }
    };
    let resize =
        Observation { state: None, ..with(event(50, Running), &[("vcpus", "4")]).observation };
    let all = [
        with(event(0, Building), &[]),
        with(event(5, Running), &[("vcpus", "2"), ("gpu_count", "")]),
        observed(resize),
        with(seen(60, Running), &[("vcpus", "4"), ("os", "linux"), ("gpu_count", "")]),
        with(seen(120, Running), &[("vcpus", "4"), ("os", "linux"), ("gpu_count", "1")]),
    ];
    let told: Vec<(i64, String)> = intervals(&all)
        .iter()
        .map(|one| (one.from_micros / SECOND - START, format!("{:?}", one.attributes)))
        .collect();
    let expected = [
        // The size before the resize is contradicted by what the listing shows: nothing goes back.
        (0, r#"{}"#),
        (5, r#"{"vcpus": "2"}"#),
        (50, r#"{"os": "linux", "vcpus": "4"}"#),
        (120, r#"{"gpu_count": "1", "os": "linux", "vcpus": "4"}"#),
    ];
    assert_eq!(told, expected.map(|(from, text)| (from, text.to_owned())));
}
