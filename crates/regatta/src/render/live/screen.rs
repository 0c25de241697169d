//! The thread that writes to standard output: lines as they come, and on a terminal a picture below them.
//!
//! Takes from a bounded queue, so that a reader who does not read holds nobody up. Wakes by itself only while a picture
//! has something that moves. Each change is one write: the old picture is taken away, lines scroll, the new one follows.

use super::super::count;
use super::frame::{Canvas, Frame, compose};
use super::paint::{Paint, canvas};
use super::tail::Tail;
use crate::context::out;
use regatta_engine::ids::AttemptId;
use regatta_runtime::orchestrator::Handle;
use regatta_runtime::redact::Watched;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// Messages that wait at most; what comes then is dropped and counted.
const QUEUE: usize = 1_024;
/// Between two pictures while something runs.
const TICK: Duration = Duration::from_millis(250);
/// What a task wrote is looked at when it has run for so long: most have ended by then.
const PATIENCE_MS: u64 = 200;

/// What is shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// Lines, and a picture below them.
    Terminal {
        /// It knows more than ASCII.
        unicode: bool,
    },
    /// Lines alone.
    Lines,
}

enum Message {
    Lines(String),
    Frame(Box<Frame>),
    /// Whom to ask for what an attempt writes.
    Loop(Handle),
    Streams(u64, Watched),
    End,
}

/// The thread.
#[derive(Debug)]
pub struct Screen {
    to: SyncSender<Message>,
    kind: Kind,
    missed: Arc<AtomicU64>,
    thread: JoinHandle<()>,
}

/// Hands over what is to be shown; never waits.
#[derive(Debug)]
pub(super) struct Painter {
    to: SyncSender<Message>,
    /// Lines that were dropped since the last that was taken.
    missed: Arc<AtomicU64>,
}

impl Screen {
    /// Starts the thread.
    ///
    /// # Errors
    /// The system refuses one.
    pub fn start(kind: Kind) -> std::io::Result<Screen> {
        let (to, from) = sync_channel(QUEUE);
        let back = to.clone();
        let draw = move || match kind {
            Kind::Lines => lines(&from),
            Kind::Terminal { unicode } => Picture::new(back, unicode).show(&from),
        };
        let thread = std::thread::Builder::new().name("screen".to_owned()).spawn(draw)?;
        Ok(Screen { to, kind, missed: Arc::default(), thread })
    }

    /// What is shown.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    pub(super) fn painter(&self) -> Painter {
        Painter { to: self.to.clone(), missed: Arc::clone(&self.missed) }
    }

    /// From here on it may ask for what attempts write.
    pub fn connect(&self, handle: Handle) {
        // Without it no last lines are shown.
        let _ = self.to.try_send(Message::Loop(handle));
    }

    /// Shows what waits and takes the picture away. Waits for whoever reads.
    pub fn finish(self) {
        // A thread that is gone has finished.
        let _ = self.to.send(Message::Lines(untold(&self.missed)));
        let _ = self.to.send(Message::End);
        // A panic of the thread was printed there.
        let _ = self.thread.join();
    }
}

impl Painter {
    /// Whole lines.
    pub(super) fn lines(&mut self, text: String) {
        let count = text.lines().count() as u64;
        let before = self.missed.load(Ordering::SeqCst);
        match self.to.try_send(Message::Lines(untold(&self.missed) + &text)) {
            Ok(()) => {}
            Err(TrySendError::Full(_) | TrySendError::Disconnected(_)) => {
                self.missed.store(before + count, Ordering::SeqCst);
            }
        }
    }

    /// Where the run stands. One that is dropped is followed by others.
    pub(super) fn frame(&self, frame: Frame) {
        let _ = self.to.try_send(Message::Frame(Box::new(frame)));
    }
}

/// Says how many lines were dropped, once.
fn untold(missed: &AtomicU64) -> String {
    match missed.swap(0, Ordering::SeqCst) {
        0 => String::new(),
        n => format!("          … {} not shown: nobody took them\n", count(n, "line")),
    }
}

fn lines(from: &Receiver<Message>) {
    while let Ok(message) = from.recv() {
        match message {
            Message::Lines(text) => out(&text),
            Message::End => return,
            Message::Frame(_) | Message::Loop(_) | Message::Streams(..) => {}
        }
    }
}

/// The picture on a terminal.
struct Picture {
    to: SyncSender<Message>,
    unicode: bool,
    paint: Paint,
    /// Lines that are to scroll above it.
    fresh: String,
    frame: Option<Box<Frame>>,
    handle: Option<Handle>,
    /// What running attempts write; none yet for those that were asked for.
    tails: BTreeMap<u64, Option<Tail>>,
}

impl Picture {
    fn new(to: SyncSender<Message>, unicode: bool) -> Picture {
        Picture {
            to,
            unicode,
            paint: Paint::default(),
            fresh: String::new(),
            frame: None,
            handle: None,
            tails: BTreeMap::new(),
        }
    }

    fn show(mut self, from: &Receiver<Message>) {
        loop {
            let message = match self.moves() {
                true => from.recv_timeout(TICK),
                false => from.recv().map_err(RecvTimeoutError::from),
            };
            let first = match message {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            let mut ended = false;
            for message in first.into_iter().chain(from.try_iter()) {
                ended |= self.take(message);
            }
            if ended {
                break;
            }
            self.draw();
        }
        out(&self.paint.change(&self.fresh, &[], canvas(self.unicode)));
    }

    /// Something changes although nothing is told.
    fn moves(&self) -> bool {
        self.frame.as_ref().is_some_and(|frame| frame.done < frame.all && !frame.stands_still)
    }

    /// Takes a message; true if it was the last.
    fn take(&mut self, message: Message) -> bool {
        match message {
            Message::Lines(text) => self.fresh.push_str(&text),
            Message::Frame(frame) => {
                self.tails.retain(|attempt, _| frame.rows.iter().any(|row| row.attempt == *attempt));
                self.frame = Some(frame);
            }
            Message::Loop(handle) => self.handle = Some(handle),
            Message::Streams(attempt, watched) => {
                // Only while it has a line.
                self.tails.entry(attempt).and_modify(|tail| *tail = Some(Tail::new(watched)));
            }
            Message::End => return true,
        }
        false
    }

    fn draw(&mut self) {
        let canvas = canvas(self.unicode);
        let lines = match self.frame.take() {
            None => Vec::new(),
            Some(frame) => {
                let lines = self.lines(&frame, canvas);
                self.frame = Some(frame);
                lines
            }
        };
        out(&self.paint.change(&std::mem::take(&mut self.fresh), &lines, canvas));
    }

    fn lines(&mut self, frame: &Frame, canvas: Canvas) -> Vec<String> {
        let later_ms = u64::try_from(frame.taken.elapsed().as_millis()).unwrap_or(u64::MAX);
        for row in frame.rows.iter().filter(|row| row.elapsed_ms.saturating_add(later_ms) >= PATIENCE_MS) {
            self.ask(row.attempt);
        }
        for row in &frame.rows {
            if let Some(Some(tail)) = self.tails.get_mut(&row.attempt) {
                tail.look(row.dialect);
            }
        }
        let last = |attempt: u64| Some(self.tails.get(&attempt)?.as_ref()?.line.as_str());
        compose(frame, &last, later_ms, canvas)
    }

    /// Asks once for what an attempt writes.
    fn ask(&mut self, attempt: u64) {
        let Some(handle) = self.handle.as_ref().filter(|_| !self.tails.contains_key(&attempt)) else {
            return;
        };
        self.tails.insert(attempt, None);
        let to = self.to.clone();
        handle.look(
            AttemptId(attempt),
            Box::new(move |watched| {
                // A full queue has more to say than a last line.
                let _ = watched.map(|watched| to.try_send(Message::Streams(attempt, watched)));
            }),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_takes_is_dropped_and_counted_and_nothing_waits() {
        let (to, from) = sync_channel(2);
        let mut painter = Painter { to, missed: Arc::default() };
        for n in 0..5 {
            painter.lines(format!("{n}\n"));
        }
        let text = |message| match message {
            Message::Lines(text) => text,
            _ => String::new(),
        };
        assert_eq!(from.try_iter().map(text).collect::<String>(), "0\n1\n");
        painter.lines("5\n".to_owned());
        let told: String = from.try_iter().map(text).collect();
        assert_eq!(told, "          … 3 lines not shown: nobody took them\n5\n");
        painter.lines("6\n".to_owned());
        assert_eq!(from.try_iter().map(text).collect::<String>(), "6\n");
    }
}
