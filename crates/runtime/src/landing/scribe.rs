//! What our commits say, and who made them when: it follows from what is merged, so doing it again gives the same ids.
//!
//! Trailers tell which run and task a commit is of; a commit of somebody else's cannot claim to be of another task.

use crate::git::{Git, GitError, Oid, Person, Stamp};
use crate::works::Piece;
use regatta_plan::model::Merge;

/// The trailer with the run.
pub(super) const RUN: &str = "Regatta-Run";
/// The trailer with the task.
pub(super) const TASK: &str = "Regatta-Task";

/// Who writes, for which run.
#[derive(Clone, Debug)]
pub(super) struct Scribe<'a> {
    pub(super) run: &'a str,
    pub(super) committer: Person,
    author: Option<Person>,
    template: Option<&'a str>,
}

impl<'a> Scribe<'a> {
    /// As a plan wants it.
    pub(super) fn of(merge: &'a Merge, (run, committer): (&'a str, Person)) -> Scribe<'a> {
        let author = merge.author.as_deref().and_then(person);
        Scribe { run, committer, author, template: merge.message.as_deref() }
    }

    /// Nobody, for commits that nothing will refer to.
    pub(super) fn nobody() -> Scribe<'a> {
        let committer = Person { name: "regatta".to_owned(), email: "regatta@localhost".to_owned() };
        Scribe { run: "none", committer, author: None, template: None }
    }

    /// Who commits a merge, and when: as late as the later of what is merged.
    pub(super) fn stamp(&self, git: &Git, (tip, piece): (&Oid, &Piece)) -> Result<Stamp, GitError> {
        let seconds = git.latest(&[tip, &piece.head])?;
        let author = self.author.clone().unwrap_or_else(|| self.committer.clone());
        Ok(Stamp { author, committer: self.committer.clone(), seconds })
    }

    /// The message of a merge, or of a piece in one commit.
    pub(super) fn message(&self, piece: &Piece) -> String {
        let title = piece.title.as_deref().unwrap_or(&piece.task).lines().next().unwrap_or(&piece.task);
        // Whoever reads the log reads it on a terminal.
        let title: String = title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let subject = match self.template {
            Some(template) => template.replace("{task}", &piece.task).replace("{title}", &title),
            None => format!("Merge {}: {title}", piece.task),
        };
        format!("{}\n\n{RUN}: {}\n{TASK}: {}\n", subject.trim_end(), self.run, piece.task)
    }

    /// The message of a commit that is made anew: what it said, and of which run and task it is.
    pub(super) fn signed(&self, message: &str, piece: &Piece) -> String {
        let ours = [(RUN, self.run), (TASK, piece.task.as_str())];
        let claims = |line: &str| {
            let key = line.split_once(':').map(|(key, _)| key.trim());
            ours.iter().any(|(own, _)| key.is_some_and(|key| key.eq_ignore_ascii_case(own)))
        };
        let kept: Vec<&str> = message.lines().filter(|line| !claims(line)).collect();
        let text = kept.join("\n").trim_end().to_owned();
        let gap = if text.is_empty() {
            ""
        } else if ends_in_trailers(&text) {
            "\n"
        } else {
            "\n\n"
        };
        format!("{text}{gap}{RUN}: {}\n{TASK}: {}\n", self.run, piece.task)
    }
}

/// Whether the last paragraph of a message, which is not its first, holds trailers only.
fn ends_in_trailers(text: &str) -> bool {
    let Some((_, last)) = text.rsplit_once("\n\n") else { return false };
    let trailer = |line: &str| {
        let key = line.split_once(": ").map_or("", |(key, _)| key);
        let good = |b: u8| b.is_ascii_alphanumeric() || b == b'-';
        line.starts_with([' ', '\t']) || (!key.is_empty() && key.bytes().all(good))
    };
    last.lines().all(trailer)
}

/// `Name <address>`.
fn person(text: &str) -> Option<Person> {
    let (name, rest) = text.split_once('<')?;
    let email = rest.strip_suffix('>')?;
    Some(Person { name: name.trim().to_owned(), email: email.trim().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;
    use regatta_engine::ids::NodeId;
    use std::collections::BTreeSet;

    #[test]
    fn a_commit_made_anew_says_what_it_said_and_of_which_task_it_is_and_of_no_other() {
        let zero = Oid::parse(&"0".repeat(40)).unwrap();
        let piece = Piece {
            node: NodeId(0),
            task: "a".to_owned(),
            title: None,
            role: None,
            base: zero.clone(),
            head: zero,
            ancestors: BTreeSet::new(),
        };
        let scribe = Scribe { run: "r", ..Scribe::nobody() };
        let own = "Regatta-Run: r\nRegatta-Task: a\n";
        for (said, expected) in [
            ("fix it", format!("fix it\n\n{own}")),
            ("", own.to_owned()),
            ("fix: it", format!("fix: it\n\n{own}")),
            ("s\n\nbody\nmore", format!("s\n\nbody\nmore\n\n{own}")),
            ("s\n\nSigned-off-by: P <p@x>", format!("s\n\nSigned-off-by: P <p@x>\n{own}")),
            ("s\n\nA: b\n  c\n\n", format!("s\n\nA: b\n  c\n{own}")),
            (
                "s\n\nRegatta-Run: r\nRegatta-Task: a\nRegatta-Attempt: 1",
                format!("s\n\nRegatta-Attempt: 1\n{own}"),
            ),
            ("s\n\nregatta-task : b\nX: y", format!("s\n\nX: y\n{own}")),
            ("s\n\nnote: this\nis prose", format!("s\n\nnote: this\nis prose\n\n{own}")),
        ] {
            assert_eq!(scribe.signed(said, &piece), expected, "{said:?}");
        }
    }
}
