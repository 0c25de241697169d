//! Words of the shell that say how what follows them is read: commands, here-documents, scripts for other shells.

/// Programs that read a script behind `-c`.
const SHELLS: [&str; 19] = [
    "$BASH", "${BASH}", "$SHELL", "${SHELL}", "ash", "bash", "busybox", "dash", "fish", "flock", "ksh",
    "mksh", "rbash", "runuser", "script", "sg", "sh", "su", "zsh",
];
/// Programs that read something else behind it; one of the others may start them.
const OTHERS: [&str; 6] = ["psql", "pypy", "pypy3", "python", "python2", "python3"];
/// So far back the program is sought that gets an option.
const MAX_COMMAND_CHARS: usize = 400;

/// A here-document.
pub(super) struct Here {
    pub(super) delimiter: String,
    /// Where the word ends that tells it, counted from the `<<`.
    pub(super) word_end: usize,
    /// Its body is not expanded.
    pub(super) quoted: bool,
}

/// True if a command may begin after this text.
pub(super) fn begins_command(before: &str) -> bool {
    let trimmed = before.trim_end_matches([' ', '\t']);
    let word = trimmed.rsplit(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
    trimmed.is_empty()
        || trimmed.ends_with(['\n', ';', '&', '|', '(', '{', '!'])
        || (trimmed.len() < before.len()
            && matches!(word, "then" | "do" | "else" | "if" | "while" | "until" | "elif"))
}

/// The here-document that begins here, if one does (`<<<` begins none).
pub(super) fn here_document(rest: &str) -> Option<Here> {
    let word = rest.strip_prefix("<<").filter(|w| !w.starts_with('<'))?;
    let word = word.strip_prefix('-').unwrap_or(word).trim_start_matches([' ', '\t']);
    let end = word
        .find(|c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | ')' | '<' | '>'))
        .unwrap_or(word.len());
    let quoted = word[..end].contains(['\'', '"', '\\']);
    let delimiter: String = word[..end].chars().filter(|c| !matches!(c, '\'' | '"' | '\\')).collect();
    let word_end = rest.len() - word.len() + end;
    (!delimiter.is_empty()).then_some(Here { delimiter, word_end, quoted })
}

/// True if what follows this text is a script for a shell: the text behind its `-c`.
pub(super) fn is_for_a_shell(before: &str) -> bool {
    let before = before.trim_end();
    let option =
        before.strip_suffix('c').map(|rest| rest.trim_end_matches(|c: char| c.is_ascii_alphabetic()));
    let word = option.and_then(|rest| rest.strip_suffix('-'));
    if !word.is_some_and(|rest| rest.ends_with(char::is_whitespace)) {
        return false;
    }
    let from = before.char_indices().rev().nth(MAX_COMMAND_CHARS).map_or(0, |(at, _)| at);
    let ends = |c: char| matches!(c, ';' | '|' | '&' | '(' | '`' | '\n');
    // A line may go on in the next one.
    let text = before[from..].replace("\\\n", " ");
    let command = text.rsplit(ends).next().unwrap_or_default();
    let words = command.split_whitespace().rev().map(|word| word.trim_matches(['"', '\'']));
    let mut programs =
        words.filter(|word| !word.contains('=')).map(|word| word.rsplit('/').next().unwrap_or_default());
    // The nearest one gets the option.
    programs
        .find(|name| SHELLS.contains(name) || OTHERS.contains(name))
        .is_some_and(|name| SHELLS.contains(&name))
}
