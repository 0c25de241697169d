//! What patterns of a plan mean where links lead elsewhere in a commit: git tells changes by their real paths.
//!
//! Looks at the commit that a run begins from, since in a worktree a task could make any link. Knows no task.

use super::strange::blobs;
use crate::git::{Git, GitError, Oid};
use regatta_plan::{Owners, Plan};
use std::collections::{BTreeMap, BTreeSet};

/// The mode of a link in a tree.
const LINK: &str = "120000";
/// Links are followed so often.
const MOST_LINKS: usize = 8;
/// A command line has an end.
const MOST_PATHS: usize = 500;

/// The owners of files by a plan, by real paths as well.
///
/// # Errors
/// Git fails.
pub(crate) fn owners((git, at): (&Git, &Oid), plan: &Plan) -> Result<Owners, GitError> {
    let patterns = plan.tasks.iter().filter(|task| task.worktree.is_some()).flat_map(|task| &task.files);
    let plain = |pattern: &String| pattern.strip_prefix("./").unwrap_or(pattern).to_owned();
    let real = real((git, at), patterns.map(plain).collect())?;
    Ok(Owners::of(plan, |pattern| real.get(pattern).cloned()))
}

/// The real names of those patterns that begin with a link, each by what it is.
fn real((git, at): (&Git, &Oid), patterns: BTreeSet<String>) -> Result<BTreeMap<String, String>, GitError> {
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    let mut open: BTreeMap<String, String> = patterns.into_iter().map(|one| (one.clone(), one)).collect();
    for _ in 0..MOST_LINKS {
        let paths: BTreeSet<&str> = open.values().flat_map(|pattern| beginnings(pattern)).collect();
        let links = links((git, at), &paths)?;
        let follow = |(pattern, now): (&String, &String)| {
            let link = beginnings(now).find(|path| links.contains_key(*path))?;
            let real = leads_to(link, &links[link])?;
            let rest = &now[link.len()..];
            let name = if real.is_empty() { rest.trim_start_matches('/').to_owned() } else { real + rest };
            Some((pattern.clone(), name))
        };
        open = open.iter().filter_map(follow).collect();
        if open.is_empty() {
            break;
        }
        found.extend(open.clone());
    }
    Ok(found)
}

/// The paths above what a pattern matches, from the top; and itself, if it matches one path only.
fn beginnings(pattern: &str) -> impl Iterator<Item = &str> {
    let glob = pattern.find(['*', '?', '[', '{', '\\']);
    let literal = glob.map_or(pattern, |at| &pattern[..at]);
    let whole = glob.is_none().then_some(pattern);
    literal.match_indices('/').map(|(at, _)| &literal[..at]).chain(whole)
}

/// The links among some paths of a commit, each with what it says.
fn links((git, at): (&Git, &Oid), paths: &BTreeSet<&str>) -> Result<BTreeMap<String, String>, GitError> {
    let mut found = BTreeMap::new();
    let paths: Vec<&str> = paths.iter().copied().filter(|path| !path.is_empty()).collect();
    for some in paths.chunks(MOST_PATHS) {
        let mut args = vec!["ls-tree", "-z", "--full-tree", at.as_str(), "--"];
        args.extend(some);
        let listed = git.run_as(&args, (b"", &[("GIT_LITERAL_PATHSPECS", "1".to_owned())]))?;
        let listed = String::from_utf8_lossy(&listed).into_owned();
        let link = |entry: &str| {
            let (head, path) = entry.split_once('\t')?;
            let blob = head.strip_prefix(LINK)?.trim().strip_prefix("blob ")?;
            Some((path.to_owned(), blob.to_owned()))
        };
        let links: Vec<(String, String)> = listed.split('\0').filter_map(link).collect();
        let texts = blobs(git, &links.iter().map(|(_, blob)| blob.clone()).collect())?;
        for (path, blob) in links {
            found.extend(texts.get(&blob).map(|said| (path, String::from_utf8_lossy(said).into_owned())));
        }
    }
    Ok(found)
}

/// The path to which a link leads, if that is inside.
fn leads_to(link: &str, said: &str) -> Option<String> {
    let mut parts: Vec<&str> = link.split('/').collect();
    parts.pop();
    for part in said.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    (!said.starts_with('/')).then(|| parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leads_from_where_it_stands_and_never_out() {
        assert_eq!(leads_to("link", "src").as_deref(), Some("src"));
        assert_eq!(leads_to("a/b/link", "../c/./d/").as_deref(), Some("a/c/d"));
        assert_eq!(leads_to("a/link", "..").as_deref(), Some(""));
        assert_eq!((leads_to("a/link", "../../x"), leads_to("a/link", "/x")), (None, None));
        assert_eq!(beginnings("a/b/*.c").collect::<Vec<_>>(), ["a", "a/b"]);
        assert_eq!(beginnings("a/b.c").collect::<Vec<_>>(), ["a", "a/b.c"]);
        assert_eq!(beginnings("**/b.c").count(), 0);
    }
}
