//! `when` conditions: parsed, and evaluated where that cannot take long.
//!
//! Whatever the text is: an answer, the same one twice, and names that were written there.

use crate::corpus;
use crate::target::{Judge, Signature, Target, kind_of, must};
use regatta_plan::when::{Condition, MAX_CONDITION_BYTES};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Conditions.
pub const CONDITIONS: Target = Target {
    name: "conditions",
    doc: "`when` conditions",
    words: &[
        "(",
        ")",
        "[",
        "]",
        "{",
        "}",
        ".",
        ",",
        "!",
        "-",
        "+",
        "*",
        "/",
        "%",
        "&&",
        "||",
        "==",
        "!=",
        "<",
        "<=",
        " in ",
        "?",
        ":",
        "\"",
        "'",
        "'''",
        "r'",
        "b'",
        "\\",
        "\\x",
        "\\u0000",
        "//",
        "\n",
        "true",
        "null",
        "0x10",
        "1e309",
        "9223372036854775808",
        "1u",
        "tasks",
        "tasks[\"a\"]",
        "a.status",
        "a.result.x",
        "inputs.x",
        "env",
        "matrix",
        "item",
        "index",
        "has(",
        "size(",
        ".all(x, ",
        ".exists(x, ",
        ".map(x, ",
        ".filter(x, ",
        ".matches('(a+)+$')",
        "duration('1h')",
        "timestamp('x')",
        "type(",
        "string(",
        "int(",
        "\u{e9}",
    ],
    corpus: || corpus::pieces("conditions"),
    judge: || Ok(Box::new(judge) as Judge),
};

fn judge(bytes: &[u8]) -> Result<Signature, String> {
    let bytes = &bytes[..bytes.len().min(2 * MAX_CONDITION_BYTES)];
    let text = String::from_utf8_lossy(bytes);
    let condition = match Condition::parse(&text) {
        Ok(condition) => condition,
        Err(why) => {
            must(!why.is_empty() && why.len() < 4_096, || format!("a complaint of {} bytes", why.len()))?;
            return Ok(Signature::of([kind_of(&why)]));
        }
    };
    must(text.len() <= MAX_CONDITION_BYTES, || "longer than it may be".to_owned())?;
    let invented = |name: &&String| text.is_ascii() && !text.contains('\\') && !text.contains(name.as_str());
    if let Some(name) = condition.names.iter().find(invented) {
        return Err(format!("`{name}` was never written in {text}"));
    }
    let kinds = [format!("{}", condition.asks_for_all), format!("{}", condition.names.len())];
    // Loops within loops take as long as they like.
    let loops = [".all(", ".exists", ".map(", ".filter("]
        .iter()
        .map(|word| text.matches(word).count())
        .sum::<usize>();
    if loops > 1 {
        return Ok(Signature::of(kinds));
    }
    let answer = evaluate(&condition);
    must(answer == evaluate(&condition), || "two answers".to_owned())?;
    let answer = match answer {
        Ok(answer) => answer.to_string(),
        Err(why) => kind_of(&why),
    };
    Ok(Signature::of(kinds.into_iter().chain([answer])))
}

fn evaluate(condition: &Condition) -> Result<bool, String> {
    let facts = json!({ "status": "succeeded", "duration_ms": 12, "exit_code": 0, "result": { "x": [1, 2.5, "é", null], "n": 3 } });
    let tasks: BTreeMap<String, Value> = [("a".to_owned(), facts.clone()), ("b-c".to_owned(), facts)].into();
    let others = [("inputs", json!({ "x": "y" })), ("env", json!({})), ("matrix", json!({ "os": "l" }))];
    condition.evaluate(&tasks, &others)
}
