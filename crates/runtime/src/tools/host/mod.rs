//! The tool host: the one process of a run that has connections to servers of tools.
//!
//! ```text
//! call --socket--> serve --take--> pool --(new: start, initialise)--> connection --tools/call--> server
//!                    |  cancel, or the call is gone -> notifications/cancelled -> input closed -> TERM -> KILL
//!                    `--give back, if the call ended well
//! ```
//! Knows no plan and no journal: each call says of which servers its tool may be. It holds no secret longer than the
//! connections that need it.

mod connection;
mod ears;
mod http;
mod lines;
mod listing;
mod named;
mod pool;
mod process;
mod result;

pub(crate) use connection::NoServer;
pub(crate) use listing::list_all;
pub use process::MARKER;
pub(crate) use process::is_ours;

use super::wire::{Ask, Call, End, SOCKET, Tell, read, write};
use crate::socket::door::{Door, is_same_user};
use pool::Pool;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::unix::OwnedReadHalf;
use tokio::net::{UnixListener, UnixStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// A host that nobody has called for so long leaves: its orchestrator may be dead.
const IDLE: Duration = Duration::from_secs(600);
/// When it leaves, servers have so long to go by themselves, in milliseconds.
const LEAVE_MS: u64 = 2_000;

/// Serves the calls of a run until it is told to go, or nobody calls any more.
///
/// # Errors
/// The socket cannot be made.
pub fn host(run_dir: &Path) -> io::Result<()> {
    // One that is there already is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let door = Door::open(run_dir)?;
    let listener = door.listen(SOCKET)?;
    listener.set_nonblocking(true)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let served = runtime.block_on(serve_all(listener));
    // The next host makes its own.
    let _ = door.remove_socket(SOCKET);
    served
}

async fn serve_all(listener: std::os::unix::net::UnixListener) -> io::Result<()> {
    let listener = UnixListener::from_std(listener)?;
    let mut term = signal(SignalKind::terminate())?;
    let pool = Arc::new(Pool::default());
    let mut calls = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let stream = accepted?.0.into_std()?;
                if is_same_user(&stream)? {
                    calls.spawn(serve(UnixStream::from_std(stream)?, Arc::clone(&pool)));
                }
            }
            Some(_) = calls.join_next() => {}
            () = tokio::time::sleep(IDLE), if calls.is_empty() => break,
            _ = term.recv() => break,
        }
    }
    // Calls that are dropped end their servers.
    calls.shutdown().await;
    pool.leave(LEAVE_MS).await;
    Ok(())
}

/// Serves one call.
async fn serve(stream: UnixStream, pool: Arc<Pool>) {
    let (mut from, mut to) = stream.into_split();
    let Ok(Some(Ask::Call(call))) = read(&mut from).await else { return };
    let mut stop = listen(from);
    let (tell, mut told) = mpsc::channel(64);
    let work = work(*call, pool, tell, &mut stop);
    tokio::pin!(work);
    let end = loop {
        tokio::select! {
            // What was told before the end stands before it.
            biased;
            Some(word) = told.recv() => {
                // A call that is gone is heard of by the other half.
                let _ = write(&mut to, &word).await;
            }
            end = &mut work => break end,
        }
    };
    while let Ok(word) = told.try_recv() {
        let _ = write(&mut to, &word).await;
    }
    let _ = write(&mut to, &Tell::End(end)).await;
}

/// Whether and how a call is to be stopped.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stop {
    /// Within its grace.
    Asked,
    /// At once: whoever called is gone.
    Gone,
}

fn listen(mut from: OwnedReadHalf) -> mpsc::Receiver<Stop> {
    let (to, stop) = mpsc::channel(2);
    tokio::spawn(async move {
        while let Ok(Some(Ask::Cancel)) = read(&mut from).await {
            // Once is enough.
            let _ = to.try_send(Stop::Asked);
        }
        // Nobody waits for it any more.
        let _ = to.send(Stop::Gone).await;
    });
    stop
}

/// Finds the tool, calls it, and gives the connection back or ends it.
async fn work(call: Call, pool: Arc<Pool>, tell: mpsc::Sender<Tell>, stop: &mut mpsc::Receiver<Stop>) -> End {
    let found = tokio::select! {
        found = named::find(&call, &pool, &tell) => found,
        // What was being started is dropped, which ends it.
        _ = stop.recv() => return End::Stopped,
    };
    let (key, tool, mut connection) = match found {
        Ok(found) => found,
        Err(why) => return why,
    };
    let (end, grace_ms) = connection.call((&tool, &call), &tell, stop).await;
    match grace_ms {
        None => pool.give_back(key, connection),
        Some(grace_ms) => connection.end(grace_ms).await,
    }
    end
}
