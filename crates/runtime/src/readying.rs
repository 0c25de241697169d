//! Which worktrees are made when (spec 6 "Making").
//!
//! ```text
//! Gathering -> First -> Open            the first admission is whole before anything starts
//!                `----> Falling -> Open   one of it failed: what was made goes, and then tasks work one after the other,
//!                         `-----> Broken  or none works at all
//! ```
//! With `waves`, the first admission is a whole wave, and each later wave is waited for in the same way. With `dataflow`,
//! worktrees are made ahead for tasks whose predecessors have come to their end. Pure: knows no driver and no git.

use crate::yard::{Begin, Failed};
use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A worktree that no attempt has taken yet.
#[derive(Debug)]
enum Standing {
    /// It is being made; it is wanted by nobody any more if `dropped`.
    Asked { dropped: bool },
    /// It stands there, or why not.
    Made(Result<Begin, Failed>),
    /// It is being removed.
    Going,
}

/// How far the first admission is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    Gathering,
    First,
    Falling,
    Open,
}

/// What those who wait for their worktrees may do.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Gate {
    /// Wait.
    Shut,
    /// Take what stands there.
    Open,
    /// One of the first admission cannot be made: these are to be removed, and the gate asked again.
    Fallen(Vec<NodeId>),
}

/// What is made and what is waited for.
#[derive(Debug)]
pub(crate) struct Readying {
    graph: Arc<Graph>,
    /// Nodes that get a worktree.
    has: Vec<bool>,
    waves: bool,
    /// So many worktrees at a time, those at work and those made ahead.
    most: usize,
    /// Predecessors that have not come to their end, for each node.
    open: Vec<usize>,
    settled: BTreeSet<NodeId>,
    /// Nodes that may start next and never started, by their place.
    candidates: BTreeSet<(u32, NodeId)>,
    standing: BTreeMap<NodeId, Standing>,
    /// Nothing begins before these are made.
    waits_for: BTreeSet<NodeId>,
    phase: Phase,
    /// The last wave whose worktrees were asked for.
    wave: Option<u32>,
    /// Tasks work one after the other in one worktree.
    one_by_one: bool,
    /// What failed in the first admission, for people.
    pub(crate) failure: Option<String>,
}

impl Readying {
    /// Nothing made; `has` tells which nodes get a worktree.
    pub(crate) fn new(graph: Arc<Graph>, has: Vec<bool>, (waves, max_parallel): (bool, u32)) -> Readying {
        let open = vec![0; graph.len()];
        let mut readying = Readying {
            has,
            waves,
            most: 2 * usize::try_from(max_parallel).unwrap_or(usize::MAX / 2),
            open,
            settled: BTreeSet::new(),
            candidates: BTreeSet::new(),
            standing: BTreeMap::new(),
            waits_for: BTreeSet::new(),
            phase: Phase::Gathering,
            wave: None,
            one_by_one: false,
            failure: None,
            graph,
        };
        for node in readying.graph.order().to_vec() {
            let graph = &readying.graph;
            readying.open[node.index()] = graph.preds(node).filter(|&pred| graph.is_sure(pred)).count();
            readying.propose(node);
        }
        readying
    }

    fn propose(&mut self, node: NodeId) {
        // Whether there is a further item of a map is not known before it begins.
        let waits_for_items = || self.graph.preds(node).any(|pred| !self.graph.is_sure(pred));
        let is_sure = || self.graph.is_sure(node) && !waits_for_items();
        if self.has[node.index()] && self.open[node.index()] == 0 && is_sure() {
            self.candidates.insert((self.graph.facts(node).pos, node));
        }
    }

    /// An attempt of a node was decided on: nothing is made ahead for it any more.
    pub(crate) fn started(&mut self, node: NodeId) {
        self.candidates.remove(&(self.graph.facts(node).pos, node));
    }

    /// A node is terminal or collected. Answers whether a worktree made for it is to be removed.
    pub(crate) fn settled(&mut self, node: NodeId) -> bool {
        self.started(node);
        if self.settled.insert(node) && self.graph.is_sure(node) {
            for next in self.graph.succs(node).collect::<Vec<_>>() {
                self.open[next.index()] -= 1;
                self.propose(next);
            }
        }
        self.waits_for.remove(&node);
        match self.standing.get_mut(&node) {
            Some(Standing::Asked { dropped }) => *dropped = true,
            Some(standing @ Standing::Made(Ok(_))) => {
                *standing = Standing::Going;
                return true;
            }
            Some(Standing::Made(Err(_))) => drop(self.standing.remove(&node)),
            Some(Standing::Going) | None => {}
        }
        false
    }

    /// Tasks have worked in this run before: the first admission is over.
    pub(crate) fn goes_on(&mut self) {
        self.phase = Phase::Open;
    }

    /// From now on there is one worktree, which tasks have one after the other.
    pub(crate) fn one_by_one(&mut self) {
        self.one_by_one = true;
        self.phase = Phase::Open;
    }

    /// Whether tasks work one after the other.
    pub(crate) fn is_one_by_one(&self) -> bool {
        self.one_by_one
    }

    /// An attempt of a node begins. Answers the worktrees to be made for that.
    pub(crate) fn begin(&mut self, node: NodeId) -> Vec<NodeId> {
        if self.one_by_one || self.phase == Phase::Falling || self.failure.is_some() {
            return Vec::new();
        }
        let mut wanted = vec![node];
        let wave = self.graph.facts(node).wave;
        if self.waves && self.wave.is_none_or(|last| last < wave) {
            self.wave = Some(wave);
            let fresh = |node: &NodeId| self.candidates.contains(&(self.graph.facts(*node).pos, *node));
            wanted.extend(self.graph.wave(wave).iter().copied().filter(fresh));
            self.waits_for.extend(wanted.iter().copied());
        } else if self.phase == Phase::Gathering {
            self.waits_for.insert(node);
        }
        wanted.retain(|node| self.ask(*node));
        wanted
    }

    /// Whether a worktree is asked for that was not yet.
    fn ask(&mut self, node: NodeId) -> bool {
        self.started(node);
        match self.standing.get_mut(&node) {
            Some(Standing::Asked { dropped }) => {
                *dropped = false;
                false
            }
            Some(Standing::Made(Ok(_)) | Standing::Going) => false,
            Some(Standing::Made(Err(_))) | None => {
                self.standing.insert(node, Standing::Asked { dropped: false });
                true
            }
        }
    }

    /// All starts of a turn were given: if these were the first, no later one belongs to them.
    pub(crate) fn turn_ends(&mut self) {
        if self.phase == Phase::Gathering && !self.waits_for.is_empty() {
            self.phase = Phase::First;
        }
    }

    /// A worktree was made, or not. Answers whether it is to be removed, because nobody wants it any more.
    pub(crate) fn made(&mut self, node: NodeId, made: Result<Begin, Failed>) -> bool {
        self.waits_for.remove(&node);
        let dropped = matches!(self.standing.get(&node), Some(Standing::Asked { dropped: true }));
        if dropped && made.is_err() {
            self.standing.remove(&node);
            return false;
        }
        let standing = if dropped { Standing::Going } else { Standing::Made(made) };
        self.standing.insert(node, standing);
        dropped
    }

    /// A worktree was removed.
    pub(crate) fn removed(&mut self, node: NodeId) {
        self.standing.remove(&node);
    }

    /// Whether what was made may be taken.
    pub(crate) fn gate(&mut self) -> Gate {
        let failed = |standing: &Standing| match standing {
            Standing::Made(Err(Failed::Make(error))) => Some(error.to_string()),
            _ => None,
        };
        match self.phase {
            _ if !self.waits_for.is_empty() => Gate::Shut,
            Phase::Gathering | Phase::Open => Gate::Open,
            Phase::Falling if self.standing.is_empty() => {
                self.phase = Phase::Open;
                Gate::Open
            }
            Phase::Falling => Gate::Shut,
            Phase::First => {
                let first = self.standing.iter().find_map(|(node, standing)| Some((node, failed(standing)?)));
                let Some((node, why)) = first else {
                    self.phase = Phase::Open;
                    return Gate::Open;
                };
                self.failure =
                    Some(format!("the worktree of `{}` cannot be made: {why}", self.graph.name(*node)));
                self.phase = Phase::Falling;
                Gate::Fallen(self.fall())
            }
        }
    }

    /// Forgets what could not be made; answers what is to be removed.
    fn fall(&mut self) -> Vec<NodeId> {
        self.standing.retain(|_, standing| !matches!(standing, Standing::Made(Err(_))));
        let mut there = Vec::new();
        for (node, standing) in &mut self.standing {
            match standing {
                Standing::Asked { dropped } => *dropped = true,
                Standing::Made(_) => {
                    *standing = Standing::Going;
                    there.push(*node);
                }
                Standing::Going => {}
            }
        }
        there
    }

    /// Takes the worktree of a node, if it stands there, or why there is none.
    pub(crate) fn take(&mut self, node: NodeId) -> Option<Result<Begin, Failed>> {
        match self.standing.remove(&node)? {
            Standing::Made(made) => Some(made),
            other => {
                self.standing.insert(node, other);
                None
            }
        }
    }

    /// Whether a worktree of a node is being made or removed now.
    pub(crate) fn is_under_way(&self, node: NodeId) -> bool {
        matches!(self.standing.get(&node), Some(Standing::Asked { .. } | Standing::Going))
    }

    /// Asks for the one worktree.
    pub(crate) fn turn_of(&mut self, node: NodeId) -> bool {
        self.ask(node)
    }

    /// Further worktrees to be made, for tasks that will start soon; `at_work` are those of attempts under way.
    pub(crate) fn ahead(&mut self, at_work: usize) -> Vec<NodeId> {
        if self.waves || self.one_by_one || self.phase != Phase::Open || self.failure.is_some() {
            return Vec::new();
        }
        let room = self.most.saturating_sub(at_work + self.standing.len());
        let next: Vec<NodeId> = self.candidates.iter().take(room).map(|(_, node)| *node).collect();
        next.into_iter().filter(|node| self.ask(*node)).collect()
    }

    /// Worktrees that are there, or may be, for attempts that never came.
    pub(crate) fn unused(&self) -> Vec<NodeId> {
        self.standing.keys().copied().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::git::{GitError, Oid};
    use crate::yard::MakeError;
    use regatta_plan::{Format, Given, load, lower};

    /// `a`, `b`, `c` first, then `d` after `a` and `e` after `b`; `free` has no worktree.
    const TASKS: &str = "tasks:
  - { id: a, run: x }
  - { id: b, run: x }
  - { id: c, run: x }
  - { id: d, needs: [a], run: x }
  - { id: e, needs: [b], run: x }
  - { id: free, isolation: none, run: x }
";

    fn readying(keys: &str) -> (Readying, Arc<Graph>) {
        let text = format!("version: 1\nisolation: worktree\n{keys}\n{TASKS}");
        let plan = load(("p.yaml", text.as_bytes()), Format::Yaml, &Given::default()).plan.unwrap();
        let (spec, config) = lower(&plan);
        let graph = Arc::new(Graph::build(spec).unwrap());
        let has = plan.tasks.iter().map(|task| task.worktree.is_some()).collect();
        let how = (plan.schedule == "waves", config.limits.max_parallel);
        (Readying::new(Arc::clone(&graph), has, how), graph)
    }

    fn names(graph: &Graph, nodes: &[NodeId]) -> String {
        nodes.iter().map(|node| graph.name(*node)).collect::<Vec<_>>().join(" ")
    }

    fn good() -> Result<Begin, Failed> {
        Ok(Begin { base: Oid::parse(&"0".repeat(40)).unwrap(), goes_on: false, note: None })
    }

    fn bad() -> Result<Begin, Failed> {
        Err(Failed::Make(MakeError::Git(GitError::Answer { command: "worktree add".to_owned() })))
    }

    #[test]
    fn with_waves_all_worktrees_of_a_wave_are_made_before_its_first_attempt_begins() {
        let (mut ready, graph) = readying("schedule: waves\nlimits: { max_parallel: 1 }");
        let [a, b, c, d, e] = ["a", "b", "c", "d", "e"].map(|name| graph.find(name).unwrap());
        assert_eq!(names(&graph, &ready.begin(a)), "a b c");
        ready.turn_ends();
        for node in [a, c] {
            assert!(!ready.made(node, good()));
            assert_eq!(ready.gate(), Gate::Shut);
        }
        ready.made(b, good());
        assert_eq!(ready.gate(), Gate::Open);
        assert!(ready.take(a).is_some() && ready.ahead(1).is_empty());
        // What was made for the wave is there for the next of it.
        assert!(ready.begin(b).is_empty() && ready.take(b).is_some());
        for node in [a, b, c] {
            // The third one never began: what was made for it goes.
            assert_eq!(ready.settled(node), node == c);
        }
        assert_eq!(names(&graph, &ready.begin(e)), "e d");
        assert_eq!(ready.gate(), Gate::Shut);
        ready.made(e, good());
        ready.made(d, good());
        assert_eq!(ready.gate(), Gate::Open);
    }

    #[test]
    fn with_dataflow_the_first_admission_is_whole_and_later_ones_are_made_ahead_up_to_twice_the_slots() {
        let (mut ready, graph) = readying("limits: { max_parallel: 1 }");
        let [a, b, c, d] = ["a", "b", "c", "d"].map(|name| graph.find(name).unwrap());
        assert!(ready.ahead(0).is_empty(), "nothing is made ahead of the first admission");
        assert_eq!(names(&graph, &ready.begin(a)), "a");
        ready.turn_ends();
        ready.made(a, good());
        assert_eq!(ready.gate(), Gate::Open);
        ready.take(a);
        assert_eq!(names(&graph, &ready.ahead(1)), "b");
        assert!(ready.ahead(1).is_empty(), "two at once are twice one slot");
        ready.made(b, good());
        ready.settled(a);
        assert!(ready.begin(b).is_empty() && ready.take(b).is_some());
        // `d` can start since `a` has come to its end; the schedule has `c` before it.
        assert_eq!(names(&graph, &ready.ahead(1)), "c");
        // It is skipped while git is at work on its worktree.
        assert!(!ready.settled(c) && ready.made(c, good()));
        ready.removed(c);
        assert_eq!(names(&graph, &ready.ahead(1)), "d");
        assert_eq!(ready.unused(), [d]);
    }

    #[test]
    fn if_one_of_the_first_admission_fails_what_was_made_goes_before_anything_else_happens() {
        let (mut ready, graph) = readying("limits: { max_parallel: 3 }");
        let [a, b, c] = ["a", "b", "c"].map(|name| graph.find(name).unwrap());
        for node in [a, b] {
            ready.begin(node);
        }
        ready.turn_ends();
        ready.made(b, bad());
        assert_eq!(ready.gate(), Gate::Shut);
        ready.begin(c);
        ready.made(a, good());
        assert_eq!(ready.gate(), Gate::Fallen(vec![a]));
        // The next admission had asked already.
        assert_eq!(ready.gate(), Gate::Shut);
        assert!(ready.made(c, good()));
        ready.removed(a);
        assert_eq!(ready.gate(), Gate::Shut);
        ready.removed(c);
        assert_eq!(ready.gate(), Gate::Open);
        assert!(
            ready
                .failure
                .as_ref()
                .unwrap()
                .starts_with("the worktree of `b` cannot be made: git worktree add")
        );
        assert!(ready.begin(a).is_empty() && ready.ahead(0).is_empty() && ready.take(a).is_none());
        ready.one_by_one();
        assert!(ready.begin(a).is_empty() && ready.turn_of(a) && ready.is_under_way(a));
    }
}
