//! Who is the author of merges, `Name <address>`, as git takes it.

use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::fields::Fields;

/// What git takes away around a name.
const CRUD: &[char] = &['.', ',', ':', ';', '"', '\\', '\''];

/// Reads `commit.author` of `merge`.
pub(super) fn read(merge: Fields<'_>, problems: &mut Problems) -> Option<String> {
    let item = merge.inside("commit").get("author")?;
    let text = merge.inside("commit").text("author")?.trim().to_owned();
    if let Some(why) = refuse(&text) {
        let message = format!("`commit.author` of `merge`, `{}`, {why}", text.escape_debug());
        let problem = Diagnostic::error(Code::BadValue, item.span(), message);
        problems.push(problem.help("write it as `Name <address>`, or leave it out: then you are the author"));
    }
    Some(text)
}

/// Why nobody can be the author, if so.
fn refuse(text: &str) -> Option<&'static str> {
    let parts = text.strip_suffix('>').and_then(|text| text.split_once('<'));
    let Some((name, address)) = parts else { return Some("is not `Name <address>`") };
    if text.contains(char::is_control) || name.contains('>') || address.contains(['<', '>']) {
        return Some("has a sign in it that git does not take");
    }
    if name.trim_matches(|c: char| c.is_whitespace() || CRUD.contains(&c)).is_empty() {
        return Some("has no name");
    }
    address.trim().is_empty().then_some("has no address")
}
