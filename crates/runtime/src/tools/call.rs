//! The process of one call: takes its order, does it or has it done, and says how it ended.
//!
//! Knows no plan and no journal: everything that it needs is in its order.

use super::order::Order;
use super::said::Answer;
use super::{built_in, guest};
use std::io;
use std::path::Path;

/// The directory of a run is so many above that of an attempt: `attempts`, the run.
const RUN_ABOVE: usize = 2;

/// Does the call whose order lies in the directory of an attempt. Answers whether it ended well; what came of it lies
/// there, and its result in `result`.
///
/// # Errors
/// The order cannot be read, or the answer not be written.
pub fn call(dir: &Path, result: &Path) -> io::Result<bool> {
    let order = Order::take(dir)?;
    let answer = match built_in::call(&order) {
        Some(answer) => answer,
        None => match dir.ancestors().nth(RUN_ABOVE) {
            Some(run_dir) => guest::ask(&order, run_dir),
            None => Answer::failed(format!("there is no tool `{}`", order.tool)),
        },
    };
    answer.store(dir, (result, order.text_is_json))
}
