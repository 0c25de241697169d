//! Lists that tasks map over, each read once: what it is made of has ended.
//!
//! Knows no tasks.

use regatta_plan::reference::Unresolved;
use serde_json::Value;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// The lists of a run by the task that maps over them.
#[derive(Debug, Default)]
pub(crate) struct Lists(Mutex<BTreeMap<String, Arc<Vec<Value>>>>);

impl Lists {
    /// The list of a map, which `read` reads where that was not done yet.
    pub(crate) fn of(
        &self,
        map: &str,
        read: impl FnOnce() -> Result<Vec<Value>, Unresolved>,
    ) -> Result<Arc<Vec<Value>>, Unresolved> {
        let known = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(list) = known().get(map).map(Arc::clone) {
            return Ok(list);
        }
        let list = Arc::new(read()?);
        known().insert(map.to_owned(), Arc::clone(&list));
        Ok(list)
    }
}
