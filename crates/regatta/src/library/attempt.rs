//! A driver that is a function: one thread for each attempt, as many at once as the caps of the run allow.
//!
//! ```text
//! loop --Start--> thread: function --Ok, Err, panic--> Desk::end
//!   `----End----> flag of the attempt, which the function looks at
//! ```
//! When it is dropped it waits for its functions: nothing of a run that was left works on.

use regatta_engine::effect::Effect;
use regatta_engine::ids::AttemptId;
use regatta_runtime::driven::{Call, Desk, Ending, panicked};
use regatta_runtime::turn::Driver;
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// What a driver's function does.
pub(super) type Work = Arc<dyn Fn(&Attempt) -> Result<Value, Failure> + Send + Sync>;

/// One attempt of a task, as a driver's function sees it.
#[derive(Debug)]
pub struct Attempt {
    call: Call,
    flag: Arc<Flag>,
}

impl Attempt {
    /// The id of the task.
    #[must_use]
    pub fn task(&self) -> &str {
        &self.call.task
    }

    /// The tool: what stands behind the driver's name and the slash.
    #[must_use]
    pub fn tool(&self) -> &str {
        &self.call.tool
    }

    /// The parameters of the call, with every reference replaced.
    #[must_use]
    pub fn params(&self) -> &Map<String, Value> {
        &self.call.params
    }

    /// The number of the attempt, 1-based. One that was lost does not count.
    #[must_use]
    pub fn number(&self) -> u32 {
        self.call.number
    }

    /// It undoes what the task did (`on_failure: rollback`).
    #[must_use]
    pub fn undoes(&self) -> bool {
        self.call.undoes
    }

    /// The same for every attempt of the task, also in runs that retry this one.
    #[must_use]
    pub fn idempotency_key(&self) -> &str {
        &self.call.idempotency_key
    }

    /// Where it is to work: the workspace, or the worktree of the task.
    #[must_use]
    pub fn cwd(&self) -> &Path {
        &self.call.cwd
    }

    /// The fencing epoch of the task's leases, where it has any.
    #[must_use]
    pub fn lease_epoch(&self) -> Option<u64> {
        self.call.lease_epoch
    }

    /// It is to end: cancelled, timed out, or the run is being left.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        *self.flag.up.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits at most so long for being cancelled; answers whether it is. A sleep that ends in time.
    #[must_use]
    pub fn is_cancelled_within(&self, patience: Duration) -> bool {
        let until = Instant::now() + patience;
        let mut up = self.flag.up.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let left = until.saturating_duration_since(Instant::now());
            if *up || left.is_zero() {
                return *up;
            }
            up = self.flag.rises.wait_timeout(up, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

/// Why an attempt did not do its work.
#[derive(Clone, PartialEq, Debug)]
pub struct Failure(Ending);

impl Failure {
    /// It failed; retried as the task's `retry` says.
    pub fn new(why: impl Into<String>) -> Failure {
        Failure(Ending::Failed(why.into()))
    }

    /// Nobody can tell whether it did its work: the task's `effect` decides.
    pub fn unknown(why: impl Into<String>) -> Failure {
        Failure(Ending::Lost(why.into()))
    }

    /// Whoever it asked wants to be left alone: no failure, tried again after so long (1 s to 24 h).
    pub fn rate_limited(retry_after: Duration, why: impl Into<String>) -> Failure {
        let retry_after_ms = u64::try_from(retry_after.as_millis()).unwrap_or(u64::MAX);
        Failure(Ending::Limited { retry_after_ms, message: why.into() })
    }
}

impl<E: std::error::Error> From<E> for Failure {
    fn from(error: E) -> Failure {
        Failure::new(error.to_string())
    }
}

/// Goes up once.
#[derive(Debug, Default)]
struct Flag {
    up: Mutex<bool>,
    rises: Condvar,
}

impl Flag {
    fn raise(&self) {
        *self.up.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.rises.notify_all();
    }
}

/// The driver.
pub(super) struct Function {
    desk: Desk,
    work: Work,
    live: BTreeMap<AttemptId, (Arc<Flag>, JoinHandle<()>)>,
}

impl Function {
    pub(super) fn new(desk: Desk, work: Work) -> Function {
        Function { desk, work, live: BTreeMap::new() }
    }

    fn start(&mut self, attempt: AttemptId) {
        self.live.retain(|_, (_, thread)| !thread.is_finished());
        let Some(call) = self.desk.call(attempt) else { return };
        let flag = Arc::<Flag>::default();
        let told = Attempt { call, flag: Arc::clone(&flag) };
        let (desk, work) = (self.desk.clone(), Arc::clone(&self.work));
        let spawned = std::thread::Builder::new().name("regatta-driver".to_owned()).spawn(move || {
            let ending = match catch_unwind(AssertUnwindSafe(|| work(&told))) {
                Ok(Ok(value)) => Ending::Done(value),
                Ok(Err(Failure(ending))) => ending,
                Err(panic) => Ending::Failed(panicked(&*panic)),
            };
            desk.end(attempt, ending);
        });
        match spawned {
            Ok(thread) => drop(self.live.insert(attempt, (flag, thread))),
            Err(error) => {
                self.desk.end(attempt, Ending::Failed(format!("its thread cannot be started: {error}")));
            }
        }
    }
}

impl Driver for Function {
    fn perform(&mut self, effect: &Effect) {
        match effect {
            Effect::Start { attempt, .. } | Effect::Undo { attempt, .. } => self.start(*attempt),
            Effect::End { attempt, .. } => {
                self.live.get(attempt).into_iter().for_each(|(flag, _)| flag.raise());
            }
            Effect::Evaluate { .. }
            | Effect::Expand { .. }
            | Effect::Recall { .. }
            | Effect::Claim { .. }
            | Effect::Unclaim { .. }
            | Effect::Release { .. }
            | Effect::Suspend
            | Effect::Continue
            | Effect::Reconcile { .. }
            | Effect::Permit { .. }
            | Effect::Land
            | Effect::Leave(_)
            | Effect::Escalate { .. } => {}
        }
    }
}

impl Drop for Function {
    fn drop(&mut self) {
        self.live.values().for_each(|(flag, _)| flag.raise());
        for (_, thread) in std::mem::take(&mut self.live).into_values() {
            // A panic was told as a failure.
            let _ = thread.join();
        }
    }
}
