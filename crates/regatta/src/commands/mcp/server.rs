//! The server itself: the words of the protocol on one side, the table of tools on the other.
//!
//! Everything that reads or waits runs on a blocking thread with the stack that plans need; the loop of the protocol is never
//! held up.

use super::answer::Answer;
use super::desk::{Desk, Progress, Refused};
use super::tools::{Manner, ROWS, Row};
use super::{place, prompts, resources};
use crate::context::Context;
use crate::error::CliError;
use regatta_runtime::workspace;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, GetPromptRequestParams, GetPromptResponse, Implementation,
    ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult, ListToolsResult,
    PaginatedRequestParams, ProgressNotificationParam, ReadResourceRequestParams, ReadResourceResponse,
    ReadResourceResult, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, ServerInitializeError};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt as _};
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::sync::OnceCell;

/// Stack of the threads on which tools run; conditions of plans may need it.
const STACK_BYTES: usize = 8 << 20;
/// A client has so long to name its roots.
const ROOTS: Duration = Duration::from_secs(5);

const INSTRUCTIONS: &str = "Runs graphs of tool calls, shell commands and coding agents: parallel, durable, explained. \
    `parallel_execute` and `shell_batch` take a whole graph in one call. For a plan: `plan_check`, `run_start`, then `run_wait` \
    with its cursor until `ended`. Runs outlive this server; taking back a call never cancels a run, `run_cancel` does.";

/// How the server is to behave.
#[derive(Clone, Debug)]
pub(super) struct Options {
    /// Only these tools; all without any.
    pub(super) tools: Vec<String>,
    /// Only tools that change nothing.
    pub(super) read_only: bool,
    /// A call that waits for a run does so at most that long.
    pub(super) wait: Duration,
    /// The server was started inside a task of a run.
    pub(super) inside_task: bool,
}

/// Serves one client on standard input and output until it goes away.
///
/// # Errors
/// The client does not speak the protocol.
pub(super) fn serve(context: &Context, options: Options) -> Result<(), CliError> {
    let fail = |e: &dyn std::fmt::Display| CliError::environment(format!("the server cannot run: {e}"));
    let runtime = Builder::new_current_thread().enable_all().thread_stack_size(STACK_BYTES).build();
    let runtime = runtime.map_err(|e| fail(&e))?;
    let server = Server { base: context.clone(), options, place: OnceCell::new() };
    let served = runtime.block_on(async {
        match server.serve(rmcp::transport::stdio()).await {
            // Somebody who leaves before the first word wanted nothing.
            Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
            Err(error) => Err(fail(&error)),
            Ok(running) => running.waiting().await.map(drop).map_err(|e| fail(&e)),
        }
    });
    // A wait that is under way ends nobody's run, and nobody waits for it.
    runtime.shutdown_background();
    served
}

struct Server {
    base: Context,
    options: Options,
    /// The workspace, as soon as it is known.
    place: OnceCell<Arc<Context>>,
}

impl Server {
    fn offered(&self) -> impl Iterator<Item = &'static Row> {
        let Options { tools, read_only, inside_task, .. } = &self.options;
        ROWS.iter().filter(move |row| {
            let named = tools.is_empty() || tools.iter().any(|name| name == row.name);
            named && row.is_offered(*inside_task) && (!read_only || row.manner == Manner::Looks)
        })
    }

    /// The workspace that is meant.
    async fn context(&self, request: &RequestContext<RoleServer>) -> Result<Arc<Context>, Refused> {
        let found = self.place.get_or_try_init(|| async {
            let context = match self.root(request).await {
                Some(root) => Context::read(Some(&root))?,
                None => self.base.clone(),
            };
            place::narrow(context).map(Arc::new)
        });
        found.await.map(Arc::clone).map_err(Refused::from)
    }

    /// The first root of the client that is a directory here, if nobody said more.
    #[expect(deprecated, reason = "clients of today name their workspace so")]
    async fn root(&self, request: &RequestContext<RoleServer>) -> Option<std::path::PathBuf> {
        let has_roots = request.client_capabilities().is_some_and(|can| can.roots.is_some());
        if place::is_given(&self.base) || !has_roots {
            return None;
        }
        let named = tokio::time::timeout(ROOTS, request.peer.list_roots()).await.ok()?.ok()?;
        let dir = named.roots.iter().find_map(|root| place::directory(&root.uri))?;
        Some(workspace::find(None, None, &dir).0)
    }

    /// Calls a tool on a thread of its own.
    async fn call(
        &self,
        row: &'static Row,
        params: CallToolRequestParams,
        request: RequestContext<RoleServer>,
    ) -> Answer {
        let context = match self.context(&request).await {
            Ok(context) => context,
            Err(refused) => return refused.into(),
        };
        let wait = self.options.wait;
        let handle = Handle::current();
        let called = tokio::task::spawn_blocking(move || {
            let is_over = || request.ct.is_cancelled();
            let token = request.meta.get_progress_token();
            let tell = |progress: Progress| {
                let Some(token) = token.clone() else { return };
                let told = ProgressNotificationParam::new(token, progress.done)
                    .with_total(f64::from(progress.total));
                let peer = request.peer.clone();
                // Whoever does not listen misses it.
                handle.spawn(async move { peer.notify_progress(told).await });
            };
            let desk = Desk { context: &context, wait, is_over: &is_over, tell: &tell };
            (row.call)(&desk, params.arguments.unwrap_or_default())
        });
        match called.await {
            Ok(answered) => answered.unwrap_or_else(Answer::from),
            Err(_) => Refused::new(format!("`{}` broke off; this is a bug of regatta", row.name)).into(),
        }
    }

    /// Reads something of the workspace on a thread of its own.
    async fn look<T: Send + 'static>(
        &self,
        request: &RequestContext<RoleServer>,
        look: impl FnOnce(&Context) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, ErrorData> {
        let refused = |refused: Refused| ErrorData::invalid_params(refused.message, None);
        let context = self.context(request).await.map_err(refused)?;
        let looked = tokio::task::spawn_blocking(move || look(&context)).await;
        looked.map_err(|e| ErrorData::internal_error(e.to_string(), None))?.map_err(refused)
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        let can = ServerCapabilities::builder().enable_tools().enable_resources().enable_prompts().build();
        let mut info = ServerConfig::new(can);
        info.server_info = Implementation::new("regatta", env!("CARGO_PKG_VERSION")).with_title("Regatta");
        info.instructions = Some(INSTRUCTIONS.to_owned());
        info
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.offered().find(|row| row.name == name).map(Row::tool)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.offered().map(Row::tool).collect()))
    }

    async fn call_tool(
        &self,
        params: CallToolRequestParams,
        request: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(row) = self.offered().find(|row| row.name == params.name) else {
            return Err(ErrorData::invalid_params(format!("there is no tool `{}`", params.name), None));
        };
        Ok(self.call(row, params, request).await.into_result().into())
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        request: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.look(&request, resources::list).await.map(ListResourcesResult::with_all_items)
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(resources::templates()))
    }

    async fn read_resource(
        &self,
        params: ReadResourceRequestParams,
        request: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let uri = params.uri.clone();
        let found = self.look(&request, move |context| resources::read(context, &uri)).await?;
        let missing =
            || ErrorData::resource_not_found(format!("there is no resource `{}`", params.uri), None);
        Ok(ReadResourceResult::new(vec![found.ok_or_else(missing)?]).into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(prompts::list()))
    }

    async fn get_prompt(
        &self,
        params: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let found = prompts::get(&params.name, params.arguments.as_ref());
        let wrong =
            || ErrorData::invalid_params("there is one prompt, `plan`, with one argument, `goal`", None);
        found.map(GetPromptResponse::from).ok_or_else(wrong)
    }
}
