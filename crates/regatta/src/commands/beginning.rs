//! What a person is to know when a run begins: of their checkout, and of secrets that stand in the plan.

use crate::context::{Context, err};
use crate::error::CliError;
use crate::mcp_json;
use crate::render::escape::escape;
use regatta_plan::{Hidden, Place, Plan};
use regatta_runtime::git::{Head, Repo};
use regatta_runtime::redact::rules_of_markers;
use regatta_runtime::vault::Vault;
use regatta_runtime::yard::Names;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// So many paths are named.
const MOST_PATHS: usize = 3;
/// So many places of a secret are.
const MOST_PLACES: usize = 12;

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

/// What a plan, as it is to be stored, repeats of the secrets that it declares: how it is to be shown, and lines for
/// people that name the places. `file` is the plan's own, if it has one; the servers in `lent` are of the workspace.
///
/// # Errors
/// The stored plan is no JSON.
pub fn literals(
    (plan, stored): (&Plan, &[u8]),
    vault: &Vault,
    (lent, file): (&BTreeSet<String>, Option<&str>),
) -> Result<(Hidden, Vec<String>), CliError> {
    let redactor = vault.redactor(plan);
    if !redactor.holds_declared(stored) {
        return Ok((Hidden::default(), Vec::new()));
    }
    let hidden = Hidden::find(stored, &|text| redactor.declared(text))
        .map_err(|e| CliError::environment(format!("the plan cannot be recorded: {e}")))?;
    let (places, names) = hidden.places();
    let of_plan = file.map_or_else(|| "the plan".to_owned(), |file| format!("plan `{}`", escape(file)));
    let of_workspace = format!("`{}` of the workspace", mcp_json::NAME);
    let line = |(rule, at): (String, Vec<&str>), (file, what): (&str, &str)| {
        let more = match at.len().saturating_sub(MOST_PLACES) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        let at = at[..at.len().min(MOST_PLACES)].join(", ");
        let line = format!("warning: a secret ({rule}) stands in {file} at {at}{more}; {what}\n");
        // The place may be named by what is a secret.
        escape(redactor.text(line).trim_end()) + "\n"
    };
    let stored = "it is stored with the run, and hidden where the plan is shown";
    let kept = format!("{stored}: let tasks have it by `vault`");
    let by_variable = format!("{stored}: let the server have it by a variable, `${{NAME}}`");
    let open = "a name is shown as it is: call it something else";
    let (theirs, own): (Vec<&Place>, Vec<&Place>) = places.iter().partition(|place| place.is_of_server(lent));
    let (their_names, names) = names.iter().partition(|place| place.is_of_server(lent));
    let mut lines = Vec::new();
    let mut tell = |places: Vec<&Place>, what: (&str, &str)| {
        lines.extend(by_rule(places).into_iter().map(|found| line(found, what)));
    };
    tell(own, (&of_plan, &kept));
    tell(theirs, (&of_workspace, &by_variable));
    tell(names, (&of_plan, open));
    tell(their_names, (&of_workspace, open));
    Ok((hidden, lines))
}

/// The places of each secret.
fn by_rule(places: Vec<&Place>) -> BTreeMap<String, Vec<&str>> {
    let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for place in places {
        for rule in rules_of_markers(&place.shown) {
            found.entry(rule.to_owned()).or_default().push(&place.words);
        }
    }
    found
}

/// The pathspec that leaves out a path, if it is in the checkout.
fn within(top: &Path, path: &Path) -> Option<String> {
    let path = std::fs::canonicalize(path).ok()?;
    let inside = path.strip_prefix(std::fs::canonicalize(top).ok()?).ok()?;
    (!inside.as_os_str().is_empty()).then(|| format!(":(top,exclude,literal){}", inside.display()))
}
