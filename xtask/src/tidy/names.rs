//! Module names that say nothing about what is inside.
//!
//! It looks at the names of files and directories only.

use super::finding::Finding;
use super::tree::Tree;

const BANNED: [&str; 9] =
    ["utils", "util", "common", "helpers", "helper", "manager", "service", "services", "misc"];

/// Rust files in a room without a subject.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let named = tree.rust().filter_map(|file| Some((file, banned_part(&file.path)?)));
    named
        .map(|(file, name)| Finding {
            path: file.path.clone(),
            line: 0,
            rule: "name",
            message: format!("a module called `{name}` can hold anything"),
            hint: "name it after the one thing it knows",
        })
        .collect()
}

fn banned_part(path: &str) -> Option<&str> {
    path.strip_suffix(".rs")?.split('/').find(|part| BANNED.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_and_directories_are_seen() {
        let paths = [
            "c/src/utils.rs",
            "c/src/common/x.rs",
            "c/tests/it/helpers.rs",
            "c/src/uncommon.rs",
            "misc/a.md",
        ];
        let tree = Tree::of(&paths.map(|path| (path, "")));
        assert_eq!(check(&tree).len(), 3);
    }
}
