//! Relative links in Markdown lead to files that exist.
//!
//! It knows inline links and reference definitions outside code; it opens no address and checks no heading.

use super::finding::Finding;
use super::tree::Tree;

/// Links whose target is not in the repository.
pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md")) {
        for (line, target) in links(&file.text) {
            if !leads_somewhere(tree, &file.path, &target) {
                findings.push(Finding {
                    path: file.path.clone(),
                    line,
                    rule: "link",
                    message: format!("`{target}` does not exist"),
                    hint: "links are relative to the file they stand in",
                });
            }
        }
    }
    findings
}

fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut fence = None;
    for (index, line) in text.lines().enumerate() {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        if mark.is_some() && (fence.is_none() || fence == mark) {
            fence = if fence.is_some() { None } else { mark };
        } else if fence.is_none() {
            links.extend(links_in(&without_code(line)).into_iter().map(|target| (index + 1, target)));
        }
    }
    links
}

/// The line without what stands between backticks.
fn without_code(line: &str) -> String {
    let parts: Vec<&str> = line.split('`').collect();
    let closed = parts.len() % 2 == 1;
    parts.iter().enumerate().filter(|(index, _)| index % 2 == 0 || !closed).map(|(_, part)| *part).collect()
}

fn links_in(line: &str) -> Vec<String> {
    let inline = line.match_indices("](").map(|(at, mark)| &line[at + mark.len()..]);
    let inline = inline.filter_map(|rest| rest.split(')').next());
    let definition = line.trim_start().strip_prefix('[').and_then(|rest| rest.split_once("]: "));
    let targets = inline.chain(definition.map(|(_, target)| target));
    targets
        .filter_map(|target| Some(target.split_whitespace().next()?.trim_matches(['<', '>']).to_owned()))
        .collect()
}

fn leads_somewhere(tree: &Tree, from: &str, target: &str) -> bool {
    let path = target.split(['#', '?']).next().unwrap_or_default();
    if path.is_empty() || path.contains("://") || path.starts_with("mailto:") {
        return true;
    }
    let Some(path) = resolve(from, path) else { return false };
    let inside = format!("{path}/");
    path.is_empty() || tree.paths.iter().any(|known| *known == path || known.starts_with(&inside))
}

/// The path from the root, or `None` if it leaves the repository.
fn resolve(from: &str, target: &str) -> Option<String> {
    let mut parts: Vec<&str> = if target.starts_with('/') { Vec::new() } else { from.split('/').collect() };
    parts.pop();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            name => parts.push(name),
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::super::finding::messages;
    use super::*;

    fn found(text: &str) -> Vec<String> {
        let tree = Tree::of(&[("docs/a.md", text), ("docs/errors/RG101.md", ""), ("LICENSE-MIT", "")]);
        messages(&check(&tree))
    }

    #[test]
    fn links_that_lead_somewhere_pass() {
        assert_eq!(
            found("[a](errors/RG101.md) [b](../LICENSE-MIT \"t\") [c](errors/) [d](a.md#x) [e](#y)"),
            [""; 0]
        );
        assert_eq!(
            found("[a](https://example.org/x) [b](mailto:a@b.c)\n\n[r]: <errors/RG101.md>\n[..](..)"),
            [""; 0]
        );
    }

    #[test]
    fn links_that_lead_nowhere_are_found_with_their_line() {
        let text = "x\n[a](gone.md) and [b](../../LICENSE-MIT)\n[r]: errors/RG102.md\n";
        let expect = [
            "docs/a.md:2: `gone.md` does not exist",
            "docs/a.md:2: `../../LICENSE-MIT` does not exist",
            "docs/a.md:3: `errors/RG102.md` does not exist",
        ];
        assert_eq!(found(text), expect);
    }

    #[test]
    fn code_holds_no_links() {
        assert_eq!(found("`[a](gone.md)`\n```\n[a](gone.md)\n```\n~~~ x\n```\n[a](gone.md)\n~~~\n"), [""; 0]);
    }
}
