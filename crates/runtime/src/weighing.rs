//! How the driver takes the end of an attempt to its judgement: that of a gate by way of what it wrote, and whatever is long is
//! read beside the loop.
//!
//! ```text
//! end of an attempt --Local::weigh--> Reading --evidence::judged--> Message::Read --Local::evidence_read--> as any other end
//! any other end     --Local::judge--> at once, or Judging --> Message::Driven --Local::hear_judged--> an input
//! ```
//! A part of the driver. Until it is judged the end is not acknowledged: whoever takes the run up hears it again.

use crate::action::Kind;
use crate::driven::Ring;
use crate::evidence::Told;
use crate::judge::{Job, Left, NoRoom, judge, unkept};
use crate::judging::{Done, Judging, Large};
use crate::keeper::{Ended, How};
use crate::local::{Broken, Judged, Local};
use crate::private_file::is_no_room;
use crate::reading::Order;
use crate::redact::Raw;
use crate::saying::Keepsakes;
use crate::turn::Arrival;
use regatta_engine::input::Input;
use regatta_fault as fault;
use std::io;
use std::sync::Arc;

impl Local {
    /// Takes the end of an attempt to its judgement; that of a gate whose command ended well when its evidence was read.
    pub(crate) fn weigh(&mut self, job: Job, (ended, streams): (Ended, [Option<Raw>; 2])) {
        let check = self.actions.gate(job.node).filter(|_| job.kind == Kind::Attempt);
        let Some(check) = check.filter(|check| !check.evidence.is_empty() && ended.how == How::Code(0))
        else {
            return self.go_on(job, (ended, streams));
        };
        let site = self.apart_of(job.node).map(|apart| apart.site(job.node).path);
        let order = Order {
            attempt: ended.attempt,
            evidence: check.evidence.clone(),
            root: site.unwrap_or_else(|| self.actions.workspace().to_owned()),
            dir: job.dir.path.clone(),
            redactor: Arc::clone(self.actions.redactor()),
        };
        if let Err(order) = self.reading.ask(order, (job, ended, streams)) {
            let told = order.read();
            self.evidence_read(order.attempt, told);
        }
    }

    /// The evidence of an attempt was read, or what it says could not be kept.
    pub(crate) fn evidence_read(&mut self, attempt: u64, told: io::Result<Vec<Told>>) {
        let Some((mut job, ended, streams)) = self.reading.take(attempt) else { return };
        match told {
            Ok(told) => {
                job.evidence = Some(told);
                self.go_on(job, (ended, streams));
            }
            Err(error) if is_no_room(&error) => {
                self.broken = Some(Broken::NoRoom(unkept(&job, &error).0));
                self.jobs.insert(attempt, job);
            }
            // What cannot be read for another reason cannot be read the next time either.
            Err(error) => {
                job.evidence = Some(vec![Told::unread(&error)]);
                self.go_on(job, (ended, streams));
            }
        }
    }

    fn go_on(&mut self, job: Job, end: (Ended, [Option<Raw>; 2])) {
        if let Some((job, ended, streams)) = self.ended_apart(job, end) {
            self.judge(job, (&ended, streams), None);
        }
    }

    /// Judges an end, with what is known of the worktree it was in: at once, or beside the loop if there is much to read.
    pub(crate) fn judge(
        &mut self,
        job: Job,
        (ended, streams): (&Ended, [Option<Raw>; 2]),
        left: Option<Left>,
    ) {
        let mut left = left.unwrap_or_default();
        left.warning = left.warning.or_else(|| self.actions.replaced(job.node, &self.outputs));
        let large = Large { job, ended: ended.clone(), streams, left };
        if let Some(Large { job, ended, streams, left }) = self.judging.takes(large, &self.actions) {
            let judged = judge(&self.actions, &job, (&ended, streams), left);
            self.judged(ended.attempt, job, judged);
        }
    }

    /// How the loop is woken by what is done beside it.
    pub(crate) fn wake_by(&mut self, ring: &Ring) {
        self.judging = Judging::new(Arc::clone(ring));
        self.keepsakes = Keepsakes::new(Arc::clone(ring));
    }

    /// Takes what was judged beside the loop.
    pub(crate) fn hear_judged(&mut self) {
        for Done { id, job, judged, ran_ms } in self.judging.take_done(&self.actions) {
            let judged = judged.map(|mut arrival| {
                if let Input::AttemptEnded(ended) = &mut arrival.input {
                    ended.report.ran_ms = ended.report.ran_ms.or(ran_ms);
                }
                arrival
            });
            self.judged(id, job, judged);
        }
        for kept in self.keepsakes.take_done() {
            self.what_was_said_is_kept(kept);
        }
    }

    fn judged(&mut self, id: u64, job: Job, judged: Result<Arrival, NoRoom>) {
        fault::point("end.judged");
        let unasked = self.unasked.forget(id);
        match judged {
            Ok(mut arrival) => {
                if let Input::AttemptEnded(ended) = &mut arrival.input {
                    ended.report.unasked = unasked;
                }
                self.arrivals.push_back(arrival);
                self.to_ack.0.push(Judged { id, dir: Some(job.dir) });
            }
            Err(NoRoom(what)) => {
                // Nothing is known of it to anybody but the keeper, which still has it.
                self.jobs.insert(id, job);
                self.broken = Some(Broken::NoRoom(what));
            }
        }
    }

    /// Attempts that have ended and are looked at here, so that no keeper need know of them.
    pub(crate) fn in_hand(&self) -> Vec<u64> {
        let looked_at = self.reading.under_way().chain(self.judging.attempts());
        self.apart_under_way().into_iter().chain(looked_at).collect()
    }
}
