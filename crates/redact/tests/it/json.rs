//! A result is JSON before and after: what is replaced is inside its strings.

use crate::{redactor, token};
use serde_json::json;

#[test]
fn a_result_is_redacted_and_still_json_with_its_numbers_and_shape() {
    let text = json!({ "t": token(), "n": [1, 2.5, null, true], "in": { "password": "w0lf#hound" }, "v": "x a\"b-c-d y" });
    let said = redactor(&["a\"b-c-d"]).json(&text.to_string()).unwrap();
    let expect = json!({ "t": "[REDACTED:github-pat]", "n": [1, 2.5, null, true],
                         "in": { "password": "[REDACTED:key-value]" }, "v": "x [REDACTED:v0] y" });
    assert_eq!(said, expect);
    assert_eq!(redactor(&[]).json("{ no json"), None);
}

#[test]
fn names_of_keys_are_redacted_too() {
    let said = redactor(&["a-declared-value"]).value(json!({ "a-declared-value": 1 }));
    assert_eq!(said, json!({ "[REDACTED:v0]": 1 }));
}
