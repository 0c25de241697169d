//! A conflict, and the agent that resolves it: it owns exactly the paths that conflict.
//!
//! What it leaves is refused if markers stand in those paths or any other changed. Where a file meets a directory, git gives the
//! file a name of its own beside it: that is for the agent to move or to delete, and refused if it stays. Knows no policy.

use super::integrate::Bench;
use super::resolve::BY_AGENT;
use super::tries::{Ask, Tried, foreign};
use super::{Conflict, Dock, LandError, Piece, Report};
use crate::git::{Change, Oid, given_name};
use crate::yard::is_marked;
use regatta_plan::prompt::{Item, Part};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

/// What an agent made of a conflict.
pub(super) enum Resolved {
    /// The merged tree.
    Tree(Oid),
    /// Nothing that is taken.
    No,
    /// The run is being left.
    Left,
}

impl Dock {
    /// Lets the agent resolve a conflict, at most its attempts.
    pub(super) fn resolve_by_agent(
        &self,
        piece: &Piece,
        bench: &Bench,
        (conflict, report): (&mut Conflict, &mut Report),
    ) -> Result<Resolved, LandError> {
        let Some(helper) = &self.merge.resolver else { return Ok(Resolved::No) };
        let mut failed: Vec<Item> = Vec::new();
        for nth in 0..usize::try_from(helper.attempts).unwrap_or(usize::MAX) {
            bench.stand_at_tip()?;
            self.meet(bench, piece, &["--no-commit"])?;
            let owned = Owned::of(bench.unmerged()?, &conflict.paths);
            let refuses = |changes: &[Change]| owned.refuses(changes, &bench.path);
            let ask = Ask {
                role: "resolver",
                helper,
                head: Some(&piece.head),
                after: Some(&piece.task),
                before: bench.before.as_deref(),
                red: Vec::new(),
                nth,
                title: format!("Resolve the conflict of {}", piece.task),
                instruction: owned.instruction(&piece.task),
                items: self.sides((piece, bench), (&owned, report), &failed),
                finds: self.ground.as_it_stands((&bench.git, &bench.tip))?,
                refuses: &refuses,
            };
            let tried = match self.attempt(ask, bench, report)? {
                Tried::Left => return Ok(Resolved::Left),
                Tried::Unpaid => break,
                Tried::Done(tried) => tried,
            };
            match tried.commit.as_deref().and_then(Oid::parse) {
                Some(commit) => {
                    let by = format!("{BY_AGENT}{}", tried.agent);
                    conflict.resolved =
                        conflict.paths.iter().map(|path| (path.clone(), by.clone())).collect();
                    bench.stand_at_tip()?;
                    return Ok(Resolved::Tree(bench.git.tree(&commit)?));
                }
                None => failed.push(foreign(Part::Failure, format!("attempt {}", nth + 1), tried.said)),
            }
        }
        bench.stand_at_tip()?;
        Ok(Resolved::No)
    }

    fn sides(
        &self,
        (piece, bench): (&Piece, &Bench),
        (owned, report): (&Owned, &Report),
        failed: &[Item],
    ) -> Vec<Item> {
        let title = piece.title.as_deref().unwrap_or(&piece.task);
        let mut items = vec![
            foreign(Part::Owns, "git".to_owned(), owned.list()),
            foreign(Part::Before, format!("task {}", piece.task), format!("theirs: {title}")),
        ];
        if !report.merged.is_empty() {
            let onto = if bench.before.is_none() { "the target with " } else { "" };
            let merged = format!("ours: {onto}the work of {}", report.merged.join(", "));
            items.push(foreign(Part::Before, "merge".to_owned(), merged));
        }
        items.extend(failed.iter().cloned());
        items
    }
}

/// The paths that an agent may change.
struct Owned {
    /// As the two sides call them.
    paths: BTreeSet<String>,
    /// Names that git gave to files beside directories, each with what it is called by its side.
    given: BTreeMap<String, String>,
}

impl Owned {
    /// Those of a conflict, by what the index says where files are checked out.
    fn of(unmerged: BTreeSet<String>, paths: &[String]) -> Owned {
        let paths: BTreeSet<String> = paths.iter().cloned().collect();
        let given = |path: String| {
            let name = given_name(&path).filter(|name| paths.contains(*name))?.to_owned();
            (!paths.contains(&path)).then_some((path, name))
        };
        Owned { given: unmerged.into_iter().filter_map(given).collect(), paths }
    }

    fn instruction(&self, task: &str) -> String {
        let what = format!(
            "Merging the work of `{task}` conflicts. Resolve each conflict so that both sides keep what they were to do, and \
             leave no marker of a conflict. Change no other file."
        );
        if self.given.is_empty() {
            return what;
        }
        format!(
            "{what} Where something else stands in the place of a file, such as a directory, git gave the file another name, \
             which must not stay: move the file to where it belongs, such as below that directory, or put it in the \
             directory's place, or delete it."
        )
    }

    fn list(&self) -> String {
        let paths = self.paths.iter().map(|path| format!("- {}\n", path.escape_debug()));
        let given = self.given.iter().map(|(path, name)| {
            let (path, name) = (path.escape_debug(), name.escape_debug());
            format!("- {path} (git calls the file `{name}` of one side so)\n")
        });
        paths.chain(given).collect()
    }

    /// Why what an agent left is refused, if it is.
    fn refuses(&self, changes: &[Change], worktree: &Path) -> Option<String> {
        // Where a file and a directory meet, what stands below that path is meant, too.
        let is_owned = |path: &str| {
            self.given.contains_key(path)
                || self.paths.contains(path)
                || path.match_indices('/').any(|(at, _)| self.paths.contains(&path[..at]))
        };
        let paths = changes.iter().map(|change| change.path.as_str());
        let others: Vec<&str> = paths.filter(|path| !is_owned(path)).collect();
        if let Some(first) = others.first() {
            let more =
                if others.len() > 1 { format!(" and {} more", others.len() - 1) } else { String::new() };
            return Some(format!("it changed {}{more}, which does not conflict", first.escape_debug()));
        }
        let stays = self.given.iter().find(|(path, _)| worktree.join(path).symlink_metadata().is_ok());
        if let Some((path, name)) = stays {
            let (path, name) = (path.escape_debug(), name.escape_debug());
            return Some(format!("{path} is left, as git calls the file `{name}` of one side"));
        }
        let changed = changes.iter().map(|change| &change.path);
        let marked = self.paths.iter().chain(changed).find(|path| is_marked(&worktree.join(path)));
        marked.map(|path| format!("markers of the conflict are left in {}", path.escape_debug()))
    }
}
