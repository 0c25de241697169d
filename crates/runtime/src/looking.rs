//! Who looks on while attempts write: asked of the keeper once for each attempt, handed to whoever waits.
//!
//! Reads nothing itself; what is handed over comes redacted. A look that is not answered is dropped, and so is its taker.

use crate::control::{Reply, ReplyTo};
use crate::keeper::Ask;
use crate::redact::{Raw, Redactor, Watched};
use regatta_engine::ids::AttemptId;
use std::collections::BTreeMap;
use std::fmt;
use std::io::PipeReader;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::SyncSender;

/// Looks that wait for an answer, and hands that hold one, at most; more are dropped.
const MOST_LOOKS: usize = 256;

/// Takes what an attempt writes to standard output and error, if it lives; on the loop, so it must not wait.
pub type Taker = Box<dyn FnOnce(Option<Watched>) + Send>;

/// Looks that are under way.
#[derive(Default)]
pub struct Looks {
    waiting: BTreeMap<u64, Vec<Taker>>,
    /// Attempts at which somebody looks; set when one has ended.
    watched: BTreeMap<u64, Arc<AtomicBool>>,
    /// Questions about nobody.
    empty: u64,
}

impl Looks {
    /// Notes who wants to look; answers what is to be asked of the keeper, if it was not asked already.
    pub fn begin(&mut self, attempt: AttemptId, taker: Taker) -> Option<Ask> {
        let looking: usize = self.watched.values().map(Arc::strong_count).sum();
        if self.waiting.values().map(Vec::len).sum::<usize>() + looking >= MOST_LOOKS {
            return None;
        }
        let takers = self.waiting.entry(attempt.0).or_default();
        takers.push(taker);
        (takers.len() == 1).then_some(Ask::Look { attempt: attempt.0 })
    }

    /// An attempt that no run has, each time another one: the keeper's answer to a look at it is that there is none, and that
    /// comes behind all that it has said.
    pub(crate) fn nobody(&mut self) -> u64 {
        self.empty += 1;
        u64::MAX - self.empty
    }

    /// The keeper has answered.
    pub fn end(&mut self, attempt: u64, streams: Option<[Raw; 2]>, redactor: &Arc<Redactor>) {
        let takers = self.waiting.remove(&attempt).unwrap_or_default();
        let over = streams.is_some().then(|| self.watched.entry(attempt).or_default().clone());
        let again = |[out, err]: &[Raw; 2]| {
            let streams = [out.try_clone().ok()?, err.try_clone().ok()?];
            Some(Watched::new(streams, Arc::clone(redactor), over.clone()?))
        };
        for taker in takers {
            taker(streams.as_ref().and_then(again));
        }
    }

    /// An attempt has ended: nothing is written any more.
    pub fn over(&mut self, attempt: u64) {
        if let Some(over) = self.watched.remove(&attempt) {
            over.store(true, Ordering::SeqCst);
        }
    }

    /// Nobody will answer.
    pub fn forget(&mut self) {
        self.waiting.clear();
        std::mem::take(&mut self.watched).into_values().for_each(|over| over.store(true, Ordering::SeqCst));
    }
}

/// Answers a request by what the keeper hands over.
#[must_use]
pub fn answer(attempt: AttemptId, reply: ReplyTo, files: SyncSender<[PipeReader; 2]>) -> Taker {
    Box::new(move |streams| {
        let pipes = streams.and_then(|watched| watched.pipes().ok());
        let reply_with = match pipes.map(|pipes| files.try_send(pipes)) {
            Some(Ok(())) => Reply::Streams { attempt: attempt.0 },
            _ => Reply::Refused("the attempt has just ended".to_owned()),
        };
        // Whoever asked may have gone away.
        let _ = reply.send(reply_with);
    })
}

impl fmt::Debug for Looks {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Looks").field(&self.waiting.keys()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc::channel;

    #[test]
    fn the_keeper_is_asked_once_and_everybody_who_waits_is_answered() {
        let (to, from) = channel();
        let taker = || {
            let to = to.clone();
            Box::new(move |streams: Option<Watched>| to.send(streams.is_some()).unwrap()) as Taker
        };
        let mut looks = Looks::default();
        assert_eq!(looks.begin(AttemptId(7), taker()), Some(Ask::Look { attempt: 7 }));
        assert_eq!(looks.begin(AttemptId(7), taker()), None);
        let redactor = Arc::new(Redactor::default());
        looks.end(8, None, &redactor);
        let raw = || Raw::new(tempfile::tempfile().unwrap());
        looks.end(7, Some([raw(), raw()]), &redactor);
        assert_eq!(from.try_iter().collect::<Vec<bool>>(), [true, true]);
        looks.begin(AttemptId(7), taker());
        looks.end(7, None, &redactor);
        assert_eq!(from.try_iter().collect::<Vec<bool>>(), [false]);
    }
}
