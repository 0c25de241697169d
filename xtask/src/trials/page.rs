//! Sections of a page that a command writes, between markers. Knows no numbers.

use std::path::Path;

/// Puts a text between the markers `<!-- NAME:begin -->` and `<!-- NAME:end -->` of a file.
pub(super) fn write(path: &Path, name: &str, text: &str) -> Result<(), String> {
    let fail = |e: std::io::Error| format!("{}: {e}", path.display());
    let page = std::fs::read_to_string(path).map_err(fail)?;
    let page =
        replaced(&page, name, text).ok_or_else(|| format!("{} has no section {name}", path.display()))?;
    std::fs::write(path, page).map_err(fail)
}

fn replaced(page: &str, name: &str, text: &str) -> Option<String> {
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let (before, rest) = page.split_once(&begin)?;
    let (_, after) = rest.split_once(&end)?;
    Some(format!("{before}{begin}{}\n{end}{after}", text.trim_end()))
}

#[cfg(test)]
mod tests {
    use super::replaced;

    #[test]
    fn only_what_stands_between_the_markers_changes() {
        let page = "a\n<!-- x:begin -->\nold\n<!-- x:end -->\nb\n";
        assert_eq!(replaced(page, "x", "new\n").unwrap(), page.replace("old", "new"));
        assert_eq!(replaced(page, "y", "new"), None);
    }
}
