//! Values of JSON as CEL has them, and what to say where its numbers do not mix.
//!
//! A whole number is an `int` like the literals of the language, so that `n + 1` is arithmetic; the library would make an `uint` of
//! every one that is not negative.

use cel::{ExecutionError, Value as CelValue};
use serde::ser::{Serialize, Serializer};
use serde_json::Value;

/// A value of JSON, to be handed over.
struct Given<'a>(&'a Value);

/// The value: whole numbers are ints where they fit, else uints, all others doubles.
///
/// # Errors
/// The library takes it for none.
pub(super) fn to_cel(value: &Value) -> Result<CelValue, String> {
    cel::to_value(Given(value)).map_err(|error| error.to_string())
}

impl Serialize for Given<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Number(number) => match number.as_i64() {
                Some(whole) => serializer.serialize_i64(whole),
                None => number.serialize(serializer),
            },
            Value::Array(list) => serializer.collect_seq(list.iter().map(Given)),
            Value::Object(map) => serializer.collect_map(map.iter().map(|(key, value)| (key, Given(value)))),
            plain @ (Value::Null | Value::Bool(_) | Value::String(_)) => plain.serialize(serializer),
        }
    }
}

/// What a person needs of an error where two kinds of numbers meet, which CEL never mixes in arithmetic.
pub(super) fn unmixed(error: &ExecutionError) -> Option<String> {
    let ExecutionError::UnsupportedBinaryOperator(operator, left, right) = error else { return None };
    let sign = match *operator {
        "add" => "+",
        "sub" => "-",
        "mul" => "*",
        "div" => "/",
        "rem" => "%",
        _ => return None,
    };
    let kind = |value: &CelValue| match value {
        CelValue::Int(n) => Some(("int", n.to_string())),
        CelValue::UInt(n) => Some(("uint", n.to_string())),
        CelValue::Float(n) => Some(("double", format!("{n:?}"))),
        _ => None,
    };
    let ((of_left, left), (of_right, right)) = (kind(left)?, kind(right)?);
    let hint = match (of_left, of_right) {
        ("double", "double") => "doubles have no such operator",
        ("double", _) | (_, "double") => "write `double(x)` around the whole number",
        _ => "write `int(x)` around the uint, and no `u` behind numbers",
    };
    Some(format!(
        "`{left} {sign} {right}` is arithmetic of {of_left} and {of_right}, which CEL does not mix: {hint}"
    ))
}

#[cfg(test)]
mod tests {
    use crate::when::Condition;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn check(source: &str, expect: Result<bool, &str>) {
        let result = json!({
            "n": 3, "m": -2, "big": u64::MAX, "most": i64::MAX, "half": 0.5, "two": 2.0, "list": [10, 20], "deep": [{ "n": 1 }], "none": null,
        });
        let tasks =
            [("s".to_owned(), json!({ "result": result, "duration_ms": 61_000, "exit_code": 0 }))].into();
        let found = Condition::parse(source).unwrap().evaluate(&tasks, &[("index", json!(4))]);
        match (&found, expect) {
            (Ok(answer), Ok(expect)) => assert_eq!(*answer, expect, "{source}"),
            (Err(said), Err(part)) => assert!(said.contains(part), "{source}: {said}"),
            _ => panic!("{source}: {found:?}"),
        }
    }

    #[test]
    fn whole_numbers_of_results_are_numbers_like_those_of_the_expression() {
        for (source, expect) in [
            ("s.result.n + 1 > 3", true),
            ("s.result.n - 4 == -1", true),
            ("s.result.n + s.result.m == 1", true),
            ("s.result.m * 2 < 0 && -s.result.n == -3", true),
            ("index % 2 == 0", true),
            ("s.duration_ms / 1000 < 60", false),
            ("s.exit_code == 0 && s.exit_code + 1 == 1", true),
            ("s.result.list[s.result.n - 2] == 20", true),
            ("s.result.list.map(x, x + 1) == [11, 21]", true),
            ("s.result.deep.all(x, x.n - 1 == 0)", true),
            ("s.result.n in [1, 2, 3]", true),
            ("size(s.result.list) + s.result.n == 5", true),
            ("s.result.half * 2.0 == 1.0 && s.result.half < s.result.n", true),
            ("double(s.result.n) * 1.5 == 4.5", true),
            ("s.result.two == 2 && s.result.two + 1.0 == 3.0", true),
            ("s.result.big > 1 && s.result.most > s.result.n", true),
            ("s.result.n == 3u && s.result.none == null", true),
            ("tasks['s'].result.n + 1 == 4", true),
        ] {
            check(source, Ok(expect));
        }
    }

    #[test]
    fn arithmetic_that_mixes_kinds_of_numbers_says_how_to_write_it() {
        check(
            "s.result.half * 2 == 1.0",
            Err("`0.5 * 2` is arithmetic of double and int, which CEL does not mix: write `double(x)`"),
        );
        check("1.5 * 2 > 1.0", Err("`1.5 * 2` is arithmetic of double and int"));
        check("s.result.n + s.result.two > 1.0", Err("`3 + 2.0` is arithmetic of int and double"));
        check(
            "s.result.n + 1u > 1u",
            Err("`3 + 1` is arithmetic of int and uint, which CEL does not mix: write `int(x)`"),
        );
        check("s.result.big - 1 > 0", Err("arithmetic of uint and int"));
        check("s.result.most + 1 > 0", Err("verflow"));
        check("s.result.n / 0 > 0", Err("zero"));
        check("s.result.list - 1 > 0", Err("Unsupported"));
    }

    #[test]
    fn the_same_values_give_the_same_answer() {
        let values: BTreeMap<_, _> = [("s".to_owned(), json!({ "result": { "b": 1, "a": [2, 3] } }))].into();
        let condition = Condition::parse("s.result == {'a': [2, 3], 'b': 1}").unwrap();
        assert_eq!((0..20).map(|_| condition.evaluate(&values, &[])).collect::<Vec<_>>(), vec![Ok(true); 20]);
    }
}
