//! The rules as data: the public rule set of gitleaks, and those of our own for names of keys and for credentials in
//! URLs, headers and options.
//!
//! One automaton over all keywords decides which rules are tried and where. Expressions are compiled when first tried:
//! most runs try a few.

use crate::allow::{Allow, Found, Target, entropy, is_made_of_rows};
use crate::private_key;
use crate::span::{MARKER, Open, Span, rank};
use crate::window::{Reach, Windows, end_of_token};
use aho_corasick::AhoCorasick;
use regex::bytes::{Regex, RegexBuilder, RegexSetBuilder};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::{LazyLock, OnceLock};

const GITLEAKS: &str = include_str!("../rules/gitleaks.json");
const OWN: &str = include_str!("../rules/own.json");
/// The rule that is no expression: a private key may be longer than any window.
const PRIVATE_KEY: &str = "private-key";
/// The rule that takes any two words with a colon between them in quotes, the marker too; unquoted it is no match.
const CURL_USER: &str = "curl-auth-user";
/// A name is looked at so far back.
const MAX_NAME_BYTES: usize = 64;
/// Compiled, a rule takes at most this much.
const MAX_REGEX_BYTES: usize = 64 << 20;

#[derive(serde::Deserialize)]
struct Document {
    #[cfg(test)]
    version: String,
    #[serde(default)]
    allow: Vec<AllowData>,
    /// Lists that several rules share.
    #[serde(default)]
    lists: BTreeMap<String, Vec<AllowData>>,
    /// Lists that hold for rules of the public set too.
    #[serde(default)]
    also: BTreeMap<String, Vec<String>>,
    rules: Vec<RuleData>,
}

#[derive(serde::Deserialize)]
struct RuleData {
    id: String,
    regex: String,
    keywords: Vec<String>,
    #[serde(default)]
    entropy: f64,
    /// The group that is the secret.
    #[serde(default = "first_group")]
    group: usize,
    #[serde(default)]
    allow: Vec<AllowData>,
    /// Names of shared lists.
    #[serde(default)]
    lists: Vec<String>,
    /// A person may have chosen it, so a row of letters is one too.
    #[serde(default)]
    chosen: bool,
}

fn first_group() -> usize {
    1
}

#[derive(serde::Deserialize)]
struct AllowData {
    #[serde(default)]
    target: Target,
    #[serde(default)]
    bare: bool,
    #[serde(default)]
    regexes: Vec<String>,
    #[serde(default)]
    stopwords: Vec<String>,
}

struct Rule {
    data: RuleData,
    reach: Reach,
    rank: u8,
    ready: OnceLock<Ready>,
}

struct Ready {
    regex: Regex,
    allow: Vec<Allow>,
}

/// Lists that several rules share, compiled when first asked.
struct Shared {
    data: Vec<AllowData>,
    ready: OnceLock<Vec<Allow>>,
}

struct RuleSet {
    rules: Vec<Rule>,
    /// Allowed for every rule of the public set.
    common: Shared,
    lists: BTreeMap<String, Shared>,
    keywords: AhoCorasick,
    /// Rules of each keyword.
    rules_of: Vec<Vec<usize>>,
}

static RULES: LazyLock<RuleSet> = LazyLock::new(RuleSet::load);

/// The version of the rules, as it is written into a run: that of the public set, and of ours.
pub const VERSION: &str = "gitleaks-b58d3f102cf3+own-6";

/// What a rule found in a text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Finding {
    /// The rule.
    pub rule: String,
    /// It is the shape of a known token, not a guess by the name of a key.
    pub is_sure: bool,
}

/// The surest secret that the rules find in a text.
#[must_use]
pub fn found_in(text: &str) -> Option<Finding> {
    let mut spans = Vec::new();
    find(text.as_bytes(), &mut spans);
    let surest = spans.into_iter().max_by_key(|span| (span.rank, Reverse(span.start)))?;
    Some(Finding { is_sure: surest.rank == rank::RULE, rule: surest.rule.into_owned() })
}

/// True if a keyword of some rule stands in `text`.
pub(crate) fn has_keyword(text: &[u8]) -> bool {
    RULES.keywords.is_match(text)
}

/// Adds what the rules find in `text`.
pub(crate) fn find(text: &[u8], spans: &mut Vec<Span<'_>>) {
    let set = &*RULES;
    let mut windows = Windows::new(text);
    let mut tries: BTreeMap<usize, Vec<Range<usize>>> = BTreeMap::new();
    for hit in set.keywords.find_overlapping_iter(text) {
        for &number in &set.rules_of[hit.pattern().as_usize()] {
            let window = windows.around(hit.start(), set.rules[number].reach);
            let of_rule = tries.entry(number).or_default();
            match of_rule.last_mut() {
                Some(last) if window.start <= last.end => last.end = last.end.max(window.end),
                _ => of_rule.push(window),
            }
        }
    }
    for (number, windows) in tries {
        let rule = &set.rules[number];
        for window in windows {
            if rule.data.id == PRIVATE_KEY {
                private_key::find(text, window, spans);
            } else {
                rule.try_in(set, (text, window), spans);
            }
        }
    }
}

impl RuleSet {
    #[expect(
        clippy::expect_used,
        reason = "the data is compiled in, and a test reads and compiles all of it"
    )]
    fn load() -> RuleSet {
        let mut public: Document = serde_json::from_str(GITLEAKS).expect("the public rules are JSON");
        let own: Document = serde_json::from_str(OWN).expect("our rules are JSON");
        let common = Shared::new(std::mem::take(&mut public.allow));
        for rule in &mut public.rules {
            rule.lists = own.also.get(&rule.id).cloned().unwrap_or_default();
        }
        let lists = own.lists.into_iter().map(|(name, data)| (name, Shared::new(data))).collect();
        let generic = |id: &str| if id == "generic-api-key" { rank::GENERIC } else { rank::RULE };
        let public = public.rules.into_iter().map(|data| (generic(&data.id), data));
        let own = own.rules.into_iter().map(|data| (rank::NAME, data));
        let rules: Vec<Rule> = public.chain(own).map(|(rank, data)| Rule::new(data, rank)).collect();
        let mut by_keyword: BTreeMap<String, BTreeSet<usize>> = BTreeMap::new();
        for (number, rule) in rules.iter().enumerate() {
            for keyword in &rule.data.keywords {
                by_keyword.entry(keyword.to_ascii_lowercase()).or_default().insert(number);
            }
        }
        let keywords = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(by_keyword.keys())
            .expect("the keywords make an automaton");
        let rules_of = by_keyword.into_values().map(|rules| rules.into_iter().collect()).collect();
        RuleSet { rules, common, lists, keywords, rules_of }
    }
}

impl AllowData {
    fn compile(&self) -> Result<Allow, regex::Error> {
        let regexes =
            RegexSetBuilder::new(&self.regexes).unicode(false).size_limit(MAX_REGEX_BYTES).build()?;
        let words = AhoCorasick::builder().ascii_case_insensitive(true).build(&self.stopwords).ok();
        Ok(Allow {
            target: self.target,
            bare: self.bare,
            regexes,
            stopwords: words.filter(|_| !self.stopwords.is_empty()),
        })
    }
}

impl Shared {
    fn new(data: Vec<AllowData>) -> Shared {
        Shared { data, ready: OnceLock::new() }
    }

    fn ready(&self) -> &[Allow] {
        self.ready.get_or_init(|| self.data.iter().filter_map(|data| data.compile().ok()).collect())
    }
}

impl Rule {
    fn new(data: RuleData, rank: u8) -> Rule {
        let far = ["[\\r\\n]", "(?s", "[\\s\\S"].iter().any(|part| data.regex.contains(part));
        Rule { reach: if far { Reach::Far } else { Reach::Near }, data, rank, ready: OnceLock::new() }
    }

    fn ready(&self) -> &Ready {
        self.ready.get_or_init(|| self.compile().unwrap_or_else(|_| never()))
    }

    fn compile(&self) -> Result<Ready, regex::Error> {
        let regex = RegexBuilder::new(&self.data.regex).unicode(false).size_limit(MAX_REGEX_BYTES).build()?;
        let allow = self.data.allow.iter().map(AllowData::compile).collect::<Result<_, _>>()?;
        Ok(Ready { regex, allow })
    }

    fn try_in(&self, set: &RuleSet, (text, window): (&[u8], Range<usize>), spans: &mut Vec<Span<'_>>) {
        let Ready { regex, allow } = self.ready();
        let hay = &text[..window.end];
        let mut groups = regex.capture_locations();
        let mut at = window.start;
        while at <= hay.len() {
            let Some(all) = regex.captures_read_at(&mut groups, hay, at) else { return };
            let any = || (1..groups.len()).find_map(|i| groups.get(i).filter(|(from, to)| from < to));
            let chosen = groups.get(self.data.group).filter(|(from, to)| from < to);
            let chosen = if self.rank == rank::NAME { chosen.or_else(any) } else { chosen };
            let (from, to) = chosen.unwrap_or((all.start(), all.end()));
            let found = Found {
                secret: &hay[from..to],
                all: all.as_bytes(),
                within: (text, all.start()),
                name: &hay[start_of_name(hay, all.start())..from],
                bare: !matches!(hay[..from].last(), Some(b'"' | b'\'' | b'`')),
            };
            if from < to && self.is_secret(set, found, allow) {
                spans.push(self.span(text, from..to, window.end));
                at = to.max(at + 1);
            } else {
                at = if from > all.start() { from } else { all.end().max(at + 1) };
            }
        }
    }

    fn is_secret(&self, set: &RuleSet, found: Found<'_>, allow: &[Allow]) -> bool {
        let poor = self.data.entropy > 0.0 && entropy(found.secret) <= self.data.entropy;
        let common =
            Some(&set.common).filter(|_| self.rank != rank::NAME).into_iter().flat_map(Shared::ready);
        let shared = self.data.lists.iter().filter_map(|name| set.lists.get(name)).flat_map(Shared::ready);
        let allowed = || common.chain(allow).chain(shared).any(|list| list.allows(found));
        let rows = || !self.data.chosen && is_made_of_rows(found.secret);
        let marked = || found.secret.windows(MARKER.len()).any(|part| part == MARKER.as_bytes());
        !(poor || rows() || marked() || allowed())
    }

    /// A secret that reaches the end of its window is longer than it.
    fn span(&self, text: &[u8], secret: Range<usize>, window_end: usize) -> Span<'static> {
        let secret = if self.data.id == CURL_USER { secret } else { without_quotes(text, secret) };
        let (mut end, mut open) = (secret.end, None);
        if end == window_end && text[..end].last() != Some(&b'\n') {
            end = end_of_token(text, end);
            open = (end == text.len()).then_some(Open::Token);
        }
        Span { open, ..Span::new(secret.start, end, self.data.id.clone(), self.rank) }
    }
}

/// Where the name begins in which a match begins: `csrf-token` for `token`.
fn start_of_name(text: &[u8], at: usize) -> usize {
    let of_name = |b: &u8| b.is_ascii_alphanumeric() || b"_.-: ".contains(b);
    let from = at.saturating_sub(MAX_NAME_BYTES);
    text[from..at].iter().rposition(|b| !of_name(b)).map_or(from, |i| from + i + 1)
}

/// Quotes around a secret stay, so that JSON stays JSON.
fn without_quotes(text: &[u8], secret: Range<usize>) -> Range<usize> {
    match &text[secret.clone()] {
        [first @ (b'"' | b'\'' | b'`'), .., last] if first == last => secret.start + 1..secret.end - 1,
        _ => secret,
    }
}

/// An expression that matches nothing, for a rule that does not compile; a test shows that all do.
fn never() -> Ready {
    #[expect(clippy::expect_used, reason = "an empty class always compiles")]
    let regex = Regex::new(r"[^\s\S]").expect("an empty class");
    Ready { regex, allow: Vec::new() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_rule_compiles_and_has_a_keyword() {
        assert_eq!(RULES.rules.iter().filter(|rule| rule.rank != rank::NAME).count(), 221);
        for rule in &RULES.rules {
            assert!(rule.compile().is_ok(), "{}: {:?}", rule.data.id, rule.compile().err());
            assert!(!rule.data.keywords.is_empty(), "{}", rule.data.id);
        }
        assert_eq!(RULES.common.ready().len(), 1);
        for (name, list) in &RULES.lists {
            assert_eq!(list.ready().len(), list.data.len(), "{name}");
        }
        let named = RULES.rules.iter().flat_map(|rule| &rule.data.lists);
        assert!(named.clone().count() > 10 && named.into_iter().all(|name| RULES.lists.contains_key(name)));
        let version = |text: &str| serde_json::from_str::<Document>(text).unwrap().version;
        assert_eq!(VERSION, format!("{}+{}", version(GITLEAKS), version(OWN)));
    }
}
