//! The settings files and the variables that set something: are they understood?
//!
//! Knows no plan.

use super::Finding;
use crate::config::Config;
use crate::context::Context;
use crate::error::CliError;
use crate::render::count;

/// What is in the settings files, or what is wrong with them; and variables that mean nothing.
pub(super) fn examine(context: &Context, config: &Result<Config, CliError>) -> Vec<Finding> {
    let files = match config {
        Ok(config) => {
            let there: Vec<String> = config
                .files
                .iter()
                .filter(|(_, found)| *found)
                .map(|(path, _)| path.display().to_string())
                .collect();
            let values = count(config.values.len() as u64, "value");
            match there[..] {
                [] => Finding::ok("settings", "no file; the defaults hold"),
                _ => Finding::ok("settings", format!("{values} in {}", there.join(" and "))),
            }
        }
        Err(error) => {
            let first = error.message.lines().next().unwrap_or_default();
            Finding::problem("settings", first).hint("`regatta doctor --config` shows what is wrong")
        }
    };
    let unknown = crate::variables::unknown(&context.variables);
    let names: Vec<String> = unknown.iter().map(|(name, _)| format!("${name}")).collect();
    let strange = (!names.is_empty()).then(|| {
        let finding = Finding::note("variables", format!("nothing reads {}", names.join(", ")));
        match unknown.iter().find_map(|(_, near)| *near) {
            Some(near) => finding.hint(format!("did you mean ${near}?")),
            None => finding,
        }
    });
    std::iter::once(files).chain(strange).collect()
}
