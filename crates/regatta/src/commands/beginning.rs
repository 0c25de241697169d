//! What a person is to know of their checkout when a run in worktrees begins.

use crate::context::{Context, err};
use crate::render::escape::escape;
use regatta_plan::Plan;
use regatta_runtime::git::{Head, Repo};
use regatta_runtime::yard::Names;
use std::path::{Path, PathBuf};

/// So many paths are named.
const MOST_PATHS: usize = 3;

/// Says that what is not committed is not seen, and where the work lands of a checkout that is on no branch. `plan_file` is
/// the plan's own, if it has one.
pub fn tell(context: &Context, plan: &Plan, (run, plan_file): (&str, Option<&Path>)) {
    let Some(rules) = &plan.worktrees else { return };
    // What cannot be had is told by whoever makes worktrees of it.
    let Ok(repo) = Repo::find(&context.workspace) else { return };
    let lands_here = plan.merge.as_ref().is_some_and(|merge| merge.target.is_none());
    if lands_here && repo.head == Head::Detached {
        let result = Names::of(run).result();
        err(&format!("HEAD is on no branch: the result goes to branch `{result}`\n"));
    }
    let mut besides: Vec<String> =
        rules.copy.iter().map(|glob| format!(":(top,exclude,glob){glob}")).collect();
    let of_workspace = |name: &str| context.workspace.join(name);
    let own = [of_workspace(&rules.dir), of_workspace(".regatta")];
    besides.extend(
        own.into_iter().chain(plan_file.map(PathBuf::from)).filter_map(|path| within(&repo.top, &path)),
    );
    let Ok(paths) = repo.uncommitted(&besides) else { return };
    if !paths.is_empty() {
        let named: Vec<&str> = paths.iter().take(MOST_PATHS).map(String::as_str).collect();
        let more = match paths.len().saturating_sub(MOST_PATHS) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let named = escape(&named.join(", "));
        err(&format!("not committed, so tasks in worktrees do not see it: {named}{more}\n"));
    }
}

/// The pathspec that leaves out a path, if it is in the checkout.
fn within(top: &Path, path: &Path) -> Option<String> {
    let path = std::fs::canonicalize(path).ok()?;
    let inside = path.strip_prefix(std::fs::canonicalize(top).ok()?).ok()?;
    (!inside.as_os_str().is_empty()).then(|| format!(":(top,exclude,literal){}", inside.display()))
}
