//! `regatta worktree adopt`: makes a worktree that is gone again, or takes what a person committed in one for the work of
//! its task.

use crate::commands::open::quoted;
use crate::context::{Context, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::count;
use crate::render::escape::escape;
use crate::task_apart::{TaskApart, worktrees_error};
use regatta_runtime::escalation::shell_word;
use regatta_runtime::worktrees::{AdoptError, Adopted, adopt};
use serde_json::{Value, json};

/// Takes it up.
pub(super) fn run(context: &Context, (run, task): (&str, &str), as_json: bool) -> Result<Exit, CliError> {
    let found = TaskApart::find(&context.workspace, Some(run), task)?;
    let id = found.run.run_id.clone();
    let adopted = adopt((&found.reader, &context.workspace), &id, (&found.plan, found.index))
        .map_err(|error| told(error, (id.as_str(), task)))?;
    if as_json {
        out(&format!("{}\n", facts(&adopted, (id.as_str(), task))));
    } else {
        out(&text(&adopted, (id.as_str(), task)));
    }
    Ok(Exit::Success)
}

fn told(error: AdoptError, (run, task): (&str, &str)) -> CliError {
    let message = error.to_string();
    match error {
        AdoptError::Look(error) => worktrees_error(error),
        AdoptError::Make(_) => {
            CliError::environment(message).hint("move it away; nothing that is not ours is touched")
        }
        AdoptError::File { .. } => CliError::environment(message),
        AdoptError::Lives(_) => {
            CliError::usage(message).hint(format!("`regatta pause {run}`, or wait for it"))
        }
        AdoptError::Open(_) => CliError::usage(message)
            .hint(format!("`regatta resume {run}` goes on with it, `regatta cancel {run}` ends it")),
        AdoptError::Lost(_) => CliError::environment(message).hint("commits of a run are kept for 30 days"),
        AdoptError::Unsaved { .. } => CliError::usage(message).hint("commit there what is to be taken"),
        AdoptError::Landed(_) => {
            CliError::usage(message).hint("commit on the branch that it landed on".to_owned())
        }
        AdoptError::NoWork(_) => {
            CliError::usage(message).hint(format!("regatta explain {} --run {run}", shell_word(task)))
        }
        AdoptError::History(_) => CliError::usage(message).hint("rebase it onto that commit"),
        AdoptError::Copies { path, base, paths } => {
            let words: Vec<String> = paths.iter().map(|path| quoted(path)).collect();
            let git = format!("git -C {}", quoted(&path.to_string_lossy()));
            CliError::usage(message).hint(escape(&format!(
                "{git} reset -q --soft {base} && {git} reset -q {base} -- {} && {git} commit -m {}",
                words.join(" "),
                quoted(task)
            )))
        }
        AdoptError::Forbidden(_) => CliError::usage(message).hint("take that out of the commits"),
    }
}

fn text(adopted: &Adopted, (run, task): (&str, &str)) -> String {
    match adopted {
        Adopted::MadeAgain { path, branch, head } => format!(
            "made again  {}  on {} at {}\nnext: commit there, then: regatta worktree adopt {run} {}\n",
            escape(&path.display().to_string()),
            escape(branch),
            head.short(),
            escape(task)
        ),
        Adopted::AsRecorded { head, .. } => {
            format!("nothing new: task {} stands at {}, as recorded\n", escape(task), head.short())
        }
        Adopted::Taken { base, head, commits, changes, .. } => {
            let mut text = format!(
                "adopted  {}: {}, {} from {} to {}\n",
                escape(task),
                count(*commits as u64, "commit"),
                count(changes.len() as u64, "path"),
                base.short(),
                head.short()
            );
            text.push_str(&format!("next: regatta retry {run}\n"));
            text
        }
    }
}

fn facts(adopted: &Adopted, (run, task): (&str, &str)) -> Value {
    let (what, path, head) = match adopted {
        Adopted::MadeAgain { path, head, .. } => ("made_again", path, head),
        Adopted::AsRecorded { path, head } => ("as_recorded", path, head),
        Adopted::Taken { path, head, .. } => ("adopted", path, head),
    };
    let mut facts = json!({
        "run_id": run,
        "task": task,
        "what": what,
        "path": path.display().to_string(),
        "head": head.as_str(),
    });
    if let Adopted::Taken { base, commits, changes, .. } = adopted {
        facts["base"] = base.as_str().into();
        facts["commits"] = (*commits).into();
        facts["paths"] = changes.iter().map(|change| change.path.clone()).collect::<Vec<_>>().into();
    }
    facts
}
