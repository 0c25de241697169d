//! How the driver takes the end of an attempt to its judgement: that of a gate by way of what it wrote, which is read beside
//! the loop.
//!
//! ```text
//! end of an attempt --Local::weigh--> Reading --evidence::judged--> Message::Read --Local::evidence_read--> as any other end
//! ```
//! A part of the driver. Until it is judged the end is not acknowledged: whoever takes the run up hears it again.

use crate::action::Kind;
use crate::evidence::Told;
use crate::judge::{Job, unkept};
use crate::keeper::{Ended, How};
use crate::local::{Broken, Local};
use crate::reading::Order;
use crate::redact::Raw;
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
            Err(error) => {
                self.broken = Some(Broken::NoRoom(unkept(&job, &error).0));
                self.jobs.insert(attempt, job);
            }
        }
    }

    fn go_on(&mut self, job: Job, end: (Ended, [Option<Raw>; 2])) {
        if let Some((job, ended, streams)) = self.ended_apart(job, end) {
            self.judge(job, (&ended, streams), None);
        }
    }

    /// Attempts that have ended and are looked at here, so that no keeper need know of them.
    pub(crate) fn in_hand(&self) -> Vec<u64> {
        let looked_at = self.reading.under_way().chain(self.judging.attempts());
        self.apart_under_way().into_iter().chain(looked_at).collect()
    }
}
