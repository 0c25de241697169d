//! Connections: so many at a time, with a time for their headers; all are ended when the server is.

use crate::http::door::{Bounds, Door, Visitor};
use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

/// A head has at most so many bytes.
const MAX_HEAD_BYTES: usize = 64 << 10;
/// Who is being answered when the server ends has so long to hear the end of it.
const LEAVE: Duration = Duration::from_secs(2);
/// After a connection could not be taken, usually for want of descriptors.
const PAUSE: Duration = Duration::from_millis(100);

/// Serves until the token is cancelled.
pub async fn serve(listener: TcpListener, router: Router, bounds: Bounds, until: CancellationToken) {
    let door = Door::new(bounds);
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
        connections.spawn(connection(stream, (door.enter(), bounds.head), router.clone(), until.clone()));
        // Whoever comes is heard before the next one is taken: a crowd cannot push out who has shown the token already.
        tokio::task::yield_now().await;
    }
    drop(listener);
    // Whoever is not done by then is cut off.
    let _ = tokio::time::timeout(LEAVE, async { while connections.join_next().await.is_some() {} }).await;
}

async fn connection(
    stream: TcpStream,
    (visitor, head): (Visitor, Duration),
    router: Router,
    until: CancellationToken,
) {
    // Answers are short and somebody waits for each.
    let _ = stream.set_nodelay(true);
    let (router, pass) = (TowerToHyperService::new(router), visitor.pass());
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(Arc::clone(&pass));
        router.call(request)
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(head)
        .max_buf_size(MAX_HEAD_BYTES)
        .serve_connection(TokioIo::new(stream), service);
    let mut serving = std::pin::pin!(serving);
    tokio::select! {
        // Who broke off needs no answer.
        _ = serving.as_mut() => {}
        () = visitor.is_over() => {}
        () = until.cancelled() => {
            serving.as_mut().graceful_shutdown();
            let _ = serving.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::guard::{Guard, RATE, guard};
    use crate::http::token::Token;
    use axum::middleware::from_fn_with_state;
    use std::io::{Read as _, Write as _};
    use std::net::SocketAddr;

    /// Serves within small bounds while something is done from another thread.
    fn served<T: Send + 'static>(act: impl FnOnce(SocketAddr, String) -> T + Send + 'static) -> T {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let (address, until) = (listener.local_addr().unwrap(), CancellationToken::new());
            let token = Token::fresh();
            let head =
                format!("POST / HTTP/1.1\r\nhost: localhost\r\nauthorization: Bearer {}\r\n", token.reveal());
            // Long enough for a busy machine to send a head that is whole.
            let (head_time, body_time) = (Duration::from_secs(1), Duration::from_millis(50));
            let watch = Arc::new(Guard::new(token, RATE).patience(body_time));
            let router = Router::new().layer(from_fn_with_state(watch, guard));
            let ended = until.clone();
            let acted = tokio::task::spawn_blocking(move || {
                let done = act(address, head);
                ended.cancel();
                done
            });
            let bounds = Bounds { connections: 8, strangers: 8, head: head_time, token: head_time };
            serve(listener, router, bounds, until).await;
            acted.await.unwrap()
        })
    }

    /// Everything that comes until the server closes, after these bytes and no more.
    fn heard(address: SocketAddr, bytes: &str) -> String {
        let mut stream = std::net::TcpStream::connect(address).unwrap();
        stream.write_all(bytes.as_bytes()).unwrap();
        let mut text = String::new();
        // A connection that is cut off says no more either.
        let _ = stream.read_to_string(&mut text);
        text
    }

    #[test]
    fn who_sends_no_head_half_of_one_or_nothing_more_is_closed_in_time() {
        served(|address, head| {
            assert_eq!(heard(address, ""), "");
            let half = heard(address, "GET / HTTP/1.1\r\nhost:");
            assert!(half.is_empty() || half.contains(" 408 "), "{half}");
            let kept = heard(address, &format!("{head}content-length: 0\r\n\r\n"));
            assert!(kept.starts_with("HTTP/1.1 404 "), "{kept}");
        });
    }

    #[test]
    fn who_sends_a_head_and_no_body_is_answered_in_time() {
        let said = served(|address, head| heard(address, &format!("{head}content-length: 9\r\n\r\nhalf")));
        assert!(said.starts_with("HTTP/1.1 408 "), "{said}");
    }
}
