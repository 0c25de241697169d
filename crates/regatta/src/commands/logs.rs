//! `regatta logs`: what a task wrote, and with `--follow` what it writes.

mod follow;

use crate::args::LogsArgs;
use crate::context::{Context, out, try_out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::escape::{escape_block, escape_path};
use crate::view::{RunView, reader, store_error};
use regatta_engine::event::EventKind;
use regatta_journal::{Reader, RunId, Which};
use regatta_runtime::escalation::shell_word;
use regatta_runtime::landing::Report;
use regatta_runtime::{collect, workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

/// Runs the verb.
///
/// # Errors
/// No such run, task or attempt, or the output cannot be read.
pub fn run(context: &Context, args: &LogsArgs) -> Result<Exit, CliError> {
    let reader = reader(&context.workspace)?;
    if args.follow {
        return follow::run(context, &reader, args);
    }
    let which = args.run.as_deref().map_or(Which::Newest, Which::Named);
    if args.task.is_none() {
        return of_landing(context, &reader, (which, args));
    }
    let (mut attempts, mut reused) = (Vec::new(), BTreeSet::new());
    let mut steps = BTreeMap::new();
    let view = RunView::load(&reader, which, &mut |stored| match stored.event.kind {
        EventKind::DispatchStarted { node, attempt, number, .. } if !args.undo => {
            attempts.push((node, number, attempt));
        }
        EventKind::NodeReused { node, attempt, .. } if !args.undo => {
            reused.insert(attempt);
            attempts.push((node, 0, attempt));
        }
        EventKind::DispatchEnded { attempt, ref report, .. } => {
            steps
                .extend(report.message.as_deref().and_then(collect::failed_step).map(|step| (attempt, step)));
        }
        EventKind::UndoStarted { node, attempt } if args.undo => attempts.push((node, 1, attempt)),
        _ => {}
    })?;
    let node = view.node(args.named())?;
    let wanted = |number: u32| args.attempt.is_none_or(|n| n == number);
    let found = attempts.iter().rev().find(|(n, number, _)| *n == node && wanted(*number));
    let Some(&(_, _, attempt)) = found else {
        let any = if args.undo { "undo" } else { "attempt" };
        let which = args.attempt.map_or(any.to_owned(), |n| format!("attempt {n}"));
        return Err(nothing(args, &which, &view.record.summary.run_id));
    };
    let run_dir = reader.place().run_dir(&view.record.summary.run_id);
    let dir = match reused.contains(&attempt) {
        true => workspace::reused_dir(&run_dir, attempt.0),
        false => workspace::attempt_dir(&run_dir, attempt.0),
    };
    let stream = if args.stderr { collect::STDERR } else { collect::STDOUT };
    print(context, &dir, stream)?;
    // Why it failed stands in what that command wrote.
    if let Some((list, n)) = steps.get(&attempt).copied() {
        let name = collect::step_file((list, n), stream);
        if dir.join(&name).exists() {
            out(&format!("--- command {} of `{list}`\n", n + 1));
            print(context, &dir, &name)?;
        }
    }
    Ok(Exit::Success)
}

/// The task has no such attempt in the run.
fn nothing(args: &LogsArgs, which: &str, run: &RunId) -> CliError {
    CliError::usage(format!("task `{}` has no {which} in run {run}", args.named()))
        .hint(format!("regatta explain --run {run} {}", shell_word(args.named())))
}

/// What a gate wrote, or an agent that helped the merge.
fn of_landing(
    context: &Context,
    reader: &Reader,
    (which, args): (Which<'_>, &LogsArgs),
) -> Result<Exit, CliError> {
    let id = reader.resolve(which).map_err(store_error)?.run_id;
    let run_dir = reader.place().run_dir(&id);
    let report = Report::read(&run_dir).unwrap_or_default();
    let place = match (&args.gate, args.helper) {
        (Some(gate), _) => {
            let log = report
                .gates
                .iter()
                .rev()
                .filter(|row| row.id == *gate || row.gate == *gate)
                .find_map(|row| row.log);
            // A command of a rule is named by itself.
            let rules = || report.conflicts.iter().rev().filter_map(|conflict| conflict.failed.as_ref());
            let log = log.or_else(|| rules().filter(|rule| rule.run == *gate).find_map(|rule| rule.log));
            let name = if args.stderr { collect::STDERR } else { collect::STDOUT };
            log.map(|log| (workspace::landing_dir(&run_dir), format!("{log}.{name}")))
        }
        (None, helper) => {
            let dir = workspace::helper_dir(&run_dir, helper.unwrap_or_default());
            let name = if args.stderr { collect::STDERR } else { collect::STDOUT };
            dir.exists().then(|| (dir, name.to_owned()))
        }
    };
    let Some((dir, name)) = place else {
        let what = args
            .gate
            .as_ref()
            .map_or_else(|| "that attempt".to_owned(), |gate| format!("gate `{}`", gate.escape_debug()));
        let message = format!("{what} has no log in run {id}");
        return Err(CliError::usage(message).hint(format!("`regatta status {id}` lists what ran")));
    };
    print(context, &dir, &name)?;
    Ok(Exit::Success)
}

/// Raw where it goes to a program, escaped where it goes to a terminal. An attempt that wrote nothing has no file.
fn print(context: &Context, dir: &Path, name: &str) -> Result<(), CliError> {
    let path = dir.join(name);
    let fail =
        |e: std::io::Error| CliError::environment(format!("`{}` cannot be read: {e}", escape_path(&path)));
    let mut file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(fail(error)),
    };
    if context.terminal {
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes).map_err(fail)?;
        out(&escape_block(&String::from_utf8_lossy(&bytes)));
        return Ok(());
    }
    let mut part = vec![0; 64 << 10];
    loop {
        let read = file.read(&mut part).map_err(fail)?;
        // A reader that went away has seen enough.
        if read == 0 || !try_out(&part[..read]) {
            return Ok(());
        }
    }
}
