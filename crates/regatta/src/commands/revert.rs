//! `regatta revert`: takes back what a run landed, as a run of its own: inverse commits in a worktree, the same gates, one
//! fast-forward.
//!
//! Nothing is rewritten: the commits stay in the history, and so do those that take them back.

use super::run;
use crate::args::RevertArgs;
use crate::context::{Context, err};
use crate::error::CliError;
use crate::exit::Exit;
use crate::overrides::Overrides;
use crate::render::escape::escape;
use crate::render::landing;
use crate::session::{self, Show};
use crate::source::Source;
use crate::view::{RunView, earlier_than_next, lent_servers, plan_to_run, reader, store_error};
use regatta_journal::{Keeping, Reader, Which};
use regatta_plan::{Defaults, Format, Given, Plan};
use regatta_runtime::git::{Git, GitError, Merged, Oid, Repo};
use regatta_runtime::landing::Report;
use regatta_runtime::redact::is_secret_name;
use regatta_runtime::vault::Vault;
use regatta_runtime::yard::Names;

/// Makes an inverse commit, if anything is left to take back. Where it conflicts, that and the files are what the task says of
/// itself; git writes names as ASCII. An inverse that would be empty is known by status 1, of `git commit`, and an index that is
/// as before. Whatever else goes wrong may leave the index so, too: it fails the task, and git says what it is.
const REVERT: &str = r#"take_back() {
  commit=$1; shift
  status=0
  git -c core.hooksPath=/dev/null -c commit.gpgSign=false revert --no-edit "$@" "$commit" || status=$?
  test "$status" -ne 0 || return 0
  files=$(git -c core.quotePath=true diff --no-relative --name-only --diff-filter=U | head -n 5 | sed 's/[\"]/\\&/g' | tr '\n' ' ')
  if test -z "$files"; then
    test "$status" -eq 1 && git diff-index --cached --quiet HEAD && git reset --quiet || exit "$status"
    echo "nothing of $commit is left to take back"
    return 0
  fi
  git revert --abort
  printf '{"status":"failed","summary":"taking back %s conflicts with what came after it, in %s"}' "$commit" "${files% }" >"$REGATTA_RESULT"
  exit 0
}
"#;

/// A commit that a run landed, and whether it is a merge.
type Landed = (Oid, bool);
/// Commits that are named at most.
const MAX_NAMED: usize = 8;

/// Runs the verb.
///
/// # Errors
/// No such run, it landed nothing, it was reverted already, nothing of it is left, or its commits are not in the target any
/// more.
pub fn run(context: &Context, args: &RevertArgs) -> Result<Exit, CliError> {
    // Until the record of the new run names the earlier one, nothing else keeps it.
    let keeping = Keeping::begin(&context.workspace).map_err(store_error)?;
    let reader = reader(&context.workspace)?;
    let view = RunView::load(&reader, Which::Named(&args.run), &mut |_| {})?;
    let id = view.record.summary.run_id.clone();
    let Some(report) = view.landing.as_ref().filter(|report| report.landed && report.from != report.tip)
    else {
        return Err(landed_nothing(&view));
    };
    refuse_again(&reader, id.as_str())?;
    let repo = Repo::find(&context.workspace).map_err(run::unusable)?;
    let target = target(report, id.as_str());
    let commits = landed_commits(&repo, report, &target)?;
    let now = repo.commit(&target).map_err(run::unusable)?;
    let (commits, gone) = left(&repo, &now, commits)?;
    if commits.is_empty() {
        let message = format!("nothing is left to take back of what run {id} landed");
        let hint = format!("what came later took all of it back: `git log {}` shows it", branch(&target));
        return Err(CliError::usage(message).hint(hint));
    }
    let text = plan_text(id.as_str(), &target, &now, &commits);
    let earlier = plan_to_run(&view.record)?.0;
    let (plan, fetched) = with_secrets(context, with_gates(load(&text)?, &earlier), earlier);
    let (vault, open) = session::fetched_after(context, fetched, &view.record)?;
    open.iter().for_each(|line| err(line));
    drop(reader);
    let unwritten = |e: serde_json::Error| CliError::environment(format!("the plan cannot be recorded: {e}"));
    let text = regatta_plan::canonical(&plan).map_err(unwritten)?;
    let text = String::from_utf8_lossy(&text).into_owned();
    let lent = lent_servers(&view.record);
    let source = Source { plan, text, path: None, defaults: Defaults::default(), lent };
    let overrides = Overrides::after(earlier_than_next(&view.record));
    run::check_repository(context, &source.plan)?;
    if !args.json && !args.detach {
        let count = crate::render::count(commits.len() as u64, "commit");
        err(&format!("taking back {count} of run {id}\n"));
    }
    err(&of_gone(&gone));
    let show = if args.json { Show::Json } else { Show::People };
    run::launch(context, (&source, overrides), (show, args.detach), (vault, keeping))
}

/// Its work was there before, or there is none.
fn landed_nothing(view: &RunView) -> CliError {
    let id = view.record.summary.run_id.as_str();
    let message = match view.landing.as_ref().filter(|report| report.landed && !report.merged.is_empty()) {
        Some(report) => {
            let branch = escape(&landing::branch(report.target.as_deref(), id));
            format!("run {id} has landed nothing of its own: {branch} {}", landing::HAD_IT)
        }
        None => format!("run {id} has landed nothing, so there is nothing to take back"),
    };
    let hint = match view.reused.values().next() {
        Some(reused) => format!("regatta revert {} takes back what that run landed", reused.run),
        None => format!("`regatta status {id}` shows what became of it"),
    };
    CliError::usage(message).hint(hint)
}

/// One inverse is enough: another one would conflict with it, or bring everything back.
fn refuse_again(reader: &Reader, id: &str) -> Result<(), CliError> {
    let name = plan_name(id);
    let runs = reader.runs(usize::MAX).map_err(store_error)?;
    let landed = |run: &regatta_journal::RunId| {
        let report = Report::read(&reader.place().run_dir(run));
        report.is_some_and(|report| report.landed && report.from != report.tip)
    };
    let earlier = runs.iter().find(|run| run.plan_name == name && landed(&run.run_id));
    match earlier {
        None => Ok(()),
        Some(by) => {
            let message = format!("run {id} was taken back by run {}", by.run_id);
            Err(CliError::usage(message).hint(format!("regatta revert {} brings it back", by.run_id)))
        }
    }
}

fn plan_name(id: &str) -> String {
    format!("revert-{id}")
}

/// The full ref of what the run landed on.
fn target(report: &Report, id: &str) -> String {
    let result = || format!("refs/heads/{}", Names::of(id).result());
    report.target.clone().unwrap_or_else(result)
}

/// What the run put on its target, newest first: each with the parent to keep, if it is a merge.
fn landed_commits(repo: &Repo, report: &Report, target: &str) -> Result<Vec<(Oid, bool)>, CliError> {
    let gone =
        |what: String| CliError::environment(what).hint("take back what is left of it by hand: `git revert`");
    let now = repo.commit(target).map_err(run::unusable)?;
    let (Some(from), Some(tip)) = (Oid::parse(&report.from), Oid::parse(&report.tip)) else {
        return Err(gone("its report names no commits".to_owned()));
    };
    let failed = |error: GitError| CliError::environment(error.to_string());
    if repo.git.commit(tip.as_str()).map_err(failed)?.is_none()
        || !repo.git.is_ancestor(&tip, &now).map_err(failed)?
    {
        return Err(gone(format!("{} does not contain what the run landed any more", target)));
    }
    first_parents(&repo.git, (&from, &tip)).map_err(failed)
}

/// Commits of which something is left to take back, and those whose inverse would change nothing any more. Behind a
/// conflict nobody can tell.
fn left(repo: &Repo, now: &Oid, commits: Vec<Landed>) -> Result<(Vec<Landed>, Vec<Oid>), CliError> {
    let failed = |error: GitError| CliError::environment(error.to_string());
    let git = repo.harmless().map_err(failed)?;
    let (mut left, mut gone) = (Vec::new(), Vec::new());
    let mut tree = Some(git.tree(now).map_err(failed)?);
    for (commit, is_merge) in commits {
        let parents = git.parents(&commit).map_err(failed)?;
        let (Some(before), Some(parent)) = (&tree, parents.first()) else {
            left.push((commit, is_merge));
            continue;
        };
        let after = match git.merge_tree(Some(&commit), (before, parent)).map_err(failed)? {
            Merged::Clean(after) => Some(after),
            Merged::Conflict { .. } => None,
        };
        match after == tree {
            true => gone.push(commit),
            false => left.push((commit, is_merge)),
        }
        tree = after;
    }
    Ok((left, gone))
}

/// A line about commits of which nothing is left.
fn of_gone(gone: &[Oid]) -> String {
    if gone.is_empty() {
        return String::new();
    }
    let some: Vec<&str> = gone.iter().take(MAX_NAMED).map(Oid::short).collect();
    let more = if gone.len() > some.len() { ", …" } else { "" };
    let count = crate::render::count(gone.len() as u64, "commit");
    format!("nothing of {count} is left to take back: {}{more}\n", some.join(", "))
}

fn branch(target: &str) -> &str {
    target.strip_prefix("refs/heads/").unwrap_or(target)
}

fn first_parents(git: &Git, (from, tip): (&Oid, &Oid)) -> Result<Vec<(Oid, bool)>, GitError> {
    let range = format!("{from}..{tip}");
    let args = ["rev-list", "--first-parent", "--parents", "--end-of-options", &range];
    let out = git.run(&args)?;
    let commit = |line: &str| {
        let mut words = line.split(' ');
        Some((Oid::parse(words.next()?)?, words.count() > 1))
    };
    Ok(String::from_utf8_lossy(&out).lines().filter_map(commit).collect())
}

/// The plan: one task that makes the inverse commits where the target is now.
fn plan_text(id: &str, target: &str, now: &Oid, commits: &[(Oid, bool)]) -> String {
    let mut script = String::from(REVERT);
    for (commit, is_merge) in commits {
        let keep = if *is_merge { " -m 1" } else { "" };
        script.push_str(&format!("take_back {commit}{keep}\n"));
    }
    let plan = serde_json::json!({
        "version": 1,
        "name": plan_name(id),
        "isolation": "worktree",
        "worktree": { "base": now.as_str() },
        "merge": { "target": branch(target), "gates": ["true"] },
        "tasks": [{
            "id": "revert",
            "title": format!("take back run {id}"),
            "effect": "idempotent",
            "run": script,
        }],
    });
    format!("{plan:#}\n")
}

fn load(text: &str) -> Result<Plan, CliError> {
    let loaded = regatta_plan::load(("revert", text.as_bytes()), Format::Json, &Given::default());
    let told = loaded.render(false);
    loaded
        .plan
        .ok_or_else(|| CliError::environment(format!("the plan that takes it back has errors:\n{told}")))
}

/// What checked the work checks its inverse; what prepared worktrees prepares this one.
fn with_gates(mut plan: Plan, of: &Plan) -> Plan {
    if let (Some(own), Some(earlier)) = (plan.merge.as_mut(), of.merge.as_ref()) {
        // What was asked about results of the run says nothing of its inverse.
        own.gates = earlier.gates.iter().filter(|gate| gate.expr.is_none()).cloned().collect();
        own.author.clone_from(&earlier.author);
        own.approve = earlier.approve;
        own.sign = earlier.sign;
    }
    if let (Some(own), Some(earlier)) = (plan.worktrees.as_mut(), of.worktrees.as_ref()) {
        own.dir.clone_from(&earlier.dir);
        own.copy.clone_from(&earlier.copy);
        own.setup.clone_from(&earlier.setup);
        own.env.clone_from(&earlier.env);
    }
    plan
}

/// What checked the work has the variables that it had, and what was a secret is one. No gate has a secret of the vault, so
/// one that cannot be had any more keeps nobody from taking a run back. The others are fetched here, each once.
fn with_secrets(context: &Context, mut plan: Plan, of: Plan) -> (Plan, Vault) {
    let (vault, mut missing) = Vault::open_some(&of, &context.workspace);
    plan.secrets = of.secrets;
    plan.secrets
        .extend(of.agents.into_values().flat_map(|agent| agent.env).filter(|name| is_secret_name(name)));
    plan.env = of.env;
    plan.mcp_servers = of.mcp_servers;
    for (name, source) in of.vault {
        match missing.remove(&name) {
            None => {
                plan.vault.insert(name, source);
            }
            Some(error) => {
                let line = format!("warning: {error}; it is not looked for in what gates write");
                err(&(escape(&line) + "\n"));
            }
        }
    }
    (plan, vault)
}
