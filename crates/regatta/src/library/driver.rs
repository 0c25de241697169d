//! Work that the program does itself: a task `tool: NAME/TOOL` whose NAME is a driver of the program.
//!
//! A function is enough for nearly everything, see [`crate::Config::driver`]:
//!
//! ```
//! use regatta::driver::Failure;
//! use regatta::{Config, Plan, Task};
//! use serde_json::json;
//!
//! let config = Config::new().driver("greeter", |attempt| match attempt.params()["name"].as_str() {
//!     Some(name) => Ok(json!({ "greeting": format!("hello, {name}") })),
//!     None => Err(Failure::new("nobody to greet")),
//! });
//! let plan = Plan::builder("greetings")
//!     .task(Task::call("greet", "greeter/hello", json!({ "name": "you" })).effect("pure"))
//!     .build();
//! ```
//!
//! The rest of a plan knows no difference: caps, retries, timeouts, conditions, references, leases, budgets, worktrees and
//! the journal work as they do for any tool. Results are redacted before they are kept.
//!
//! # What is different
//!
//! **It lives in the program and dies with it.** The keeper owns processes and outlives the program; it cannot own a
//! function. After `kill -9` of the program, tasks that are processes are taken up where they are; attempts of a driver
//! are *lost*, and the task's `effect` decides: `pure` and `idempotent` begin again, `at-most-once` (what a tool is if the
//! plan says nothing) is in doubt until [`crate::RunHandle::answer`] or a `reconcile` command settles it.
//! [`Attempt::idempotency_key`] is the same in each attempt.
//!
//! **It cannot be killed.** A timeout, a cancel or an interruption sets [`Attempt::is_cancelled`], and the slot is free when
//! the function returns. A function that never looks keeps its slot, and its run does not end before it. `pause --now`
//! stops processes; a function goes on. There is no idle timeout and no output: [`crate::Event`] has its result and message.
//!
//! **It shares the program.** A panic is a failure of its attempt and of nothing else; the program's own panic hook sees it.
//! So is one of [`Driver::perform`], and one while a driver is made fails each of its attempts.
//! A function that waits for its own run waits for ever.
//!
//! **Only a program with that driver can go on with the run.** `regatta resume` refuses it while a task is open that wants
//! the driver; [`crate::RunHandle::resume`] in the program does it. Looking, cancelling and answering work from anywhere.
//!
//! # The trait
//!
//! [`Driver`] is the seam that the machine itself and the simulator implement. A driver of a program needs no more than
//! `perform`: it is given [`Effect::Start`] or [`Effect::Undo`] when the call lies on the [`Desk`], [`Effect::End`] when
//! the attempt is to end, [`Effect::Suspend`] and [`Effect::Continue`]. It must not block: the loop of the run waits. It
//! answers from any thread by [`Desk::end`]. Its types are the engine's own and change with it: see `docs/library.md`.

pub use super::attempt::{Attempt, Failure};
pub use regatta_engine::effect::Effect;
pub use regatta_engine::ids::{AttemptId, NodeId};
pub use regatta_runtime::driven::{Call, Desk, Ending};
pub use regatta_runtime::turn::Driver;
