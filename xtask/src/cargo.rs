//! Starts cargo and other programs in the root of the workspace.
//!
//! It knows how a command is shown, started and judged, not what any command is for.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The directory that holds `xtask/Cargo.toml`, found upwards from the current one.
pub(crate) fn root() -> Result<PathBuf, String> {
    let here = std::env::current_dir().map_err(|error| format!("no current directory: {error}"))?;
    here.ancestors()
        .find(|directory| directory.join("xtask/Cargo.toml").is_file())
        .map(Path::to_path_buf)
        .ok_or_else(|| format!("{} is not inside the workspace", here.display()))
}

/// A cargo command that sees the environment a person's shell would give it.
pub(crate) fn cargo(root: &Path, args: &[&str]) -> Command {
    let program = std::env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.args(args).current_dir(root);
    // Set by the `cargo run` around us; passed on they would make build scripts run again for nothing.
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("CARGO_PKG_") || text.starts_with("CARGO_MANIFEST_") {
            command.env_remove(&name);
        }
    }
    command
}

/// Runs a command with our own output streams; anything but exit code 0 is an error that repeats it.
pub(crate) fn run(command: &mut Command) -> Result<(), String> {
    let shown = show(command);
    let status = command.status().map_err(|error| format!("cannot start `{shown}`: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("`{shown}` ended with {status}")) }
}

/// Standard output of a command; on failure its standard error is the error.
pub(crate) fn capture(command: &mut Command) -> Result<String, String> {
    let shown = show(command);
    let output = command.output().map_err(|error| format!("cannot start `{shown}`: {error}"))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let reason = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    Err(format!("`{shown}` ended with {}: {reason}", output.status))
}

/// A cargo query that does without the network where it can: a fresh clone has not fetched everything yet.
pub(crate) fn query(root: &Path, args: &[&str]) -> Result<String, String> {
    let offline: Vec<&str> = args.iter().copied().chain(["--offline"]).collect();
    capture(&mut cargo(root, &offline)).or_else(|_| capture(&mut cargo(root, args)))
}

/// The command as it can be typed again, environment first.
pub(crate) fn show(command: &Command) -> String {
    let set = command.get_envs().filter_map(|(name, value)| {
        value.map(|value| format!("{}='{}'", name.to_string_lossy(), value.to_string_lossy()))
    });
    let program = Path::new(command.get_program()).file_name().unwrap_or_default();
    let args = command.get_args().map(|arg| arg.to_string_lossy().into_owned());
    set.chain([program.to_string_lossy().into_owned()]).chain(args).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_can_be_typed() {
        let mut command = cargo(Path::new("."), &["doc", "--no-deps"]);
        command.env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(show(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
    }

    #[test]
    fn a_failing_command_is_repeated_in_the_error() {
        let error = run(&mut Command::new("false")).unwrap_err();
        assert!(error.starts_with("`false` ended with"), "{error}");
    }

    #[test]
    fn the_root_is_found_from_inside_a_member() {
        assert!(root().unwrap().join("Cargo.toml").is_file());
    }
}
