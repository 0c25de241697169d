//! The tools that need no server.
//!
//! Each takes parameters and answers a value, or why not. They work in the directory that the process was started in,
//! which is the workspace or the worktree of the task, and see nothing outside it.

mod addresses;
mod files;
mod found;
mod http;
mod joined;
mod place;
mod query;
mod text;

pub(crate) use http::literal_origin;
pub(crate) use joined::{Contribution, Stored};

use super::order::Order;
use super::said::Answer;
use place::Place;
use regatta_plan::model::sleep_ms;
use serde_json::{Map, Value, json};
use std::time::Duration;

/// The name under which results are joined; no plan can call it.
pub(crate) const JOIN: &str = ":join";

/// Parameters of a call.
struct Params<'a>(&'a Map<String, Value>);

impl Params<'_> {
    /// A text.
    fn text(&self, key: &str) -> Result<&str, String> {
        match self.0.get(key) {
            Some(Value::String(text)) => Ok(text),
            Some(other) => Err(format!("`{key}` must be a text, not {other}")),
            None => Err(format!("it has no `{key}`")),
        }
    }

    /// Anything.
    fn value(&self, key: &str) -> Result<&Value, String> {
        self.0.get(key).ok_or_else(|| format!("it has no `{key}`"))
    }
}

/// Does a call, if it is of a tool of our own.
pub(super) fn call(order: &Order) -> Option<Answer> {
    let params = Params(&order.params);
    let said = match order.tool.as_str() {
        "file_read" => place().and_then(|place| files::read(&place, params.text("path")?)).map(Value::String),
        "file_write" => {
            place().and_then(|place| files::write(&place, params.text("path")?, params.value("content")?))
        }
        "file_move" => {
            place().and_then(|place| files::rename(&place, params.text("source")?, params.text("dest")?))
        }
        "file_copy" => {
            place().and_then(|place| files::copy(&place, params.text("source")?, params.text("dest")?))
        }
        "file_list" => place().and_then(|place| found::list(&place, params.text("path")?)),
        "file_glob" => place().and_then(|place| found::glob(&place, params.text("pattern")?)),
        "json_query" => params.value("data").and_then(|data| query::query(data, params.text("path")?)),
        "template" => params.text("text").and_then(|text| text::fill(text, order.params.get("vars"))),
        "sleep" => params.value("ms").and_then(sleep),
        JOIN => return Some(joined::joined(&order.params)),
        "http_request" => {
            let known = http::Known { own_origin: order.own_origin.as_deref(), private: &order.private };
            return Some(http::request(&order.params, known));
        }
        _ => return None,
    };
    Some(match said {
        Ok(value) => Answer::Done(value, None),
        Err(why) => Answer::failed(format!("{}: {why}", order.tool)),
    })
}

fn place() -> Result<Place, String> {
    Place::here().map_err(|error| format!("the workspace cannot be opened: {error}"))
}

fn sleep(ms: &Value) -> Result<Value, String> {
    let ms = sleep_ms(ms)?;
    std::thread::sleep(Duration::from_millis(ms));
    Ok(json!({ "slept_ms": ms }))
}
