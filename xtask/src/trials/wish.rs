//! What the verb `trials` is asked for.

use std::path::PathBuf;

/// Which data, and what becomes of the results.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wish {
    /// The directory with `workflows`, `scheduling`, `graphs`, `merges` and `tools`.
    pub(super) data: PathBuf,
    /// The directory with the mirrors of repositories.
    pub(super) repositories: Option<PathBuf>,
    /// One part of the trials and no other.
    pub(super) only: Option<Part>,
    /// The results are written into the page.
    pub(super) write: bool,
    /// A missed goal is an error.
    pub(super) check: bool,
}

/// A part of the trials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Schedules and graphs.
    Schedules,
    /// Real merges.
    Merges,
    /// Texts with secrets.
    Secrets,
}

impl Part {
    fn of(name: &str) -> Option<Part> {
        match name {
            "schedules" => Some(Part::Schedules),
            "merges" => Some(Part::Merges),
            "secrets" => Some(Part::Secrets),
            _ => None,
        }
    }
}

impl Wish {
    /// Reads `--trials DIR [--repositories DIR] [--only schedules|merges|secrets] [--write] [--check]`.
    pub(super) fn parse(args: &[String]) -> Result<Wish, String> {
        let (mut data, mut repositories, mut only) = (None, None, None);
        let (mut write, mut check) = (false, false);
        let mut rest = args.iter();
        while let Some(word) = rest.next() {
            match word.as_str() {
                "--trials" => data = rest.next().map(PathBuf::from),
                "--repositories" => repositories = rest.next().map(PathBuf::from),
                "--only" => {
                    let part = rest.next().and_then(|name| Part::of(name));
                    only = Some(part.ok_or("`--only` is `schedules`, `merges` or `secrets`")?);
                }
                "--write" => write = true,
                "--check" => check = true,
                _ => return Err(format!("`trials` does not know `{word}`")),
            }
        }
        let data = data.ok_or("`trials` wants `--trials DIR`")?;
        // Commands run in other directories.
        let absolute =
            |dir: PathBuf| std::path::absolute(&dir).map_err(|e| format!("{}: {e}", dir.display()));
        let repositories = repositories.map(absolute).transpose()?;
        Ok(Wish { data: absolute(data)?, repositories, only, write, check })
    }
}

#[cfg(test)]
mod tests {
    use super::{Part, Wish};
    use std::path::PathBuf;

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
        assert_eq!((wish.repositories, wish.only), (None, None));
        let wish = parse("--trials /data --repositories /r --only merges").unwrap();
        assert_eq!((wish.repositories, wish.only), (Some(PathBuf::from("/r")), Some(Part::Merges)));
        assert_eq!(parse("--trials /d --only secrets").unwrap().only, Some(Part::Secrets));
        assert!(parse("--trials /data --only x").is_err());
        assert_eq!(parse("--check"), Err("`trials` wants `--trials DIR`".to_owned()));
        assert_eq!(parse("--trial /x"), Err("`trials` does not know `--trial`".to_owned()));
    }
}
