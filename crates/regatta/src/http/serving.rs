//! Connections: so many at a time, with a time for their headers; all are ended when the server is.

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// Connections at a time; a client has one for each call that waits, and one to listen.
pub const MAX_CONNECTIONS: usize = 256;
/// The head of a request is there within so long, and a connection that is kept and says nothing is closed then.
const HEAD: Duration = Duration::from_secs(60);
/// A head has at most so many bytes.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// Who is being answered when the server ends has so long to hear the end of it.
const LEAVE: Duration = Duration::from_secs(2);
/// After a connection could not be taken, usually for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until the token is cancelled.
pub async fn serve(listener: TcpListener, router: Router, until: CancellationToken) {
    let seats = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = until.cancelled() => break,
            Some(_) = connections.join_next() => continue,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            tokio::time::sleep(PAUSE).await;
            continue;
        };
        // Without a seat it is closed at once: who waits unheard does not learn why.
        let Ok(seat) = Arc::clone(&seats).try_acquire_owned() else { continue };
        let (router, until) = (router.clone(), until.clone());
        connections.spawn(async move {
            connection(stream, router, until).await;
            drop(seat);
        });
    }
    drop(listener);
    // Whoever is not done by then is cut off.
    let _ = tokio::time::timeout(LEAVE, async { while connections.join_next().await.is_some() {} }).await;
}

async fn connection(stream: TcpStream, router: Router, until: CancellationToken) {
    // Answers are short and somebody waits for each.
    let _ = stream.set_nodelay(true);
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        // Who broke off needs no answer.
        _ = serving.as_mut() => {}
        () = until.cancelled() => {
            serving.as_mut().graceful_shutdown();
            let _ = serving.await;
        }
    }
}
