//! Who looks on while attempts write: asked of the keeper once for each attempt, handed to whoever waits.
//!
//! Reads nothing itself. A look that is not answered is dropped, and so is its taker.

use crate::control::{Reply, ReplyTo};
use crate::keeper::Ask;
use regatta_engine::ids::AttemptId;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::sync::mpsc::SyncSender;

/// Looks that wait for an answer at most; more are dropped.
const MOST_LOOKS: usize = 256;

/// Takes what an attempt writes to standard output and error, if it lives; on the loop, so it must not wait.
pub type Taker = Box<dyn FnOnce(Option<[File; 2]>) + Send>;

/// Looks that are under way.
#[derive(Default)]
pub struct Looks(BTreeMap<u64, Vec<Taker>>);

impl Looks {
    /// Notes who wants to look; answers what is to be asked of the keeper, if it was not asked already.
    pub fn begin(&mut self, attempt: AttemptId, taker: Taker) -> Option<Ask> {
        if self.0.values().map(Vec::len).sum::<usize>() >= MOST_LOOKS {
            return None;
        }
        let takers = self.0.entry(attempt.0).or_default();
        takers.push(taker);
        (takers.len() == 1).then_some(Ask::Look { attempt: attempt.0 })
    }

    /// The keeper has answered.
    pub fn end(&mut self, attempt: u64, streams: Option<[File; 2]>) {
        let again = |[out, err]: &[File; 2]| Some([out.try_clone().ok()?, err.try_clone().ok()?]);
        for taker in self.0.remove(&attempt).unwrap_or_default() {
            taker(streams.as_ref().and_then(again));
        }
    }

    /// Nobody will answer.
    pub fn forget(&mut self) {
        self.0.clear();
    }
}

/// Answers a request by what the keeper hands over.
#[must_use]
pub fn answer(attempt: AttemptId, reply: ReplyTo, files: SyncSender<[File; 2]>) -> Taker {
    Box::new(move |streams| {
        let reply_with = match streams.map(|streams| files.try_send(streams)) {
            Some(Ok(())) => Reply::Streams { attempt: attempt.0 },
            _ => Reply::Refused("the attempt has just ended".to_owned()),
        };
        // Whoever asked may have gone away.
        let _ = reply.send(reply_with);
    })
}

impl fmt::Debug for Looks {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Looks").field(&self.0.keys()).finish()
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
            Box::new(move |streams: Option<[File; 2]>| to.send(streams.is_some()).unwrap()) as Taker
        };
        let mut looks = Looks::default();
        assert_eq!(looks.begin(AttemptId(7), taker()), Some(Ask::Look { attempt: 7 }));
        assert_eq!(looks.begin(AttemptId(7), taker()), None);
        looks.end(8, None);
        looks.end(7, Some([tempfile::tempfile().unwrap(), tempfile::tempfile().unwrap()]));
        assert_eq!(from.try_iter().collect::<Vec<bool>>(), [true, true]);
        looks.begin(AttemptId(7), taker());
        looks.end(7, None);
        assert_eq!(from.try_iter().collect::<Vec<bool>>(), [false]);
    }
}
