//! The faces of Regatta: the command line, its renderers, and the views they show.
//!
//! Decides nothing: the engine does. Starts nothing: the runtime does.

pub mod analyze;
pub mod args;
pub mod commands;
pub mod config;
pub mod connected;
pub mod context;
pub mod doctor;
pub mod epic_files;
pub mod error;
pub mod exit;
pub mod export;
pub mod found_agents;
pub mod found_gates;
pub mod http;
pub mod init;
pub mod mcp_json;
pub mod origin;
pub mod outputs;
pub mod overrides;
pub mod owners;
pub mod parallel;
pub mod plain_file;
pub mod post_mortem;
pub mod prediction;
pub mod render;
pub mod session;
pub mod snapshots;
pub mod source;
pub mod state_view;
pub mod task_apart;
pub mod variables;
pub mod view;
