//! Makes letters visible that nobody sees: a text for an agent may hold what a person who reads it would miss.
//!
//! Control characters, bidirectional and invisible format characters become `\u{…}`; newlines and tabs stay.

/// The text with such letters written out.
pub(super) fn visible(text: &str) -> String {
    if text.chars().all(|c| !is_hidden(c)) {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) { out.push_str(&format!("\\u{{{:x}}}", c as u32)) } else { out.push(c) }
    }
    out
}

fn is_hidden(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0e}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}
