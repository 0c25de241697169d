//! The process of one call: takes its order, does it or has it done, and says how it ended.
//!
//! Knows no plan and no journal: everything that it needs is in its order.

use super::built_in;
use super::order::Order;
use super::said::Answer;
use std::io;
use std::path::Path;

/// Does the call whose order lies in the directory of an attempt. Answers whether it ended well; what came of it lies
/// there, and its result in `result`.
///
/// # Errors
/// The order cannot be read, or the answer not be written.
pub fn call(dir: &Path, result: &Path) -> io::Result<bool> {
    let order = Order::take(dir)?;
    let answer = match built_in::call(&order) {
        Some(answer) => answer,
        None => Answer::failed(format!("there is no tool `{}`", order.tool)),
    };
    answer.store(dir, (result, order.text_is_json))
}
