//! What the verb `trials` is asked for.

use std::path::PathBuf;

/// Which data, and what becomes of the results.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// The directory with `workflows`, `scheduling`, `graphs` and `tools`.
    pub(super) data: PathBuf,
    /// The results are written into the page.
    pub(super) write: bool,
    /// A missed goal is an error.
    pub(super) check: bool,
    /// The one part that is judged.
    pub(super) only: Option<String>,
}

impl Wish {
    /// Reads `--trials DIR [--only schedules | secrets] [--write] [--check]`.
    pub(super) fn parse(args: &[String]) -> Result<Wish, String> {
        let (mut data, mut write, mut check, mut only) = (None, false, false, None);
        let mut rest = args.iter();
        while let Some(word) = rest.next() {
            match word.as_str() {
                "--trials" => data = rest.next().map(PathBuf::from),
                "--write" => write = true,
                "--check" => check = true,
                "--only" => only = rest.next().cloned(),
                _ => return Err(format!("`trials` does not know `{word}`")),
            }
        }
        let data = data.ok_or("`trials` wants `--trials DIR`")?;
        if let Some(only) = only.as_deref().filter(|only| !["schedules", "secrets"].contains(only)) {
            return Err(format!("`--only` is `schedules` or `secrets`, not `{only}`"));
        }
        // Commands run in other directories.
        let data = std::path::absolute(&data).map_err(|e| format!("{}: {e}", data.display()))?;
        Ok(Wish { data, write, check, only })
    }
}

#[cfg(test)]
mod tests {
    use super::Wish;

    fn parse(text: &str) -> Result<Wish, String> {
        Wish::parse(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_data_is_named_and_anything_unknown_is_refused() {
        let wish = parse("--trials /data --write").unwrap();
        assert_eq!(
            (wish.data.display().to_string().as_str(), wish.write, wish.check),
            ("/data", true, false)
        );
        assert_eq!(parse("--trials /d --only secrets").unwrap().only.as_deref(), Some("secrets"));
        assert!(parse("--trials /d --only x").unwrap_err().contains("not `x`"));
        assert_eq!(parse("--check"), Err("`trials` wants `--trials DIR`".to_owned()));
        assert_eq!(parse("--trial /x"), Err("`trials` does not know `--trial`".to_owned()));
    }
}
