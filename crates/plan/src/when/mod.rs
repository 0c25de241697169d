//! Conditions: `when` expressions in CEL, parsed and evaluated without a clock or any other outside.
//!
//! Sources are bounded before they are compiled, because a chain of operators costs stack: callers compile and
//! evaluate on a thread with 8 MiB of stack.

mod bounded;
mod depth;
mod names;
mod numbers;

use self::bounded::Budget;
use cel::{Context, IdedExpr, Program, Value as CelValue};
use numbers::{to_cel, unmixed};
use serde_json::Value;
use std::collections::BTreeMap;

/// A condition holds at most this many bytes.
pub const MAX_CONDITION_BYTES: usize = 1_024;

/// Brackets of a condition nest at most this deep: each level costs the parser up to 100 KiB of stack where nothing is
/// optimised.
const MAX_BRACKETS: usize = 32;

/// A parsed condition.
#[derive(Debug)]
pub struct Condition {
    /// Its macros keep to a budget.
    expression: IdedExpr,
    /// Tasks named by `tasks["id"]` or `tasks.id`.
    pub literal_tasks: Vec<String>,
    /// Free names: ids of tasks, or `tasks`, `inputs`, `env`, `matrix`, `item`, `index`.
    pub names: Vec<String>,
    /// It asks for `tasks` as a whole, not for named ones: then these are the predecessors.
    pub asks_for_all: bool,
}

impl Condition {
    /// Parses a condition.
    ///
    /// # Errors
    /// It is too long, its macros nest too deeply, or it is not CEL; the text says where.
    pub fn parse(source: &str) -> Result<Condition, String> {
        if source.len() > MAX_CONDITION_BYTES {
            return Err(format!("it has {} bytes, more than {MAX_CONDITION_BYTES}", source.len()));
        }
        if depth::brackets(source) > MAX_BRACKETS {
            return Err(TOO_DEEP.to_owned());
        }
        let program = Program::compile(source).map_err(|e| complaint(&e.to_string()))?;
        let mut expression = program.expression().clone();
        let found = names::of(&expression);
        bounded::bound(&mut expression)?;
        Ok(Condition {
            literal_tasks: found.literal_tasks.into_iter().collect(),
            names: found.free.into_iter().collect(),
            asks_for_all: found.asks_for_all,
            expression,
        })
    }

    /// Evaluates it over `tasks` (by id), whose values are also bound directly where their ids are CEL names, and
    /// over the further names given.
    ///
    /// # Errors
    /// The evaluation failed, its macros went through too many items, or it gave something else than a boolean.
    pub fn evaluate(
        &self,
        tasks: &BTreeMap<String, Value>,
        others: &[(&str, Value)],
    ) -> Result<bool, String> {
        let mut context = Context::default();
        for (id, value) in tasks.iter().filter(|(id, _)| is_cel_name(id)) {
            context.add_variable_from_value(id.as_str(), to_cel(value)?);
        }
        for (name, value) in others {
            context.add_variable_from_value(*name, to_cel(value)?);
        }
        let all = Value::Object(tasks.iter().map(|(id, v)| (id.clone(), v.clone())).collect());
        context.add_variable_from_value("tasks", to_cel(&all)?);
        let budget = Budget::of(&mut context)?;
        let answer = CelValue::resolve(&self.expression, &context);
        budget.check()?;
        match answer {
            Ok(CelValue::Bool(answer)) => Ok(answer),
            Ok(other) => Err(format!("it gives {:?}, not true or false", other.type_of())),
            Err(error) => Err(unmixed(&error).unwrap_or_else(|| first_line(&error.to_string()))),
        }
    }
}

/// True if an id can stand in an expression by itself.
#[must_use]
pub fn is_cel_name(id: &str) -> bool {
    const WORDS: [&str; 12] =
        ["true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if"];
    let mut chars = id.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_')
        && !WORDS.contains(&id)
}

const TOO_DEEP: &str = "it is nested too deeply";

/// What a person needs of a syntax error, which the library writes as `ERROR: <input>:1:97: Syntax error: …`, or as
/// its own data.
fn complaint(error: &str) -> String {
    let line = first_line(error);
    if line.contains("Recursion limit") {
        return TOO_DEEP.to_owned();
    }
    let Some(rest) = line.strip_prefix("ERROR: <input>:") else { return line };
    let mut parts = rest.splitn(3, ':');
    match (parts.next(), parts.next(), parts.next()) {
        (Some("1"), Some(column), Some(what)) => format!("at character {column}: {}", what.trim()),
        (Some(row), Some(column), Some(what)) => {
            format!("at line {row}, character {column}: {}", what.trim())
        }
        _ => line,
    }
}

fn first_line(text: &str) -> String {
    text.lines().find(|l| !l.trim().is_empty()).unwrap_or("it cannot be parsed").trim().to_owned()
}
