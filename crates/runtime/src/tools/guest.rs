//! The side of a call: asks the tool host of the run, passes on what it tells, and stops it when the call is to end.
//!
//! Knows no server and no protocol of one.

use super::order::Order;
use super::said::Answer;
use super::wire::{Ask, Call, End, SOCKET, Tell, read, write};
use crate::socket::door::Door;
use std::io::{self, Write as _};
use std::path::Path;
use std::time::Duration;
use tokio::net::UnixStream;
use tokio::net::unix::OwnedReadHalf;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

/// The host is started together with the first call: so long is waited for it, and how often it is looked for.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK: Duration = Duration::from_millis(2);

/// Has the host of a run do a call.
pub(super) fn ask(order: &Order, run_dir: &Path) -> Answer {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let asked = runtime.and_then(|runtime| {
        let root = std::env::current_dir()?;
        runtime.block_on(through_host(Call::of(order, root), run_dir))
    });
    match asked {
        Ok(End::Done { value, text }) => Answer::Done(value, text),
        Ok(End::Failed(why)) => Answer::failed(why),
        Ok(End::Lost(why)) => Answer::lost(why),
        Ok(End::Limited { retry_after_ms, message }) => Answer::Limited(retry_after_ms, message),
        Ok(End::Stopped) => Answer::failed("it was ended"),
        Err(error) => Answer::failed(format!("the tool host cannot be asked: {error}")),
    }
}

/// Asks again while nobody can have obeyed yet: a host may leave at the moment at which it is asked.
async fn through_host(call: Call, run_dir: &Path) -> io::Result<End> {
    let until = Instant::now() + PATIENCE;
    let mut term = signal(SignalKind::terminate())?;
    let (end, mut ended) = mpsc::channel(1);
    tokio::spawn(async move {
        while term.recv().await.is_some() {
            // Once is enough.
            let _ = end.try_send(());
        }
    });
    let door = Door::open(run_dir)?;
    loop {
        let stream = tokio::select! {
            stream = knock(&door, until) => stream?,
            _ = ended.recv() => return Ok(End::Stopped),
        };
        if let Some(end) = converse(stream, &call, &mut ended).await? {
            return Ok(end);
        }
        sleep(LOOK).await;
    }
}

async fn knock(door: &Door, until: Instant) -> io::Result<UnixStream> {
    loop {
        match door.knock(SOCKET) {
            Ok(stream) => {
                stream.set_nonblocking(true)?;
                return UnixStream::from_std(stream);
            }
            Err(error) if Instant::now() > until => return Err(error),
            Err(_) => sleep(LOOK).await,
        }
    }
}

/// One conversation. `None` if the host went away before it did anything.
async fn converse(
    stream: UnixStream,
    call: &Call,
    ended: &mut mpsc::Receiver<()>,
) -> io::Result<Option<End>> {
    let (from, mut to) = stream.into_split();
    if write(&mut to, &Ask::Call(Box::new(call.clone()))).await.is_err() {
        return Ok(None);
    }
    let mut told = listen(from);
    let (mut sent, mut asked_to_stop) = (false, false);
    loop {
        tokio::select! {
            word = told.recv() => match word {
                Some(Tell::Line(line)) => io::stderr().write_all(format!("{line}\n").as_bytes())?,
                Some(Tell::Sent) => sent = true,
                Some(Tell::End(end)) => return Ok(Some(end)),
                None if asked_to_stop => return Ok(Some(End::Stopped)),
                None if sent => return Ok(Some(End::Lost("the tool host is gone".to_owned()))),
                None => return Ok(None),
            },
            Some(()) = ended.recv() => {
                asked_to_stop = true;
                // A host that is gone is heard of by the other half.
                let _ = write(&mut to, &Ask::Cancel).await;
            }
        }
    }
}

/// Reads frames, in a task of its own: a frame that is half read must not be dropped.
fn listen(mut from: OwnedReadHalf) -> mpsc::Receiver<Tell> {
    let (to, told) = mpsc::channel(64);
    tokio::spawn(async move {
        while let Ok(Some(word)) = read(&mut from).await {
            if to.send(word).await.is_err() {
                return;
            }
        }
    });
    told
}
