//! How the driver lets the work of a run land: on a thread, with its commands under the keeper.
//!
//! A part of the driver: it never waits. Knows no merge; `landing` does.

use crate::docks::{Docking, ThroughLoop, Wanted, Word};
use crate::keeper::{Ask, Bytes, Ended, How, StartOrder};
use crate::kept_id;
use crate::landing::{Dock, Fate, LandError, Landing, Ran, Report};
use crate::local::Local;
use crate::private_file;
use crate::redact::Raw;
use crate::{collect, workspace};
use regatta_engine::ids::AttemptId;
use regatta_engine::input::Input;
use regatta_plan::model::Action;
use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// So much of what a command says goes into the report, in bytes.
const SAID_BYTES: u64 = 2_000;

impl Local {
    /// Begins to land what was collected, unless that is under way.
    pub(crate) fn land(&mut self) {
        let (Some(apart), Some(tell)) = (self.apart.as_ref(), self.tell.clone()) else { return };
        let Some(merge) = apart.plan.merge.clone().filter(|_| self.docking.is_none()) else { return };
        let stop = Arc::<AtomicBool>::default();
        let dock = Dock {
            ground: Arc::clone(apart.workers.ground()),
            merge,
            runner: Box::new(ThroughLoop(Arc::clone(&tell))),
            stop: Arc::clone(&stop),
            run_dir: self.place.run_dir.clone(),
        };
        let cargo = apart.cargo();
        let thread = std::thread::spawn(move || {
            let landing = dock.land(&cargo);
            // A loop that is gone is told by what stands in git.
            tell(Word::End(Box::new(landing)));
        });
        self.docking = Some(Docking { stop, thread, commands: BTreeMap::new(), count: 0 });
    }

    /// Takes what a landing says.
    pub fn landing_says(&mut self, word: Word) {
        match word {
            Word::Command(wanted) => self.command(*wanted),
            Word::End(landing) => self.landed(*landing),
        }
    }

    /// Landing wants a command to be run.
    fn command(&mut self, wanted: Wanted) {
        let epoch = self.place.epoch;
        let (Some(docking), Some(apart)) = (self.docking.as_mut(), self.apart.as_ref()) else { return };
        docking.count += 1;
        let id = kept_id::step(epoch, AttemptId(docking.count), kept_id::LANDING);
        let argv: Vec<String> = match wanted.action {
            Action::Argv(argv) => argv,
            Action::Shell { script, shell } => vec![shell, "-c".to_owned(), script],
            Action::Agent { .. } | Action::Tool { .. } | Action::Join { .. } | Action::Gate { .. } => return,
        };
        let mut env = apart.workers.ground().variables(None);
        env.push(("REGATTA_RUN_ID".to_owned(), self.place.run_id.clone()));
        env.push(("REGATTA_WORKTREE".to_owned(), wanted.dir.to_string_lossy().into_owned()));
        docking.commands.insert(id, wanted.reply);
        self.asks.push(Ask::Start(Box::new(StartOrder {
            attempt: id,
            argv: argv.into_iter().map(|word| Bytes(word.into())).collect(),
            env: env.into_iter().map(|(name, value)| (Bytes(name.into()), Bytes(value.into()))).collect(),
            cwd: Bytes(wanted.dir.into_os_string()),
            marker: format!("{}/{id}", self.place.run_id),
            output_limit_bytes: self.actions.output_limit_bytes(),
            idle_ms: None,
            leader_first: false,
            grace_ms: 5_000,
            kill_after_ms: Some(wanted.timeout_ms),
        })));
        self.timeouts.push((self.now + wanted.timeout_ms, id));
    }

    /// A command of landing has ended. Answers whether it was one.
    pub(crate) fn command_ended(&mut self, ended: &Ended, streams: &mut [Option<Raw>; 2]) -> bool {
        let reply = self.docking.as_mut().and_then(|docking| docking.commands.remove(&ended.attempt));
        let Some(reply) = reply else { return false };
        self.asks.push(Ask::Ack { attempt: ended.attempt });
        self.timeouts.retain(|(_, id)| *id != ended.attempt);
        let number = kept_id::attempt_of(ended.attempt).0;
        let said = self.keep_output(number, streams);
        let (code, how) = match &ended.how {
            How::Code(code) => (Some(*code), format!("exit code {code}")),
            How::Signal(signal) => (None, format!("signal {signal}")),
            How::NotStarted { message } => (None, message.clone()),
        };
        let said = if said.is_empty() { how } else { format!("{how}: {said}") };
        // Landing that is being left wants no answer any more.
        let _ = reply.send(Ran { code, said });
        true
    }

    /// Keeps what a command said; answers its last words.
    fn keep_output(&self, number: u64, streams: &mut [Option<Raw>; 2]) -> String {
        let dir = workspace::landing_dir(&self.place.run_dir);
        let mut last = String::new();
        let made = regatta_journal::private_dir(&dir).is_ok();
        for (stream, name) in streams.iter_mut().zip(["stdout", "stderr"]) {
            let name = format!("{number}.{name}");
            let through = (self.actions.redactor(), self.actions.output_limit_bytes());
            let kept = made.then(|| collect::stream(stream.as_ref(), (&dir, &name), through));
            if matches!(kept, Some(Ok(Some(digest))) if digest.bytes > 0) {
                last = tail(&dir.join(name)).unwrap_or(last);
            }
        }
        last
    }

    /// Commands that have had their time.
    pub(crate) fn end_late_commands(&mut self) {
        let now = self.now;
        let late: Vec<u64> = self.timeouts.iter().filter(|(at, _)| *at <= now).map(|(_, id)| *id).collect();
        self.timeouts.retain(|(at, _)| *at > now);
        self.asks.extend(late.into_iter().map(|attempt| Ask::End { attempt, grace_ms: 5_000 }));
    }

    /// Landing has come to its end.
    fn landed(&mut self, landing: Result<Landing, LandError>) {
        let Some(docking) = self.docking.take() else { return };
        // It has said its last word.
        let _ = docking.thread.join();
        let report = match landing {
            Ok(Landing::Done(fates, report)) => {
                for (node, fate) in fates {
                    let input = match fate {
                        Fate::Landed => Input::Landed { node },
                        Fate::LeftOut(cause) => Input::NotLanded { node, cause },
                    };
                    self.arrivals.push_back(input.into());
                }
                *report
            }
            Ok(Landing::Waits(report)) => {
                self.arrivals.push_back(Input::LandingWaits.into());
                *report
            }
            Ok(Landing::Stopped) => return self.land(),
            Err(error) => {
                self.arrivals.push_back(Input::LandingWaits.into());
                let command = format!("regatta resume {}", self.place.run_id);
                Report { waits: Some((error.to_string(), command)), ..Report::default() }
            }
        };
        // It is told once more by whoever shows the run; a report that cannot be written is missed, nothing else.
        let _ = report.write(&self.place.run_dir);
    }

    /// Commands died with their keeper: landing begins again.
    pub(crate) fn forget_commands(&mut self) {
        if let Some(docking) = self.docking.as_mut() {
            docking.commands.clear();
        }
        self.timeouts.clear();
    }

    /// The run is being left: landing stops before it moves anything, and is waited for.
    pub(crate) fn stop_landing(&mut self) {
        let Some(mut docking) = self.docking.take() else { return };
        docking.stop.store(true, Ordering::SeqCst);
        let ids: Vec<u64> = docking.commands.keys().copied().collect();
        self.asks.extend(
            ids.into_iter().flat_map(|id| [Ask::End { attempt: id, grace_ms: 0 }, Ask::Ack { attempt: id }]),
        );
        docking.commands.clear();
        // It ends with the git call that it is in.
        let _ = docking.thread.join();
    }
}

/// The end of a file, for people.
fn tail(path: &Path) -> Option<String> {
    let mut file = private_file::open(path).ok()?;
    let bytes = file.metadata().ok()?.len();
    std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(bytes.saturating_sub(SAID_BYTES))).ok()?;
    let mut text = Vec::new();
    file.take(SAID_BYTES).read_to_end(&mut text).ok()?;
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    let from = lines.len().saturating_sub(5);
    Some(lines[from..].join(" | "))
}
