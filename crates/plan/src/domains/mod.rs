//! Domains: which kind of work a file is, by rules that are data.
//!
//! ```text
//! built-in table, settings --Domains::new--> rules --of(path)--> the domains whose best rule is the most specific
//! ```
//! The most specific rule wins, never the first: a whole path, then what tells the purpose of a file (a test, a page of
//! documentation) wherever it lies, then its name, the directory nearest to it, its extension. Knows no file.

mod table;

pub use table::OTHER;

use crate::ids::is_id;
use crate::patterns::plain;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;
use table::{BRIEFING, DOMAINS};

/// Where a domain of the settings is merged: behind these, before `tests`, `docs` and `other`.
const BEFORE_OTHERS: usize = 3;

/// How specific a rule is for a path; the greater wins.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Specificity {
    /// It names the whole path.
    exact: bool,
    /// It tells what a file is for.
    purpose: bool,
    shape: Shape,
    /// How deep the directory lies that it names.
    depth: usize,
}

/// What a rule looks at.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Shape {
    Extension,
    Directory,
    Name,
}

/// A rule.
#[derive(Clone, Debug)]
struct Rule {
    domain: String,
    exact: bool,
    purpose: bool,
    shape: Shape,
}

/// The rules of all domains.
#[derive(Clone, Debug)]
pub struct Domains {
    rules: Vec<Rule>,
    /// Of directories, asked for each directory above a file.
    directories: (GlobSet, Vec<usize>),
    /// Of everything else, asked for the file.
    files: (GlobSet, Vec<usize>),
    /// Domains of the settings, by name.
    own: BTreeSet<String>,
}

/// Why a domain of the settings is none.
#[must_use]
pub fn refuse_name(name: &str) -> Option<String> {
    if name == OTHER {
        return Some("is what fits no rule, and has none itself".to_owned());
    }
    // Domains are ids of tasks, and ids that differ only in case are a clash.
    let small = name.bytes().all(|b| !b.is_ascii_uppercase());
    (!is_id(name) || !small).then(|| "is not a name: a-z 0-9 . _ -".to_owned())
}

/// Why a text is no rule.
#[must_use]
pub fn refuse_pattern(pattern: &str) -> Option<String> {
    if pattern.trim_matches('/').is_empty() || pattern.split('/').any(|part| part == "..") {
        return Some("is no pattern of paths inside the workspace".to_owned());
    }
    let (text, _) = shaped(pattern);
    GlobBuilder::new(&text)
        .literal_separator(true)
        .build()
        .err()
        .map(|e| format!("is not a pattern: {}", e.kind()))
}

impl Default for Domains {
    fn default() -> Domains {
        Domains::new(&BTreeMap::new())
    }
}

impl Domains {
    /// The rules of the built-in table; what the settings say of a domain takes the place of its built-in rules. What is no
    /// pattern means nothing: settings with such were refused.
    #[must_use]
    pub fn new(settings: &BTreeMap<String, Vec<String>>) -> Domains {
        let built_in = DOMAINS.iter().filter(|domain| !settings.contains_key(domain.name));
        let built_in = built_in.flat_map(|d| d.patterns.iter().map(|pattern| (d.name, *pattern)));
        let given =
            settings.iter().flat_map(|(name, patterns)| patterns.iter().map(|p| (name.as_str(), p.as_str())));
        let (mut rules, mut directories, mut files) = (Vec::new(), Set::default(), Set::default());
        for (domain, pattern) in built_in.chain(given) {
            let (glob, shape) = shaped(pattern);
            let Ok(built) = GlobBuilder::new(&glob).literal_separator(true).build() else { continue };
            let exact = shape == Shape::Name && glob.contains('/') && !glob.contains(['*', '?', '[', '{']);
            let purpose = domain == "tests" || domain == "docs" && shape == Shape::Directory;
            match shape {
                Shape::Directory => directories.add(built, rules.len()),
                Shape::Name | Shape::Extension => files.add(built, rules.len()),
            }
            rules.push(Rule { domain: domain.to_owned(), exact, purpose, shape });
        }
        let own = settings.keys().filter(|name| DOMAINS.iter().all(|d| d.name != *name)).cloned().collect();
        Domains { rules, directories: directories.build(), files: files.build(), own }
    }

    /// The domains of a path: those whose best rule is the most specific, or `other`; more than one where two are equally
    /// specific. Never empty.
    #[must_use]
    pub fn of(&self, path: &str) -> BTreeSet<&str> {
        let mut best: Option<Specificity> = None;
        let mut found: BTreeSet<&str> = BTreeSet::new();
        let mut see = |rule: usize, depth: usize| {
            let Some(Rule { domain, exact, purpose, shape }) = self.rules.get(rule) else { return };
            let new = Specificity { exact: *exact, purpose: *purpose, shape: *shape, depth };
            if best.is_none_or(|best| new > best) {
                found.clear();
            }
            if best.is_none_or(|best| new >= best) {
                best = Some(new);
                found.insert(domain);
            }
        };
        let (set, numbers) = &self.files;
        set.matches(path).into_iter().filter_map(|i| numbers.get(i)).for_each(|rule| see(*rule, 0));
        let (set, numbers) = &self.directories;
        for (depth, (end, _)) in path.match_indices('/').enumerate() {
            let above = &path[..end];
            set.matches(above)
                .into_iter()
                .filter_map(|i| numbers.get(i))
                .for_each(|rule| see(*rule, depth + 1));
        }
        if found.is_empty() {
            found.insert(OTHER);
        }
        found
    }

    /// The domain of most of some files; of several the first in merge order. None of no files.
    #[must_use]
    pub fn usual<T: AsRef<str>>(&self, paths: impl IntoIterator<Item = T>) -> Option<&str> {
        let mut tally: BTreeMap<&str, usize> = BTreeMap::new();
        for domain in paths.into_iter().flat_map(|path| self.of(path.as_ref())) {
            *tally.entry(domain).or_default() += 1;
        }
        let most = tally.values().max()?;
        let order = self.order();
        let place = |domain: &str| order.iter().position(|d| d == domain).unwrap_or(order.len());
        tally.iter().filter(|(_, n)| *n == most).map(|(domain, _)| *domain).min_by_key(|d| (place(d), *d))
    }

    /// True for a domain that has rules, and for `other`.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        name == OTHER || self.rules.iter().any(|rule| rule.domain == name)
    }

    /// The domain that a word of a heading means.
    #[must_use]
    pub fn meant(&self, word: &str) -> Option<&str> {
        let word = word.trim().to_lowercase();
        let also = DOMAINS.iter().find(|d| d.also.contains(&word.as_str())).map(|d| d.name);
        let names = self.rules.iter().map(|rule| rule.domain.as_str()).chain([OTHER]);
        let mut names = names.filter(|name| name.to_lowercase() == word || also == Some(*name));
        names.next()
    }

    /// All domains in the order in which their work is merged: built-in ones, those of the settings before `tests`.
    #[must_use]
    pub fn order(&self) -> Vec<String> {
        let mut order: Vec<String> = DOMAINS.iter().map(|d| d.name.to_owned()).collect();
        order.splice(BEFORE_OTHERS..BEFORE_OTHERS, self.own.iter().cloned());
        order.push(OTHER.to_owned());
        order
    }
}

/// The domain of most of some files or patterns, by the built-in table: what a task has that says none.
#[must_use]
pub fn usual_domain(patterns: &[String]) -> &'static str {
    static BUILT_IN: LazyLock<Domains> = LazyLock::new(Domains::default);
    BUILT_IN.usual(patterns.iter().map(|pattern| plain(pattern))).unwrap_or(OTHER)
}

/// What an agent of a domain is told first where the workspace says nothing.
#[must_use]
pub fn briefing(domain: &str) -> &'static str {
    DOMAINS.iter().find(|d| d.name == domain).map_or(BRIEFING, |d| d.briefing)
}

/// A rule as a glob over paths from the root, and what it looks at.
fn shaped(pattern: &str) -> (String, Shape) {
    let pattern = pattern.strip_prefix("./").unwrap_or(pattern);
    let directory = pattern.ends_with('/') || pattern.ends_with("/**");
    let rooted = pattern.starts_with('/');
    let inner = pattern.trim_end_matches("/**").trim_end_matches('/').trim_start_matches('/');
    let anywhere = !rooted && !inner.contains('/');
    let glob = if anywhere { format!("**/{inner}") } else { inner.to_owned() };
    let extension =
        inner.strip_prefix("*.").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_alphanumeric()));
    match (directory, extension && anywhere) {
        (true, _) => (glob, Shape::Directory),
        (false, true) => (glob, Shape::Extension),
        (false, false) => (glob, Shape::Name),
    }
}

/// Globs with the numbers of their rules.
#[derive(Default)]
struct Set {
    builder: Option<GlobSetBuilder>,
    numbers: Vec<usize>,
}

impl Set {
    fn add(&mut self, glob: globset::Glob, rule: usize) {
        self.builder.get_or_insert_with(GlobSetBuilder::new).add(glob);
        self.numbers.push(rule);
    }

    fn build(self) -> (GlobSet, Vec<usize>) {
        let set = self.builder.and_then(|builder| builder.build().ok()).unwrap_or_default();
        (set, self.numbers)
    }
}

#[cfg(test)]
mod tests;
