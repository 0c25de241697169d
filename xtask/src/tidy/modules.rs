//! Circles among the top-level modules of one crate.
//!
//! It follows `crate::x` and, where it leads to the root, `super::x`; names re-exported by the root count for the
//! module they come from. It knows nothing of types or of other crates; a module and its own children are one.

use super::finding::Finding;
use super::functions::{closing_brace, identifier, without_tests, words};
use super::paths;
use super::tree::{File, Tree, line_at};
use std::collections::{BTreeMap, BTreeSet};

/// Module -> the modules it uses, each with the first place that does.
type Graph = BTreeMap<String, BTreeMap<String, String>>;

/// One finding for each set of modules that use each other.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut crates: BTreeMap<&str, Vec<&File>> = BTreeMap::new();
    for file in tree.rust().filter(|file| !paths::is_test(&file.path)) {
        if let (Some(name), Some(_)) = (paths::crate_of(&file.path), paths::module_of(&file.path)) {
            crates.entry(name).or_default().push(file);
        }
    }
    crates
        .iter()
        .flat_map(|(name, files)| circles(&graph(files)).into_iter().map(|c| finding(name, &c)))
        .collect()
}

fn finding(directory: &str, edges: &[(String, String, String)]) -> Finding {
    let shown: Vec<String> =
        edges.iter().map(|(from, to, place)| format!("{from} -> {to} ({place})")).collect();
    Finding {
        path: format!("{directory}/src"),
        line: 0,
        rule: "circle",
        message: format!("modules use each other: {}", shown.join(", ")),
        hint: "move what both need below both, or turn one direction into an argument",
    }
}

fn graph(files: &[&File]) -> Graph {
    let tops: BTreeSet<&str> =
        files.iter().filter_map(|file| paths::module_of(&file.path)?.first().copied()).collect();
    let exported = re_exports(files, &tops);
    let mut graph = Graph::new();
    for file in files {
        let Some(module) = paths::module_of(&file.path) else { continue };
        let Some(from) = module.first() else { continue };
        let code = without_tests(&file.code);
        for (at, name) in names_at_root(&code, module.len()) {
            let to = if tops.contains(name) { name } else { exported.get(name).map_or("", String::as_str) };
            if !to.is_empty() && to != *from {
                let place = format!("{}:{}", file.path, line_at(&code, at));
                graph.entry((*from).to_owned()).or_default().entry(to.to_owned()).or_insert(place);
            }
        }
    }
    graph
}

/// Names the root re-exports (`pub use graph::Graph;`), with the module each comes from.
fn re_exports(files: &[&File], tops: &BTreeSet<&str>) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    for file in
        files.iter().filter(|file| paths::module_of(&file.path).is_some_and(|module| module.is_empty()))
    {
        for at in words(&file.code, "use") {
            let statement = file.code[at + 3..].split(';').next().unwrap_or_default().trim_start();
            let path = statement.trim_start_matches("crate::").trim_start_matches("self::");
            let module = identifier(path);
            if tops.contains(module) {
                let leaves = path[module.len()..]
                    .split(|character: char| !(character.is_alphanumeric() || character == '_'));
                names.extend(
                    leaves.filter(|name| !name.is_empty()).map(|name| (name.to_owned(), module.to_owned())),
                );
            }
        }
    }
    names
}

/// First segments of paths that start at the root of the crate, in a file `depth` modules below it.
fn names_at_root(code: &str, depth: usize) -> Vec<(usize, &str)> {
    let mut names = Vec::new();
    for at in words(code, "crate") {
        // `pub(in crate::x)` says who may look in, not who is used.
        if code[..at].trim_end().ends_with("(in") {
            continue;
        }
        names.extend(heads(&code[at + 5..]).into_iter().map(|name| (at, name)));
    }
    let climb = vec!["super"; depth].join("::");
    for at in words(code, &climb) {
        let chained = code[..at].ends_with("::");
        if !chained {
            names.extend(heads(&code[at + climb.len()..]).into_iter().map(|name| (at, name)));
        }
    }
    names
}

/// What follows `::`: one name, or the first names inside a brace.
fn heads(text: &str) -> Vec<&str> {
    let Some(rest) = text.trim_start().strip_prefix("::") else { return Vec::new() };
    let rest = rest.trim_start();
    if !rest.starts_with('{') {
        return Some(identifier(rest)).filter(|name| !name.is_empty()).into_iter().collect();
    }
    let inside = closing_brace(rest).map_or("", |end| &rest[1..end]);
    let mut depth = 0_i32;
    let parts = inside.split(move |character| {
        depth += i32::from(character == '{') - i32::from(character == '}');
        character == ',' && depth == 0
    });
    parts.map(identifier).filter(|name| !name.is_empty()).collect()
}

/// The edges inside each set of modules that reach each other.
fn circles(graph: &Graph) -> Vec<Vec<(String, String, String)>> {
    let reach: BTreeMap<&str, BTreeSet<&str>> =
        graph.keys().map(|from| (from.as_str(), reachable(graph, from))).collect();
    let meet = |a: &str, b: &str| {
        reach.get(a).is_some_and(|set| set.contains(b)) && reach.get(b).is_some_and(|set| set.contains(a))
    };
    let mut seen = BTreeSet::new();
    let mut circles = Vec::new();
    for start in graph.keys().filter(|start| meet(start, start)) {
        if !seen.insert(start.as_str()) {
            continue;
        }
        let ring: Vec<&str> = graph.keys().map(String::as_str).filter(|other| meet(start, other)).collect();
        seen.extend(&ring);
        let edges =
            ring.iter().flat_map(|from| graph[*from].iter().map(move |(to, place)| (*from, to, place)));
        let inner = edges.filter(|(_, to, _)| ring.contains(&to.as_str()));
        circles.push(inner.map(|(from, to, place)| (from.to_owned(), to.clone(), place.clone())).collect());
    }
    circles
}

fn reachable<'a>(graph: &'a Graph, from: &str) -> BTreeSet<&'a str> {
    let mut reached = BTreeSet::new();
    let mut open: Vec<&str> = vec![from];
    while let Some(module) = open.pop() {
        for to in graph.get(module).into_iter().flat_map(BTreeMap::keys) {
            if reached.insert(to.as_str()) {
                open.push(to);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::super::finding::messages;
    use super::*;

    fn found(files: &[(&str, &str)]) -> Vec<String> {
        messages(&check(&Tree::of(files)))
    }

    #[test]
    fn two_modules_that_use_each_other_are_one_circle() {
        let files = [("c/src/a.rs", "use crate::b::B;"), ("c/src/b/x.rs", "\nfn f() { crate::a::go() }")];
        let expect = "c/src:0: modules use each other: a -> b (c/src/a.rs:1), b -> a (c/src/b/x.rs:2)";
        assert_eq!(found(&files), [expect]);
    }

    #[test]
    fn groups_and_parents_that_lead_to_the_root_are_followed() {
        let files = [("c/src/a.rs", "use crate::{x::{y, z}, b::B};"), ("c/src/b.rs", "use super::a;")];
        assert_eq!(found(&files).len(), 1);
        let deeper = [("c/src/a/d.rs", "use super::super::b::B;"), ("c/src/b.rs", "use super::{a::A};")];
        assert_eq!(found(&deeper).len(), 1);
    }

    #[test]
    fn a_name_re_exported_by_the_root_counts_for_its_module() {
        let files = [
            ("c/src/lib.rs", "mod a;\nmod b;\npub use a::{Alpha, inner::Beta};"),
            ("c/src/a.rs", "use crate::b::B;"),
            ("c/src/b.rs", "use crate::Beta;"),
        ];
        assert_eq!(found(&files).len(), 1);
    }

    #[test]
    fn one_direction_children_comments_and_tests_are_fine() {
        assert!(
            found(&[
                ("c/src/a.rs", "use crate::b::B;"),
                ("c/src/b.rs", "// crate::a\npub(in crate::a) struct B;")
            ])
            .is_empty()
        );
        assert!(
            found(&[("c/src/a.rs", "mod d; use d::D;"), ("c/src/a/d.rs", "use super::A; use crate::a::B;")])
                .is_empty()
        );
        let tests = "#[cfg(test)]\nmod tests {\n use crate::a::A;\n}\n";
        assert!(found(&[("c/src/a.rs", "use crate::b::B;"), ("c/src/b.rs", tests)]).is_empty());
    }

    #[test]
    fn separate_circles_are_reported_apart_and_long_ones_once() {
        let files = [
            ("c/src/a.rs", "use crate::b::B;"),
            ("c/src/b.rs", "use crate::c::C;"),
            ("c/src/c.rs", "use crate::a::A; use crate::d::D;"),
            ("c/src/d.rs", "use crate::e::E;"),
            ("c/src/e.rs", "use crate::d::D;"),
        ];
        assert_eq!(found(&files).len(), 2);
    }
}
