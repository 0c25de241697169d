//! The server itself: the words of the protocol on one side, what is offered on the other.
//!
//! There is one for each client: on standard input and output, in a session over HTTP, or for a single request there. Everything
//! that reads or waits runs on a blocking thread with the stack that plans need; the loop of the protocol is never held up.

use super::answer::{Answer, safe};
use super::desk::{Desk, Progress, Refused};
use super::offer::Offer;
use super::place;
use super::spoken;
use crate::context::Context;
use crate::error::CliError;
use regatta_runtime::tools::SERVER_NAME;
use regatta_runtime::workspace;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, CustomRequest, CustomResult, DiscoverResult,
    ErrorCode, GetPromptRequestParams, GetPromptResponse, Implementation, ListPromptsResult,
    ListResourceTemplatesResult, ListResourcesResult, ListToolsResult, PaginatedRequestParams,
    ProgressNotificationParam, ProtocolVersion, ReadResourceRequestParams, ReadResourceResponse,
    ReadResourceResult, ServerCapabilities, ServerConfig, Tool,
};
use rmcp::service::{RequestContext, ServerInitializeError};
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt as _};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::{Builder, Handle};
use tokio::sync::{OnceCell, Semaphore};

/// Stack of the threads on which tools run; conditions of plans may need it.
pub(super) const STACK_BYTES: usize = 8 << 20;
/// Calls at a time, over all clients: each has a thread.
const MAX_CALLS: usize = 64;
/// Readings of the workspace at a time, over all clients: each has a thread, and may hold some megabytes.
const MAX_LOOKS: usize = 8;
/// And so many that wait for their turn; none of them waits for a run.
const MAX_LOOKS_WAITING: usize = 64;
/// A client has so long to take what it is told.
const TELL: Duration = Duration::from_secs(1);
/// A client has so long to name its roots.
const ROOTS: Duration = Duration::from_secs(5);

/// What is served in every revision, and `server/discover`.
const METHODS: [&str; 8] = [
    "server/discover",
    "tools/list",
    "tools/call",
    "resources/list",
    "resources/templates/list",
    "resources/read",
    "prompts/list",
    "prompts/get",
];

/// Serves one client on standard input and output until it goes away.
///
/// # Errors
/// The client does not speak the protocol.
pub(super) fn serve<O: Offer>(shared: Shared<O>) -> Result<(), CliError> {
    let fail = |e: &dyn std::fmt::Display| CliError::environment(format!("the server cannot run: {e}"));
    let runtime = Builder::new_current_thread().enable_all().thread_stack_size(STACK_BYTES).build();
    let runtime = runtime.map_err(|e| fail(&e))?;
    let server = Server::new(Arc::new(shared));
    let served = runtime.block_on(async {
        let (stdin, stdout) = rmcp::transport::stdio();
        match server.serve((spoken::lines(stdin), stdout)).await {
            // Somebody who leaves before the first word wanted nothing.
            Err(ServerInitializeError::ConnectionClosed(_)) => Ok(()),
            Err(ServerInitializeError::ExpectedInitializeRequest(_)) => {
                Err(fail(&"the client did not begin with `initialize`"))
            }
            Err(error) => Err(fail(&error)),
            Ok(running) => running.waiting().await.map(drop).map_err(|e| fail(&e)),
        }
    });
    // A wait that is under way ends nobody's run, and nobody waits for it.
    runtime.shutdown_background();
    served
}

/// What all clients of one server have in common.
pub struct Shared<O> {
    base: Context,
    wait: Duration,
    offer: O,
    calls: Arc<Semaphore>,
    looks: Arc<Semaphore>,
    looks_waiting: Semaphore,
}

impl<O: Offer> Shared<O> {
    /// An offer, where it is served, and how long a call may wait for a run.
    pub fn new(base: Context, offer: O, wait: Duration) -> Shared<O> {
        let [calls, looks] = [MAX_CALLS, MAX_LOOKS].map(|most| Arc::new(Semaphore::new(most)));
        Shared { base, wait, offer, calls, looks, looks_waiting: Semaphore::new(MAX_LOOKS_WAITING) }
    }
}

/// The server of one client.
pub struct Server<O> {
    shared: Arc<Shared<O>>,
    /// The workspace, as soon as it is known.
    place: OnceCell<Arc<Context>>,
}

impl<O: Offer> Server<O> {
    /// A server that has heard nothing yet.
    pub fn new(shared: Arc<Shared<O>>) -> Server<O> {
        Server { shared, place: OnceCell::new() }
    }

    /// The workspace that is meant.
    async fn context(&self, request: &RequestContext<RoleServer>) -> Result<Arc<Context>, Refused> {
        let found = self.place.get_or_try_init(|| async {
            let context = match self.root(request).await {
                Some(root) => Context::read(Some(&root))?,
                None => self.shared.base.clone(),
            };
            place::narrow(context).map(Arc::new)
        });
        found.await.map(Arc::clone).map_err(Refused::from)
    }

    /// The first root of the client that is a directory here, if nobody said more.
    #[expect(deprecated, reason = "clients of today name their workspace so")]
    async fn root(&self, request: &RequestContext<RoleServer>) -> Option<std::path::PathBuf> {
        // From 2026-07-28 on a server asks nothing.
        let has_roots = request.client_capabilities().is_some_and(|can| can.roots.is_some());
        if place::is_given(&self.shared.base) || is_modern(request) || !has_roots {
            return None;
        }
        let named = tokio::time::timeout(ROOTS, request.peer.list_roots()).await.ok()?.ok()?;
        let dir = named.roots.iter().find_map(|root| place::directory(&root.uri))?;
        Some(workspace::find(None, None, &dir).0)
    }

    /// Calls a tool on a thread of its own.
    async fn call(
        &self,
        params: CallToolRequestParams,
        request: RequestContext<RoleServer>,
    ) -> CallToolResult {
        let refused = |refused: Refused| Answer::from(refused).into_result();
        let context = match self.context(&request).await {
            Ok(context) => context,
            Err(why) => return refused(why),
        };
        let Ok(seat) = Arc::clone(&self.shared.calls).try_acquire_owned() else {
            return refused(Refused::new(format!(
                "{MAX_CALLS} calls are under way; try again when one has ended"
            )));
        };
        let (shared, handle, name) = (Arc::clone(&self.shared), Handle::current(), params.name.clone());
        let called = tokio::task::spawn_blocking(move || {
            let is_over = || request.ct.is_cancelled();
            let token = request.meta.get_progress_token();
            let tell = |progress: Progress| {
                let Some(token) = token.clone() else { return };
                let told = ProgressNotificationParam::new(token, progress.done)
                    .with_total(f64::from(progress.total));
                // Handed over before the tool goes on: what is told after its answer belongs to nothing. Whoever does not
                // listen misses it.
                let told = request.peer.notify_progress(told);
                let _ = handle.block_on(async { tokio::time::timeout(TELL, told).await });
            };
            let desk = Desk { context: &context, wait: shared.wait, is_over: &is_over, tell: &tell };
            let answered = shared.offer.call(&params.name, &desk, params.arguments.unwrap_or_default());
            drop(seat);
            answered
        });
        match called.await {
            Ok(answered) => answered.unwrap_or_else(refused),
            Err(_) => refused(Refused::new(format!("`{name}` broke off; this is a bug of regatta"))),
        }
    }

    /// Reads something of the workspace on a thread of its own.
    async fn look<T: Send + 'static>(
        &self,
        request: &RequestContext<RoleServer>,
        look: impl FnOnce(&O, &Context) -> Result<T, Refused> + Send + 'static,
    ) -> Result<T, ErrorData> {
        let refused = |Refused { message, is_ours, .. }: Refused| match is_ours {
            true => ErrorData::internal_error(safe(message), None),
            false => ErrorData::invalid_params(safe(message), None),
        };
        let busy =
            || format!("{MAX_LOOKS_WAITING} readings wait for their turn; try again when one has ended");
        let context = self.context(request).await.map_err(refused)?;
        let shared = Arc::clone(&self.shared);
        let seat = match Arc::clone(&shared.looks).try_acquire_owned() {
            Ok(seat) => seat,
            Err(_) => {
                let waits = self.shared.looks_waiting.try_acquire();
                let _waits = waits.map_err(|_| ErrorData::internal_error(busy(), None))?;
                let seat = Arc::clone(&shared.looks).acquire_owned().await;
                seat.map_err(|e| ErrorData::internal_error(e.to_string(), None))?
            }
        };
        let looked = tokio::task::spawn_blocking(move || {
            let looked = look(&shared.offer, &context);
            drop(seat);
            looked
        });
        let looked = looked.await;
        looked.map_err(|e| ErrorData::internal_error(e.to_string(), None))?.map_err(refused)
    }
}

/// Whether a request is of the revision without sessions.
fn is_modern(request: &RequestContext<RoleServer>) -> bool {
    request.protocol_version().is_some_and(|version| version >= ProtocolVersion::V_2026_07_28)
}

impl<O: Offer> ServerHandler for Server<O> {
    fn get_info(&self) -> ServerConfig {
        let can = ServerCapabilities::builder().enable_tools().enable_resources().enable_prompts().build();
        let mut info = ServerConfig::new(can);
        info.server_info = Implementation::new(SERVER_NAME, env!("CARGO_PKG_VERSION")).with_title("Regatta");
        info.instructions = Some(self.shared.offer.instructions());
        info
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.shared.offer.tool(name)
    }

    async fn list_tools(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.shared.offer.tools()))
    }

    async fn call_tool(
        &self,
        params: CallToolRequestParams,
        request: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        if self.shared.offer.tool(&params.name).is_none() {
            let hint = self
                .shared
                .offer
                .near(&params.name)
                .map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
            let message = format!("there is no tool `{}`{hint}", params.name);
            return Err(ErrorData::invalid_params(safe(message), None));
        }
        Ok(self.call(params, request).await.into())
    }

    async fn discover(&self, asked: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        match spoken::refused(&asked.meta) {
            Some(refusal) => Err(refusal),
            None => Ok(DiscoverResult::from_server_info(
                self.supported_protocol_versions().into_owned(),
                self.get_info(),
            )),
        }
    }

    async fn on_custom_request(
        &self,
        asked: CustomRequest,
        _: RequestContext<RoleServer>,
    ) -> Result<CustomResult, ErrorData> {
        // A request of a known method is one of its own only if its parameters are not those of the method.
        if METHODS.contains(&asked.method.as_str()) {
            let message = format!("the parameters of `{}` are missing or do not fit", asked.method);
            return Err(ErrorData::invalid_params(message, None));
        }
        Err(ErrorData::new(ErrorCode::METHOD_NOT_FOUND, safe(asked.method), None))
    }

    async fn list_resources(
        &self,
        _: Option<PaginatedRequestParams>,
        request: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.look(&request, O::resources).await.map(ListResourcesResult::with_all_items)
    }

    async fn list_resource_templates(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        Ok(ListResourceTemplatesResult::with_all_items(self.shared.offer.templates()))
    }

    async fn read_resource(
        &self,
        params: ReadResourceRequestParams,
        request: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        let (uri, modern) = (params.uri.clone(), is_modern(&request));
        let found = self.look(&request, move |offer, context| offer.read(context, &uri)).await?;
        let missing = || {
            let uri = safe(params.uri.as_str());
            let (text, data) = (format!("there is no resource `{uri}`"), json!({ "uri": uri }));
            // The revisions have different codes for it.
            if modern {
                ErrorData::invalid_params(text, Some(data))
            } else {
                ErrorData::resource_not_found(text, Some(data))
            }
        };
        Ok(ReadResourceResult::new(vec![found.ok_or_else(missing)?]).into())
    }

    async fn list_prompts(
        &self,
        _: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        Ok(ListPromptsResult::with_all_items(self.shared.offer.prompts()))
    }

    async fn get_prompt(
        &self,
        params: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        let found = self.shared.offer.prompt(&params.name, params.arguments.as_ref());
        let wrong =
            || ErrorData::invalid_params("there is one prompt, `plan`, with one argument, `goal`", None);
        found.map(GetPromptResponse::from).ok_or_else(wrong)
    }
}
