//! Texts that repeat a thousand times, kept once; and the quick hash maps behind it.
//!
//! The hash is fast and not keyed: it is for maps whose iteration order nobody sees and whose
//! size the input bounds. Nothing that a caller gets may depend on it.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::sync::Arc;

/// A hash map for the inner loops.
pub(crate) type QuickMap<K, V> = HashMap<K, V, BuildHasherDefault<QuickHasher>>;

/// Multiply and rotate, eight bytes at a time.
#[derive(Default)]
pub(crate) struct QuickHasher(u64);

const FACTOR: u64 = 0xf135_7aea_2e62_a9c5;

impl QuickHasher {
    fn mix(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    }
}

impl Hasher for QuickHasher {
    fn finish(&self) -> u64 {
        // The multiplication leaves the good bits above; the map reads both ends.
        self.0.rotate_left(26)
    }

    fn write(&mut self, bytes: &[u8]) {
        let mut chunks = bytes.chunks_exact(8);
        for chunk in &mut chunks {
            let mut word = [0; 8];
            word.copy_from_slice(chunk);
            self.mix(u64::from_le_bytes(word));
        }
        let rest = chunks.remainder();
        if !rest.is_empty() {
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            self.mix(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.mix(u64::from(value));
    }

    fn write_u32(&mut self, value: u32) {
        self.mix(u64::from(value));
    }

    fn write_u64(&mut self, value: u64) {
        self.mix(value);
    }

    fn write_usize(&mut self, value: usize) {
        self.write(&value.to_le_bytes());
    }
}

/// Gives each distinct value a number, from 0 in order of first sight.
pub(crate) struct Interner<'a, T: ?Sized> {
    numbers: QuickMap<&'a T, usize>,
    values: Vec<&'a T>,
    last: Option<(&'a T, usize)>,
}

impl<T: ?Sized> Default for Interner<'_, T> {
    fn default() -> Self {
        Self { numbers: QuickMap::default(), values: Vec::new(), last: None }
    }
}

impl<'a, T: ?Sized + Eq + std::hash::Hash> Interner<'a, T> {
    /// The number of a value.
    pub(crate) fn number(&mut self, value: &'a T) -> usize {
        if let Some((last, number)) = self.last
            && last == value
        {
            return number;
        }
        let values = &mut self.values;
        let number = *self.numbers.entry(value).or_insert_with(|| {
            values.push(value);
            values.len() - 1
        });
        self.last = Some((value, number));
        number
    }
}

/// The texts of an interner, to be shared, and their order.
pub(crate) struct Texts {
    shared: Vec<Arc<str>>,
    ranks: Vec<usize>,
}

impl Texts {
    pub(crate) fn new(interner: &Interner<'_, str>) -> Self {
        let texts = &interner.values;
        let mut order: Vec<usize> = (0..texts.len()).collect();
        order.sort_unstable_by_key(|number| texts[*number]);
        let mut ranks = vec![0; order.len()];
        for (rank, number) in order.into_iter().enumerate() {
            ranks[number] = rank;
        }
        Self { shared: texts.iter().map(|text| Arc::from(*text)).collect(), ranks }
    }

    /// The text with a number.
    pub(crate) fn text(&self, number: usize) -> Arc<str> {
        Arc::clone(&self.shared[number])
    }

    /// The place of a number's text in the order of all texts.
    pub(crate) fn rank(&self, number: usize) -> usize {
        self.ranks[number]
    }
}
