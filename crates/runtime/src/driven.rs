//! Drivers that the embedding program brings: what each is told, how it answers, and which attempts are with it.
//!
//! ```text
//! driver of this machine --Effect::Start (the call lies on the desk)--> driver of the program
//!            ^------------- Desk::end(attempt, ending) ------------------------'
//! ```
//! Such an attempt has no process: it lives in the program and dies with it. Plain data and a way to answer; what
//! follows from an end is not known here.

use crate::turn::Driver;
use regatta_engine::effect::Effect;
use regatta_engine::ids::AttemptId;
use serde_json::{Map, Value};
use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What a driver is to do: a task whose tool is `driver/name`.
#[derive(Clone, PartialEq, Debug)]
#[non_exhaustive]
pub struct Call {
    /// The task.
    pub task: String,
    /// The tool: what stands behind the slash.
    pub tool: String,
    /// Its parameters, with every reference replaced.
    pub params: Map<String, Value>,
    /// The number of the attempt, 1-based; attempts that were lost do not count.
    pub number: u32,
    /// It undoes what the task did.
    pub undoes: bool,
    /// The same for every attempt of the task, also in runs that retry this one.
    pub idempotency_key: String,
    /// Where it is to work: the workspace, or the worktree of the task.
    pub cwd: PathBuf,
    /// Between being asked to end and the end of all patience, in milliseconds. Nobody can enforce it in a program.
    pub grace_ms: u64,
    /// The fencing epoch of the leases of the task, where it has any.
    pub lease_epoch: Option<u64>,
}

/// How an attempt with a driver ended.
#[derive(Clone, PartialEq, Debug)]
pub enum Ending {
    /// Well, with this result. It is redacted before it is kept; JSON of more than 16 MiB is a failure.
    Done(Value),
    /// Badly, and why.
    Failed(String),
    /// Nobody can tell whether it did its work, and why: the effect contract decides.
    Lost(String),
    /// Its provider asks to be left alone.
    Limited {
        /// For how long, in milliseconds.
        retry_after_ms: u64,
        /// Why, for people.
        message: String,
    },
}

/// Wakes the loop. Must not block: a loop that is busy looks at the desk anyway.
pub(crate) type Ring = Arc<dyn Fn() + Send + Sync>;

/// Where a driver finds its calls and leaves their ends. May be used from any thread, and never blocks.
#[derive(Clone)]
pub struct Desk {
    table: Arc<Mutex<Table>>,
    ring: Ring,
}

/// Both hold no more than what is under way, which the caps of the run bound.
#[derive(Debug, Default)]
struct Table {
    calls: BTreeMap<AttemptId, Call>,
    ends: BTreeMap<AttemptId, Ending>,
}

impl Desk {
    pub(crate) fn new(ring: Ring) -> Desk {
        Desk { table: Arc::default(), ring }
    }

    fn table(&self) -> MutexGuard<'_, Table> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The call of an attempt, from its [`regatta_engine::effect::Effect::Start`] (or `Undo`) to its end.
    #[must_use]
    pub fn call(&self, attempt: AttemptId) -> Option<Call> {
        self.table().calls.get(&attempt).cloned()
    }

    /// Says how an attempt ended. The first word counts; what is said of one that is not under way is dropped.
    pub fn end(&self, attempt: AttemptId, ending: Ending) {
        let mut table = self.table();
        if table.calls.remove(&attempt).is_some() {
            table.ends.insert(attempt, ending);
            drop(table);
            (self.ring)();
        }
    }

    fn put(&self, attempt: AttemptId, call: Call) {
        self.table().calls.insert(attempt, call);
    }

    fn take_ends(&self) -> BTreeMap<AttemptId, Ending> {
        std::mem::take(&mut self.table().ends)
    }
}

impl fmt::Debug for Desk {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Desk").field("table", &self.table).finish_non_exhaustive()
    }
}

/// Makes a driver for one run.
pub type Make = Arc<dyn Fn(Desk) -> Box<dyn Driver> + Send + Sync>;

/// The drivers of a program, by name.
#[derive(Clone, Default)]
pub struct Drivers(pub BTreeMap<String, Make>);

impl fmt::Debug for Drivers {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_set().entries(self.0.keys()).finish()
    }
}

/// The drivers of one run, and what is with them.
#[derive(Default)]
pub(crate) struct Driven {
    desk: Option<Desk>,
    drivers: BTreeMap<String, Box<dyn Driver>>,
    live: BTreeMap<AttemptId, String>,
}

impl Driven {
    /// The drivers that a run begins with.
    pub(crate) fn new(drivers: &Drivers, ring: Ring) -> Driven {
        let desk = Desk::new(ring);
        let made = drivers.0.iter().map(|(name, make)| (name.clone(), made(make, &desk)));
        Driven { drivers: made.collect(), desk: Some(desk), live: BTreeMap::new() }
    }

    /// The driver that a tool names, if it is here, and what stands behind its name.
    pub(crate) fn driver_of<'a>(&self, tool: &'a str) -> Option<(&'a str, &'a str)> {
        let (driver, tool) = tool.split_once('/')?;
        self.drivers.contains_key(driver).then_some((driver, tool))
    }

    /// Tells every driver. One that panics has missed it, and nothing else is disturbed.
    pub(crate) fn each(&mut self, mut tell: impl FnMut(&mut dyn Driver)) {
        for driver in self.drivers.values_mut() {
            // The program's own panic hook has seen it.
            let _ = catch_unwind(AssertUnwindSafe(|| tell(driver.as_mut())));
        }
    }

    /// An attempt is with a driver from here on, which is handed its start.
    pub(crate) fn begin(&mut self, (attempt, name): (AttemptId, &str), call: Call, start: &Effect) {
        let Some(desk) = self.desk.as_ref().filter(|_| self.drivers.contains_key(name)) else { return };
        desk.put(attempt, call);
        self.live.insert(attempt, name.to_owned());
        self.hand(attempt, start);
    }

    /// Hands an effect to the driver that has its attempt; answers whether there is one. If the driver panics the attempt has
    /// failed.
    pub(crate) fn hand(&mut self, attempt: AttemptId, effect: &Effect) -> bool {
        let driver = self.live.get(&attempt).and_then(|name| self.drivers.get_mut(name));
        let (Some(driver), Some(desk)) = (driver, &self.desk) else { return false };
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| driver.perform(effect))) {
            desk.end(attempt, Ending::Failed(panicked(&*panic)));
        }
        true
    }

    /// Whether an attempt is with a driver.
    pub(crate) fn has(&self, attempt: AttemptId) -> bool {
        self.live.contains_key(&attempt)
    }

    /// What drivers have said since the last look.
    pub(crate) fn take_ends(&mut self) -> BTreeMap<AttemptId, Ending> {
        let ends = self.desk.as_ref().map(Desk::take_ends).unwrap_or_default();
        ends.keys().for_each(|attempt| drop(self.live.remove(attempt)));
        ends
    }
}

/// What is left of a run's drivers goes, whatever one of them does about it.
impl Drop for Driven {
    fn drop(&mut self) {
        for driver in std::mem::take(&mut self.drivers).into_values() {
            // The program's own panic hook has seen it.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(driver)));
        }
    }
}

/// A driver, or what stands for one that cannot be made.
fn made(make: &Make, desk: &Desk) -> Box<dyn Driver> {
    let made = catch_unwind(AssertUnwindSafe(|| make(desk.clone())));
    made.unwrap_or_else(|panic| Box::new(Unmade { desk: desk.clone(), why: panicked(&*panic) }))
}

/// Stands for a driver that cannot be made: each of its attempts fails.
struct Unmade {
    desk: Desk,
    why: String,
}

impl Driver for Unmade {
    fn perform(&mut self, effect: &Effect) {
        if let Effect::Start { attempt, .. } | Effect::Undo { attempt, .. } = effect {
            self.desk.end(*attempt, Ending::Failed(self.why.clone()));
        }
    }
}

/// What a panic of a driver says, for people.
#[must_use]
pub fn panicked(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let words = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("it said nothing");
    format!("the driver panicked: {words}")
}
