//! Sections of a page that a program writes, between markers. Knows no numbers.

use crate::Outcome;
use std::path::Path;

/// Puts a text between the markers `<!-- NAME:begin -->` and `<!-- NAME:end -->` of a file.
///
/// # Errors
/// The file cannot be read or written, or lacks the markers.
pub fn write(path: &Path, name: &str, text: &str) -> Outcome<()> {
    let fail = |e: std::io::Error| format!("`{}`: {e}", path.display());
    let page = std::fs::read_to_string(path).map_err(fail)?;
    let page =
        replaced(&page, name, text).ok_or_else(|| format!("`{}` has no section {name}", path.display()))?;
    std::fs::write(path, page).map_err(fail)
}

/// What stands between the markers of a section.
///
/// # Errors
/// The file cannot be read, or lacks the markers.
pub fn read(path: &Path, name: &str) -> Outcome<String> {
    let page = std::fs::read_to_string(path).map_err(|e| format!("`{}`: {e}", path.display()))?;
    let found = parts(&page, name).map(|(_, text, _)| text.to_owned());
    found.ok_or_else(|| format!("`{}` has no section {name}", path.display()))
}

fn replaced(page: &str, name: &str, text: &str) -> Option<String> {
    let (before, _, after) = parts(page, name)?;
    Some(format!("{before}{}\n{after}", text.trim_end()))
}

/// A page up to and with the first marker of a section, the section, and the rest.
fn parts<'a>(page: &'a str, name: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let from = page.find(&begin)? + begin.len();
    let to = from + page[from..].find(&end)?;
    Some((&page[..from], &page[from..to], &page[to..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_stands_between_the_markers_changes() {
        let page = "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb\n";
        assert_eq!(replaced(page, "x", "new\n").unwrap(), page.replace("old", "new"));
        assert_eq!(replaced(page, "y", "new"), None);
        assert_eq!(parts(page, "x").unwrap().1, "old\n");
    }
}
