//! What must pass on what was merged: commands, and people.
//!
//! ```text
//! gates that wait for no person     after each merge, or after the last: red stops or takes out
//! a person, and what needs one      once, about the tip that is to land: the run waits for the answer
//! ```
//! Those that do not need each other run at once. A gate changes nothing: what it leaves is thrown away as soon as none runs.
//! What one said of a commit stands, and is not asked for again.

use super::errand::{Order, Ran, Reply};
use super::integrate::Bench;
use super::paid::Told;
use super::{Approval, Dock, GateResult, LandError, Question, Report, Verdict};
use crate::evidence;
use regatta_engine::cause::Cause;
use regatta_fault as fault;
use regatta_plan::model::{Action, Check};
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::time::Duration;

/// So often somebody who waits looks whether the run is being left: an order may lie in an inbox that nobody reads any more.
const A_MOMENT: Duration = Duration::from_millis(250);

/// Where a gate stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Stand {
    /// It waits for others, or for a free slot.
    Open,
    /// It runs.
    Running,
    Passed,
    Red,
    /// What it needs is red.
    NotRun,
    /// A person has not answered, it or what it needs.
    Asked,
}

/// What all gates together say.
pub(super) enum Said {
    /// Each that blocks has passed.
    Green,
    /// These are red, and one of them blocks.
    Red(Vec<GateResult>),
    /// A person must answer first.
    Asks(Vec<Question>),
    /// The run is being left.
    Left,
}

impl Dock {
    /// Runs one command to its end. Nothing if the run is being left.
    pub(super) fn run(&self, action: &Action, dir: &Path, timeout_ms: u64) -> Option<Ran> {
        let _at_work = self.ground.watch();
        let ran = self.carry_out(Order::Command { action: action.clone(), dir: dir.to_owned(), timeout_ms });
        ran.map(|ran| Ran { put_back: self.ground.put_back("it"), ..ran })
    }

    /// Has one order carried out. Nothing if the run is being left.
    pub(super) fn carry_out(&self, order: Order) -> Option<Ran> {
        if self.stop.load(Ordering::SeqCst) {
            return None;
        }
        let (sender, answers) = channel();
        self.runner.start(order, Reply::to(0, sender));
        self.hear(&answers).map(|(_, ran)| ran)
    }

    fn hear(&self, answers: &Receiver<(usize, Option<Ran>)>) -> Option<(usize, Ran)> {
        loop {
            match answers.recv_timeout(A_MOMENT) {
                Ok((number, ran)) => {
                    let ran = ran.map(|ran| Ran { said: self.redactor.text(ran.said.clone()), ..ran });
                    return ran.map(|ran| (number, ran));
                }
                Err(RecvTimeoutError::Timeout) if !self.stop.load(Ordering::SeqCst) => {}
                Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => return None,
            }
        }
    }

    /// Lets the gates run that wait for no person.
    pub(super) fn gates(
        &self,
        bench: &mut Bench,
        after: Option<&str>,
        report: &mut Report,
    ) -> Result<Said, LandError> {
        if let Some(said) = self.prepared_again(bench, after, report)? {
            return Ok(said);
        }
        let late = late(&self.merge.gates);
        let early = self.merge.gates.iter().filter(|check| !late.contains(check.name.as_str())).collect();
        let mut round = Round::new(self, early, (bench, after));
        let said = round.play(bench, report)?;
        if matches!(said, Said::Green) {
            bench.unpassed = round.unpassed();
        }
        Ok(said)
    }

    /// Prepares the worktree anew where that is needed. Answers what comes of it if gates cannot run.
    fn prepared_again(
        &self,
        bench: &mut Bench,
        after: Option<&str>,
        report: &mut Report,
    ) -> Result<Option<Said>, LandError> {
        let said = match self.set_up_again(bench, report)? {
            None => return Ok(None),
            Some(Verdict::Wait(said, _)) => said,
            Some(_) => return Ok(Some(Said::Left)),
        };
        let red = GateResult {
            gate: "setup".to_owned(),
            id: "setup".to_owned(),
            after: after.map(str::to_owned),
            with: bench.with.clone(),
            passed: false,
            ran: true,
            blocking: true,
            said,
            log: None,
            ran_ms: 0,
        };
        report.gates.push(red.clone());
        Ok(Some(Said::Red(vec![red])))
    }

    /// What stands between a tip that is ready and the target: gates that wait for a person, and `approve`.
    pub(super) fn last_word(&self, bench: &mut Bench, report: &mut Report) -> Result<Verdict, LandError> {
        if report.tip == report.from {
            return Ok(Verdict::GoOn);
        }
        let late = late(&self.merge.gates);
        let checks = self.merge.gates.iter().filter(|check| late.contains(check.name.as_str())).collect();
        match Round::new(self, checks, (bench, None)).play(bench, report)? {
            Said::Left => Ok(Verdict::Stop),
            Said::Red(_) => Ok(red_at_the_end(report)),
            Said::Asks(questions) => Ok(self.ask(report, questions)),
            Said::Green if self.merge.approve => match self.approved(None, &report.tip)? {
                Some(answer) if answer.refused => {
                    report.gates.push(refusal(&answer));
                    Ok(red_at_the_end(report))
                }
                Some(_) => Ok(Verdict::GoOn),
                None => {
                    let text = "may the target move?".to_owned();
                    Ok(self.ask(report, vec![Question { gate: None, text }]))
                }
            },
            Said::Green => Ok(Verdict::GoOn),
        }
    }

    /// What a gate is called where it is told: a gate without an id is called by its command, and declared values are not shown.
    /// Of several that are called the same then, each but the first has its number.
    pub(super) fn called(&self, name: &str) -> String {
        let own = self.shown(name);
        let before = self.merge.gates.iter().take_while(|check| check.name != name);
        match before.filter(|check| self.shown(&check.name) == own).count() {
            0 => own,
            others => format!("{own} ({})", others + 1),
        }
    }

    /// A text of the plan without declared values.
    pub(super) fn shown(&self, text: &str) -> String {
        self.redactor.declared(text).unwrap_or_else(|| text.to_owned())
    }

    fn approved(&self, gate: Option<&str>, tip: &str) -> Result<Option<Approval>, LandError> {
        Ok(Approval::find(&self.run_dir, (gate, tip))?)
    }

    /// Leaves questions about a tip to a person.
    fn ask(&self, report: &mut Report, questions: Vec<Question>) -> Verdict {
        let (from, branch) = (report.from.get(..10).unwrap_or_default(), self.ground.names.integration());
        let text: Vec<&str> = questions.iter().map(|question| question.text.as_str()).collect();
        let what = format!("{} `git diff {from}...{branch}` shows what lands", text.join(" "));
        report.asks = questions;
        Verdict::Wait(what, format!("regatta merge {} --approve", self.ground.names.run()))
    }
}

/// Nothing lands: somebody or something looked at all that was merged at once, so none of it can be singled out.
pub(super) fn red_at_the_end(report: &mut Report) -> Verdict {
    for task in report.merged.clone() {
        report.left_out.insert(task, Cause::Gate.code().to_owned());
    }
    Verdict::Nothing(Cause::Gate)
}

/// A no where `merge.approve` asked.
fn refusal(answer: &Approval) -> GateResult {
    GateResult {
        gate: "approval".to_owned(),
        id: "approve".to_owned(),
        after: None,
        with: Vec::new(),
        passed: false,
        ran: true,
        blocking: true,
        said: format!("refused by {}", answer.by),
        log: None,
        ran_ms: 0,
    }
}

/// Gates that wait for a person, themselves or by what they need. Each stands after what it needs.
fn late(checks: &[Check]) -> BTreeSet<&str> {
    let mut late: BTreeSet<&str> = BTreeSet::new();
    for check in checks {
        if check.person.is_some() || check.needs.iter().any(|need| late.contains(need.as_str())) {
            late.insert(&check.name);
        }
    }
    late
}

/// One pass over some gates at one tip.
struct Round<'a> {
    dock: &'a Dock,
    checks: Vec<&'a Check>,
    stands: Vec<Stand>,
    /// Results by check, told in their order at the end.
    results: Vec<Option<GateResult>>,
    questions: Vec<Question>,
    after: Option<String>,
    /// What was merged with that since gates were asked last.
    with: Vec<String>,
    /// Gates of an earlier round that have not passed at this tip.
    before: BTreeSet<String>,
}

impl<'a> Round<'a> {
    fn new(dock: &'a Dock, checks: Vec<&'a Check>, (bench, after): (&Bench, Option<&str>)) -> Round<'a> {
        Round {
            dock,
            stands: vec![Stand::Open; checks.len()],
            results: checks.iter().map(|_| None).collect(),
            checks,
            questions: Vec::new(),
            after: after.map(str::to_owned),
            with: bench.with.clone(),
            before: bench.unpassed.clone(),
        }
    }

    fn play(&mut self, bench: &mut Bench, report: &mut Report) -> Result<Said, LandError> {
        let (sender, answers) = channel();
        if !self.checks.is_empty() {
            bench.stand()?;
        }
        let _at_work = (!self.checks.is_empty()).then(|| self.dock.ground.watch());
        loop {
            self.begin(bench, &sender)?;
            if !self.stands.contains(&Stand::Running) {
                break;
            }
            let Some((i, ran)) = self.dock.hear(&answers) else { return Ok(Said::Left) };
            self.ended(i, ran, bench)?;
            if !self.stands.contains(&Stand::Running) {
                self.dock.calm(bench, report)?;
                bench.stand_at_tip()?;
            }
        }
        for result in self.results.iter().flatten() {
            // What was told of this tip is not told twice.
            if bench.told.insert((bench.tip.to_string(), result.id.clone())) {
                report.gates.push(result.clone());
            }
        }
        let red =
            |(check, stand): (&&Check, &Stand)| check.blocking && matches!(stand, Stand::Red | Stand::NotRun);
        Ok(if self.checks.iter().zip(&self.stands).any(red) {
            Said::Red(self.results.iter().flatten().filter(|result| !result.passed).cloned().collect())
        } else if self.questions.is_empty() {
            Said::Green
        } else {
            Said::Asks(std::mem::take(&mut self.questions))
        })
    }

    /// Begins what may begin now. Each gate stands after what it needs, so one pass sees all that follows at once.
    fn begin(&mut self, bench: &Bench, sender: &Sender<(usize, Option<Ran>)>) -> Result<(), LandError> {
        for i in 0..self.checks.len() {
            if self.stands[i] != Stand::Open {
                continue;
            }
            let check = self.checks[i];
            let needs: Vec<(&str, Stand)> =
                check.needs.iter().map(|need| (need.as_str(), self.stand_of(need))).collect();
            let is = |wanted: &[Stand]| needs.iter().find(|(_, stand)| wanted.contains(stand));
            if let Some((need, _)) = is(&[Stand::Red, Stand::NotRun]) {
                let said = format!("not run: it needs `{}`", self.dock.called(need));
                self.settle(i, Stand::NotRun, Ran { said, ..Ran::default() });
                continue;
            }
            if is(&[Stand::Open, Stand::Running]).is_some() {
                continue;
            }
            if is(&[Stand::Asked]).is_some() {
                self.stands[i] = Stand::Asked;
            } else if let Some(ask) = &check.person {
                match self.dock.approved(Some(&check.name), bench.tip.as_str())? {
                    Some(answer) if answer.refused => {
                        let said = format!("refused by {}", answer.by);
                        self.settle(i, Stand::Red, Ran { said, ..Ran::default() });
                    }
                    Some(approval) => {
                        let said = format!("approved by {}", approval.by);
                        self.settle(i, Stand::Passed, Ran { said, ..Ran::default() });
                    }
                    None => {
                        let gate = Some(check.name.clone());
                        let text = format!("{}: {}", check.name, self.dock.shown(ask));
                        self.questions.push(Question { gate, text });
                        self.stands[i] = Stand::Asked;
                    }
                }
            } else if let Some((passed, said)) = self.dock.expressions.get(&check.name) {
                let stand = if *passed { Stand::Passed } else { Stand::Red };
                self.settle(i, stand, Ran { said: said.clone(), ..Ran::default() });
            } else if let Some(told) =
                bench.paid.find(bench.tip.as_str(), &self.dock.called(&check.name)).cloned()
            {
                let Told { passed, said, log, ran_ms, .. } = told;
                let stand = if passed { Stand::Passed } else { Stand::Red };
                self.settle(i, stand, Ran { said, log, ran_ms, ..Ran::default() });
            } else if self.running() < self.dock.most_at_once {
                evidence::forget(&check.evidence, &bench.path);
                let (action, dir) = (check.action.clone(), bench.path.clone());
                let order = Order::Command { action, dir, timeout_ms: check.timeout_ms };
                self.dock.runner.start(order, Reply::to(i, sender.clone()));
                self.stands[i] = Stand::Running;
            }
        }
        Ok(())
    }

    fn running(&self) -> usize {
        self.stands.iter().filter(|stand| **stand == Stand::Running).count()
    }

    fn stand_of(&self, name: &str) -> Stand {
        match self.checks.iter().position(|check| check.name == name) {
            Some(i) => self.stands[i],
            None if self.before.contains(name) => Stand::Red,
            None => Stand::Passed,
        }
    }

    fn ended(&mut self, i: usize, mut ran: Ran, bench: &mut Bench) -> Result<(), LandError> {
        fault::point("landing.gate");
        let mut passed = ran.code == Some(0);
        for evidence in &self.checks[i].evidence {
            if passed {
                let found = evidence::read(evidence, &bench.path, &self.dock.redactor);
                passed = found.is_ok();
                ran.said = found.unwrap_or_else(|why| why);
            }
        }
        bench.paid.add(Told {
            tip: bench.tip.to_string(),
            gate: self.dock.called(&self.checks[i].name),
            passed,
            said: ran.said.clone(),
            log: ran.log,
            ran_ms: ran.ran_ms,
        })?;
        fault::point("landing.paid");
        self.settle(i, if passed { Stand::Passed } else { Stand::Red }, ran);
        Ok(())
    }

    fn settle(&mut self, i: usize, stand: Stand, ran: Ran) {
        let check = self.checks[i];
        self.stands[i] = stand;
        let name = self.dock.called(&check.name);
        self.results[i] = Some(GateResult {
            gate: check.title.as_ref().map_or_else(|| name.clone(), |title| self.dock.shown(title)),
            id: name,
            after: self.after.clone(),
            with: self.with.clone(),
            passed: stand == Stand::Passed,
            ran: stand != Stand::NotRun,
            blocking: check.blocking,
            said: ran.said,
            log: ran.log,
            ran_ms: ran.ran_ms,
        });
    }

    fn unpassed(&self) -> BTreeSet<String> {
        let not = self.checks.iter().zip(&self.stands).filter(|(_, stand)| **stand != Stand::Passed);
        not.map(|(check, _)| check.name.clone()).collect()
    }
}
