//! What an epic is called: its front matter, the name of its folder or file; and which domain a heading names.
//!
//! Knows texts only.

use super::Epic;
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::domains::Domains;
use crate::fields::Fields;
use crate::ids::is_id;
use crate::tree::{Span, Tree};
use crate::yaml;

/// Words of a heading beside the domain that it names.
const BESIDE: &[&str] = &[
    "agent",
    "changes",
    "code",
    "domain",
    "files",
    "implementation",
    "layer",
    "side",
    "tasks",
    "task",
    "team",
    "unit",
    "work",
];

/// First words of a heading that is a task.
const TASKS: &[&str] = &["task", "subtask", "story", "ticket", "issue", "feature", "unit", "item"];

/// True for the heading of a task, such as `Task 3: Login`; others, such as `Files to create`, only list.
pub(super) fn is_task(heading: &str) -> bool {
    let first = heading.split(|c: char| !c.is_alphanumeric()).find(|word| !word.is_empty());
    first.is_some_and(|word| TASKS.contains(&word.to_lowercase().as_str()))
}

/// Words of a heading that says nothing but that files follow, beside `file` and `files`.
const LISTING: &[&str] = &[
    "a", "add", "added", "affected", "all", "and", "be", "change", "changed", "changes", "create", "created",
    "delete", "deleted", "edit", "edited", "existing", "involved", "list", "modified", "modify", "new", "of",
    "or", "related", "relevant", "remove", "removed", "the", "to", "touch", "touched", "update", "updated",
];

/// Those of them that say that the files shall go,
const GOING: &[&str] = &["delete", "deleted", "remove", "removed"];

/// and those that say that they shall be there.
const STAYING: &[&str] = &[
    "add", "added", "change", "changed", "changes", "create", "created", "edit", "edited", "modified",
    "modify", "new", "touch", "touched", "update", "updated",
];

/// A heading of more bytes says more than that files follow, and is not looked at.
const MAX_LISTING_BYTES: usize = 200;

/// What becomes of the files below a heading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    /// They shall go.
    Go,
    /// They shall be there.
    Stay,
    /// It does not say.
    Open,
}

/// True for a heading that says nothing but that files follow, such as `Files to create`.
pub(crate) fn only_lists(heading: &str) -> bool {
    words_about_files(heading).is_some_and(|words| words.iter().all(|word| LISTING.contains(&word.as_str())))
}

/// What a heading says becomes of its files: they go only where it says nothing else.
pub(crate) fn fate(heading: &str) -> Fate {
    let Some(words) = words_about_files(heading) else { return Fate::Open };
    let any = |of: &[&str]| words.iter().any(|word| of.contains(&word.as_str()));
    match (any(GOING), any(STAYING)) {
        (true, false) if only_lists(heading) => Fate::Go,
        (false, true) => Fate::Stay,
        _ => Fate::Open,
    }
}

/// The words of a heading beside `file` and `files`, in small letters; none if neither stands there.
fn words_about_files(heading: &str) -> Option<Vec<String>> {
    let lower = Some(heading).filter(|heading| heading.len() <= MAX_LISTING_BYTES)?.to_lowercase();
    let words = lower.split(|c: char| !c.is_alphanumeric()).filter(|word| word.contains(char::is_alphabetic));
    let (files, others): (Vec<&str>, Vec<&str>) = words.partition(|word| ["file", "files"].contains(word));
    (!files.is_empty()).then(|| others.into_iter().map(str::to_owned).collect())
}

/// The id of an epic by where its task list lies: the nearest folder `{EPIC}-{slug}`, such as `EPIC-7-login`, else the name
/// of the file without its extension. `None` if neither is an id.
#[must_use]
pub fn epic_of_path(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let file = parts.pop()?;
    let folder = parts.iter().rev().find_map(|part| of_folder(part));
    let stem = file.split_once('.').filter(|(stem, _)| !stem.is_empty()).map_or(file, |(stem, _)| stem);
    folder.or_else(|| is_id(stem).then(|| stem.to_owned()))
}

/// `EPIC-7-login` is of `EPIC-7`: letters, a dash, digits, a dash.
fn of_folder(name: &str) -> Option<String> {
    let (word, rest) = name.split_once('-')?;
    let (number, slug) = rest.split_once('-').unwrap_or((rest, ""));
    let letters = !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphabetic());
    let digits = !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
    (letters && digits && !slug.is_empty()).then(|| format!("{word}-{number}"))
}

/// That an epic is called as nothing can be called.
pub(crate) fn no_id(id: &str, place: Span) -> Diagnostic {
    let message = format!("`{}` is not an id", id.escape_debug());
    let help = "ids are 1 to 128 of A-Z a-z 0-9 . _ -, without `..`, not starting with `-` or `.`";
    Diagnostic::error(Code::BadId, place, message).help(help)
}

/// Reads the front matter: `epic` or `epic_id`, and `title`; other keys are nobody's business here.
pub(super) fn front_matter(source: &str, span: &Span, epic: &mut Epic) {
    let text = source.get(span.clone()).unwrap_or_default();
    let mut problems: Problems = Vec::new();
    let tree = yaml::read(text, &mut problems);
    for mut problem in problems {
        problem.span = problem.span.start + span.start..problem.span.end + span.start;
        epic.problems.push(problem);
    }
    let Some(root) = tree.as_ref().and_then(Tree::root) else { return };
    let fields = Fields::of(root);
    for key in ["epic", "epic_id"] {
        let (Some(item), Some(id)) = (fields.get(key), fields.text(key)) else { continue };
        if is_id(&id) {
            epic.id = epic.id.take().or(Some(id));
        } else {
            let place = item.span().start + span.start..item.span().end + span.start;
            epic.problems.push(no_id(&id, place));
        }
    }
    epic.title = fields.text("title");
}

/// The domain that a heading names: alone, before a colon or dash, or in brackets at its end.
pub(super) fn domain_of_heading(heading: &str, domains: &Domains) -> Option<String> {
    let heading = heading.trim();
    if let Some((_, inner)) = heading.strip_suffix(')').and_then(|rest| rest.rsplit_once('('))
        && let Some(domain) = domains.meant(inner)
    {
        return Some(domain.to_owned());
    }
    let bare = heading.split_once('(').map_or(heading, |(before, _)| before);
    let mut parts = bare.split([':', '–', '—']).flat_map(|part| part.split(" - "));
    // `Phase 2: Backend` names it behind its number.
    let numbered = |part: &&str| part.split_whitespace().any(|word| word.bytes().any(|b| b.is_ascii_digit()));
    let first = parts.next()?;
    let named = named(first, domains);
    named.or_else(|| {
        numbered(&first).then(|| parts.next().and_then(|part| self::named(part, domains))).flatten()
    })
}

/// The domain of a text that is nothing but its name and words that go with it.
fn named(text: &str, domains: &Domains) -> Option<String> {
    let plain = |word: &&str| word.chars().any(char::is_alphabetic);
    let beside = |word: &&str| !BESIDE.contains(&word.to_lowercase().as_str());
    let words: Vec<&str> =
        text.split(|c: char| c.is_whitespace() || "/&,.*_`".contains(c)).filter(plain).collect();
    let kept: Vec<&str> = words.iter().copied().filter(beside).collect();
    match kept[..] {
        [word] => domains.meant(word).map(str::to_owned),
        _ => None,
    }
}
