//! What the texts of servers name.
//!
//! Pure.

use regatta_plan::model::McpServer;
use regatta_plan::reference::{Ref, Template};
use std::collections::BTreeSet;

/// The variables that the texts of servers name.
pub(crate) fn variables_of<'a>(servers: impl Iterator<Item = &'a McpServer>) -> BTreeSet<String> {
    let texts = servers.flat_map(|server| server.open_texts().chain(server.private_texts()));
    let templates = texts.filter_map(|text| Template::parse(text).ok());
    let refs: Vec<Ref> =
        templates.flat_map(|template| template.refs().cloned().collect::<Vec<_>>()).collect();
    refs.into_iter().filter(|r| r.head == "env").filter_map(|r| r.path.into_iter().next()).collect()
}
