//! Goal: painting spans leaves each instant with what was said last. Method: random
//! statements beside an array of instants.

use billow::customer::timeline::{Painted, paint};
use billow::period::Span;
use proptest::prelude::*;

proptest! {
    #[test]
    fn each_instant_has_the_last_word(
        words in proptest::collection::vec((0..40i64, 0..40i64, 0..4u8), 0..20),
    ) {
        let mut parts: Vec<Painted<u8>> = Vec::new();
        let mut slow = [None; 40];
        for (from, until, value) in words {
            paint(&mut parts, Span { from, until }, value);
            for at in from..until {
                slow[usize::try_from(at).expect("small")] = Some(value);
            }
        }
        for (at, wanted) in (0..40i64).zip(slow) {
            let found = parts.iter().find(|part| part.span.contains(at)).map(|part| part.value);
            prop_assert_eq!(found, wanted, "at {}", at);
        }
        for pair in parts.windows(2) {
            prop_assert!(pair[0].span.until <= pair[1].span.from);
            let joined = pair[0].span.until == pair[1].span.from && pair[0].value == pair[1].value;
            prop_assert!(!joined, "equal neighbours are one part");
        }
    }
}
