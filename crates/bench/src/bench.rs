//! What every measurement has at hand: the options, the programs, a place, and our own commands.
//!
//! It knows how our commands are called, and no goal.

use crate::options::Options;
use crate::place::Place;
use crate::references::References;
use regatta_crash::Outcome;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Tasks alive at a time where nobody says otherwise.
pub(crate) const SLOTS: u64 = 8;

/// The programs, and where they work.
#[derive(Debug)]
pub(crate) struct Bench {
    pub(crate) options: Options,
    pub(crate) references: References,
    pub(crate) place: Place,
    pub(crate) regatta: PathBuf,
    pub(crate) noop: PathBuf,
    examples: PathBuf,
}

impl Bench {
    /// Builds and finds everything.
    pub(crate) fn prepare(options: Options) -> Outcome<Bench> {
        let binary = std::fs::canonicalize(&options.binary).map_err(|e| format!("`--binary`: {e}"))?;
        let built = binary.parent().ok_or("`--binary` names no file")?.to_owned();
        let place = Place::new(built.parent().unwrap_or(&built))?;
        // A build that goes on meanwhile replaces the file: what is measured is a copy.
        let regatta = place.root().join("regatta");
        std::fs::copy(&binary, &regatta).map_err(|e| format!("`--binary`: {e}"))?;
        let noop = crate::noop::write(place.root())?;
        let references = References::find(options.trials.as_deref(), place.root());
        let examples = built.join("examples");
        Ok(Bench { options, references, place, regatta, noop, examples })
    }

    /// One of our verbs in a workspace. The directory is named, or the repository around it would be the workspace.
    pub(crate) fn regatta(&self, workspace: &Path, words: &[&str]) -> Command {
        let mut command = Command::new(&self.regatta);
        command.arg("--workspace").arg(workspace).args(words).current_dir(workspace);
        command
    }

    /// What a verb of ours prints; anything but exit code 0 is an error.
    pub(crate) fn said(&self, workspace: &Path, words: &[&str]) -> Outcome<String> {
        let output = self.regatta(workspace, words).output();
        let output = output.map_err(|e| format!("cannot start regatta: {e}"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Err(format!("{words:?} ended with {}: {err}{}", output.status, unwell(&out)))
    }

    /// Commits of the newest run in a workspace: each turn is one.
    pub(crate) fn turns(&self, workspace: &Path) -> Outcome<f64> {
        let said = self.said(workspace, &["replay"])?;
        // "run …: no difference in 28 events of 9 turns"
        let number = said.split(" events of ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
        number.ok_or_else(|| format!("`replay` tells no turns: {said}"))
    }

    /// A program of this repository that only measures.
    pub(crate) fn example(&self, name: &str, words: &[String]) -> Command {
        let mut command = Command::new(self.examples.join(name));
        command.args(words);
        command
    }
}

/// Tasks of a summary that did not end well and are told of, at most.
const MOST_UNWELL: usize = 3;

/// What a summary of ours tells of tasks that did not end well; nothing if it is none.
fn unwell(summary: &str) -> String {
    let summary: serde_json::Value = serde_json::from_str(summary).unwrap_or_default();
    let tasks = summary["tasks"].as_object().into_iter().flatten();
    let unwell = tasks.filter(|(_, task)| task["status"] != "succeeded");
    let told = unwell.map(|(id, task)| format!("; {id}: {} {}", task["status"], task["why"]));
    told.take(MOST_UNWELL).collect()
}

#[cfg(test)]
mod tests {
    use super::unwell;

    #[test]
    fn a_failure_says_which_tasks_did_not_end_well() {
        let summary = r#"{"tasks":{"a":{"status":"succeeded","why":"succeeded"},"b":{"status":"failed","why":"exit 3"}}}"#;
        assert_eq!(unwell(summary), r#"; b: "failed" "exit 3""#);
        assert_eq!((unwell("{}"), unwell("run x")), (String::new(), String::new()));
    }
}
