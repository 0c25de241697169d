//! The files of an escalation: their names, how they come to be whole or not at all, and the lines they quote.
//!
//! A file that is there but cannot be read back counts as missing. Not synced: it can always be made again.

use super::{Case, Output, Run, Tried, markdown};
use crate::collect;
use crate::workspace;
use regatta_engine::graph::Graph;
use regatta_engine::scope::Scope;
use regatta_journal::{StoreError, private_dir};
use std::fs::{self, File};
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// The directory in that of a run.
const DIR: &str = "escalations";
/// Lines that are quoted, and of how much text.
const MAX_LINES: usize = 20;
const MAX_TAIL_BYTES: u64 = 8 << 10;
/// A file name may have 255 bytes.
const MAX_STEM_BYTES: usize = 200;

/// Writes both files of an escalation, over older ones.
///
/// # Errors
/// They cannot be written, for instance because the disk is full.
pub fn write(run: Run<'_>, about: Scope, case: &Case) -> io::Result<()> {
    let dir = run.run_dir.join(DIR);
    private_dir(&dir).map_err(|error| match error {
        StoreError::DiskFull { .. } => io::ErrorKind::StorageFull.into(),
        error => io::Error::other(error),
    })?;
    let stem = file_stem(run.graph, about);
    let mut json = serde_json::to_vec_pretty(case)?;
    json.push(b'\n');
    replace(&dir, &format!("{stem}.md"), markdown::text(case).as_bytes())?;
    replace(&dir, &format!("{stem}.json"), &json)
}

/// Writes the files of an escalation that are missing or unreadable.
///
/// # Errors
/// As [`write()`].
pub fn write_missing(run: Run<'_>, about: Scope, case: impl FnOnce() -> Case) -> io::Result<()> {
    let path = |ending: &str| run.run_dir.join(DIR).join(format!("{}.{ending}", file_stem(run.graph, about)));
    // Nobody waits for a writer of what is no file.
    let is_file = |ending: &str| fs::symlink_metadata(path(ending)).is_ok_and(|meta| meta.is_file());
    let json = is_file("json").then(|| fs::read(path("json")).ok()).flatten();
    let whole = json.is_some_and(|bytes| serde_json::from_slice::<serde_json::Value>(&bytes).is_ok());
    if whole && is_file("md") && fs::metadata(path("md")).is_ok_and(|meta| meta.len() > 0) {
        return Ok(());
    }
    write(run, about, &case())
}

/// The name of the files of an escalation, without ending: the task's id, or `@` with what a breaker is about, which no
/// id begins with.
#[must_use]
pub fn file_stem(graph: &Graph, about: Scope) -> String {
    let name = about.name(graph).unwrap_or_default();
    let index = match about {
        Scope::Agent(i) | Scope::Tool(i) | Scope::Tag(i) => i,
        Scope::Node(node) if name.len() <= MAX_STEM_BYTES => return graph.name(node).to_owned(),
        Scope::Node(node) => node.0,
    };
    let plain = |c: char| if c.is_ascii_alphanumeric() || "._-".contains(c) { c } else { '_' };
    let name: String = name.chars().map(plain).take(MAX_STEM_BYTES - 50).collect();
    format!("@{}-{index}-{name}", about.kind())
}

/// Whoever reads sees the old file or the new one.
fn replace(dir: &Path, name: &str, bytes: &[u8]) -> io::Result<()> {
    let (new, path) = (dir.join(format!("{name}.new")), dir.join(name));
    match fs::remove_file(&new) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let written = File::options().write(true).create_new(true).mode(0o600).open(&new);
    let written = written.and_then(|mut file| file.write_all(bytes));
    written.and_then(|()| fs::rename(&new, &path)).inspect_err(|_| {
        // What could not be written whole is of no use to anybody.
        let _ = fs::remove_file(&new);
    })
}

/// The last lines of an attempt: of its standard error, or of its standard output if that is empty.
pub(super) fn tail(run_dir: &Path, tried: &Tried) -> Option<Output> {
    let dir = workspace::attempt_dir(run_dir, tried.attempt_id);
    [collect::STDERR, collect::STDOUT].into_iter().find_map(|stream| {
        let lines = last_lines(&dir.join(stream)).ok()?;
        (!lines.is_empty()).then_some(Output { stream, lines })
    })
}

fn last_lines(path: &Path) -> io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let bytes = file.metadata()?.len();
    let from = bytes.saturating_sub(MAX_TAIL_BYTES);
    file.seek(SeekFrom::Start(from))?;
    let mut tail = Vec::new();
    file.take(MAX_TAIL_BYTES).read_to_end(&mut tail)?;
    let text = String::from_utf8_lossy(&tail);
    let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
    if from > 0 && lines.len() > 1 {
        lines.remove(0); // it begins in the middle
    }
    Ok(lines.split_off(lines.len().saturating_sub(MAX_LINES)))
}

#[cfg(test)]
mod tests {
    use super::{file_stem, last_lines};
    use crate::escalation::remedies;
    use regatta_engine::cause::Cause;
    use regatta_engine::graph::Graph;
    use regatta_engine::ids::NodeId;
    use regatta_engine::scope::Scope;
    use regatta_engine::spec::{GraphSpec, NodeSpec, Policy};

    fn graph(ids: &[&str], tag: &str) -> Graph {
        let node = |id: &&str| NodeSpec { id: (*id).to_owned(), ..NodeSpec::default() };
        let nodes = ids.iter().map(node).collect();
        let tags = vec![tag.to_owned()];
        Graph::build(GraphSpec { nodes, tags, policies: vec![Policy::default()], ..GraphSpec::default() })
            .unwrap()
    }

    #[test]
    fn names_of_files_stay_in_their_directory_and_never_meet() {
        let long = "x".repeat(300);
        let graph = graph(&["deploy", "build[a][b]", &long], "../n t\u{1b}");
        let stem = |scope| file_stem(&graph, scope);
        assert_eq!(stem(Scope::Node(NodeId(0))), "deploy");
        assert_eq!(stem(Scope::Node(NodeId(1))), "build[a][b]");
        assert_eq!(stem(Scope::Tag(0)), "@tag-0-.._n_t_");
        let cut = stem(Scope::Node(NodeId(2)));
        assert!(cut.starts_with("@task-2-xxx") && cut.len() < 200, "{cut}");
    }

    #[test]
    fn a_command_names_a_cell_of_a_matrix_as_one_word() {
        let graph = graph(&["build[a][b]"], "t");
        let all = remedies(("RUN", None), &graph, (Scope::Node(NodeId(0)), Cause::Lost));
        assert_eq!(all[0].command, "regatta answer RUN 'build[a][b]' --again");
    }

    #[test]
    fn only_whole_last_lines_are_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stderr");
        let lines: Vec<String> = (0..5_000).map(|n| format!("line {n}")).collect();
        std::fs::write(&path, lines.join("\n")).unwrap();
        let last = last_lines(&path).unwrap();
        assert_eq!((last.len(), last[0].as_str(), last[19].as_str()), (20, "line 4980", "line 4999"));
        std::fs::write(&path, "y".repeat(20_000) + "\nend\n").unwrap();
        assert_eq!(last_lines(&path).unwrap(), ["end"]);
        std::fs::write(&path, "").unwrap();
        assert!(last_lines(&path).unwrap().is_empty());
    }
}
