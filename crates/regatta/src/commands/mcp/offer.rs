//! What a server offers, behind the protocol: tools, resources and prompts.
//!
//! There are two: [`super::product::Product`], which `regatta mcp` serves, and in the tests what the public conformance suite
//! wants to find. Both are served by the same server, over the same transports, behind the same guards.

use super::desk::{Arguments, Desk, Refused};
use crate::context::Context;
use rmcp::model::{
    CallToolResult, GetPromptResult, JsonObject, Prompt, Resource, ResourceContents, ResourceTemplate, Tool,
};

/// What is offered. Its functions may block; the server calls those that are given a desk or a context on threads of their own.
pub trait Offer: Send + Sync + 'static {
    /// What a client is told of it all.
    fn instructions(&self) -> String {
        String::new()
    }

    /// The tools, in the order in which they are listed.
    fn tools(&self) -> Vec<Tool>;

    /// One tool, if there is one of that name.
    fn tool(&self, name: &str) -> Option<Tool>;

    /// The tool that somebody meant who named one that there is none of, if that can be guessed.
    fn near(&self, name: &str) -> Option<String> {
        let _ = name;
        None
    }

    /// Calls a tool.
    ///
    /// # Errors
    /// It is not obeyed; the client is to read why.
    fn call(&self, name: &str, desk: &Desk<'_>, arguments: Arguments) -> Result<CallToolResult, Refused>;

    /// The resources there are now.
    ///
    /// # Errors
    /// They cannot be read.
    fn resources(&self, context: &Context) -> Result<Vec<Resource>, Refused>;

    /// What else can be read.
    fn templates(&self) -> Vec<ResourceTemplate>;

    /// One resource; `None` if there is none of that name.
    ///
    /// # Errors
    /// It cannot be read.
    fn read(&self, context: &Context, uri: &str) -> Result<Option<ResourceContents>, Refused>;

    /// The prompts.
    fn prompts(&self) -> Vec<Prompt>;

    /// One prompt; `None` if there is none of that name, or an argument is missing.
    fn prompt(&self, name: &str, arguments: Option<&JsonObject>) -> Option<GetPromptResult>;
}
