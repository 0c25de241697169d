//! A conflict, and the agent that resolves it: it owns exactly the paths that conflict.
//!
//! What it leaves is refused if markers stand in those paths or any other changed. Knows no policy.

use super::integrate::Bench;
use super::resolve::BY_AGENT;
use super::tries::{Ask, Tried, foreign};
use super::{Conflict, Dock, LandError, Piece, Report};
use crate::git::{Change, Oid};
use crate::yard::is_marked;
use regatta_plan::prompt::{Item, Part};
use std::collections::BTreeSet;
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
        let owned: BTreeSet<&str> = conflict.paths.iter().map(String::as_str).collect();
        let mut failed: Vec<Item> = Vec::new();
        for nth in 0..usize::try_from(helper.attempts).unwrap_or(usize::MAX) {
            bench.stand_at_tip()?;
            self.meet(bench, piece, &["--no-commit"])?;
            let refuses = |changes: &[Change]| refused(changes, &owned, &bench.path);
            let ask = Ask {
                role: "resolver",
                helper,
                head: Some(&piece.head),
                after: Some(&piece.task),
                before: bench.before.as_deref(),
                red: Vec::new(),
                nth,
                title: format!("Resolve the conflict of {}", piece.task),
                instruction: format!(
                    "Merging the work of `{}` conflicts. Resolve each conflict so that both sides keep what they were to do, \
                     and leave no marker of a conflict. Change no other file.",
                    piece.task
                ),
                items: self.sides((piece, bench), (conflict, report), &failed),
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
        (conflict, report): (&Conflict, &Report),
        failed: &[Item],
    ) -> Vec<Item> {
        let paths: String =
            conflict.paths.iter().map(|path| format!("- {}\n", path.escape_debug())).collect();
        let title = piece.title.as_deref().unwrap_or(&piece.task);
        let mut items = vec![
            foreign(Part::Owns, "git".to_owned(), paths),
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

/// Why what an agent left is refused, if it is.
fn refused(changes: &[Change], owned: &BTreeSet<&str>, worktree: &Path) -> Option<String> {
    // Where a file and a directory meet, what stands below that path is meant, too.
    let is_owned = |path: &str| {
        owned.contains(path) || path.match_indices('/').any(|(at, _)| owned.contains(&path[..at]))
    };
    let others: Vec<&str> =
        changes.iter().map(|change| change.path.as_str()).filter(|path| !is_owned(path)).collect();
    if let Some(first) = others.first() {
        let more = if others.len() > 1 { format!(" and {} more", others.len() - 1) } else { String::new() };
        return Some(format!("it changed {}{more}, which does not conflict", first.escape_debug()));
    }
    let marked = owned.iter().find(|path| is_marked(&worktree.join(path)));
    marked.map(|path| format!("markers of the conflict are left in {}", path.escape_debug()))
}
