//! What the product foresees of real merges: `merges REPOSITORY` borrows the objects of a mirror, reads a case a line,
//! `{"from": commit, "branches": [commit], "trees": [tree]}`, and answers each with a line. `cargo xtask trials` runs it.
//!
//! ```text
//! {"steps": [{"clean", "tree", "paths"}], "pairs": [[i, j, [path]]], "final": tree}     or     {"missing": commit}
//! ```
//! A step merges a branch onto what people had by then: the tree of the step before it. Pairs, and the tree in the end, are
//! those of all branches in their order on `from`. It judges nothing, and writes nothing into the mirror.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a measuring program")]

use regatta_engine::ids::NodeId;
use regatta_runtime::git::{Git, Oid, Person, Repo, Stamp};
use regatta_runtime::landing::forecast::{Forecast, Step, forecast};
use regatta_runtime::works::{Cargo, Piece};
use regatta_runtime::yard::{Merger, Resolutions};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::io::BufRead as _;
use std::path::Path;
use std::process::{Command, ExitCode};

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> ExitCode {
    match answer_all() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn answer_all() -> Outcome<()> {
    let mirror = std::env::args().nth(1).ok_or("which repository?")?;
    let here = std::env::current_dir()?;
    let borrowed = Borrowed { top: here.join("borrowed"), scratch: here.join("attributes") };
    borrowed.make(Path::new(&mirror))?;
    for line in std::io::stdin().lock().lines() {
        let case: Value = serde_json::from_str(&line?)?;
        println!("{}", borrowed.answer(&case)?);
    }
    Ok(())
}

/// A repository of ours that has the objects of a mirror.
struct Borrowed {
    top: std::path::PathBuf,
    scratch: std::path::PathBuf,
}

impl Borrowed {
    fn make(&self, mirror: &Path) -> Outcome<()> {
        let made = Command::new("git").args(["init", "-q", "-b", "main"]).arg(&self.top).status()?;
        if !made.success() {
            return Err("git init failed".into());
        }
        let objects = fs::canonicalize(mirror.join("objects"))?;
        fs::write(self.top.join(".git/objects/info/alternates"), format!("{}\n", objects.display()))?;
        // Where histories were cut off is known beside the objects.
        if let Ok(cut) = fs::read(mirror.join("shallow")) {
            fs::write(self.top.join(".git/shallow"), cut)?;
        }
        Ok(())
    }

    fn answer(&self, case: &Value) -> Outcome<Value> {
        let git = Git::at(&self.top);
        let branches = oids(&case["branches"])?;
        let from = oid(&case["from"])?;
        for needed in branches.iter().chain([&from]) {
            if git.commit(needed.as_str())?.is_none() {
                return Ok(json!({ "missing": needed.as_str() }));
            }
        }
        git.set_ref("refs/heads/main", &from)?;
        let repo = Repo::find(&self.top)?;
        let (mut trunk, mut steps) = (from.clone(), Vec::new());
        for (i, branch) in branches.iter().enumerate() {
            let seen = self.foresee(&repo, &trunk, std::slice::from_ref(branch))?;
            let step = seen.order.first().ok_or("a step that is not foreseen")?;
            steps.push(json!({ "clean": step.merge == Step::Clean, "tree": step.tree, "paths": step.paths }));
            let by_people = case["trees"][i].as_str().and_then(Oid::parse);
            let tree = by_people.or_else(|| step.tree.as_deref().and_then(Oid::parse));
            if let Some(tree) = tree {
                let nobody = Person { name: "t".to_owned(), email: "t@t".to_owned() };
                let stamp = Stamp { author: nobody.clone(), committer: nobody, seconds: 946_684_800 };
                trunk = repo.git.commit_tree((&tree, &[&trunk, branch]), "t\n", &stamp)?;
            }
        }
        let whole = self.foresee(&repo, &from, &branches)?;
        let pairs: Vec<Value> = whole
            .pairs
            .iter()
            .map(|pair| json!([index(&pair.first), index(&pair.second), pair.paths]))
            .collect();
        let last = whole.is_clean().then(|| whole.order.last().and_then(|step| step.tree.clone()));
        Ok(json!({ "steps": steps, "pairs": pairs, "final": last }))
    }

    /// What merging branches in their order onto a commit would give, as `merge --dry-run` sees it.
    fn foresee(&self, repo: &Repo, from: &Oid, branches: &[Oid]) -> Outcome<Forecast> {
        // All begin at what they have in common, as the tasks of a run begin at one commit.
        let mut args = vec!["merge-base", "--octopus", from.as_str()];
        args.extend(branches.iter().map(Oid::as_str));
        let base = String::from_utf8_lossy(&repo.git.run(&args)?).lines().next().and_then(Oid::parse);
        let base = base.ok_or("histories that have nothing in common")?;
        let mut pieces = Vec::new();
        for (i, head) in branches.iter().enumerate() {
            pieces.push(Piece {
                node: NodeId(u32::try_from(i)?),
                task: i.to_string(),
                title: None,
                role: None,
                base: base.clone(),
                head: head.clone(),
                ancestors: BTreeSet::new(),
            });
        }
        let cargo = Cargo { pieces, incomplete: false };
        Ok(forecast(
            Merger { repo, scratch: &self.scratch, resolutions: &Resolutions::read(&self.scratch)? },
            from,
            (&cargo, None, &BTreeMap::new()),
        )?)
    }
}

fn index(task: &str) -> usize {
    task.parse().unwrap_or(usize::MAX)
}

fn oid(value: &Value) -> Outcome<Oid> {
    value.as_str().and_then(Oid::parse).ok_or_else(|| format!("{value} is no id of a commit").into())
}

fn oids(value: &Value) -> Outcome<Vec<Oid>> {
    value.as_array().into_iter().flatten().map(oid).collect()
}
