//! What `regatta mcp` offers: the table of tools as the options narrow it, runs as resources, and the prompt.

use super::desk::{Arguments, Desk, Refused};
use super::offer::Offer;
use super::tools::{Manner, ROWS, Row};
use super::{prompts, resources};
use crate::context::Context;
use regatta_plan::nearest;
use rmcp::model::{
    CallToolResult, GetPromptResult, JsonObject, Prompt, Resource, ResourceContents, ResourceTemplate, Tool,
};

/// What is offered, and how far it is narrowed.
#[derive(Clone, Debug)]
pub struct Product {
    /// Only these tools; all without any.
    pub tools: Vec<String>,
    /// Only tools that change nothing.
    pub read_only: bool,
    /// The server was started inside a task of a run.
    pub inside_task: bool,
}

impl Product {
    fn rows(&self) -> impl Iterator<Item = &'static Row> {
        let Product { tools, read_only, inside_task } = self;
        ROWS.iter().filter(move |row| {
            let named = tools.is_empty() || tools.iter().any(|name| name == row.name);
            named && row.is_offered(*inside_task) && (!read_only || row.manner == Manner::Looks)
        })
    }

    fn row(&self, name: &str) -> Option<&'static Row> {
        self.rows().find(|row| row.name == name)
    }
}

impl Offer for Product {
    fn tools(&self) -> Vec<Tool> {
        self.rows().map(Row::tool).collect()
    }

    fn tool(&self, name: &str) -> Option<Tool> {
        self.row(name).map(Row::tool)
    }

    fn near(&self, name: &str) -> Option<String> {
        // One that is not offered here was no slip of the pen.
        let misspelt = !ROWS.iter().any(|row| row.name == name);
        nearest(name, self.rows().filter(|_| misspelt).map(|row| row.name)).map(str::to_owned)
    }

    fn call(&self, name: &str, desk: &Desk<'_>, arguments: Arguments) -> Result<CallToolResult, Refused> {
        let row = self.row(name).ok_or_else(|| Refused::new(format!("there is no tool `{name}`")))?;
        Ok((row.call)(desk, arguments)?.into_result())
    }

    fn resources(&self, context: &Context) -> Result<Vec<Resource>, Refused> {
        resources::list(context)
    }

    fn templates(&self) -> Vec<ResourceTemplate> {
        resources::templates()
    }

    fn read(&self, context: &Context, uri: &str) -> Result<Option<ResourceContents>, Refused> {
        resources::read(context, uri)
    }

    fn prompts(&self) -> Vec<Prompt> {
        prompts::list()
    }

    fn prompt(&self, name: &str, arguments: Option<&JsonObject>) -> Option<GetPromptResult> {
        prompts::get(name, arguments)
    }
}
