//! References in texts and scripts, durations.
//!
//! One input is fed to all of them: what is a reference to one is plain text to the other.

use crate::corpus;
use crate::target::{Judge, Signature, Target, kind_of, must};
use regatta_plan::parse_duration_ms;
use regatta_plan::reference::{Part, Ref, RefError, Script, Template, follow};
use serde_json::json;

/// Texts and scripts.
pub const TEXTS: Target = Target {
    name: "texts",
    doc: "references in texts and scripts, durations",
    words: &[
        "${",
        "}",
        "$${",
        "${a.result}",
        "${a.result.x.0}",
        "${item}",
        "${inputs.x}",
        "${x:-y}",
        "$${a.map(f)}",
        "$${a.b,c}",
        "sh -c '",
        "'",
        "\"",
        "\\",
        "`",
        "$(",
        "$((",
        ")",
        "((",
        "<<",
        "<<-",
        "<<'E'\n",
        "<<E\n",
        "E\n",
        "\tE\n",
        "<<<",
        "#",
        "case x in ",
        " a) ",
        ";; ",
        "esac",
        ";",
        "&",
        "|",
        "\n",
        "if ",
        "then ",
        "{",
        "[",
        "]",
        ".",
        "..",
        "1h",
        "30m",
        "ms",
        "99999999999999999999s",
        "\u{e9}",
        "\u{0}",
    ],
    corpus: || corpus::pieces("texts"),
    judge: || Ok(Box::new(judge) as Judge),
};

fn judge(bytes: &[u8]) -> Result<Signature, String> {
    let text = String::from_utf8_lossy(bytes);
    let script = match Script::parse(&text) {
        Ok(script) => {
            check_script(&text, &script)?;
            "a script".to_owned()
        }
        Err(error) => refused(&text, &error)?,
    };
    let template = match Template::parse(&text) {
        Ok(template) => {
            check_template(&text, &template)?;
            "a text".to_owned()
        }
        Err(error) => refused(&text, &error)?,
    };
    let ms = parse_duration_ms(&text);
    must(ms.is_none_or(|ms| ms <= 10 * 366 * 86_400_000), || format!("a duration of {ms:?} ms"))?;
    Ok(Signature::of([script, template, format!("{}", ms.is_some())]))
}

fn refused(text: &str, error: &RefError) -> Result<String, String> {
    must(text.get(error.span.clone()).is_some_and(|at| at.starts_with("${")), || {
        format!("{:?} is no place of a reference: {}", error.span, error.message)
    })?;
    Ok(kind_of(&error.message))
}

/// Apart from its references, which became variables, the script is as it was; and it has none left. Two dollars before a
/// reference are the text itself, which is written as the quotes around it want it.
fn check_script(text: &str, script: &Script) -> Result<(), String> {
    let (mut expected, mut at) = (String::new(), 0);
    for (n, reference) in script.refs.iter().enumerate() {
        check_ref(text, reference)?;
        must(reference.span.start >= at, || "references out of order".to_owned())?;
        expected.push_str(&text[at..reference.span.start]);
        expected.push_str(&format!("${{REGATTA_REF_{}}}", n + 1));
        at = reference.span.end;
    }
    expected.push_str(&text[at..]);
    let became = || format!("the script became {:?}", script.script);
    if text.contains("$${") {
        return must(bare(&script.script) == bare(&expected), became);
    }
    must(script.script == expected, became)?;
    let again = Script::parse(&script.script).map_err(|e| format!("not a script any more: {}", e.message))?;
    must(again.refs.is_empty() && again.script == script.script, || "a reference is left".to_owned())
}

/// A script without what stands before braces.
fn bare(script: &str) -> String {
    let mut pieces = script.split('{').peekable();
    let mut bare = String::new();
    while let Some(piece) = pieces.next() {
        let is_last = pieces.peek().is_none();
        bare.push_str(if is_last { piece } else { piece.trim_end_matches(['$', '\\']) });
        bare.push_str(if is_last { "" } else { "{" });
    }
    bare
}

/// Its parts in order, with literals as they were written, are the text.
fn check_template(text: &str, template: &Template) -> Result<(), String> {
    let mut written = String::new();
    for part in &template.parts {
        match part {
            Part::Text(literal) => written.push_str(&literal.replace("${", "$${")),
            Part::Ref(reference) => {
                check_ref(text, reference)?;
                written.push_str(&text[reference.span.clone()]);
            }
        }
    }
    must(written == text, || format!("the parts are {written:?}"))
}

fn check_ref(text: &str, reference: &Ref) -> Result<(), String> {
    let there = text.get(reference.span.clone());
    let name = reference.name();
    must(there == Some(&format!("${{{name}}}")), || format!("{there:?} was read as `{name}`"))?;
    let value = json!({ "x": [1, { "y": null }, "text"], "result": { "x": "é" } });
    // Whatever the path is: a value, or what was there instead.
    match follow(&value, &reference.path, &name) {
        Ok(found) => must(!found.is_null(), || "a null was found".to_owned()),
        Err(error) => must(error.0.contains(&name), || format!("`{name}` is not named: {}", error.0)),
    }
}
