//! The verbs, one file each. Each takes its arguments and a context and answers an exit code or an error.

pub mod acp_agent;
pub mod agents;
pub mod check;
pub mod completions;
pub mod context;
pub mod control;
pub mod doctor;
pub mod events;
pub mod explain;
pub mod export;
pub mod gc;
pub mod init;
pub mod keeper;
pub mod lock;
pub mod logs;
pub mod ls;
pub mod man;
pub mod plan;
pub mod post_mortem;
pub mod replay;
pub mod resume;
pub mod retry;
pub mod run;
pub mod schema;
pub mod status;
