//! The server over streamable HTTP: several clients at once, on the loopback, each with the token.
//!
//! ```text
//! connection ── http::serving ── http::guard ── sessions ── rmcp: a session, or a request alone ── Server, one for each
//! ```
//! A signal ends the server, every wait and every stream. It ends no run: those are processes of their own.

use super::offer::Offer;
use super::place;
use super::server::{STACK_BYTES, Server, Shared};
use super::sessions::{Sessions, named};
use super::spoken;
use crate::context::{Context, err, out};
use crate::error::CliError;
use crate::http::address::loopback;
use crate::http::door::Bounds;
use crate::http::guard::{Guard, MAX_BODY_BYTES, RATE, guard};
use crate::http::serving;
use crate::http::token::{self, Token};
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::Response;
use regatta_runtime::escape::escape;
use rmcp::transport::streamable_http_server::{StreamableHttpServerConfig, StreamableHttpService};
use serde_json::json;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;
use tokio::net::TcpListener;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Where it listens if nobody says more.
pub const PORT: u16 = 7420;
/// Where it is found.
const PATH: &str = "/mcp";

/// Serves until a signal comes.
///
/// # Errors
/// The address is not of the loopback or taken, the workspace is everything, or the token cannot be had.
pub(super) fn run<O: Offer>(
    context: &Context,
    (address, token_file): (&str, Option<&Path>),
    shared: Shared<O>,
) -> Result<(), CliError> {
    let address = loopback(address, PORT)?;
    // Somebody is there to read it; a client would only be told at its first call.
    place::narrow(context.clone())?;
    let file = token_file.map_or_else(default_file, |file| Ok(context.cwd.join(file)))?;
    let token = Token::at(&file)?;
    if let Err(error) = token::remember(&file) {
        err(&format!(
            "warning: runs cannot hide the token in what tasks say, its file is not noted: {error}\n"
        ));
    }
    let fail = |e: &dyn std::fmt::Display| CliError::environment(format!("the server cannot run: {e}"));
    let runtime = Builder::new_current_thread().enable_all().thread_stack_size(STACK_BYTES).build();
    let runtime = runtime.map_err(|e| fail(&e))?;
    let served = runtime.block_on(async {
        let listener = TcpListener::bind(address).await.map_err(|e| taken(address, &e))?;
        let until = until_signal().map_err(|e| fail(&e))?;
        let address = listener.local_addr().map_err(|e| fail(&e))?;
        out(&greeting(context, address, &file));
        serve(listener, token, Arc::new(shared), until).await;
        Ok(())
    });
    // A wait that is under way ends nobody's run, and nobody waits for it.
    runtime.shutdown_background();
    served
}

/// Serves an offer until the token is cancelled.
pub async fn serve<O: Offer>(
    listener: TcpListener,
    token: Token,
    shared: Arc<Shared<O>>,
    until: CancellationToken,
) {
    let names = ["http://localhost:*", "http://127.0.0.1:*", "http://[::1]:*"];
    let secure = names.map(|name| name.replacen("http", "https", 1));
    // The guard has looked at both already; the library looks once more.
    let config = StreamableHttpServerConfig::default()
        .with_allowed_origins(names.into_iter().map(str::to_owned).chain(secure))
        .enforce_origin_validation()
        .with_max_request_body_bytes(MAX_BODY_BYTES)
        .with_cancellation_token(until.child_token());
    let sessions = Arc::new(Sessions::new());
    let make = move || Ok(Server::new(Arc::clone(&shared)));
    let service = StreamableHttpService::new(make, Arc::clone(&sessions.manager), config);
    let router = Router::new()
        .route_service(PATH, service)
        .layer(from_fn_with_state(sessions, counted))
        .layer(from_fn(spoken::body))
        .layer(from_fn_with_state(Arc::new(Guard::new(token, RATE)), guard));
    serving::serve(listener, router, Bounds::default(), until).await;
}

/// Notes which session a request used.
async fn counted(State(sessions): State<Arc<Sessions>>, request: Request, next: Next) -> Response {
    let (method, asked) = (request.method().clone(), named(request.headers()));
    let response = next.run(request).await;
    sessions.note(&method, (asked, response.headers()), Instant::now()).await;
    response
}

/// Cancelled by the first signal that asks to end.
fn until_signal() -> std::io::Result<CancellationToken> {
    let until = CancellationToken::new();
    for kind in [SignalKind::terminate(), SignalKind::interrupt(), SignalKind::hangup()] {
        let (mut signals, until) = (signal(kind)?, until.clone());
        tokio::spawn(async move {
            signals.recv().await;
            until.cancel();
        });
    }
    Ok(until)
}

fn default_file() -> Result<PathBuf, CliError> {
    let none = || CliError::environment("no home is known where the token could be kept");
    token::default_file().ok_or_else(|| none().hint("regatta mcp --http --token-file FILE"))
}

fn taken(address: SocketAddr, error: &std::io::Error) -> CliError {
    let message = format!("`{address}` cannot be listened on: {error}");
    CliError::environment(message).hint("regatta mcp --http 127.0.0.1:0 takes a port that is free")
}

/// What a person needs to point a client here. The token itself is not shown.
fn greeting(context: &Context, address: SocketAddr, file: &Path) -> String {
    let (url, path) = (format!("http://{address}{PATH}"), file.to_string_lossy());
    let server =
        json!({ "type": "http", "url": url, "headers": { "Authorization": "Bearer ${REGATTA_MCP_TOKEN}" } });
    let servers = json!({ "mcpServers": { "regatta": server } });
    // By a variable that the client fills in itself: a token in an argument is there for everybody to see.
    let export = format!("export REGATTA_MCP_TOKEN=\"$(cat {})\"", quoted(&path));
    format!(
        "serving {url} for {}\n\
         every request carries the token in {}: `Authorization: Bearer TOKEN`\n\n\
         clients read it from a variable, whenever they are started:\n\n\
         Claude Code:\n  {export}\n  claude mcp add --transport http regatta {url} --header 'Authorization: Bearer ${{REGATTA_MCP_TOKEN}}'\n\
         Codex:\n  {export}\n  codex mcp add regatta --url {url} --bearer-token-env-var REGATTA_MCP_TOKEN\n\
         clients with a file:\n  {servers}\n\n\
         Ctrl-C ends the server and no run.\n",
        escape(&context.workspace.to_string_lossy()),
        escape(&path),
    )
}

/// A path as a shell reads it inside of double quotes and `$(…)`.
fn quoted(path: &str) -> String {
    format!("'{}'", escape(path).replace('\'', r"'\''"))
}
