//! Writes `isolation: worktree` and a `merge` block into the text of a plan that has none, and leaves every other letter as
//! it is.
//!
//! Knows places, not plans: who calls reads the text again.

use crate::plan_text::flow;
use crate::tree::Value;
use crate::{Format, json, toml, yaml};

/// `source` with worktrees, merged in an order of domains; what it says of either stays. `None` where no place can be found,
/// or where nothing is missing.
#[must_use]
pub fn with_worktrees(source: &str, format: Format, order: &[String]) -> Option<String> {
    let mut problems = Vec::new();
    let unmarked = if format == Format::Json { json::unmarked(source) } else { source.into() };
    let tree = match format {
        Format::Yaml => yaml::read(&unmarked, &mut problems),
        Format::Json => json::read(&unmarked, &mut problems),
        Format::Toml => toml::read(&unmarked, &mut problems),
    }?;
    let root = tree.root()?;
    let Value::Map(pairs) = root.value() else { return None };
    let find = |name: &str| pairs.iter().find(|(key, _)| key.text == name);
    let missing: Vec<&str> = ["isolation", "merge"].into_iter().filter(|key| find(key).is_none()).collect();
    if missing.is_empty() {
        return None;
    }
    let quoted: Vec<String> = order.iter().map(|domain| format!("\"{domain}\"")).collect();
    let quoted = quoted.join(", ");
    if format == Format::Toml {
        // Above the header of any table.
        let value = |key: &&str| match *key {
            "isolation" => "isolation = \"worktree\"\n".to_owned(),
            _ => format!("merge = {{ policy = \"all-success\", order = [{quoted}] }}\n"),
        };
        return Some(format!("{}{source}", missing.iter().map(value).collect::<String>()));
    }
    let span = find("tasks")?.0.span();
    let column = source.get(..span.start)?.bytes().rev().take_while(|&b| b == b' ').count();
    let flowing = source.get(root.span().start..)?.starts_with('{');
    let indent = " ".repeat(column);
    let value = |key: &&str| match (*key, flowing) {
        ("isolation", true) => format!("\"isolation\": \"worktree\",\n{indent}"),
        ("isolation", false) => format!("isolation: worktree\n{indent}"),
        (_, true) => {
            format!("\"merge\": {{ \"policy\": \"all-success\", \"order\": [{quoted}] }},\n{indent}")
        }
        (_, false) => {
            let order: Vec<String> = order.iter().map(|domain| flow(domain)).collect();
            format!(
                "merge:\n{indent}  policy: all-success\n{indent}  order: [{}]\n{indent}  # Put the commands in that must pass \
                 after each merge.\n{indent}  # gates: [\"make test\"]\n{indent}",
                order.join(", ")
            )
        }
    };
    let new: String = missing.iter().map(value).collect();
    Some(format!("{}{new}{}", source.get(..span.start)?, source.get(span.start..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Given, load};

    #[test]
    fn a_plan_in_any_format_gets_worktrees_and_keeps_what_it_says() {
        let order = ["backend".to_owned(), "tests".to_owned()];
        for (name, format, text) in [
            ("p.yaml", Format::Yaml, "version: 1 # one\ntasks:\n  - { id: a, run: x }\n"),
            ("p.yaml", Format::Yaml, "{ version: 1, tasks: [ { id: a, run: x } ] }"),
            ("p.yaml", Format::Yaml, "version: 1\nisolation: none\ntasks: [ { id: a, run: x } ]"),
            (
                "p.json",
                Format::Json,
                "{ \"version\": 1,\n  \"tasks\": [ { \"id\": \"a\", \"run\": \"x\" } ] }",
            ),
            ("p.toml", Format::Toml, "version = 1\n[[tasks]]\nid = \"a\"\nrun = \"x\"\n"),
        ] {
            let new = with_worktrees(text, format, &order).unwrap_or_default();
            let loaded = load((name, new.as_bytes()), format, &Given::default());
            assert_eq!(loaded.errors(), 0, "{}\n{new}", loaded.render(false));
            let merge = loaded.plan.and_then(|plan| plan.merge).map(|merge| merge.order);
            let none = text.contains("none");
            assert_eq!(merge, (!none).then(|| order.to_vec()), "{new}");
            assert_eq!(new.contains("none"), none, "{new}");
            assert_eq!(with_worktrees(&new, format, &order), None);
        }
        assert_eq!(with_worktrees("- x", Format::Yaml, &order), None);
    }
}
