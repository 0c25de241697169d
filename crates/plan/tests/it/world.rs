//! Loads plans the way the binary does: on a thread with 8 MiB of stack.
//!
//! Answers problems as short lines, so that a test is one literal.

use regatta_plan::{Format, Given, Loaded, Plan, load};

/// Loads a YAML text.
pub fn yaml(text: &str) -> Loaded {
    as_format(text, Format::Yaml)
}

/// Loads a text of a format.
pub fn as_format(text: &str, format: Format) -> Loaded {
    let text = text.to_owned();
    let thread = std::thread::Builder::new().stack_size(8 << 20);
    let loaded = thread.spawn(move || load(("plan", text.as_bytes()), format, &Given::default()));
    loaded
        .ok()
        .and_then(|t| t.join().ok())
        .into_iter()
        .next()
        .unwrap_or_else(|| load(("", b""), format, &Given::default()))
}

/// The plan of a text that has one.
pub fn plan(text: &str) -> Plan {
    let loaded = yaml(text);
    loaded.plan.clone().unwrap_or_else(|| panic!("{}", loaded.render(false)))
}

/// Compares all problems of a plan, as `CODE line:column message`, a line each.
pub fn check(text: &str, expect: &str) {
    let found: Vec<String> = yaml(text)
        .facts()
        .iter()
        .map(|f| format!("{} {}:{} {}", f.code, f.line, f.column, f.message))
        .collect();
    assert_eq!(found.join("\n"), expect, "{text}");
}
