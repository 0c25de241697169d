//! What `retry` runs again of a run that has ended, what it reuses, and what it leaves out.
//!
//! Pure: a graph and how its nodes ended.

use regatta_engine::cause::Cause;
use regatta_engine::graph::Graph;
use regatta_engine::ids::NodeId;
use regatta_engine::outcome::NodeOutcome;
use std::collections::BTreeSet;

/// How a node ended in the earlier run.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Fate {
    /// Its outcome.
    pub outcome: NodeOutcome,
    /// Why.
    pub cause: Option<Cause>,
    /// Its `undo` action was started: what it did is not to be relied on.
    pub undone: bool,
    /// Its work was good and committed, whether it landed or not.
    pub collected: bool,
    /// A person gave it work.
    pub adopted: bool,
}

impl Fate {
    /// It was done and stands. Work that was good stands although it did not land, unless it was itself what did not fit.
    #[must_use]
    pub fn is_good(self) -> bool {
        let misfit = matches!(self.cause, Some(Cause::MergeConflict | Cause::Gate | Cause::Refused));
        let done = self.outcome == NodeOutcome::Succeeded || self.collected && !misfit;
        (done || self.adopted) && !self.undone
    }

    /// It stands, and has still to land.
    #[must_use]
    pub fn is_to_land(self) -> bool {
        self.is_good() && self.outcome != NodeOutcome::Succeeded
    }

    /// It was not to run, which is decided anew.
    fn is_left_out(self) -> bool {
        let by_plan = matches!(self.cause, Some(Cause::When | Cause::UpstreamSkipped));
        self.outcome == NodeOutcome::Skipped && by_plan
    }
}

/// What becomes of the nodes.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Selection {
    /// The earlier outcome stands.
    pub reuse: BTreeSet<NodeId>,
    /// Run again.
    pub again: BTreeSet<NodeId>,
    /// Not to run, although they did not succeed: they were not asked for.
    pub skip: Vec<NodeId>,
    /// The same of items of a map that others of it are asked for: they can be skipped when the run has come to them.
    pub leave: BTreeSet<NodeId>,
}

/// Selects from what became of each node, by index: all that did not succeed, or only `named`, with what depends on
/// it, and what it needs that did not succeed. An item that is named stands for itself: the others of its map are left alone,
/// unless a task that is named too needs them.
#[must_use]
pub fn select(graph: &Graph, fates: &[Fate], named: &[NodeId]) -> Selection {
    let fate = |node: NodeId| fates[node.index()];
    let failed = |node: &NodeId| !fate(*node).is_good() && !fate(*node).is_left_out();
    let all = || graph.order().iter().copied();
    let mut again: BTreeSet<NodeId> =
        if named.is_empty() { all().filter(failed).collect() } else { named.iter().copied().collect() };
    // The order is topological, so one pass down finds all descendants and one pass up all ancestors.
    for node in all() {
        if graph.preds(node).any(|p| again.contains(&p)) {
            again.insert(node);
        }
    }
    let maps: BTreeSet<u32> =
        named.iter().filter_map(|&node| graph.slot(node)).map(|slot| slot.map).collect();
    let needed = needed_by(graph, named);
    let beside = |node: NodeId| {
        let other = graph.slot(node).is_some_and(|slot| maps.contains(&slot.map)) && !named.contains(&node);
        other && !needed.contains(&node)
    };
    for node in graph.order().iter().rev().copied() {
        if failed(&node) && !beside(node) && graph.succs(node).any(|s| again.contains(&s)) {
            again.insert(node);
        }
    }
    let reuse = all().filter(|n| fate(*n).is_good() && !again.contains(n)).collect();
    // A map is left out whole or not at all: which items it has is known when the run has come to it.
    let touched = |map| graph.slots(map).iter().any(|slot| again.contains(slot) || fate(*slot).is_good());
    let whole = |node: &NodeId| graph.slot(*node).is_none_or(|slot| slot.index == 0 && !touched(slot.map));
    let skip = all().filter(|n| failed(n) && !again.contains(n) && whole(n)).collect();
    let leave = all().filter(|&n| failed(&n) && !again.contains(&n) && graph.slot(n).is_some()).collect();
    Selection { reuse, again, skip, leave }
}

/// What nodes need, directly or through others.
fn needed_by(graph: &Graph, nodes: &[NodeId]) -> BTreeSet<NodeId> {
    let from: BTreeSet<NodeId> = nodes.iter().copied().collect();
    let mut needed = BTreeSet::new();
    for node in graph.order().iter().rev().copied() {
        if graph.succs(node).any(|succ| from.contains(&succ) || needed.contains(&succ)) {
            needed.insert(node);
        }
    }
    needed
}

#[cfg(test)]
mod tests {
    use super::{Fate, select};
    use regatta_engine::cause::Cause;
    use regatta_engine::graph::Graph;
    use regatta_engine::ids::NodeId;
    use regatta_engine::outcome::NodeOutcome;
    use regatta_engine::spec::{GraphSpec, NodeSpec, Policy};

    /// Tasks as `id:needs:fate`, then what is named; answers `reuse / again / skip`.
    fn of(tasks: &str, named: &str) -> String {
        let rows: Vec<Vec<&str>> = tasks.split(' ').map(|t| t.split(':').collect()).collect();
        let index = |id: char| rows.iter().position(|row| row[0] == id.to_string()).unwrap() as u32;
        let node = |row: &Vec<&str>| NodeSpec {
            id: row[0].to_owned(),
            needs: row[1].chars().map(index).collect(),
            ..NodeSpec::default()
        };
        let spec = GraphSpec {
            nodes: rows.iter().map(node).collect(),
            policies: vec![Policy::default()],
            ..GraphSpec::default()
        };
        let graph = Graph::build(spec).unwrap();
        let fates: Vec<Fate> = rows.iter().map(|row| fate(row[2])).collect();
        let named: Vec<NodeId> = named.chars().map(|id| NodeId(index(id))).collect();
        let found = select(&graph, &fates, &named);
        let names = |nodes: &mut dyn Iterator<Item = NodeId>| {
            nodes.map(|n| graph.name(n).to_owned()).collect::<String>()
        };
        let reuse = names(&mut found.reuse.iter().copied());
        let again = names(&mut found.again.iter().copied());
        format!("{reuse} / {again} / {}", names(&mut found.skip.iter().copied()))
    }

    fn fate(word: &str) -> Fate {
        let (outcome, cause) = match word {
            "ok" | "undone" => (NodeOutcome::Succeeded, None),
            "bad" | "given" => (NodeOutcome::Failed, Some(Cause::Exit)),
            "kept" => (NodeOutcome::Failed, Some(Cause::NotLanded)),
            "misfit" => (NodeOutcome::Failed, Some(Cause::MergeConflict)),
            "blocked" => (NodeOutcome::Blocked, Some(Cause::Upstream)),
            "when" => (NodeOutcome::Skipped, Some(Cause::When)),
            _ => (NodeOutcome::Skipped, Some(Cause::User)),
        };
        let (collected, adopted) = (["kept", "misfit"].contains(&word), word == "given");
        Fate { outcome, cause, undone: word == "undone", collected, adopted }
    }

    #[test]
    fn all_that_did_not_succeed_runs_again_with_all_that_depends_on_it() {
        assert_eq!(of("a::ok b:a:bad c:b:blocked d:a:ok", ""), "ad / bc / ");
        assert_eq!(of("a::bad b:a:ok", ""), " / ab / ", "`b` ran although `a` failed before it");
        assert_eq!(of("a::ok b:a:ok", ""), "ab /  / ");
        assert_eq!(of("a::user b:a:ok", ""), " / ab / ", "what a person skipped is to run now");
    }

    #[test]
    fn what_was_left_out_by_the_plan_is_decided_anew() {
        assert_eq!(of("a::ok b:a:when c::bad", ""), "a / c / ");
    }

    #[test]
    fn good_work_that_did_not_land_is_not_done_again_unless_it_was_what_did_not_fit() {
        assert_eq!(of("a::kept b:a:kept c::misfit d:c:kept", ""), "ab / cd / ");
        assert_eq!(of("a::given b:a:blocked", ""), "a / b / ", "a person gave `a` its work");
    }

    #[test]
    fn what_was_undone_runs_again() {
        assert_eq!(of("a::undone b::ok c:ab:bad", ""), "b / ac / ");
    }

    #[test]
    fn a_named_task_runs_with_what_depends_on_it_and_what_it_needs_that_did_not_succeed() {
        assert_eq!(of("a::ok b:a:ok c:b:ok d::bad e:d:blocked", "b"), "a / bc / de");
        assert_eq!(of("a::ok b:a:bad c:b:blocked d::bad", "c"), "a / bc / d");
        assert_eq!(of("a::bad b::bad c:ab:blocked", "a"), " / abc / ", "`c` needs `b` too");
    }
}
