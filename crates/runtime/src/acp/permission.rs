//! How a request for a permission is answered: by the kind of its options, never by their names or their order.
//!
//! Pure. Knows both versions of the request.

use crate::redact::bounded;
use regatta_plan::model::Permissions;
use serde_json::Value;

/// The answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Answer {
    /// This option.
    Option(String),
    /// None of them fits: the request is cancelled.
    Cancelled,
}

/// What a yes would choose.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Yes {
    /// This once.
    Once,
    /// From now on: the agent offers nothing less.
    Always,
}

const ONCE: &str = "allow_once";
const ALWAYS: &str = "allow_always";

/// Kinds of tools that change no more than files.
const EDITS: [&str; 5] = ["read", "search", "think", "edit", "move"];

/// Whether what a request asks for is allowed unasked.
pub(super) fn allowed(permissions: Permissions, request: &Value) -> bool {
    match permissions {
        Permissions::Allow => true,
        Permissions::Edit => EDITS.contains(&kind(request)),
        Permissions::Deny | Permissions::Ask => false,
    }
}

/// The option that says so.
pub(super) fn answer(allowed: bool, request: &Value) -> Answer {
    let kinds = if allowed { [ONCE, ALWAYS] } else { ["reject_once", "reject_always"] };
    let of = |kind: &str| option(request, kind).map(str::to_owned);
    kinds.into_iter().find_map(of).map_or(Answer::Cancelled, Answer::Option)
}

/// What a yes would choose of the options; none if there is nothing to choose.
pub(super) fn yes(request: &Value) -> Option<Yes> {
    [(ONCE, Yes::Once), (ALWAYS, Yes::Always)].into_iter().find_map(|(kind, yes)| {
        option(request, kind)?;
        Some(yes)
    })
}

/// The option of a kind.
fn option<'a>(request: &'a Value, kind: &str) -> Option<&'a str> {
    let options = request.get("options")?.as_array()?;
    let option = options.iter().find(|option| option.get("kind").and_then(Value::as_str) == Some(kind))?;
    option.get("optionId")?.as_str()
}

/// What is asked for, for people: the words of the request, and what the tool would do where they do not say it.
pub(super) fn title(request: &Value) -> String {
    let of = |places: &[&str]| places.iter().find_map(|at| request.pointer(at)?.as_str());
    let tool = ["/toolCall/title", "/subject/toolCall/title", "/toolCall/name", "/subject/toolCall/name"];
    let title = match (of(&["/title"]), of(&tool)) {
        (Some(asked), Some(tool)) if !asked.contains(tool) => format!("{asked} {tool}"),
        (Some(said), _) | (None, Some(said)) => said.to_owned(),
        (None, None) => "a tool".to_owned(),
    };
    bounded(title)
}

/// The kind of the tool, in either version; empty if it is not told.
pub(super) fn kind(request: &Value) -> &str {
    let at = ["/toolCall/kind", "/subject/toolCall/kind"];
    at.iter().find_map(|at| request.pointer(at)?.as_str()).unwrap_or_default()
}

/// The name of the mode that fits best of those that the answer to a new session offers: one that only reads where nothing
/// is allowed, one in which the agent asks where a person decides. Else the agent's own stays.
pub(super) fn mode(permissions: Permissions, session: &Value) -> Option<String> {
    let wanted: &[&str] = match permissions {
        Permissions::Deny => &["read-only", "plan"],
        // What reads alone asks before it does more.
        Permissions::Ask => &["ask", "default", "read-only"],
        Permissions::Edit | Permissions::Allow => &[],
    };
    let modes = modes(session);
    wanted.iter().find(|want| modes.iter().any(|mode| mode == *want)).map(|mode| (*mode).to_owned())
}

fn modes(session: &Value) -> Vec<String> {
    let ids = |at: &str, id: &str| -> Vec<String> {
        let list = session.pointer(at).and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        list.iter().filter_map(|entry| entry.get(id)?.as_str().map(str::to_owned)).collect()
    };
    let options = session.get("configOptions").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
    let mode =
        options.iter().position(|option| option.get("configId").and_then(Value::as_str) == Some("mode"));
    let mut modes = ids("/modes/availableModes", "id");
    if let Some(at) = mode {
        modes.extend(ids(&format!("/configOptions/{at}/options"), "value"));
    }
    modes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redact::MOST_UNREDACTED;
    use serde_json::json;

    fn options() -> Value {
        json!([
            { "optionId": "always", "name": "Yes", "kind": "allow_always" },
            { "optionId": "once", "name": "No", "kind": "allow_once" },
            { "optionId": "reject", "name": "Yes", "kind": "reject_once" },
        ])
    }

    #[test]
    fn a_permission_is_answered_by_the_kind_of_its_options() {
        let option = |id: &str| Answer::Option(id.to_owned());
        let request = json!({ "options": options() });
        assert_eq!((answer(true, &request), answer(false, &request)), (option("once"), option("reject")));
        let only_allows = json!({ "options": [{ "optionId": "a", "kind": "allow_always" }] });
        assert_eq!(
            (answer(true, &only_allows), answer(false, &only_allows)),
            (option("a"), Answer::Cancelled)
        );
        assert_eq!(answer(true, &json!({ "options": "x" })), Answer::Cancelled);
        assert_eq!([yes(&request), yes(&only_allows)], [Some(Yes::Once), Some(Yes::Always)]);
        let no_yes = json!({ "options": [{ "optionId": "n", "kind": "reject_once" }] });
        assert_eq!([yes(&no_yes), yes(&json!({}))], [None, None]);
    }

    #[test]
    fn what_is_asked_for_names_what_the_tool_would_do() {
        let call = json!({ "title": "echo hi >x", "name": "exec" });
        let check = |request: Value, said: &str| assert_eq!(title(&request), said);
        check(json!({ "title": "Run command?", "subject": { "toolCall": call } }), "Run command? echo hi >x");
        check(json!({ "title": "Write x", "subject": { "toolCall": { "title": "Write x" } } }), "Write x");
        check(json!({ "toolCall": call }), "echo hi >x");
        check(json!({ "toolCall": { "name": "exec" } }), "exec");
        check(json!({}), "a tool");
        let long = format!("{} a s3cret", "x".repeat(MOST_UNREDACTED - 5));
        check(json!({ "title": long }), &format!("{} a…", "x".repeat(MOST_UNREDACTED - 5)));
        check(json!({ "title": "ü".repeat(MOST_UNREDACTED) }), "…");
    }

    #[test]
    fn the_mode_that_fits_the_permissions_is_set_where_one_is_offered_in_either_version() {
        let first = json!({ "modes": { "availableModes": [{ "id": "plan" }, { "id": "default" }] } });
        let options = json!([{ "value": "agent" }, { "value": "read-only" }]);
        let second = json!({ "configOptions": [{ "configId": "mode", "options": options }] });
        let of = |permissions| [mode(permissions, &first), mode(permissions, &second)];
        let some = |text: &str| Some(text.to_owned());
        assert_eq!(of(Permissions::Deny), [some("plan"), some("read-only")]);
        assert_eq!(of(Permissions::Ask), [some("default"), some("read-only")]);
        assert_eq!(of(Permissions::Edit), [None, None]);
        assert_eq!(mode(Permissions::Ask, &json!({ "modes": 7 })), None);
    }

    #[test]
    fn edit_allows_changes_of_files_and_no_commands_in_either_version() {
        let check = |kind: &str, deny: bool, edit: bool, allow: bool| {
            for request in [
                json!({ "toolCall": { "kind": kind } }),
                json!({ "subject": { "toolCall": { "kind": kind } } }),
            ] {
                let of = |permissions| allowed(permissions, &request);
                let found = [
                    of(Permissions::Deny),
                    of(Permissions::Edit),
                    of(Permissions::Allow),
                    of(Permissions::Ask),
                ];
                assert_eq!(found, [deny, edit, allow, false], "{request}");
            }
        };
        check("edit", false, true, true);
        check("execute", false, false, true);
        check("delete", false, false, true);
        check("something new", false, false, true);
    }
}
