//! The public library: an orchestrator in the program that links it.
//!
//! ```text
//! Plan, Config -> Orchestrator --execute, run--> RunHandle --progress, events, wait, pause, resume, cancel-->
//!                     |  thread "regatta-loop": runtime::Orchestrator, the same that the binary runs
//!                     `- program that is started as the keeper: found, or the embedding one (`serve_itself`)
//! ```
//! Prints nothing, ends no process, keeps nothing global, takes no signals. What is asked of a run goes the way that the
//! command line goes: its control socket while somebody orchestrates it, its journal else.

mod attempt;
mod builder;
mod document;
pub mod driver;
mod error;
mod events;
mod follower;
mod handle;

mod live;
mod orchestrator;
mod outcome;
mod program;
mod progress;
mod serving;
mod settings;
mod starting;

pub use builder::{PlanBuilder, Task};
pub use document::Plan;
pub use error::{Error, ErrorKind, Problem};
pub use events::{Event, Events};
pub use handle::{Doubt, RunHandle};
pub use orchestrator::Orchestrator;
pub use outcome::{RunResult, RunState, TaskResult, TaskState};
pub use program::Program;
pub use progress::{Progress, TaskProgress};
pub use serving::serve_itself;
#[doc(hidden)]
pub use serving::{helper_arguments, serve};
pub use settings::{Config, Containment};
