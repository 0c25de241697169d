//! `regatta worktree gc`: which worktrees nobody needs any more; shown first, removed only when asked for.

use super::ls::row;
use super::unsaved;
use crate::args::WorktreeGcArgs;
use crate::context::{Context, err, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::count;
use crate::render::escape::escape;
use crate::task_apart::worktrees_error;
use crate::view::store_error;
use regatta_journal::Reader;
use regatta_plan::parse_duration_ms;
use regatta_runtime::orchestrator::now_wall_ms;
use regatta_runtime::worktrees::{Cleared, Found, Kept, Policy, Worktree, clear, judge, look};
use serde_json::{Value, json};
use std::path::Path;

/// Shows what would go, or removes it.
pub(super) fn run(context: &Context, args: &WorktreeGcArgs) -> Result<Exit, CliError> {
    let policy = policy(args)?;
    let Some(reader) = Reader::open_to_write(&context.workspace).map_err(store_error)? else {
        let nothing = "{\"deleted\":false,\"worktrees\":[],\"leftovers\":[],\"refs\":0}\n";
        out(if args.json { nothing } else { "no run was ever started here\n" });
        return Ok(Exit::Success);
    };
    let found = look(&reader, &context.workspace, false).map_err(worktrees_error)?;
    let cleared =
        args.delete.then(|| clear(&reader, &found, &policy)).transpose().map_err(worktrees_error)?;
    let shown = (&found, cleared.as_ref());
    out(&if args.json { json(shown, &policy) } else { text(shown, (&policy, args)) });
    let mut exit = Exit::Success;
    for (path, why) in cleared.iter().flat_map(|cleared| &cleared.failed) {
        err(&format!("error: cannot remove `{}`: {}\n", escape(&path.display().to_string()), escape(why)));
        exit = Exit::Environment;
    }
    Ok(exit)
}

fn policy(args: &WorktreeGcArgs) -> Result<Policy, CliError> {
    let time = |given: &Option<String>, option: &str, default: &str| {
        let text = given.as_deref().unwrap_or(default);
        parse_duration_ms(text).ok_or_else(|| {
            CliError::usage(format!("`{option} {}` is no duration", text.escape_debug()))
                .hint("write a number with a unit, such as `12h` or `7d`")
        })
    };
    Ok(Policy {
        older_than_ms: time(&args.older_than, "--older-than", "7d")?,
        keep_commits_ms: time(&args.keep_commits, "--keep-commits", "30d")?,
        force: args.force,
        now_wall_ms: now_wall_ms(),
    })
}

/// Why a worktree is kept, as a code and for people.
fn why(kept: &Kept) -> (&'static str, String) {
    match kept {
        Kept::Open => ("open", "its run has not ended".to_owned()),
        Kept::Lives => ("alive", "a process of its run lives".to_owned()),
        Kept::Recent(Some(life)) => ("recent", format!("it is {} and was touched lately", life.name())),
        Kept::Recent(None) => {
            ("recent", "the journal knows no such run, and it was touched lately".to_owned())
        }
        Kept::Unsaved(what) => ("unsaved", unsaved(what).unwrap_or_default()),
        Kept::BranchOnly => ("branch_only", "only its branch is there".to_owned()),
    }
}

/// What became of a worktree: why it is kept, if so.
fn kept_of(worktree: &Worktree, cleared: Option<&Cleared>, policy: &Policy) -> Option<Kept> {
    let after_all = cleared.iter().flat_map(|cleared| &cleared.kept);
    let mut after_all = after_all.filter(|(path, _)| *path == worktree.place.path);
    judge(worktree, policy).or_else(|| after_all.next().map(|(_, kept)| kept.clone()))
}

fn failed(path: &Path, cleared: Option<&Cleared>) -> bool {
    cleared.is_some_and(|cleared| cleared.failed.iter().any(|(failed, _)| failed == path))
}

/// The command that removes what was shown.
fn again(args: &WorktreeGcArgs) -> String {
    let force = if args.force { " --force" } else { "" };
    let old = args.older_than.as_ref().map_or(String::new(), |text| format!(" --older-than {text}"));
    let keep = args.keep_commits.as_ref().map_or(String::new(), |text| format!(" --keep-commits {text}"));
    format!("regatta worktree gc --delete{force}{old}{keep}")
}

fn text((found, cleared): (&Found, Option<&Cleared>), (policy, args): (&Policy, &WorktreeGcArgs)) -> String {
    let verb = if cleared.is_some() { "removed" } else { "would go" };
    let (mut text, mut gone) = (String::new(), 0);
    for worktree in &found.worktrees {
        let place = escape(&worktree.place.path.display().to_string());
        match kept_of(worktree, cleared, policy) {
            // There is nothing to remove, and nothing to fear for.
            Some(Kept::BranchOnly) => {}
            Some(kept) => text.push_str(&format!("kept      {place}: {}\n", escape(&why(&kept).1))),
            None if failed(&worktree.place.path, cleared) => {}
            None => {
                gone += 1;
                text.push_str(&format!("{verb:<8}  {place}\n"));
            }
        }
    }
    let mut leftovers = 0;
    for stray in found.leftovers().filter(|stray| !failed(&stray.path, cleared)) {
        leftovers += 1;
        text.push_str(&format!("{verb:<8}  {}\n", escape(&stray.path.display().to_string())));
    }
    let refs = match cleared {
        Some(cleared) => cleared.refs,
        None => found.old_refs(*policy).map(|old| old.refs.len()).sum(),
    };
    let numbers = format!(
        "{}, {} and {}",
        count(gone, "worktree"),
        count(leftovers, "leftover"),
        count(refs as u64, "old ref")
    );
    match cleared {
        Some(_) => text.push_str(&format!("{numbers} removed\n")),
        None if gone + leftovers == 0 && refs == 0 => text.push_str("nothing to remove\n"),
        None => text.push_str(&format!("{numbers} would go\nnothing was removed; next: {}\n", again(args))),
    }
    text
}

fn json((found, cleared): (&Found, Option<&Cleared>), policy: &Policy) -> String {
    let row = |worktree: &Worktree| {
        let mut row = row(worktree);
        let kept = kept_of(worktree, cleared, policy);
        row["kept"] = kept.as_ref().map_or(Value::Null, |kept| why(kept).0.into());
        row
    };
    let refs: usize = match cleared {
        Some(cleared) => cleared.refs,
        None => found.old_refs(*policy).map(|old| old.refs.len()).sum(),
    };
    let leftovers: Vec<String> = found.leftovers().map(|stray| stray.path.display().to_string()).collect();
    let facts = json!({
        "deleted": cleared.is_some(),
        "worktrees": found.worktrees.iter().map(row).collect::<Vec<_>>(),
        "leftovers": leftovers,
        "refs": refs,
    });
    format!("{facts}\n")
}
