//! Tasks without an order between them that write the same, or of which one writes what the other reads.
//!
//! Told before a run, by patterns and lock names alone: whether two globs meet in a real file nobody can say yet.
//! Bounded, because pairs grow with the square: see the constants. Knows no files.

use crate::ids::Ids;
use crate::model::{Claim, Plan, Task};
use crate::ownership::FILES_LOCK;
use crate::patterns::{Globs, is_literal, meeting_globs, plain};
use crate::reach::{Reach, Rows, sort};
use std::collections::{BTreeMap, BTreeSet};

/// Pairs of tasks that are asked whether there is an order between them.
const MAX_PAIRS: usize = 20_000;
/// Combinations of two uses that are looked at.
const MAX_LOOKS: usize = 2_000_000;
/// Different globs that are compared with all other patterns.
const MAX_GLOBS: usize = 1_000;
/// Nodes and edges that are followed to find out who waits for whom: all of them for 20,000 pairs in a plan of
/// 300,000 nodes and edges.
const MAX_STEPS: usize = 100_000_000;
/// With more combinations than this, uses are first asked whether they are a chain.
const MANY: usize = 64;
/// Things that one conflict names.
const MAX_NAMED: usize = 3;

/// What two tasks do to the same thing; the worse first.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum ConflictKind {
    /// Both write it.
    WriteWrite,
    /// One writes it, the other reads it.
    WriteRead,
}

impl ConflictKind {
    /// `write-write` or `write-read`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            ConflictKind::WriteWrite => "write-write",
            ConflictKind::WriteRead => "write-read",
        }
    }

    /// `high` or `medium`.
    #[must_use]
    pub fn severity(self) -> &'static str {
        match self {
            ConflictKind::WriteWrite => "high",
            ConflictKind::WriteRead => "medium",
        }
    }
}

/// Two tasks that may get in each other's way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Conflict {
    /// The task whose id is the smaller one.
    pub a: String,
    /// The other.
    pub b: String,
    /// What they do.
    pub kind: ConflictKind,
    /// To what: patterns and locks, for people.
    pub what: String,
    /// Why they run one after the other all the same, in either order; none if they may run at once.
    pub kept_apart: Option<String>,
}

/// All conflicts of a plan.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Conflicts {
    /// Write-write before write-read, then by ids.
    pub found: Vec<Conflict>,
    /// False if a bound was met, so that there may be more.
    pub complete: bool,
}

/// The conflicts of a plan.
#[must_use]
pub fn conflicts(plan: &Plan) -> Conflicts {
    let (files, locks) = uses(plan);
    if files.values().chain(locks.values()).all(|uses| uses.writers.is_empty()) {
        return Conflicts { found: Vec::new(), complete: true };
    }
    let Some(reach) = reach(plan) else { return Conflicts::default() };
    let waves = (plan.schedule == "waves").then(|| reach.depths());
    let mut search = Search { reach, waves, looks: MAX_LOOKS, complete: true, pairs: BTreeMap::new() };
    for (lock, uses) in &locks {
        search.among(uses, (lock, Thing::Lock));
    }
    search.files(&files);
    let Search { reach, mut complete, pairs, .. } = search;
    let (unordered, enough) = reach.unordered(pairs.keys().copied(), MAX_STEPS);
    complete &= enough;
    let mut found: Vec<Conflict> = unordered.iter().map(|pair| conflict(plan, *pair, &pairs[pair])).collect();
    found.sort_by(|x, y| (x.kind, &x.a, &x.b).cmp(&(y.kind, &y.a, &y.b)));
    Conflicts { found, complete }
}

/// Who uses something: indices of tasks, ascending. Whoever writes is no reader too.
#[derive(Default)]
struct Uses {
    writers: Vec<usize>,
    readers: Vec<usize>,
}

impl Uses {
    fn add(&mut self, task: usize, writes: bool) {
        let list = if writes { &mut self.writers } else { &mut self.readers };
        if list.last() != Some(&task) {
            list.push(task);
        }
    }

    fn all(&self) -> impl Iterator<Item = usize> + '_ {
        self.writers.iter().chain(&self.readers).copied()
    }
}

type ByName<'a> = BTreeMap<&'a str, Uses>;

/// Uses of patterns and of locks by name. Locks that were made of patterns are left out.
fn uses(plan: &Plan) -> (ByName<'_>, ByName<'_>) {
    let (mut files, mut locks) = (ByName::new(), ByName::new());
    for (i, task) in plan.tasks.iter().enumerate() {
        for file in &task.files {
            files.entry(plain(file)).or_default().add(i, true);
        }
        for file in task.reads.iter().filter(|read| !task.files.contains(read)) {
            files.entry(plain(file)).or_default().add(i, false);
        }
        for lock in task.locks.iter().filter(|lock| !lock.resource.starts_with(FILES_LOCK)) {
            match lock.claim {
                Claim::Units(_) => {}
                Claim::Shared => locks.entry(&lock.resource).or_default().add(i, false),
                Claim::Exclusive => locks.entry(&lock.resource).or_default().add(i, true),
            }
        }
    }
    (files, locks)
}

/// None for a cycle, which no valid plan has.
pub(crate) fn reach(plan: &Plan) -> Option<Reach> {
    let ids = Ids::new(plan.tasks.iter().map(|task| task.id.as_str()).collect());
    let mut preds = Rows::new(plan.tasks.len());
    let on = |need: &String| ids.find(need).and_then(|at| u32::try_from(at).ok());
    plan.tasks.iter().for_each(|task| preds.push(task.needs.iter().filter_map(on)));
    let (order, _) = sort(&preds);
    (order.len() == preds.len()).then(|| Reach::new(preds, order))
}

/// What two tasks meet in.
#[derive(Clone, Copy)]
enum Thing<'a> {
    Lock,
    File,
    /// A pattern and another one that it meets, or may meet.
    Files(&'a str, bool),
}

/// What is known of a pair: the worst, and the things of that kind, with how many there are. A lock is the least of
/// it, because it keeps apart by itself.
struct Met {
    rank: (bool, ConflictKind),
    things: Vec<String>,
    more: usize,
}

struct Search {
    reach: Reach,
    /// The wave of each task, where waves are an order.
    waves: Option<Vec<usize>>,
    looks: usize,
    complete: bool,
    pairs: BTreeMap<(usize, usize), Met>,
}

impl Search {
    fn files(&mut self, files: &ByName<'_>) {
        let globs: Vec<&str> = files.keys().copied().filter(|p| !is_literal(p)).collect();
        self.complete &= globs.len() <= MAX_GLOBS;
        let globs = &globs[..globs.len().min(MAX_GLOBS)];
        let set = Globs::of(globs.iter().copied());
        for (pattern, uses) in files {
            self.among(uses, (pattern, Thing::File));
            for glob in set.matching(pattern).filter(|_| is_literal(pattern)) {
                self.between(uses, &files[glob], (glob, Thing::Files(pattern, false)));
            }
        }
        let pairs = meeting_globs(globs.iter().copied(), MAX_LOOKS);
        for (one, other) in pairs {
            self.between(&files[one], &files[other], (one, Thing::Files(other, true)));
        }
    }

    /// Uses of one thing.
    fn among(&mut self, uses: &Uses, thing: (&str, Thing<'_>)) {
        let (writers, readers) = (&uses.writers, &uses.readers);
        if writers.len() * (writers.len() + readers.len()) > MANY && self.is_chain(uses.all()) {
            return;
        }
        for (at, &a) in writers.iter().enumerate() {
            let later = writers[at + 1..].iter().map(|&b| (b, ConflictKind::WriteWrite));
            for (b, kind) in later.chain(readers.iter().map(|&b| (b, ConflictKind::WriteRead))) {
                if !self.look((a, b), kind, thing) {
                    return;
                }
            }
        }
    }

    /// Uses of two things that meet.
    fn between(&mut self, one: &Uses, other: &Uses, thing: (&str, Thing<'_>)) {
        let combinations = one.all().count() * other.all().count();
        if combinations > MANY && self.is_chain(one.all().chain(other.all())) {
            return;
        }
        let kinds = [
            (&one.writers, &other.writers, ConflictKind::WriteWrite),
            (&one.writers, &other.readers, ConflictKind::WriteRead),
            (&one.readers, &other.writers, ConflictKind::WriteRead),
        ];
        for (left, right, kind) in kinds {
            for &a in left {
                if !right.iter().all(|&b| self.look((a, b), kind, thing)) {
                    return;
                }
            }
        }
    }

    fn is_chain(&self, tasks: impl Iterator<Item = usize>) -> bool {
        self.reach.is_chain(tasks.collect::<BTreeSet<usize>>())
    }

    /// Takes note of a pair. False once a bound is met.
    fn look(&mut self, (a, b): (usize, usize), kind: ConflictKind, thing: (&str, Thing<'_>)) -> bool {
        let pair = (a.min(b), a.max(b));
        let known = self.pairs.contains_key(&pair);
        if self.looks == 0 || (!known && self.pairs.len() == MAX_PAIRS) {
            self.complete = false;
            return false;
        }
        self.looks -= 1;
        if a == b || self.waves.as_ref().is_some_and(|waves| waves[a] != waves[b]) {
            return true;
        }
        let rank = (matches!(thing.1, Thing::Lock), kind);
        let met = self.pairs.entry(pair).or_insert(Met { rank, things: Vec::new(), more: 0 });
        if rank < met.rank {
            *met = Met { rank, things: Vec::new(), more: 0 };
        }
        if rank == met.rank {
            if met.things.len() < MAX_NAMED { met.things.push(named(thing)) } else { met.more += 1 }
        }
        true
    }
}

fn named((name, thing): (&str, Thing<'_>)) -> String {
    match thing {
        Thing::Lock => format!("lock `{name}`"),
        Thing::File => format!("`{name}`"),
        Thing::Files(other, false) => format!("`{other}` of `{name}`"),
        Thing::Files(other, true) => format!("`{name}` and `{other}`, which may meet"),
    }
}

fn conflict(plan: &Plan, (a, b): (usize, usize), met: &Met) -> Conflict {
    let (a, b) = (&plan.tasks[a], &plan.tasks[b]);
    let mut what = met.things.join("; ");
    if met.more > 0 {
        what.push_str(&format!("; and {} more", met.more));
    }
    Conflict { a: a.id.clone(), b: b.id.clone(), kind: met.rank.1, what, kept_apart: kept_apart(plan, a, b) }
}

/// Why two tasks never run at once, although there is no order between them.
fn kept_apart(plan: &Plan, a: &Task, b: &Task) -> Option<String> {
    if plan.schedule == "sequential" {
        return Some("schedule `sequential`".to_owned());
    }
    if plan.limits.max_parallel == 1 {
        return Some("`max_parallel: 1`".to_owned());
    }
    let shuts_out = |claims: (Claim, Claim)| match claims {
        (Claim::Exclusive, Claim::Exclusive | Claim::Shared) | (Claim::Shared, Claim::Exclusive) => true,
        (Claim::Units(_), _) | (_, Claim::Units(_)) | (Claim::Shared, Claim::Shared) => false,
    };
    let common = a.locks.iter().find(|left| {
        b.locks.iter().any(|right| left.resource == right.resource && shuts_out((left.claim, right.claim)))
    })?;
    Some(match common.resource.strip_prefix(FILES_LOCK) {
        Some(pattern) => format!("the lock on `{pattern}`"),
        None => format!("lock `{}`", common.resource),
    })
}
