//! Resolves conflicts by the rules of a plan: each path by the first rule that matches it.
//!
//! Works on a real merge in the integration worktree, because rules speak of its two sides.

use super::integrate::{Bench, matching};
use super::resolver::Resolved;
use super::{Conflict, Dock, FailedRule, LandError, Piece, Report};
use crate::git::Oid;
use crate::yard::{BY_ROLE, GITLINK, REGENERATE};
use regatta_plan::model::{Action, MergeRule};
use std::collections::BTreeSet;

/// Who resolves where everybody else has given up,
pub(super) const A_PERSON: &str = "a person";
/// and how an agent is named who did.
pub(super) const BY_AGENT: &str = "agent ";
/// How long a command may take that makes a file anew, in milliseconds.
const REGENERATE_MS: u64 = 10 * 60_000;

/// Roles, the one with most authority first (spec 3 "Data flow").
const ROLES: [&str; 4] = ["security", "architecture", "implementation", "docs"];

impl Dock {
    /// The tree of a merge whose conflicts the rules resolve; nothing if they do not resolve all.
    pub(super) fn resolve(
        &self,
        (piece, merged): (&Piece, &[&Piece]),
        bench: &Bench,
        (conflict, report): (&mut Conflict, &mut Report),
    ) -> Result<Resolved, LandError> {
        if let Some(tree) = self.resolved_by_person((bench, piece), report)? {
            conflict.resolved =
                conflict.paths.iter().map(|path| (path.clone(), A_PERSON.to_owned())).collect();
            return Ok(Resolved::Tree(tree));
        }
        match self.merge.on_conflict.as_str() {
            "resolver" => self.resolve_by_agent(piece, bench, (conflict, report)),
            "merge-with-rules" => {
                let tree = self.resolve_by_rules((piece, merged), bench, (conflict, report))?;
                Ok(tree.map_or(Resolved::No, Resolved::Tree))
            }
            _ => Ok(Resolved::No),
        }
    }

    fn resolve_by_rules(
        &self,
        (piece, merged): (&Piece, &[&Piece]),
        bench: &Bench,
        (conflict, report): (&mut Conflict, &mut Report),
    ) -> Result<Option<Oid>, LandError> {
        let rules: Option<Vec<(&String, &MergeRule)>> =
            conflict.paths.iter().map(|path| Some((path, matching(&self.merge.rules, path)?))).collect();
        let Some(rules) = rules else { return Ok(None) };
        let rules: Vec<(String, MergeRule)> =
            rules.into_iter().map(|(path, rule)| (path.clone(), rule.clone())).collect();
        self.meet(bench, piece, &["--no-commit"])?;
        if !bench.meets_in(&conflict.paths)? {
            // A file and a directory, for instance: no side of a path can be taken.
            bench.stand_at_tip()?;
            return Ok(None);
        }
        let tree = self.apply((piece, merged), bench, &rules, (conflict, report));
        if !matches!(tree, Ok(Some(_))) {
            conflict.resolved.clear();
        }
        bench.stand_at_tip()?;
        tree
    }

    /// Begins the real merge of a piece: its conflicts stand in the worktree.
    pub(super) fn meet(&self, bench: &Bench, piece: &Piece, how: &[&str]) -> Result<(), LandError> {
        let (ours, theirs) = self.strategy().sides(&bench.git, (&bench.tip, piece))?;
        if ours != bench.tip {
            bench.stood.at(&ours)?;
            // The same files, with a history in which git finds the base that is meant.
            bench.git.run(&["update-ref", "--no-deref", &bench.branch, ours.as_str()])?;
        }
        let args = [&["merge", "--no-ff", "--quiet"], how, &[theirs.as_str()]].concat();
        // It ends with 1 because of the conflicts that are known already.
        bench.git.ask(&args, &[0, 1])?;
        Ok(())
    }

    fn apply(
        &self,
        (piece, merged): (&Piece, &[&Piece]),
        bench: &Bench,
        rules: &[(String, MergeRule)],
        (conflict, report): (&mut Conflict, &mut Report),
    ) -> Result<Option<Oid>, LandError> {
        let mut commands: Vec<&String> = Vec::new();
        for (path, rule) in rules {
            let side = match rule.how.as_str() {
                BY_ROLE => self.stronger(piece, (path, merged))?,
                // What a command makes anew begins from what stands there.
                REGENERATE => "ours",
                how => how,
            };
            if !take(bench, path, side)? {
                return Ok(None);
            }
            if let Some(run) = rule.run.as_ref().filter(|run| !commands.contains(run)) {
                commands.push(run);
            }
            conflict.resolved.insert(path.clone(), rule.how.clone());
        }
        for script in commands {
            let action = Action::Shell { script: script.clone(), shell: "sh".into() };
            let ran = self.run(&action, &bench.path, REGENERATE_MS);
            let Some(ran) = ran else { return Ok(None) };
            report.note("rules", ran.put_back);
            if ran.code != Some(0) {
                let run = self.shown(script);
                conflict.failed = Some(FailedRule { run, said: ran.said, log: ran.log });
                return Ok(None);
            }
        }
        for (path, _) in rules {
            // Of another repository only the commit is known, and that stands in the index.
            if bench
                .git
                .run(&["ls-files", "--stage", "--", &format!(":(top,literal){path}")])?
                .starts_with(GITLINK.as_bytes())
            {
                continue;
            }
            bench.git.run(&["add", "--all", "--", &format!(":(top,literal){path}")])?;
        }
        let tree = bench.git.run(&["write-tree"])?;
        Ok(Oid::parse(String::from_utf8_lossy(&tree).trim()))
    }

    /// Which side wins by role: the piece's, if no merged work in that path has as much authority.
    fn stronger(&self, piece: &Piece, (path, merged): (&str, &[&Piece])) -> Result<&'static str, LandError> {
        let mut best = ROLES.len() + 1;
        for other in merged {
            let rank = rank(other);
            if rank < best && self.ground.changed_by(other)?.has(path) {
                best = rank;
            }
        }
        Ok(if best <= rank(piece) { "ours" } else { "theirs" })
    }
}

/// The authority of a piece: 0 is most.
fn rank(piece: &Piece) -> usize {
    ROLES.iter().position(|role| Some(*role) == piece.role.as_deref()).unwrap_or(ROLES.len())
}

/// Takes one side of a path, or both. Answers whether that was possible.
fn take(bench: &Bench, path: &str, side: &str) -> Result<bool, LandError> {
    let stage = |n: u8| format!(":{n}:{path}");
    if side == "union" {
        let (base, ours, theirs) = (bench.blob(&stage(1))?, bench.blob(&stage(2))?, bench.blob(&stage(3))?);
        let (Some(ours), Some(theirs)) = (ours, theirs) else { return Ok(false) };
        return bench.union(path, (base.unwrap_or_default(), ours, theirs));
    }
    let n = if side == "ours" { 2 } else { 3 };
    let file = bench.path.join(path);
    if let Some(commit) = bench.linked(path, n)? {
        let entry = format!("{GITLINK},{commit},{path}");
        bench.git.run(&["update-index", "--add", "--cacheinfo", &entry])?;
        return Ok(true);
    }
    match bench.blob(&stage(n))? {
        Some(_) => {
            let flag = if n == 2 { "--ours" } else { "--theirs" };
            bench.git.run(&["checkout", flag, "--", &format!(":(top,literal){path}")])?;
        }
        // That side deleted it.
        None if file.symlink_metadata().is_ok() => std::fs::remove_file(&file)?,
        None => {}
    }
    Ok(true)
}

impl Bench {
    /// Whether these paths are the ones in which the sides meet, by the index.
    fn meets_in(&self, paths: &[String]) -> Result<bool, LandError> {
        Ok(self.unmerged()? == paths.iter().cloned().collect())
    }

    /// The paths in which the sides meet, by the index.
    pub(super) fn unmerged(&self) -> Result<BTreeSet<String>, LandError> {
        let out = self.git.run(&["ls-files", "--unmerged", "-z"])?;
        let text = String::from_utf8_lossy(&out).into_owned();
        Ok(text.split('\0').filter_map(|entry| Some(entry.split_once('\t')?.1.to_owned())).collect())
    }

    /// The content of a path at a stage of the index, if it is there.
    fn blob(&self, spec: &str) -> Result<Option<Vec<u8>>, LandError> {
        let (code, id) =
            self.git.ask(&["rev-parse", "--verify", "--quiet", "--end-of-options", spec], &[0, 1, 128])?;
        if code != 0 {
            return Ok(None);
        }
        let id = String::from_utf8_lossy(&id).trim().to_owned();
        Ok(Some(self.git.run(&["cat-file", "blob", &id])?))
    }

    /// The commit of another repository that stands at a stage of the index.
    fn linked(&self, path: &str, stage: u8) -> Result<Option<String>, LandError> {
        let out = self.git.run(&["ls-files", "--stage", "-z", "--", &format!(":(top,literal){path}")])?;
        let text = String::from_utf8_lossy(&out).into_owned();
        let commit = |entry: &str| {
            let words: Vec<&str> = entry.split('\t').next()?.split(' ').collect();
            let [mode, commit, at] = words[..] else { return None };
            (mode == GITLINK && at == stage.to_string()).then(|| commit.to_owned())
        };
        Ok(text.split('\0').find_map(commit))
    }

    /// Writes the lines of both sides.
    fn union(
        &self,
        path: &str,
        (base, ours, theirs): (Vec<u8>, Vec<u8>, Vec<u8>),
    ) -> Result<bool, LandError> {
        let dir = tempdir(&self.path)?;
        let names = ["ours", "base", "theirs"].map(|name| dir.join(name));
        for (name, bytes) in names.iter().zip([&ours, &base, &theirs]) {
            std::fs::write(name, bytes)?;
        }
        let [a, b, c] = names.each_ref().map(|name| name.to_string_lossy().into_owned());
        let merged = self.git.ask(&["merge-file", "--union", "-p", &a, &b, &c], &[0]);
        let _ = std::fs::remove_dir_all(&dir);
        // Binary files have no lines.
        let Ok((_, merged)) = merged else { return Ok(false) };
        std::fs::write(self.path.join(path), merged)?;
        Ok(true)
    }
}

/// A directory of ours inside the worktree, where git excludes it.
fn tempdir(worktree: &std::path::Path) -> std::io::Result<std::path::PathBuf> {
    let dir = worktree.join(crate::yard::TASK_DIR).join("merge");
    std::fs::create_dir_all(&dir)?;
    Ok(dir)
}
