//! The loop of a run on a thread of this program, from its beginning to what is left to do after it.
//!
//! Takes no signals, raises no limits, prints nothing. Knows no handle.

use super::error::{Error, ErrorKind};
use super::live::{Left, Live, Lives, lives};
use crate::context::Context;
use crate::render::standing::Standing;
use crate::session;
use crate::settling::settle;
use regatta_engine::Engine;
use regatta_engine::state::Phase;
use regatta_journal::RunJournal;
use regatta_runtime::keeper::Program;
use regatta_runtime::observer::{Observer, Told};
use regatta_runtime::on_end;
use regatta_runtime::orchestrator::{Machine, Orchestrator, Work};
use std::sync::Arc;
use std::sync::mpsc::{SyncSender, sync_channel};

/// Stack of the loop's thread; conditions may need it.
pub(super) const STACK_BYTES: usize = 8 << 20;

/// A run that is recorded and that nobody orchestrates yet.
#[derive(Debug)]
pub(super) struct Begin {
    pub(super) journal: RunJournal,
    pub(super) work: Work,
    /// Lines for people.
    pub(super) notes: Vec<String>,
}

/// Runs a run on a thread of its own; answers when its first turn is durable, or it is over.
///
/// # Errors
/// It could not begin.
pub(super) fn start(
    context: &Context,
    begin: Begin,
    program: Program,
    runs: &Lives,
) -> Result<Arc<Live>, Error> {
    let run_id = begin.journal.run_id().to_string();
    let live = Arc::<Live>::default();
    let (started, begun) = sync_channel(1);
    lives(runs).insert(run_id.clone(), Arc::clone(&live));
    let leaving = Leaving { live: Arc::clone(&live), runs: Arc::clone(runs), run_id };
    let (context, seen) = (context.clone(), started);
    let thread = std::thread::Builder::new().name("regatta-loop".to_owned()).stack_size(STACK_BYTES).spawn(
        move || {
            let left = play(&context, begin, &program, (&leaving, &seen));
            leaving.live.leave(left);
            // Whoever waits for a beginning has it, or how it was left.
            drop((leaving, seen));
        },
    );
    let thread = thread.map_err(|e| {
        Error::new(ErrorKind::Environment, format!("the loop of a run cannot be started: {e}"))
    })?;
    live.keep(thread);
    if begun.recv().is_err() {
        // It was left before it had a turn.
        live.wait()?;
    }
    Ok(live)
}

/// However the thread ends, nobody waits for it in vain.
struct Leaving {
    live: Arc<Live>,
    runs: Lives,
    run_id: String,
}

impl Drop for Leaving {
    fn drop(&mut self) {
        let message = format!("run {} broke off; this is a bug of regatta", self.run_id);
        let hint = format!("regatta resume {}", self.run_id);
        self.live.leave(Err(Error::new(ErrorKind::Environment, message).hinted(hint)));
        let mut runs = lives(&self.runs);
        // Who resumed it meanwhile put another one there.
        if runs.get(&self.run_id).is_some_and(|live| Arc::ptr_eq(live, &self.live)) {
            runs.remove(&self.run_id);
        }
    }
}

fn play(
    context: &Context,
    Begin { journal, work, mut notes }: Begin,
    program: &Program,
    (leaving, started): (&Leaving, &SyncSender<()>),
) -> Result<Left, Error> {
    let Leaving { live, run_id, .. } = leaving;
    let wrong = |error| Error::from(session::run_error(context, error, run_id));
    let plan = Arc::clone(&work.plan);
    let standing = journal.last_pos().eq(&0).then(|| Standing::new(run_id));
    let machine = Machine { workspace: &context.workspace, keeper: program };
    let observer = observer(Arc::clone(live), started.clone(), standing);
    let orchestrator = Orchestrator::open(journal, work, machine, observer).map_err(wrong)?;
    let handle = orchestrator.handle();
    live.begin(move || handle.signal());
    let left = orchestrator.run().map_err(wrong)?;
    let phase = left.engine.state().phase;
    let redactor = Arc::clone(&left.redactor);
    // What is left is read from the journal, into another engine.
    drop(left);
    notes.extend(settle(context, run_id)?.notes);
    if let Phase::Ended(status) = phase
        && let Err(error) =
            on_end::run(&plan, &context.workspace, (run_id, status.name()), (&redactor, &mut std::io::sink()))
    {
        notes.push(format!("warning: on_end: {error}\n"));
    }
    Ok(Left { notes })
}

/// Rings after each turn, and tells `status` where the run stands, if it has seen all of it.
fn observer(live: Arc<Live>, started: SyncSender<()>, mut standing: Option<Standing>) -> Observer {
    Box::new(move |engine: &Engine, told: Told<'_>| {
        match (told, &mut standing) {
            (Told::Durable { events, .. }, Some(standing)) => standing.take(events),
            (Told::Asked { answer }, Some(standing)) => *answer.borrow_mut() = Some(standing.text(engine)),
            _ => {}
        }
        if let Told::Turn { .. } = told {
            // Told once already is as good.
            let _ = started.try_send(());
            live.ring();
        }
        None
    })
}
