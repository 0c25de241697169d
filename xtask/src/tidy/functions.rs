//! Finds functions and the start of the tests in masked source.
//!
//! It counts braces and knows no types: a brace inside the generic arguments of a signature would mislead it.

/// A function with a body, from the line of `fn` to the line of its closing brace.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Function {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) lines: usize,
}

/// Every function of the masked text that has a body; nested ones count for themselves and for their parent.
pub(crate) fn functions(code: &str) -> Vec<Function> {
    words(code, "fn").filter_map(|at| function_at(code, at)).collect()
}

/// Number of lines before the inline test module, or all lines.
pub(crate) fn lines_without_tests(code: &str) -> usize {
    for attribute in ["#[cfg(test)]", "#[cfg(all(test"] {
        for (at, _) in code.match_indices(attribute) {
            if opens_module(&code[at..]) {
                return super::tree::line_at(code, at) - 1;
            }
        }
    }
    code.lines().count()
}

/// The masked text before the inline test module.
pub(crate) fn without_tests(code: &str) -> String {
    code.lines().take(lines_without_tests(code)).flat_map(|line| [line, "\n"]).collect()
}

/// Byte offsets of a word that stands alone.
pub(crate) fn words<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let before = code[..*at].chars().next_back();
        let after = code[at + word.len()..].chars().next();
        !before.is_some_and(is_word) && !after.is_some_and(is_word)
    })
}

/// The identifier at the start of the text, after blanks.
pub(crate) fn identifier(text: &str) -> &str {
    let text = text.trim_start();
    let text = text.strip_prefix("r#").unwrap_or(text);
    &text[..text.find(|character| !is_word(character)).unwrap_or(text.len())]
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

fn function_at(code: &str, at: usize) -> Option<Function> {
    let name = identifier(code[at + 2..].trim_start().trim_start_matches('$'));
    // Without a name it is a function pointer.
    if name.is_empty() {
        return None;
    }
    let open = body_start(code, at)?;
    let close = open + closing_brace(&code[open..])?;
    let line = super::tree::line_at(code, at);
    Some(Function { name: name.to_owned(), line, lines: super::tree::line_at(code, close) - line + 1 })
}

/// Offset of the brace that opens the body; a `;` first means there is none.
fn body_start(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, character) in code[from..].char_indices() {
        match character {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.checked_sub(1)?,
            '{' if depth == 0 => return Some(from + offset),
            ';' | '}' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Offset of the brace that closes the one at the start of the text.
pub(crate) fn closing_brace(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, character) in text.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth = depth.checked_sub(1)?,
            _ => continue,
        }
        if depth == 0 {
            return Some(offset);
        }
    }
    None
}

/// Whether attributes, a visibility perhaps, and then `mod name {` follow.
fn opens_module(text: &str) -> bool {
    let mut rest = text.trim_start();
    while rest.starts_with("#[") {
        let Some(end) = closing_bracket(rest) else { return false };
        rest = rest[end + 1..].trim_start();
    }
    let Some(at) = words(rest, "mod").next() else { return false };
    let visible = rest[..at].trim();
    let after = rest[at + 3..].trim_start();
    (visible.is_empty() || visible.starts_with("pub") && !visible.contains([';', '{']))
        && after[identifier(after).len()..].trim_start().starts_with('{')
}

fn closing_bracket(text: &str) -> Option<usize> {
    let mut depth = 0_usize;
    for (offset, character) in text.char_indices() {
        match character {
            '[' => depth += 1,
            ']' if depth == 1 => return Some(offset),
            ']' => depth = depth.checked_sub(1)?,
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::super::mask::mask;
    use super::*;

    fn found(source: &str) -> Vec<(String, usize, usize)> {
        functions(&mask(source)).into_iter().map(|f| (f.name, f.line, f.lines)).collect()
    }

    #[test]
    fn a_function_runs_from_its_keyword_to_its_closing_brace() {
        assert_eq!(found("\nfn a() {\n  { }\n}\n"), [("a".to_owned(), 2, 3)]);
        assert_eq!(found("fn one() {}"), [("one".to_owned(), 1, 1)]);
        assert_eq!(
            found("fn long(\n  a: u8,\n) -> u8\nwhere\n  A: B,\n{\n  a\n}"),
            [("long".to_owned(), 1, 8)]
        );
    }

    #[test]
    fn braces_in_strings_characters_and_comments_do_not_count() {
        assert_eq!(found("fn a() {\n  \"{\"; '{'; r#\"}\"#; // }\n  /* } */\n}"), [("a".to_owned(), 1, 4)]);
        assert_eq!(found("fn a<'x>(b: &'x str) {\n}\nfn c() {\n}").len(), 2);
    }

    #[test]
    fn declarations_pointers_and_array_types_are_no_bodies() {
        assert_eq!(found("trait T { fn a(&self) -> [u8; 3]; fn b() {} }"), [("b".to_owned(), 1, 1)]);
        assert_eq!(found("type F = fn(u8) -> u8; struct S { f: fn() }"), []);
        assert_eq!(found("fn r#type(x: [u8; 2]) {}"), [("type".to_owned(), 1, 1)]);
    }

    #[test]
    fn nested_functions_and_closures() {
        let both = found("fn a() {\n  fn b() {\n  }\n  let c = || { 1 };\n}");
        assert_eq!(both, [("a".to_owned(), 1, 5), ("b".to_owned(), 2, 2)]);
    }

    #[test]
    fn tests_begin_at_the_inline_module_only() {
        assert_eq!(lines_without_tests("a\nb\n#[cfg(test)]\nmod tests {\n}\n"), 2);
        assert_eq!(
            lines_without_tests("a\n#[cfg(test)]\n#[expect(x, y = [1])]\npub(crate) mod tests {\n}\n"),
            1
        );
        assert_eq!(lines_without_tests("#[cfg(test)]\nmod tests;\nb\n"), 3);
        assert_eq!(lines_without_tests("#[cfg(test)]\nfn of() {}\nmod b {}\n"), 3);
        assert_eq!(without_tests("a\n#[cfg(test)]\nmod tests {\n}\n"), "a\n");
    }
}
