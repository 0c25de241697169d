//! A settings file, read like a plan: all problems at once, with their places.
//!
//! Knows no file and no order of layers.

use crate::diagnostic::{Code, Diagnostic, Problems, Severity};
use crate::draft::check_agents;
use crate::fields::Fields;
use crate::language::{Kind, SETTINGS, What, check};
use crate::settings::{Setting, of_document};
use crate::tree::{Item, Tree, Value};
use crate::{domains, fields, literals, render, toml};

/// A settings file as read.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Its values, in order of place; none where it has errors.
    pub values: Vec<Setting>,
    problems: Problems,
    name: String,
    source: String,
}

impl Settings {
    /// All problems as text.
    #[must_use]
    pub fn render(&self, color: bool) -> String {
        render(&self.problems, (&self.name, &self.source), color)
    }

    /// The number of errors.
    #[must_use]
    pub fn errors(&self) -> usize {
        self.problems.iter().filter(|p| p.severity == Severity::Error).count()
    }
}

/// Reads a settings file in TOML. `name` is shown in problems.
#[must_use]
pub fn settings((name, source): (&str, &str)) -> Settings {
    let mut problems: Vec<Diagnostic> = Vec::new();
    let tree = toml::read(source, &mut problems);
    let root = tree.as_ref().and_then(Tree::root);
    if let Some(root) = root {
        check(root, &Kind::Record(&SETTINGS), What::Document("settings"), &mut problems);
        check_domains(root, &mut problems);
        check_agents(Fields::of(root), &mut problems);
        literals::check(root, &mut problems);
    }
    problems.sort_by_key(|p| (p.span.start, p.code));
    let sound = problems.iter().all(|p| p.severity != Severity::Error);
    let values = match root {
        Some(root) if sound => of_document(root, source, |_| true),
        _ => Vec::new(),
    };
    Settings { values, name: name.to_owned(), source: literals::hide(source.to_owned(), &problems), problems }
}

/// Domains have names that can name files, and patterns that are some.
fn check_domains(root: Item<'_>, problems: &mut Problems) {
    for (name, patterns) in Fields::of(root).inside("domains").pairs() {
        if let Some(why) = domains::refuse_name(name.text) {
            let message = format!("domain `{}` {why}", name.text.escape_debug());
            problems.push(Diagnostic::error(Code::BadId, name.span(), message));
        }
        let Value::List(items) = patterns.value() else { continue };
        for (item, pattern) in items.iter().filter_map(|item| Some((item, fields::text(item)?))) {
            let Some(why) = domains::refuse_pattern(&pattern) else { continue };
            let message =
                format!("`{}` of domain `{}` {why}", pattern.escape_debug(), name.text.escape_debug());
            problems.push(Diagnostic::error(Code::BadValue, item.span(), message));
        }
    }
}
