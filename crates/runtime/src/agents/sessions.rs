//! With which command a person goes on with a session of a known agent, in a terminal.
//!
//! Data, from what the programs say of themselves; that they do it is not verified by tests.

/// Name of the preset, and program and arguments before the session's id.
const COMMANDS: [(&str, &[&str]); 8] = [
    ("codex", &["codex", "resume"]),
    ("claude", &["claude", "--resume"]),
    ("gemini", &["gemini", "--resume"]),
    ("opencode", &["opencode", "--session"]),
    ("qwen", &["qwen", "--resume"]),
    ("pi", &["pi", "--session"]),
    ("vibe", &["vibe", "--resume"]),
    ("kimi", &["kimi", "-S"]),
];

/// Program and arguments that go on with a session, if that is known of the driver.
#[must_use]
pub fn session_command(driver: &str, session: &str) -> Option<Vec<String>> {
    let (_, words) = COMMANDS.iter().find(|(name, _)| *name == driver)?;
    // An id that looks like an option is none.
    if session.starts_with('-') {
        return None;
    }
    Some(words.iter().copied().chain([session]).map(str::to_owned).collect())
}

#[cfg(test)]
mod tests {
    use super::session_command;

    #[test]
    fn a_session_is_gone_on_with_by_the_program_that_had_it() {
        let words = session_command("claude", "5f3a").unwrap();
        assert_eq!(words, ["claude", "--resume", "5f3a"]);
        assert_eq!(session_command("command", "5f3a"), None);
        assert_eq!(session_command("codex", "--yolo"), None);
    }
}
