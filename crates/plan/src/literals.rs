//! Secrets that stand in a plan as they are: a plan is stored, shown and kept in a repository.
//!
//! Looks at every text of the document, whatever its key. What it finds is hidden in what is shown of the source.

use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::tree::{Item, Span, Value};
use regatta_redact::{found_in, is_secret_name};

/// A shorter text is no secret that a rule knows.
const MIN_BYTES: usize = 12;
/// Keys below which names are those of the user, who may have named a secret.
const FREE: [&str; 5] = ["env", "params", "inputs", "headers", "matrix"];

/// Finds secrets in a document.
pub(crate) fn check(root: Item<'_>, problems: &mut Problems) {
    let mut open: Vec<(Item<'_>, Option<&str>, bool)> = vec![(root, None, false)];
    while let Some((item, key, free)) = open.pop() {
        match item.value() {
            Value::Text(text) | Value::Plain(text) => {
                look(text, (item.span(), key.filter(|_| free)), problems);
            }
            Value::List(items) => open.extend(items.iter().map(|item| (item, key, free))),
            Value::Map(pairs) => open.extend(pairs.iter().map(|(k, item)| {
                let free = free || key.is_some_and(|key| FREE.contains(&key));
                (item, Some(k.text), free)
            })),
            Value::Null | Value::Bool(_) | Value::Number(_) => {}
        }
    }
}

/// An input of the command line is stored with the run as well.
pub(crate) fn check_given((name, value): (&str, &str), problems: &mut Problems) {
    if let Some(found) = found_in(value).filter(|found| found.is_sure) {
        let message = format!("the input `{name}` is a secret (rule {})", found.rule);
        problems.push(
            Diagnostic::error(Code::Secret, 0..0, message).help("name it in the plan's `vault` instead"),
        );
    }
}

fn look(text: &str, (span, key): (Span, Option<&str>), problems: &mut Problems) {
    if text.len() < MIN_BYTES {
        return;
    }
    let named = || {
        let key = key.filter(|key| is_secret_name(key) && !text.contains("${"))?;
        found_in(&format!("{key}=\"{text}\""))
    };
    let Some(found) = found_in(text).or_else(named) else { return };
    let problem = if found.is_sure {
        Diagnostic::error(Code::Secret, span, format!("a secret stands in the plan (rule {})", found.rule))
    } else {
        let message = format!("this looks like a secret (rule {})", found.rule);
        Diagnostic::warning(Code::Secret, span, message)
    };
    problems.push(
        problem
            .label("hidden here")
            .help("name it in `vault` and write `${vault.NAME}` in `env`, in `params` or in a script"),
    );
}

/// The source with `*` in the place of what was found, byte for byte.
pub(crate) fn hide(source: String, problems: &[Diagnostic]) -> String {
    let mut found = problems.iter().filter(|problem| problem.code == Code::Secret).peekable();
    if found.peek().is_none() {
        return source;
    }
    let mut bytes = source.into_bytes();
    for problem in found {
        let inside = bytes.get_mut(problem.span.clone()).into_iter().flatten();
        inside.filter(|b| !matches!(**b, b'\n' | b'\r' | b' ')).for_each(|b| *b = b'*');
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
