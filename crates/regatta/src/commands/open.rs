//! `regatta open`: the command that goes into the worktree of a task and, where its agent had a session that can be gone
//! on with, into that.
//!
//! Prints and starts nothing: `eval "$(regatta open TASK)"` does it.

use crate::args::OpenArgs;
use crate::context::{Context, err, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::escape::{escape, escape_path};
use crate::task_apart::TaskApart;
use regatta_runtime::agents::{self, AgentRecord};
use regatta_runtime::workspace;
use serde_json::json;
use std::path::Path;

/// Runs the verb.
///
/// # Errors
/// No such run or task, or its worktree is gone.
pub fn run(context: &Context, args: &OpenArgs) -> Result<Exit, CliError> {
    let found = TaskApart::find(&context.workspace, args.run.as_deref(), &args.task)?;
    let (path, branch) = found.place(&context.workspace);
    let run_dir = found.reader.place().run_dir(&found.run.run_id);
    if !path.symlink_metadata().is_ok_and(|meta| meta.is_dir()) {
        let message = format!("the worktree of task `{}` is not there: `{}`", args.task, escape_path(&path));
        let hint = format!("`regatta worktree adopt {} {}` makes it again", found.run_id(), args.task);
        return Err(CliError::environment(message).hint(hint));
    }
    let attempt = found.past.attempt.map(|attempt| workspace::attempt_dir(&run_dir, attempt));
    let record = attempt.and_then(|dir| agents::load_record(&dir));
    let (session, note) = record.as_ref().map_or((None, None), |record| session(&found, record, &run_dir));
    let mut command = format!("cd {}", quoted(&path.to_string_lossy()));
    if let Some(session) = &session {
        command.push_str(&format!(" && {session}"));
    }
    if args.json {
        let facts = json!({
            "run_id": found.run_id(),
            "task": args.task,
            "path": path.display().to_string(),
            "branch": branch,
            "command": command,
            "agent": record.as_ref().map(|record| &record.agent),
            "session": record.as_ref().and_then(|record| record.session.as_ref()),
        });
        out(&format!("{facts}\n"));
        return Ok(Exit::Success);
    }
    if let Some(note) = note {
        err(&format!("{}\n", escape(&note)));
    }
    out(&format!("{}\n", escape(&command)));
    Ok(Exit::Success)
}

/// The command that goes on with the session of an agent, or why there is none.
fn session(found: &TaskApart, record: &AgentRecord, run_dir: &Path) -> (Option<String>, Option<String>) {
    let Some(session) = &record.session else { return (None, None) };
    let Some(words) = agents::session_command(&record.driver, session) else {
        return (None, Some(format!("session {session} of {}: no command is known for it", record.agent)));
    };
    let line = words.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    let own_home = found.plan.agents.get(&record.agent).is_some_and(|agent| agent.own_home);
    if !own_home {
        return (Some(line), None);
    }
    let home = agents::home_dir(run_dir, found.task());
    if home.is_dir() {
        return (Some(format!("HOME={} {line}", quoted(&home.to_string_lossy()))), None);
    }
    let gone = format!("session {session} of {} is gone with the home of its own that it had", record.agent);
    (None, Some(gone))
}

/// A word as a shell reads it.
pub(super) fn quoted(word: &str) -> String {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-_./:=@%+,".contains(&b);
    if !word.is_empty() && word.bytes().all(plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn a_word_is_one_word_for_a_shell_whatever_is_in_it() {
        assert_eq!(quoted("/a/b-c.d"), "/a/b-c.d");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted("$(x)"), "'$(x)'");
        assert_eq!(quoted(""), "''");
    }
}
