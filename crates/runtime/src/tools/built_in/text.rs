//! A text with names and blocks filled in, in the language of Jinja. A name without a value is an error.
//!
//! Pure: nothing is included or imported, and the work is bounded.

use minijinja::value::Serde;
use minijinja::{Environment, UndefinedBehavior};
use serde_json::{Map, Value};

/// Steps that a template may take: enough for a million lines, and over in a second.
const FUEL: u64 = 10_000_000;
/// Most levels of blocks and calls within each other.
const DEPTH: usize = 64;

/// Fills a text.
pub(super) fn fill(text: &str, vars: Option<&Value>) -> Result<Value, String> {
    let none = Value::Object(Map::new());
    let vars = match vars {
        None | Some(Value::Null) => &none,
        Some(vars @ Value::Object(_)) => vars,
        Some(other) => return Err(format!("`vars` must be a map, not {other}")),
    };
    let mut environment = Environment::new();
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_fuel(Some(FUEL));
    environment.set_recursion_limit(DEPTH);
    let mut filled = environment.render_str(text, Serde(vars)).map_err(|error| error.to_string())?;
    // The language takes the last one away.
    if text.ends_with('\n') {
        filled.push('\n');
    }
    Ok(Value::String(filled))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn names_are_filled_in_and_a_missing_one_or_endless_work_is_an_error() {
        let vars = json!({ "who": "A", "list": [1, 2], "deep": { "x": true } });
        let check =
            |text: &str, expect: &str| assert_eq!(fill(text, Some(&vars)), Ok(json!(expect)), "{text}");
        check("hello {{ who }}\n", "hello A\n");
        check("{% for n in list %}{{ n }};{% endfor %}", "1;2;");
        check("{% if deep.x %}yes{% endif %}{{ list|length }}", "yes2");
        check("<{{ '<b>' }}>", "<<b>>");
        for text in [
            "{{ nobody }}",
            "{{ who",
            "{% include 'x' %}",
            "{% for a in range(9999) %}{% for b in range(9999) %}{{ b }}{% endfor %}{% endfor %}",
        ] {
            assert!(fill(text, Some(&vars)).is_err(), "{text}");
        }
        assert_eq!(fill("x", None), Ok(json!("x")));
        assert!(fill("x", Some(&json!([1]))).is_err());
    }
}
