//! One thing that breaks a house rule: where, what, and how to mend it.
//!
//! It knows how a finding reads, not what the rules are.

/// Sorted by place; line 0 means the file as a whole.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Finding {
    pub(crate) path: String,
    pub(crate) line: usize,
    pub(crate) rule: &'static str,
    pub(crate) message: String,
    pub(crate) hint: &'static str,
}

impl std::fmt::Display for Finding {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let line = self.line.max(1);
        write!(out, "{}:{line}: {} [{}]\n  hint: {}", self.path, self.message, self.rule, self.hint)
    }
}

/// The messages of findings, for tests.
#[cfg(test)]
pub(crate) fn messages(findings: &[Finding]) -> Vec<String> {
    findings.iter().map(|finding| format!("{}:{}: {}", finding.path, finding.line, finding.message)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_finding_shows_place_message_rule_and_hint() {
        let finding = Finding {
            path: "a/b.rs".to_owned(),
            line: 0,
            rule: "header",
            message: "no header".to_owned(),
            hint: "write one",
        };
        assert_eq!(finding.to_string(), "a/b.rs:1: no header [header]\n  hint: write one");
    }
}
