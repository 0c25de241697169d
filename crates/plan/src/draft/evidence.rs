//! Reads what a gate leaves as evidence: `KIND:PATH`, and for some kinds what must be true of it.
//!
//! ```text
//! junit:PATH   sarif:PATH   lcov:PATH [lines>=N] [branches>=N]   cobertura:PATH [lines>=N] [branches>=N]   json:PATH EXPRESSION
//! ```
//! What such a file says is not known here.

use crate::apart::Evidence;
use crate::patterns::refuse_path;
use crate::when::Condition;

/// How each kind is written.
const FORMS: &str = "junit:PATH, sarif:PATH, lcov:PATH [lines>=N] [branches>=N], cobertura:PATH [lines>=N] [branches>=N], json:PATH EXPRESSION";
/// The name by which an expression knows what stands in the file.
const REPORT: &str = "report";

/// Reads one.
///
/// # Errors
/// What is wrong with it, as what follows its name in a sentence.
pub(super) fn read(text: &str) -> Result<Evidence, String> {
    let (kind, rest) = text.split_once(':').unwrap_or((text, ""));
    // Only where something can follow a path has it no blanks.
    let (path, more) = match kind {
        "junit" | "sarif" => (rest, ""),
        "lcov" | "cobertura" | "json" => rest.split_once(char::is_whitespace).unwrap_or((rest, "")),
        _ => return Err(format!("is of no kind that is known: {FORMS}")),
    };
    if let Some(why) = refuse_path(path) {
        return Err(format!("names a path that {why}"));
    }
    let mut evidence = Evidence { kind: kind.to_owned(), path: path.to_owned(), ..Evidence::default() };
    match kind {
        "json" => evidence.expression = Some(expression(more.trim())?),
        _ => bounds(more, &mut evidence)?,
    }
    Ok(evidence)
}

fn expression(text: &str) -> Result<String, String> {
    if text.is_empty() {
        return Err(format!(
            "says nothing of `{REPORT}`: json:PATH EXPRESSION, as in `json:out.json report.errors == 0`"
        ));
    }
    let condition = Condition::parse(text).map_err(|why| format!("does not parse: {why}"))?;
    match condition.names.iter().find(|name| *name != REPORT) {
        Some(name) => Err(format!(
            "speaks of `{}`: what is known is `{REPORT}`, what stands in the file",
            name.escape_debug()
        )),
        None => Ok(text.to_owned()),
    }
}

fn bounds(text: &str, evidence: &mut Evidence) -> Result<(), String> {
    for word in text.split_whitespace() {
        let (what, number) = word.split_once(">=").unwrap_or((word, ""));
        let percent = number.parse::<u32>().ok().filter(|percent| *percent <= 100);
        let place = match what {
            "lines" => &mut evidence.lines_percent,
            "branches" => &mut evidence.branches_percent,
            _ => {
                return Err(format!(
                    "has the bound `{}`, which is none of lines>=N and branches>=N",
                    word.escape_debug()
                ));
            }
        };
        match percent {
            Some(_) if place.is_none() => *place = percent,
            _ => {
                return Err(format!(
                    "has the bound `{}`: a percentage from 0 to 100, once",
                    word.escape_debug()
                ));
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_read_and_what_is_wrong_with_it_is_said() {
        let of = |text: &str| {
            let found = read(text)?;
            let Evidence { kind, path, lines_percent, branches_percent, expression } = found;
            Ok::<_, String>((kind, path, lines_percent, branches_percent, expression))
        };
        let plain = |kind: &str, path: &str| Ok((kind.to_owned(), path.to_owned(), None, None, None));
        assert_eq!(of("junit:a b.xml"), plain("junit", "a b.xml"));
        assert_eq!(of("lcov:x"), plain("lcov", "x"));
        let bounded = Ok(("cobertura".to_owned(), "x".to_owned(), Some(90), Some(0), None));
        assert_eq!(of("cobertura:x branches>=0  lines>=90"), bounded);
        let told = Ok(("json".to_owned(), "x".to_owned(), None, None, Some("report.n == 0".to_owned())));
        assert_eq!(of("json:x report.n == 0"), told);
        for (bad, why) in [
            ("odd", "is of no kind"),
            ("junit:../x", "names a path that"),
            ("lcov:x lines>80", "which is none of"),
            ("lcov:x lines>=101", "a percentage from 0 to 100"),
            ("lcov:x lines>=1 lines>=2", "once"),
            ("sarif:", "names a path that"),
            ("json:x", "says nothing of `report`"),
            ("json:x report.n ==", "does not parse"),
            ("json:x other == 1", "speaks of `other`"),
        ] {
            assert!(of(bad).is_err_and(|said| said.contains(why)), "{bad}");
        }
    }
}
