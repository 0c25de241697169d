//! What a path finds in data: JSONPath (RFC 9535) if it begins with `$`, else names and numbers between dots.
//!
//! Pure.

use crate::exact;
use regatta_plan::reference::follow;
use serde_json::Value;
use serde_json_path::JsonPath;

/// A path that can find one value only answers that value, any other a list of all that it finds.
pub(super) fn query(data: &Value, path: &str) -> Result<Value, String> {
    let parsed;
    let data = match data {
        Value::String(text) => {
            parsed = serde_json::from_str(&exact::kept(text))
                .map_err(|error| format!("`data` is no JSON: {error}"))?;
            &parsed
        }
        other => other,
    };
    if !path.starts_with('$') {
        let steps: Vec<String> = path.split('.').map(str::to_owned).collect();
        return follow(data, &steps, path).map_err(|why| why.0.replace("${", "").replace('}', ""));
    }
    let shown = path.escape_debug();
    let query = JsonPath::parse(path).map_err(|error| format!("`{shown}` is no JSONPath: {error}"))?;
    let found = query.query(data).all();
    if is_singular(path) {
        return found.first().map(|value| (*value).clone()).ok_or_else(|| format!("`{shown}` finds nothing"));
    }
    Ok(found.into_iter().cloned().collect())
}

/// Whether a path names one value by names and numbers alone.
fn is_singular(path: &str) -> bool {
    let (mut quote, mut escaped) = (None, false);
    for c in path.chars() {
        match quote {
            Some(_) if escaped => escaped = false,
            Some(_) if c == '\\' => escaped = true,
            Some(open) if c == open => quote = None,
            Some(_) => {}
            None if c == '\'' || c == '"' => quote = Some(c),
            None if "*?,:".contains(c) => return false,
            None => {}
        }
    }
    !path.contains("..")
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_path_that_names_one_value_answers_it_and_any_other_a_list() {
        let data = json!({ "a": [{ "b": 1 }, { "b": 2 }], "x*": 3 });
        let check = |path: &str, expect: Value| assert_eq!(query(&data, path), Ok(expect), "{path}");
        check("$.a[1].b", json!(2));
        check("$.a[*].b", json!([1, 2]));
        check("$..b", json!([1, 2]));
        check("$.a[?@.b > 1]", json!([{ "b": 2 }]));
        check("$['x*']", json!(3));
        check("$.a[0:1].b", json!([1]));
        check("$.none[*]", json!([]));
        check("a.0.b", json!(1));
        check("a.length", json!(2));
        for path in ["$.none", "$.", "a.9", ""] {
            assert!(query(&data, path).is_err(), "{path}");
        }
        assert_eq!(query(&json!("{\"t\":[7]}"), "$.t[0]"), Ok(json!(7)));
        assert!(query(&json!("{"), "$").is_err());
    }
}
