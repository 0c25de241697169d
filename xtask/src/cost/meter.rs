//! Runs one command and tells what it used: wall time, and CPU of it and of every descendant that was waited for.
//!
//! The keeper is a child of the orchestrator, which waits for it, and the keeper waits for its tasks: nothing is lost as
//! long as the command ends after all of them, which `regatta run` does. It knows no program.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

/// Clock ticks of a second in /proc, on every Linux of today.
const TICKS_PER_SECOND: f64 = 100.0;
/// Places of `cutime` and `cstime` after the name of the program in /proc/self/stat.
const CHILDREN_TICKS: [usize; 2] = [13, 14];

/// What a command used, in microseconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Used {
    pub(super) wall_us: f64,
    pub(super) cpu_us: f64,
}

/// Runs a command in a directory, without output. Anything but exit code 0 is an error.
pub(super) fn measure(command: &mut Command, dir: &Path) -> Result<Used, String> {
    command.current_dir(dir).stdin(Stdio::null()).stdout(Stdio::null());
    let (before, began) = (children_ticks()?, Instant::now());
    crate::cargo::run(command)?;
    let wall_us = began.elapsed().as_secs_f64() * 1e6;
    let ticks = children_ticks()? - before;
    Ok(Used { wall_us, cpu_us: ticks / TICKS_PER_SECOND * 1e6 })
}

/// Microseconds that a reference told of in clock ticks.
pub(super) fn told(file: &Path) -> Result<f64, String> {
    let text = std::fs::read_to_string(file).map_err(|e| format!("cannot read {}: {e}", file.display()))?;
    let ticks: f64 = text.parse().map_err(|e| format!("{} holds no number: {e}", file.display()))?;
    Ok(ticks / TICKS_PER_SECOND * 1e6)
}

fn children_ticks() -> Result<f64, String> {
    let text = std::fs::read_to_string("/proc/self/stat")
        .map_err(|e| format!("cannot read /proc/self/stat: {e}"))?;
    ticks_of(&text).ok_or_else(|| "cannot understand /proc/self/stat".to_owned())
}

fn ticks_of(stat: &str) -> Option<f64> {
    let fields: Vec<&str> = stat.rsplit_once(") ")?.1.split(' ').collect();
    CHILDREN_TICKS.iter().map(|field| fields.get(*field)?.parse::<f64>().ok()).sum()
}

/// The median; 0 for none.
pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match sorted.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => sorted[middle],
        _ => f64::midpoint(sorted[middle - 1], sorted[middle]),
    }
}

/// The least and the most, as text.
pub(super) fn spread(values: &[f64]) -> String {
    let least = values.iter().copied().fold(f64::INFINITY, f64::min);
    let most = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{least:.1} to {most:.1}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_of_children_are_found_behind_a_name_with_spaces() {
        let stat = "7 (a) b) S 1 7 7 0 -1 4194304 88 100 0 0 5 6 70 8 20 0 1 0 27566 100 200";
        assert_eq!(ticks_of(stat), Some(78.0));
        assert_eq!(ticks_of("7 (short) S 1"), None);
    }

    #[test]
    fn a_median_is_the_middle_of_what_was_measured() {
        assert_eq!([median(&[]), median(&[3.0, 1.0, 2.0]), median(&[4.0, 1.0])], [0.0, 2.0, 2.5]);
        assert_eq!(spread(&[2.0, 1.25]), "1.2 to 2.0");
    }

    #[test]
    fn a_command_that_fails_is_an_error_and_not_a_measurement() {
        let dir = std::env::temp_dir();
        assert!(measure(&mut Command::new("false"), &dir).is_err());
        assert!(measure(&mut Command::new("true"), &dir).unwrap().wall_us > 0.0);
    }
}
