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
    /// The server was started by a server of tools of a run, or is one: it offers no tool, for a run never calls us.
    pub of_run: bool,
}

impl Product {
    fn rows(&self) -> impl Iterator<Item = &'static Row> {
        let Product { tools, read_only, inside_task, of_run } = self;
        ROWS.iter().filter(move |row| {
            let named = tools.is_empty() || tools.iter().any(|name| name == row.name);
            !of_run && named && row.is_offered(*inside_task) && (!read_only || row.manner == Manner::Looks)
        })
    }

    /// The prompt has a plan written and run.
    fn has_prompts(&self) -> bool {
        ["plan_check", "run_start", "run_wait"].into_iter().all(|name| self.row(name).is_some())
    }

    /// Whether there is anything to offer.
    pub(super) fn is_empty(&self) -> bool {
        self.rows().next().is_none()
    }

    fn row(&self, name: &str) -> Option<&'static Row> {
        self.rows().find(|row| row.name == name)
    }
}

impl Offer for Product {
    fn instructions(&self) -> String {
        if self.of_run {
            return "No tool is offered here: a run of Regatta started this server, and a run never calls us.".to_owned();
        }
        let has = |name: &str| self.row(name).is_some();
        let mut said =
            "Runs graphs of tool calls, shell commands and coding agents: parallel, durable, explained."
                .to_owned();
        let documents: Vec<_> = ["`parallel_execute`", "`shell_batch`"]
            .into_iter()
            .filter(|name| has(name.trim_matches('`')))
            .collect();
        match documents[..] {
            [] => {}
            [one] => said.push_str(&format!(" {one} takes a whole graph in one call.")),
            _ => said.push_str(&format!(" {} take a whole graph in one call.", documents.join(" and "))),
        }
        let steps = ["plan_check", "run_start", "run_wait"];
        if steps.into_iter().all(has) {
            said.push_str(
                " For a plan: `plan_check`, `run_start`, then `run_wait` with its cursor until `ended`.",
            );
        } else if has("run_wait") {
            said.push_str(" `run_wait` with its cursor waits for a run until `ended`.");
        }
        said.push_str(" Runs outlive this server; taking back a call never cancels a run");
        said.push_str(if has("run_cancel") { ", `run_cancel` does." } else { "." });
        said
    }

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
        if self.has_prompts() { prompts::list() } else { Vec::new() }
    }

    fn prompt(&self, name: &str, arguments: Option<&JsonObject>) -> Option<GetPromptResult> {
        prompts::get(name, arguments).filter(|_| self.has_prompts())
    }
}
