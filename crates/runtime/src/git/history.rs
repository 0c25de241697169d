//! Commits as somebody wrote them, and what the commits of a range say.
//!
//! Knows no strategy.

use super::call::words;
use super::objects::oid;
use super::{Git, GitError, Oid, Person};
use std::collections::BTreeSet;

/// What a name is that git would refuse because it has no letter.
const UNKNOWN: &str = "unknown";

/// A commit as somebody wrote it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Written {
    /// Who wrote it.
    pub author: Person,
    /// When, as git takes it: seconds since the Unix epoch and the offset of the place.
    pub author_date: String,
    /// When it was committed, in seconds since the Unix epoch.
    pub seconds: u64,
    /// The whole message.
    pub message: String,
}

impl Git {
    /// What a commit says of itself.
    ///
    /// # Errors
    /// Git fails, or there is no such commit.
    pub fn written(&self, commit: &Oid) -> Result<Written, GitError> {
        let args = [
            "show",
            "--no-patch",
            "--encoding=UTF-8",
            "--date=raw",
            "--format=%an%x00%ae%x00%ad%x00%ct%x00%B",
            "--end-of-options",
            commit.as_str(),
        ];
        let out = String::from_utf8_lossy(&self.run(&args)?).into_owned();
        let mut parts = out.splitn(5, '\0');
        let mut next = || parts.next().ok_or_else(|| GitError::Answer { command: words(&args) });
        let (name, email, date, seconds, message) = (next()?, next()?, next()?, next()?, next()?);
        let seconds: u64 = seconds.parse().unwrap_or(0);
        let named = name.chars().any(char::is_alphanumeric);
        Ok(Written {
            author: Person { name: if named { name } else { UNKNOWN }.to_owned(), email: email.to_owned() },
            author_date: date_of(date).unwrap_or_else(|| format!("@{seconds} +0000")),
            seconds,
            message: message.trim_end().to_owned(),
        })
    }

    /// The commits of `tip` that are not in `base`, each with its parent, oldest first; nothing if one of them has not
    /// exactly one parent.
    ///
    /// # Errors
    /// Git fails.
    pub fn line(&self, base: &Oid, tip: &Oid) -> Result<Option<Vec<(Oid, Oid)>>, GitError> {
        let range = format!("{base}..{tip}");
        let args = ["rev-list", "--reverse", "--topo-order", "--parents", "--end-of-options", &range];
        let out = self.run(&args)?;
        let one = |line: &str| {
            let (commit, parent) = line.split_once(' ')?;
            Some((Oid::parse(commit)?, Oid::parse(parent)?))
        };
        Ok(String::from_utf8_lossy(&out).lines().map(one).collect())
    }

    /// Makes a commit with one parent as somebody else wrote it: their name, their date, a message.
    ///
    /// # Errors
    /// Git fails.
    pub fn commit_again(
        &self,
        (tree, parent): (&Oid, &Oid),
        (written, message): (&Written, &str),
        (committer, seconds): (&Person, u64),
    ) -> Result<Oid, GitError> {
        let vars = [
            ("GIT_AUTHOR_NAME", written.author.name.clone()),
            ("GIT_AUTHOR_EMAIL", written.author.email.clone()),
            ("GIT_AUTHOR_DATE", written.author_date.clone()),
            ("GIT_COMMITTER_NAME", committer.name.clone()),
            ("GIT_COMMITTER_EMAIL", committer.email.clone()),
            ("GIT_COMMITTER_DATE", format!("@{seconds} +0000")),
        ];
        let args = ["commit-tree", tree.as_str(), "-p", parent.as_str(), "-F", "-"];
        let out = self.run_as(&args, (message.as_bytes(), &vars))?;
        oid(&out).ok_or_else(|| GitError::Answer { command: words(&args) })
    }

    /// Those of some commits that `tip` does not contain.
    ///
    /// # Errors
    /// Git fails.
    pub fn missing_from<'a>(
        &self,
        tip: &Oid,
        commits: impl Iterator<Item = &'a Oid>,
    ) -> Result<BTreeSet<Oid>, GitError> {
        let commits: BTreeSet<&Oid> = commits.collect();
        if commits.is_empty() {
            return Ok(BTreeSet::new());
        }
        let asked: String = commits.iter().map(|commit| format!("{commit}\n")).collect();
        // What all of them have and the tip has not; a commit that the tip lacks is itself among that.
        let out = self.feed(&["rev-list", "--stdin"], format!("{asked}^{tip}\n").as_bytes())?;
        let lacking: BTreeSet<Oid> = String::from_utf8_lossy(&out).lines().filter_map(Oid::parse).collect();
        Ok(commits.into_iter().filter(|commit| lacking.contains(commit)).cloned().collect())
    }

    /// The values that a trailer has in those commits of `tip` which are not in `base` and have another trailer.
    ///
    /// # Errors
    /// Git fails.
    pub fn said_with(
        &self,
        key: &str,
        other: (&str, &str),
        (base, tip): (&Oid, &Oid),
    ) -> Result<BTreeSet<String>, GitError> {
        let values = |key: &str| format!("%(trailers:key={key},valueonly,separator=%x2C)");
        let format = format!("--format={}%x09{}", values(other.0), values(key));
        let out = self.run(&["log", &format, "--end-of-options", &format!("{base}..{tip}"), "--"])?;
        let text = String::from_utf8_lossy(&out).into_owned();
        let said = |line: &str| {
            let (has, value) = line.split_once('\t')?;
            (has == other.1).then(|| value.to_owned())
        };
        Ok(text.lines().filter_map(said).collect())
    }
}

/// A raw date of git's, as git takes it back.
fn date_of(raw: &str) -> Option<String> {
    let (seconds, offset) = raw.split_once(' ')?;
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let zone = offset.strip_prefix(['+', '-']).filter(|zone| zone.len() == 4 && digits(zone));
    (digits(seconds) && seconds.len() <= 12 && zone.is_some()).then(|| format!("@{seconds} {offset}"))
}

#[cfg(test)]
mod tests {
    use super::date_of;

    #[test]
    fn a_date_that_git_would_not_take_back_is_none() {
        assert_eq!(date_of("1700000000 +0130").as_deref(), Some("@1700000000 +0130"));
        for bad in ["", "1700000000", "-5 +0000", "1 0000", "1 +00", "99999999999999999999 +0000", "x +0000"]
        {
            assert_eq!(date_of(bad), None, "{bad}");
        }
    }
}
