//! Agents: how each is started, what it says, and what that means.
//!
//! ```text
//! plan's agent -> preset or template -> argv + environment + home      before an attempt
//! its output   -> stream (one dialect each) -> Said -> verdict         after it
//! ```
//! Everything that reads is a pure function over lines. Nothing here starts a process.

mod attempt;
mod classify;
mod dialects;
mod field;
mod helping;
mod home;
mod items;
mod preset;
mod preview;
mod record;
mod said;
mod servers;
mod sessions;
mod stream;
mod template;
mod told;
mod verdict;

pub(crate) use attempt::Brief;
pub use attempt::bill;
pub(crate) use helping::Call;
pub(crate) use home::forget_home;
pub use home::{home_dir, user_home};
pub use preset::{Cumulative, PRESETS, Preset, Verified, preset};
pub use preview::preview;
pub use record::{AGENT_FILE, AgentRecord, BILL_FILE, PROMPT_FILE, UsageRow, load as load_record};
pub use said::{Ending, ErrorClass, Said};
pub use servers::Telling;
pub use sessions::session_command;
pub use stream::{Dialect, progress, read, read_lines};
pub(crate) use told::Told;
