//! Placeholders in texts that are no references: `{prompt}`, `{title}`.
//!
//! Knows no text; who asks says which there are.

/// Words in braces that look like placeholders and are none.
pub(super) fn unknown<'t>(text: &'t str, known: &[&str]) -> Vec<&'t str> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices('{') {
        let Some(end) = text[at..].find('}') else { break };
        let name = &text[at..=at + end];
        let word = name[1..end].bytes().all(|b| b.is_ascii_lowercase() || b == b'_') && end > 1;
        if word && !text[..at].ends_with('$') && !known.contains(&name) {
            found.push(name);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::unknown;

    #[test]
    fn only_words_in_braces_are_taken_for_placeholders() {
        let known = ["{task}", "{title}"];
        assert_eq!(unknown("{task}: {title} {nope} {a_b}", &known), ["{nope}", "{a_b}"]);
        assert!(unknown("{} ${HOME} ${home} {\"a\": 1} {1} {x y} { {task} {", &known).is_empty());
    }
}
