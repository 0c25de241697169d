//! Commits, trees and refs, and merges without a checkout.
//!
//! Knows no worktree's state.

use super::call::words;
use super::{Git, GitError};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

/// The id of an object in hexadecimal.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Oid(String);

impl Oid {
    /// The id of a text that is one: 40 or 64 lower-case hexadecimal digits.
    #[must_use]
    pub fn parse(text: &str) -> Option<Oid> {
        let digits = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        (matches!(text.len(), 40 | 64) && text.bytes().all(digits)).then(|| Oid(text.to_owned()))
    }

    /// Its digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Its first digits, for people.
    #[must_use]
    pub fn short(&self) -> &str {
        &self.0[..10]
    }
}

impl fmt::Display for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Oid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.short())
    }
}

/// Who.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Person {
    /// The name.
    pub name: String,
    /// The address.
    pub email: String,
}

impl Person {
    /// Whoever commits where nobody said who they are.
    #[must_use]
    pub fn nobody() -> Person {
        Person { name: "regatta".to_owned(), email: "regatta@localhost".to_owned() }
    }
}

/// Who commits and when: seconds since the Unix epoch.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Stamp {
    /// Who wrote it.
    pub author: Person,
    /// Who commits it.
    pub committer: Person,
    /// When.
    pub seconds: u64,
}

impl Stamp {
    /// The variables that tell git.
    #[must_use]
    pub fn vars(&self) -> Vec<(&'static str, String)> {
        let date = format!("@{} +0000", self.seconds);
        vec![
            ("GIT_AUTHOR_NAME", self.author.name.clone()),
            ("GIT_AUTHOR_EMAIL", self.author.email.clone()),
            ("GIT_AUTHOR_DATE", date.clone()),
            ("GIT_COMMITTER_NAME", self.committer.name.clone()),
            ("GIT_COMMITTER_EMAIL", self.committer.email.clone()),
            ("GIT_COMMITTER_DATE", date),
        ]
    }
}

/// What a merge without a checkout gives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Merged {
    /// The tree.
    Clean(Oid),
    /// The tree with markers in it, and the paths that conflict, sorted.
    Conflict {
        /// The tree.
        tree: Oid,
        /// The paths.
        paths: Vec<String>,
        /// What meets in each of them.
        met: Vec<Met>,
    },
}

/// What meets in a path of a merge: of each side its mode and blob, `100644 …`, or nothing where it has none.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize, Deserialize)]
pub struct Met {
    /// The path.
    pub path: String,
    /// In the merge base.
    pub base: Option<String>,
    /// In the one that is merged into.
    pub ours: Option<String>,
    /// In the one that is merged.
    pub theirs: Option<String>,
}

impl Met {
    /// How its side calls the path: git moves a file in whose place a directory stands, and `b.txt~COMMIT` was `b.txt`.
    #[must_use]
    pub fn called(&self) -> &str {
        match given(&self.path) {
            Some((name, commit)) if commit != "HEAD" => name,
            _ => &self.path,
        }
    }
}

/// What a file was that git has moved beside a directory where files are checked out: `b.txt~HEAD` was `b.txt`, and so was
/// `b.txt~COMMIT`.
#[must_use]
pub fn given_name(path: &str) -> Option<&str> {
    given(path).map(|(name, _)| name)
}

/// The name of a file before git moved it, and of which commit it is.
fn given(path: &str) -> Option<(&str, &str)> {
    let (name, rest) = path.rsplit_once('~')?;
    let commit = rest.split_once('_').map_or(rest, |(commit, _)| commit);
    let is_id = [40, 64].contains(&commit.len()) && commit.bytes().all(|b| b.is_ascii_hexdigit());
    (is_id || commit == "HEAD").then_some((name, commit))
}

impl Git {
    /// The commit that a name means, if it means one.
    ///
    /// # Errors
    /// Git fails.
    pub fn commit(&self, name: &str) -> Result<Option<Oid>, GitError> {
        let spec = format!("{name}^{{commit}}");
        let (code, out) =
            self.ask(&["rev-parse", "--verify", "--quiet", "--end-of-options", &spec], &[0, 1, 128])?;
        Ok(if code == 0 { oid(&out) } else { None })
    }

    /// The tree of a commit.
    ///
    /// # Errors
    /// Git fails, or there is no such commit.
    pub fn tree(&self, commit: &Oid) -> Result<Oid, GitError> {
        let spec = format!("{commit}^{{tree}}");
        let args = ["rev-parse", "--verify", "--end-of-options", &spec];
        oid(&self.run(&args)?).ok_or_else(|| GitError::Answer { command: words(&args) })
    }

    /// Seconds since the Unix epoch at which a commit was committed.
    ///
    /// # Errors
    /// Git fails, or there is no such commit.
    pub fn seconds(&self, commit: &Oid) -> Result<u64, GitError> {
        self.latest(&[commit])
    }

    /// Seconds since the Unix epoch at which the last of some commits was committed.
    ///
    /// # Errors
    /// Git fails, or there is no such commit.
    pub fn latest(&self, commits: &[&Oid]) -> Result<u64, GitError> {
        let mut args = vec!["show", "--no-patch", "--format=%ct", "--end-of-options"];
        args.extend(commits.iter().map(|commit| commit.as_str()));
        let out = String::from_utf8_lossy(&self.run(&args)?).into_owned();
        let seconds: Result<Vec<u64>, _> = out.lines().map(str::parse).collect();
        let latest = seconds.ok().and_then(|seconds| seconds.into_iter().max());
        latest.ok_or_else(|| GitError::Answer { command: words(&args) })
    }

    /// Whether `ancestor` is `commit` or an ancestor of it.
    ///
    /// # Errors
    /// Git fails.
    pub fn is_ancestor(&self, ancestor: &Oid, commit: &Oid) -> Result<bool, GitError> {
        let args = ["merge-base", "--is-ancestor", ancestor.as_str(), commit.as_str()];
        Ok(self.ask(&args, &[0, 1])?.0 == 0)
    }

    /// The parents of a commit, in their order.
    ///
    /// # Errors
    /// Git fails, or there is no such commit.
    pub fn parents(&self, commit: &Oid) -> Result<Vec<Oid>, GitError> {
        let out = self.run(&["show", "--no-patch", "--format=%P", "--end-of-options", commit.as_str()])?;
        Ok(String::from_utf8_lossy(&out).split_whitespace().filter_map(Oid::parse).collect())
    }

    /// A commit and those below it by their first parents, at most so many, each with all its parents.
    ///
    /// # Errors
    /// Git fails, or there is no such commit.
    pub fn ancestry(&self, commit: &Oid, most: usize) -> Result<Vec<(Oid, Vec<Oid>)>, GitError> {
        let most = format!("--max-count={most}");
        let args =
            ["rev-list", "--first-parent", "--parents", &most, "--end-of-options", commit.as_str(), "--"];
        let out = String::from_utf8_lossy(&self.run(&args)?).into_owned();
        let line = |line: &str| {
            let mut ids = line.split(' ').filter_map(Oid::parse);
            Some((ids.next()?, ids.collect()))
        };
        Ok(out.lines().filter_map(line).collect())
    }

    /// Those of some commits that no other of them contains.
    ///
    /// # Errors
    /// Git fails.
    pub fn independent<'a>(&self, commits: impl Iterator<Item = &'a Oid>) -> Result<Vec<Oid>, GitError> {
        let mut args = vec!["merge-base", "--independent"];
        args.extend(commits.map(Oid::as_str));
        let (_, out) = self.ask(&args, &[0, 1])?;
        Ok(String::from_utf8_lossy(&out).lines().filter_map(Oid::parse).collect())
    }

    /// The commits of `tip` that are not in `base`, oldest first.
    ///
    /// # Errors
    /// Git fails.
    pub fn commits_between(&self, base: &Oid, tip: &Oid) -> Result<Vec<Oid>, GitError> {
        let range = format!("{base}..{tip}");
        let out = self.run(&["rev-list", "--reverse", "--topo-order", "--end-of-options", &range])?;
        Ok(String::from_utf8_lossy(&out).lines().filter_map(Oid::parse).collect())
    }

    /// Makes a commit of a tree.
    ///
    /// # Errors
    /// Git fails.
    pub fn commit_tree(
        &self,
        (tree, parents): (&Oid, &[&Oid]),
        message: &str,
        stamp: &Stamp,
    ) -> Result<Oid, GitError> {
        let mut args = vec!["commit-tree", tree.as_str()];
        args.extend(parents.iter().flat_map(|parent| ["-p", parent.as_str()]));
        args.extend(["-F", "-"]);
        let out = self.run_as(&args, (message.as_bytes(), &stamp.vars()))?;
        oid(&out).ok_or_else(|| GitError::Answer { command: words(&args) })
    }

    /// Merges `theirs` into `ours` without a checkout. Attributes are those of the directory that this git runs in, so
    /// it is to be one checked out at `ours`. With `base` that commit is taken for the merge base.
    ///
    /// # Errors
    /// Git fails, for instance because the histories have nothing in common.
    pub fn merge_tree(&self, base: Option<&Oid>, (ours, theirs): (&Oid, &Oid)) -> Result<Merged, GitError> {
        let args = ["merge-tree", "--write-tree", "-z", "--no-messages"];
        let mut args: Vec<&str> = args.to_vec();
        let (mut left, mut right) = (ours.clone(), theirs.clone());
        if let Some(base) = base {
            // `--merge-base` came with git 2.40: two commits with no other parent say the same to older ones.
            left = self.stand_in(base, ours)?;
            right = self.stand_in(base, theirs)?;
        }
        args.extend([left.as_str(), right.as_str()]);
        let (code, out) = self.ask(&args, &[0, 1])?;
        let mut parts = out.split(|b| *b == 0).filter(|part| !part.is_empty());
        let answer = || GitError::Answer { command: words(&args) };
        let tree = parts.next().and_then(oid).ok_or_else(answer)?;
        if code == 0 {
            return Ok(Merged::Clean(tree));
        }
        let met = meetings(parts).ok_or_else(answer)?;
        let paths: BTreeSet<String> = met.iter().map(|met| met.called().to_owned()).collect();
        Ok(Merged::Conflict { tree, paths: paths.into_iter().collect(), met })
    }

    /// A commit with the tree of `commit` whose only parent is `base`; the same one whenever it is asked for.
    ///
    /// # Errors
    /// Git fails.
    pub fn stand_in(&self, base: &Oid, commit: &Oid) -> Result<Oid, GitError> {
        if base == commit {
            return Ok(base.clone());
        }
        let nobody = Person::nobody();
        let stamp = Stamp { author: nobody.clone(), committer: nobody, seconds: 0 };
        self.commit_tree((&self.tree(commit)?, &[base]), "stand-in for a merge\n", &stamp)
    }

    /// The paths of a commit's files; bytes that are no text are replaced.
    ///
    /// # Errors
    /// Git fails.
    pub fn paths(&self, commit: &Oid) -> Result<Vec<String>, GitError> {
        let out = self.run(&["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit.as_str()])?;
        let paths = out.split(|b| *b == 0).filter(|path| !path.is_empty());
        Ok(paths.map(|path| String::from_utf8_lossy(path).into_owned()).collect())
    }

    /// Moves a ref from `old` to `new`; `None` for `old` is a ref that must not exist, for `new` one that goes.
    ///
    /// # Errors
    /// It stands elsewhere, or git fails.
    pub fn update_ref(&self, name: &str, (old, new): (Option<&Oid>, Option<&Oid>)) -> Result<(), GitError> {
        let zero = "0".repeat(old.or(new).map_or(40, |oid| oid.as_str().len()));
        let line = match new {
            Some(new) => format!("update {name}\0{new}\0{}\0", old.map_or(zero.as_str(), Oid::as_str)),
            None => format!("delete {name}\0{}\0", old.map_or(zero.as_str(), Oid::as_str)),
        };
        self.feed(&["update-ref", "--no-deref", "--stdin", "-z"], line.as_bytes()).map(|_| ())
    }

    /// Sets a ref whatever it was.
    ///
    /// # Errors
    /// Git fails.
    pub fn set_ref(&self, name: &str, to: &Oid) -> Result<(), GitError> {
        self.run(&["update-ref", "--no-deref", "--", name, to.as_str()]).map(|_| ())
    }

    /// Deletes those of some refs that there are, all or none.
    ///
    /// # Errors
    /// Git fails.
    pub fn drop_refs(&self, names: &[String]) -> Result<(), GitError> {
        let mut found = Vec::new();
        // A command line has an end.
        for some in names.chunks(500) {
            let mut args = vec!["for-each-ref", "--format=delete %(refname)%00%(objectname)%00", "--"];
            args.extend(some.iter().map(String::as_str));
            // Of each line, what the line break ends is no part of it. A pattern means refs below it as well.
            let out = String::from_utf8_lossy(&self.run(&args)?).into_owned();
            let named = |line: &&str| {
                let name = line.strip_prefix("delete ").and_then(|line| line.split('\0').next());
                name.is_some_and(|name| some.iter().any(|asked| asked == name))
            };
            found.extend(out.lines().filter(named).map(str::to_owned));
        }
        if found.is_empty() {
            return Ok(());
        }
        self.feed(&["update-ref", "--no-deref", "--stdin", "-z"], found.concat().as_bytes()).map(|_| ())
    }

    /// The refs below a prefix, by full name.
    ///
    /// # Errors
    /// Git fails.
    pub fn refs(&self, prefix: &str) -> Result<Vec<(String, Oid)>, GitError> {
        let out = self.run(&["for-each-ref", "--format=%(objectname) %(refname)", "--", prefix])?;
        let text = String::from_utf8_lossy(&out).into_owned();
        let entry = |line: &str| {
            let (id, name) = line.split_once(' ')?;
            Some((name.to_owned(), Oid::parse(id)?))
        };
        Ok(text.lines().filter_map(entry).collect())
    }
}

impl Git {
    /// Whether any ref but one, by its full name, contains a commit.
    ///
    /// # Errors
    /// Git fails.
    pub fn is_held_besides(&self, name: &str, commit: &Oid) -> Result<bool, GitError> {
        let out =
            self.run(&["for-each-ref", "--count=2", "--format=%(refname)", "--contains", commit.as_str()])?;
        Ok(String::from_utf8_lossy(&out).lines().any(|held| held != name))
    }

    /// Whether any ref contains a commit.
    ///
    /// # Errors
    /// Git fails.
    pub fn is_held(&self, commit: &Oid) -> Result<bool, GitError> {
        let out = self.run(&["for-each-ref", "--count=1", "--format=x", "--contains", commit.as_str()])?;
        Ok(!out.is_empty())
    }

    /// Those of some commits that are there.
    ///
    /// # Errors
    /// Git fails.
    pub fn present<'a>(&self, commits: impl Iterator<Item = &'a Oid>) -> Result<BTreeSet<Oid>, GitError> {
        let asked: String = commits.map(|oid| format!("{oid}\n")).collect();
        if asked.is_empty() {
            return Ok(BTreeSet::new());
        }
        let out = self.feed(&["cat-file", "--batch-check=%(objectname) %(objecttype)"], asked.as_bytes())?;
        let text = String::from_utf8_lossy(&out).into_owned();
        Ok(text.lines().filter_map(|line| Oid::parse(line.strip_suffix(" commit")?)).collect())
    }
}

impl Git {
    /// The refs below a prefix, by full name, and when what they hold was made: milliseconds since the Unix epoch.
    ///
    /// # Errors
    /// Git fails.
    pub fn dated_refs(&self, prefix: &str) -> Result<Vec<(String, Oid, u64)>, GitError> {
        let format = "--format=%(objectname) %(creatordate:unix) %(refname)";
        let out = self.run(&["for-each-ref", format, "--", prefix])?;
        let text = String::from_utf8_lossy(&out).into_owned();
        let entry = |line: &str| {
            let mut words = line.splitn(3, ' ');
            let (id, seconds) = (Oid::parse(words.next()?)?, words.next()?.parse::<u64>().unwrap_or(0));
            Some((words.next()?.to_owned(), id, seconds.saturating_mul(1_000)))
        };
        Ok(text.lines().filter_map(entry).collect())
    }
}

impl Git {
    /// Whether a commit of `tip` that is not in `base` has both trailers.
    ///
    /// # Errors
    /// Git fails.
    pub fn says(
        &self,
        one: (&str, &str),
        other: (&str, &str),
        (base, tip): (&Oid, &Oid),
    ) -> Result<bool, GitError> {
        let values = |key: &str| format!("%(trailers:key={key},valueonly,separator=%x2C)");
        let format = format!("--format={}%x09{}", values(one.0), values(other.0));
        let out = self.run(&["log", &format, "--end-of-options", &format!("{base}..{tip}"), "--"])?;
        let wanted = format!("{}\t{}", one.1, other.1);
        Ok(String::from_utf8_lossy(&out).lines().any(|line| line == wanted))
    }
}

/// What meets where, by path, of the lines `MODE BLOB STAGE<tab>PATH`.
fn meetings<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Option<Vec<Met>> {
    let mut found: BTreeMap<String, Met> = BTreeMap::new();
    for line in lines {
        let text = String::from_utf8_lossy(line);
        let (entry, path) = text.split_once('\t')?;
        let (blob, stage) = entry.rsplit_once(' ')?;
        let met = found.entry(path.to_owned()).or_insert_with(|| Met {
            path: path.to_owned(),
            base: None,
            ours: None,
            theirs: None,
        });
        let side = match stage {
            "1" => &mut met.base,
            "2" => &mut met.ours,
            "3" => &mut met.theirs,
            _ => return None,
        };
        *side = Some(blob.to_owned());
    }
    Some(found.into_values().collect())
}

pub(super) fn oid(out: &[u8]) -> Option<Oid> {
    Oid::parse(std::str::from_utf8(out).ok()?.trim())
}
