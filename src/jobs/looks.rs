//! Wishes that a source be looked at before its turn: something changed there, and only a look
//! tells what.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

use crate::ids::SourceName;

/// Wishes of one process; wishes for a source that nobody answered yet are one.
#[derive(Clone, Default)]
pub struct Looks(Arc<Mutex<BTreeMap<SourceName, Arc<Notify>>>>);

impl Looks {
    /// Wishes for a look at a source.
    pub fn wish(&self, source: &SourceName) {
        self.of(source).notify_one();
    }

    /// Waits for the next wish for a look at a source.
    pub async fn wished(&self, source: &SourceName) {
        self.of(source).notified().await;
    }

    fn of(&self, source: &SourceName) -> Arc<Notify> {
        // A map of this kind cannot be left half-written.
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.entry(source.clone()).or_default().clone()
    }
}
