//! The ready nodes, grouped by what they need, ordered for admission.
//!
//! Nodes of one group need the same caps and claims, so when one is refused all are: a turn costs a look at the head
//! of each group that it comes to, not at each node. Ages in admission rounds, lazily. Knows no caps.

use crate::graph::Graph;
use crate::groups::Groups;
use crate::ids::NodeId;
use crate::spec::{Limits, Schedule};
use core::cmp::Reverse;
use core::ops::Bound;
use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

/// The round of nodes that were never refused.
const NEVER: u32 = u32::MAX;

/// Place of a node among its equals: most urgent first (longest remaining path, or a pinned order), then order key.
type Place = (Reverse<u64>, u32);

/// Nodes of a group by the round in which they were first refused.
type Rounds = BTreeMap<u32, BTreeSet<Place>>;

/// What the nodes of a group share: their needs, and their wave where that counts.
pub type Group = (u32, u32);

/// A head of a group with its effective class; sorts into admission order.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Candidate {
    /// Effective priority class; below 0 the node reserves what it lacks.
    pub class: i64,
    place: Place,
    /// The group.
    pub group: Group,
    /// The node.
    pub node: NodeId,
    /// It was never refused.
    pub fresh: bool,
}

/// A walk over the heads of all groups in admission order; see [`ReadyQueue::next`].
#[derive(Clone, Debug)]
pub struct Walk {
    round: u32,
    refused: BinaryHeap<Reverse<Candidate>>,
    fresh: Option<Candidate>,
}

/// How the queue orders and ages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Order {
    /// The longest remaining path counts under `dataflow`, the order key alone under `waves` and `sequential`; the
    /// last of them knows one group only.
    pub schedule: Schedule,
    /// Nodes of different waves form different groups (a `per_wave` cap exists, or a barrier).
    pub by_wave: bool,
    /// Rounds per class.
    pub ageing_rounds: u32,
}

/// The ready nodes.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReadyQueue {
    order: Order,
    alike: Groups,
    groups: BTreeMap<Group, Rounds>,
    /// The first of each group among those that were never refused.
    fresh: BTreeSet<Candidate>,
    /// Groups with nodes that were refused; where those stand changes with the round.
    refused: BTreeSet<Group>,
    len: usize,
}

impl ReadyQueue {
    /// An empty queue under limits that fit the graph.
    #[must_use]
    pub fn new(graph: &Graph, order: Order, limits: &Limits) -> ReadyQueue {
        ReadyQueue::with(order, Groups::new(graph, limits))
    }

    fn with(order: Order, alike: Groups) -> ReadyQueue {
        ReadyQueue {
            order,
            alike,
            groups: BTreeMap::new(),
            fresh: BTreeSet::new(),
            refused: BTreeSet::new(),
            len: 0,
        }
    }

    /// The number of ready nodes.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// True if no node is ready.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The group of a node.
    #[must_use]
    pub fn group(&self, graph: &Graph, node: NodeId) -> Group {
        let facts = graph.facts(node);
        match self.order.schedule {
            Schedule::Sequential => (0, 0),
            Schedule::Dataflow | Schedule::Waves => {
                (self.alike.of(node), if self.order.by_wave { facts.wave } else { 0 })
            }
        }
    }

    fn place(&self, graph: &Graph, node: NodeId) -> Place {
        let facts = graph.facts(node);
        let by_path = self.order.schedule == Schedule::Dataflow;
        (Reverse(if by_path { graph.urgency(node) } else { 0 }), facts.pos)
    }

    /// Adds a ready node.
    pub fn insert(&mut self, graph: &Graph, node: NodeId) {
        let (group, place) = (self.group(graph, node), self.place(graph, node));
        self.len += 1;
        self.change(graph, group, |rounds| {
            rounds.entry(NEVER).or_default().insert(place);
        });
    }

    /// Takes a ready node out.
    pub fn remove(&mut self, graph: &Graph, node: NodeId) {
        let (group, place) = (self.group(graph, node), self.place(graph, node));
        self.len -= 1;
        self.change(graph, group, |rounds| {
            let found = rounds.iter_mut().find_map(|(&round, places)| places.remove(&place).then_some(round));
            if let Some(round) = found.filter(|round| rounds[round].is_empty()) {
                rounds.remove(&round);
            }
        });
    }

    /// Marks the nodes of `node`'s group that were never refused as refused in `round`. What is past P0 by then
    /// ages no more and is kept in one heap, so that a group has few rounds.
    pub fn refuse(&mut self, graph: &Graph, node: NodeId, round: u32) {
        let (group, past) = (self.group(graph, node), self.past(graph, node));
        self.change(graph, group, |rounds| {
            if let Some(fresh) = rounds.remove(&NEVER) {
                rounds.entry(round).or_default().extend(fresh);
            }
            let Some(last_past) = round.checked_sub(past.saturating_add(1)) else { return };
            let younger = rounds.split_off(&last_past.saturating_add(1));
            let mut old = core::mem::replace(rounds, younger).into_iter();
            if let Some((first, mut heap)) = old.next() {
                old.for_each(|(_, more)| heap.extend(more));
                rounds.insert(first, heap);
            }
        });
    }

    /// Changes a group and keeps what is known of its heads.
    fn change(&mut self, graph: &Graph, group: Group, edit: impl FnOnce(&mut Rounds)) {
        let rounds = self.groups.entry(group).or_default();
        let before = fresh_head(graph, group, rounds);
        edit(rounds);
        let after = fresh_head(graph, group, rounds);
        let refused = rounds.first_key_value().is_some_and(|(&round, _)| round != NEVER);
        let empty = rounds.is_empty();
        if before != after {
            before.map(|head| self.fresh.remove(&head));
            self.fresh.extend(after);
        }
        if refused {
            self.refused.insert(group);
        } else if !self.refused.is_empty() {
            self.refused.remove(&group);
        }
        if empty {
            self.groups.remove(&group);
        }
    }

    /// Begins a walk over the heads as they stand in `round`.
    #[must_use]
    pub fn walk(&self, graph: &Graph, round: u32) -> Walk {
        let heads = self.refused.iter().filter_map(|&group| self.refused_head(graph, group, round));
        Walk { round, refused: heads.map(Reverse).collect(), fresh: None }
    }

    /// The next head of the walk. The queue may change in between, by taking out the last head or refusing it.
    #[must_use]
    pub fn next(&self, walk: &mut Walk) -> Option<Candidate> {
        let from = walk.fresh.map_or(Bound::Unbounded, Bound::Excluded);
        let fresh = self.fresh.range((from, Bound::Unbounded)).next().copied();
        let refused = walk.refused.peek().map(|head| head.0);
        let next = fresh.into_iter().chain(refused).min()?;
        if next.fresh {
            walk.fresh = fresh;
        } else {
            walk.refused.pop();
        }
        Some(next)
    }

    /// Goes on in the group of `last`, which was admitted. Never-refused heads come by themselves.
    pub fn go_on(&self, graph: &Graph, walk: &mut Walk, last: Candidate) {
        if !last.fresh {
            walk.refused.extend(self.refused_head(graph, last.group, walk.round).map(Reverse));
        }
    }

    /// The head of one group among those that were refused: its highest class, there the best place.
    fn refused_head(&self, graph: &Graph, group: Group, round: u32) -> Option<Candidate> {
        let rounds = self.groups.get(&group)?;
        let (&oldest, places) = rounds.first_key_value()?;
        let past = self.past(graph, graph.order()[places.first()?.1 as usize]);
        let lift = |refused: u32| round.saturating_sub(refused).min(past) / self.ageing();
        let highest = lift(oldest);
        let place = rounds
            .range(..NEVER)
            .take_while(|&(&refused, _)| lift(refused) == highest)
            .filter_map(|(_, places)| places.first())
            .min()?;
        Some(candidate(graph, group, *place).lifted(highest))
    }

    fn ageing(&self) -> u32 {
        self.order.ageing_rounds.max(1)
    }

    /// Rounds after which a node of this group is past P0.
    fn past(&self, graph: &Graph, node: NodeId) -> u32 {
        self.ageing().saturating_mul(graph.facts(node).priority.index() as u32 + 1)
    }

    /// Orders anew, for other caps; ages stay.
    pub fn reorder(&mut self, graph: &Graph, order: Order, limits: &Limits) {
        let alike = self.alike.under(graph, limits);
        if self.order != order || self.alike != alike {
            self.fill_anew(graph, order, alike);
        }
    }

    /// A tag is barred: from now on it parts groups, so that who has it holds up nobody else; ages stay.
    pub fn part_by(&mut self, graph: &Graph, tag: u32, limits: &Limits) {
        if let Some(alike) = self.alike.parted_by(graph, limits, tag) {
            self.fill_anew(graph, self.order, alike);
        }
    }

    fn fill_anew(&mut self, graph: &Graph, order: Order, alike: Groups) {
        let old = core::mem::replace(self, ReadyQueue::with(order, alike));
        for (round, (_, pos)) in
            old.groups.into_values().flatten().flat_map(|(r, p)| p.into_iter().map(move |p| (r, p)))
        {
            let node = graph.order()[pos as usize];
            let (group, place) = (self.group(graph, node), self.place(graph, node));
            self.len += 1;
            self.change(graph, group, |rounds| {
                rounds.entry(round).or_default().insert(place);
            });
        }
    }

    /// How many ready nodes stand before `node` in admission order, ages apart, for explanations; linear.
    #[must_use]
    pub fn ahead(&self, graph: &Graph, node: NodeId) -> usize {
        let rank = |n: NodeId| match self.order.schedule {
            Schedule::Sequential => 0,
            Schedule::Dataflow | Schedule::Waves => graph.facts(n).priority.index(),
        };
        let own = (rank(node), self.place(graph, node));
        let before = |place: &&Place| (rank(graph.order()[place.1 as usize]), **place) < own;
        self.groups.values().flat_map(BTreeMap::values).flatten().filter(before).count()
    }
}

impl Candidate {
    fn lifted(self, classes: u32) -> Candidate {
        Candidate { class: self.class - i64::from(classes), fresh: false, ..self }
    }
}

fn fresh_head(graph: &Graph, group: Group, rounds: &Rounds) -> Option<Candidate> {
    let place = rounds.get(&NEVER)?.first()?;
    Some(candidate(graph, group, *place))
}

fn candidate(graph: &Graph, group: Group, place: Place) -> Candidate {
    let node = graph.order()[place.1 as usize];
    let class = graph.facts(node).priority.index() as i64;
    Candidate { class, place, group, node, fresh: true }
}
