//! Who speaks to a run: a person, or an attempt that would answer for one.
//!
//! Of the same user both can do whatever the other can; this tells honest mistakes and simple tricks, and is no border
//! against a program that looks for another way in. Knows no request.

use crate::owner::belongs_to_an_attempt;

/// The first argument of our program where it is started as a helper of a run: `keeper`, `tool-host`, `tool-call` or
/// `acp-agent` follows. No program has such a verb of its own, so one that embeds us can serve as its own helper.
pub const HELPER: &str = "regatta-helper";

/// Whether process `pid` belongs to an attempt of any run; none if that cannot be told.
#[must_use]
pub fn is_attempt(pid: u32) -> Option<bool> {
    belongs_to_an_attempt(pid, &is_keeper)
}

/// Why this process may not answer for a person, if so.
#[must_use]
pub fn why_not_a_person() -> Option<&'static str> {
    refusal(is_attempt(std::process::id()))
}

/// Why whoever `belongs` so may not answer for a person, if so.
pub(crate) fn refusal(belongs: Option<bool>) -> Option<&'static str> {
    match belongs {
        Some(false) => None,
        Some(true) => {
            Some("an answer is a person's: whoever gives this one was started by an attempt of a task")
        }
        None => Some("an answer is a person's: it cannot be told who gives this one"),
    }
}

fn is_keeper(command_line: &[u8]) -> bool {
    let mut words = command_line.split(|byte| *byte == 0).skip(1);
    words.next() == Some(HELPER.as_bytes()) && words.next() == Some(b"keeper")
}

#[cfg(test)]
mod tests {
    use super::is_keeper;

    #[test]
    fn a_keeper_is_known_by_its_first_words() {
        assert!(is_keeper(b"/usr/bin/regatta\0regatta-helper\0keeper\0/r\0"));
        for other in [&b"regatta\0keeper\0"[..], b"x\0regatta-helper\0acp-agent\0", b""] {
            assert!(!is_keeper(other));
        }
    }
}
