//! What a breaker, a hold or an escalation is about: an agent, a tool, a tag, or one task.
//!
//! Names are interned in the graph, as those of caps are. Knows no state.

use crate::graph::Graph;
use crate::ids::NodeId;

/// What shares one fate: everything that uses the same agent, tool or tag; or one task alone.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Scope {
    /// By agent index.
    Agent(u32),
    /// By tool index.
    Tool(u32),
    /// By tag index.
    Tag(u32),
    /// One task.
    Node(NodeId),
}

impl Scope {
    /// The task, if it is one alone.
    #[must_use]
    pub fn node(self) -> Option<NodeId> {
        match self {
            Scope::Node(node) => Some(node),
            Scope::Agent(_) | Scope::Tool(_) | Scope::Tag(_) => None,
        }
    }

    /// The word for its sort in journals and logs.
    #[must_use]
    pub fn kind(self) -> &'static str {
        match self {
            Scope::Agent(_) => "agent",
            Scope::Tool(_) => "tool",
            Scope::Tag(_) => "tag",
            Scope::Node(_) => "task",
        }
    }

    /// Its name in the plan; nothing where the graph has no such entry.
    #[must_use]
    pub fn name(self, graph: &Graph) -> Option<&str> {
        match self {
            Scope::Agent(i) => graph.agents.get(i as usize).map(String::as_str),
            Scope::Tool(i) => graph.tools.get(i as usize).map(String::as_str),
            Scope::Tag(i) => graph.tag_names.get(i as usize).map(String::as_str),
            Scope::Node(node) => (node.index() < graph.len()).then(|| graph.name(node)),
        }
    }

    /// For people: ``agent `codex` ``.
    #[must_use]
    pub fn words(self, graph: &Graph) -> String {
        format!("{} `{}`", self.kind(), self.name(graph).unwrap_or_default())
    }
}

impl Graph {
    /// What a node shares its fate with: its agent or its tool, else its tags; nothing if it has none of them.
    pub fn scopes(&self, node: NodeId) -> impl Iterator<Item = Scope> + '_ {
        let facts = self.facts(node);
        let caller = facts.agent.map(Scope::Agent).or(facts.tool.map(Scope::Tool));
        let tags = if caller.is_none() { self.tags(node) } else { &[] };
        caller.into_iter().chain(tags.iter().map(|&tag| Scope::Tag(tag)))
    }
}
