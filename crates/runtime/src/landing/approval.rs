//! What a person answered about a tip before the target moves, yes or no: a file in the directory of the run.
//!
//! An answer is for one question and one commit: a tip that was built anew is another one, and is asked about again. The
//! file is whole or not there, and synced before anybody goes on; one that cannot be read is an error, never a yes.

use super::Report;
use crate::private_file;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io;
use std::path::Path;

/// The file of the answers in the directory of a run.
const APPROVALS: &str = "approvals.json";

/// What a person is asked.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Question {
    /// The gate that asks; nothing if `merge.approve` does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// In words.
    pub text: String,
}

/// The answer of a person.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Approval {
    /// The commit that it is about.
    pub tip: String,
    /// The gate that asked; nothing for `merge.approve`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<String>,
    /// Who answered, as the system calls them.
    pub by: String,
    /// When, in milliseconds since the Unix epoch.
    pub at_ms: u64,
    /// The answer is no.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub refused: bool,
    /// Tasks without which it is to be built anew; with none of them a no is one to all of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub without: Vec<String>,
}

impl Approval {
    /// All answers of a run.
    ///
    /// # Errors
    /// The file is there and cannot be read.
    pub fn read(run_dir: &Path) -> io::Result<Vec<Approval>> {
        match std::fs::read(run_dir.join(APPROVALS)) {
            Ok(bytes) => serde_json::from_slice(&bytes).map_err(io::Error::other),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
            Err(error) => Err(error),
        }
    }

    /// Records a yes to everything that the report asks, about its tip.
    ///
    /// # Errors
    /// The answers before cannot be read, or these not written.
    pub fn give(run_dir: &Path, report: &Report, who: (&str, u64)) -> io::Result<()> {
        Approval::add(run_dir, report, (who, false, &[]))
    }

    /// Records a no to everything that the report asks, about its tip: because of some tasks, or of all of it.
    ///
    /// # Errors
    /// As for a yes.
    pub fn refuse(
        run_dir: &Path,
        report: &Report,
        (who, without): ((&str, u64), &[String]),
    ) -> io::Result<()> {
        Approval::add(run_dir, report, (who, true, without))
    }

    fn add(
        run_dir: &Path,
        report: &Report,
        ((by, at_ms), refused, without): ((&str, u64), bool, &[String]),
    ) -> io::Result<()> {
        let mut all = Approval::read(run_dir)?;
        let answer = |question: &Question| Approval {
            tip: report.tip.clone(),
            gate: question.gate.clone(),
            by: by.to_owned(),
            at_ms,
            refused,
            without: without.to_vec(),
        };
        all.extend(report.asks.iter().map(answer));
        private_file::replace(&run_dir.join(APPROVALS), &serde_json::to_vec_pretty(&all)?)?;
        std::fs::File::open(run_dir)?.sync_all()
    }

    /// Tasks that somebody wants to be left out, each with who said so.
    ///
    /// # Errors
    /// The answers cannot be read.
    pub fn left_out(run_dir: &Path) -> io::Result<BTreeMap<String, String>> {
        let answers = Approval::read(run_dir)?.into_iter().filter(|answer| answer.refused);
        Ok(answers
            .flat_map(|answer| answer.without.into_iter().map(move |task| (task, answer.by.clone())))
            .collect())
    }

    /// The last answer to a question about a tip, if anybody gave one.
    ///
    /// # Errors
    /// The answers cannot be read.
    pub(super) fn find(run_dir: &Path, (gate, tip): (Option<&str>, &str)) -> io::Result<Option<Approval>> {
        let is = |approval: &Approval| approval.tip == tip && approval.gate.as_deref() == gate;
        Ok(Approval::read(run_dir)?.into_iter().rev().find(is))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_for_one_tip_and_a_file_that_cannot_be_read_is_no_yes() {
        let dir = tempfile::tempdir().unwrap();
        let ask = |gate: Option<&str>| Question { gate: gate.map(str::to_owned), text: "ok?".to_owned() };
        let report = Report { tip: "t1".to_owned(), asks: vec![ask(None)], ..Report::default() };
        let find = |gate, tip| Approval::find(dir.path(), (gate, tip));
        assert!(find(None, "t1").unwrap().is_none());
        Approval::give(dir.path(), &report, ("me", 1)).unwrap();
        let second = Report { tip: "t2".to_owned(), asks: vec![ask(Some("ok"))], ..Report::default() };
        Approval::give(dir.path(), &second, ("you", 2)).unwrap();
        assert_eq!(find(None, "t1").unwrap().unwrap().by, "me");
        assert_eq!(find(Some("ok"), "t2").unwrap().unwrap().by, "you");
        let third = Report { tip: "t3".to_owned(), asks: vec![ask(None)], ..Report::default() };
        Approval::refuse(dir.path(), &third, (("me", 3), &["a".to_owned()])).unwrap();
        assert!(find(None, "t3").unwrap().unwrap().refused && !find(None, "t1").unwrap().unwrap().refused);
        assert_eq!(
            Approval::left_out(dir.path()).unwrap(),
            BTreeMap::from([("a".to_owned(), "me".to_owned())])
        );
        assert!(find(None, "t2").unwrap().is_none() && find(Some("ok"), "t1").unwrap().is_none());
        std::fs::write(dir.path().join(APPROVALS), "[{").unwrap();
        assert!(find(None, "t1").is_err());
    }
}
