//! The simulator's store: turns in memory, with faults. What is in `durable` survives a crash.
//!
//! Knows nothing of SQL or rows.

use regatta_journal::{Store, StoreError, StoredEvent, Turn};

/// What the next append does.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fault {
    /// Works.
    #[default]
    None,
    /// Fails, and nothing is durable.
    Refuse,
    /// Says that it failed although the turn is durable.
    LieAfterwards,
}

/// A store with faults.
#[derive(Clone, Debug, Default)]
pub struct FaultyStore {
    /// Every durable turn.
    pub durable: Vec<Turn>,
    /// What the next append does.
    pub fault: Fault,
    poisoned: bool,
}

impl FaultyStore {
    /// The store after a restart of its process.
    #[must_use]
    pub fn reopened(&self) -> FaultyStore {
        FaultyStore { durable: self.durable.clone(), fault: Fault::None, poisoned: false }
    }
}

impl Store for FaultyStore {
    fn append(&mut self, turn: &Turn) -> Result<(), StoreError> {
        if self.poisoned {
            return Err(poisoned());
        }
        let fault = std::mem::take(&mut self.fault);
        self.poisoned = fault != Fault::None;
        if fault != Fault::Refuse && !turn.is_empty() {
            self.durable.push(turn.clone());
        }
        if self.poisoned { Err(poisoned()) } else { Ok(()) }
    }

    fn fold(
        &mut self,
        each: &mut dyn FnMut(StoredEvent) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut pos = 0;
        for turn in &self.durable {
            for event in &turn.events {
                pos += 1;
                each(StoredEvent { pos, wall_ms: turn.wall_ms, event: event.clone(), payload: None })?;
            }
        }
        Ok(())
    }
}

fn poisoned() -> StoreError {
    StoreError::Poisoned { path: "memory".into() }
}
