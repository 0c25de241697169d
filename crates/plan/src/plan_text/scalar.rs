//! Texts as scalars of YAML that are read back as they are, and as comments that end nowhere.
//!
//! Knows no key.

/// A text on one line: as it is where nobody could take it for something else, else in quotes.
pub(crate) fn flow(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || " ./_-+=@".contains(c);
    let letter = text.starts_with(|c: char| c.is_ascii_alphabetic());
    let taken = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let taken =
        taken.contains(&text.to_ascii_lowercase().as_str()) || text.ends_with(' ') || text.contains("  ");
    if letter && !taken && text.chars().all(plain) { text.to_owned() } else { quoted(text) }
}

/// In double quotes, with everything escaped that is not plainly visible.
fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            c if is_visible(c) => out.push(c),
            c => out.push_str(&format!("\\U{:08x}", u32::from(c))),
        }
    }
    out.push('"');
    out
}

/// A text of several lines as a block, where that gives it back as it is; else in quotes. Ends its line.
pub(super) fn block(text: &str, indent: usize) -> String {
    let lines: Vec<&str> = text.split('\n').collect();
    let first = lines.first().copied().unwrap_or_default();
    let fits = lines.len() > 1
        && !first.is_empty()
        && !lines.last().is_some_and(|last| last.trim().is_empty())
        && lines.iter().all(|line| {
            line.chars().all(|c| is_visible(c) || c == '\t') && (line.is_empty() || !line.trim().is_empty())
        })
        && !first.starts_with([' ', '\t']);
    if !fits {
        return format!("{}\n", flow(text));
    }
    let pad = " ".repeat(indent);
    let body: String =
        lines.iter().map(|l| if l.is_empty() { "\n".to_owned() } else { format!("{pad}{l}\n") }).collect();
    format!("|-\n{body}")
}

/// A path as a pattern that matches nothing else.
pub(super) fn pattern(path: &str) -> String {
    let special = |c: char| r"*?[]{}\".contains(c);
    path.chars().map(|c| if special(c) { format!("[{c}]") } else { c.to_string() }).collect()
}

/// A line of a comment: nothing in it ends the line or steers a terminal.
pub(crate) fn comment(text: &str) -> String {
    text.chars().map(|c| if is_visible(c) { c } else { ' ' }).collect::<String>().trim_end().to_owned()
}

/// Neither a control nor a character that is not seen or turns others around.
fn is_visible(c: char) -> bool {
    !(c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{fffe}' | '\u{ffff}'
            | '\u{e0000}'..='\u{e007f}'))
}
