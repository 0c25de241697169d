//! Takes secrets out of text: declared values in their encodings, rules as data, names of keys.
//!
//! ```text
//! bytes --Stream--> window (a little of what was let go, and what is held back) --Redactor--> spans --> bytes, markers
//!                                             declared (one automaton) | rules (keywords, then expressions) | keys
//! ```
//! Pure: text in, text out. Knows no file, no process, no plan and no clock; holds a bounded window of a stream.

mod allow;
mod declared;
mod encode;
mod names;
pub mod personal;
mod private_key;
mod redactor;
mod rules;
mod span;
mod stream;
mod view;
mod window;

pub use declared::{MIN_DECLARED_BYTES, Value};
pub use names::is_secret_name;
pub use redactor::Redactor;
pub use rules::{Finding, VERSION, found_in};
pub use span::{MARKER, rules_of_markers};
pub use stream::Stream;
