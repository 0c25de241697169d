//! The workspace and what of ours lies in it: `.regatta`, the store, the file system below.
//!
//! Looks, and repairs nothing but what every command repairs.

use super::Finding;
use crate::context::Context;
use crate::render::count;
use regatta_journal::{StoreError, examine_store, network_file_system};
use regatta_runtime::escape::escape_path;
use regatta_runtime::workspace::DOT_DIR;
use std::fs::File;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// So many runs, the newest, have every event verified.
const MOST_RUNS: usize = 100;
/// Local file systems by their magic numbers (statfs(2)), for people.
const LOCAL: [(u32, &str); 7] = [
    (0xef53, "ext4"),
    (0x5846_5342, "xfs"),
    (0x9123_683e, "btrfs"),
    (0x2fc1_2fc1, "zfs"),
    (0xf2f5_2010, "f2fs"),
    (0x794c_7630, "overlayfs"),
    (TMPFS, "tmpfs"),
];
const TMPFS: u32 = 0x0102_1994;

/// Version, workspace, `.regatta`, store, file system.
pub(super) fn examine(context: &Context) -> Vec<Finding> {
    let home = context.workspace.join(DOT_DIR);
    vec![
        Finding::ok("version", format!("regatta {}", env!("CARGO_PKG_VERSION"))),
        workspace(context),
        rights(&home),
        store(&context.workspace),
        file_system(&probing_ground(&context.workspace)),
    ]
}

/// Where probes are made: `.regatta` where it is, else the workspace.
pub(super) fn probing_ground(workspace: &Path) -> PathBuf {
    let home = workspace.join(DOT_DIR);
    if home.symlink_metadata().is_ok_and(|meta| meta.is_dir()) { home } else { workspace.to_owned() }
}

fn workspace(context: &Context) -> Finding {
    Finding::ok("workspace", format!("{}, {}", escape_path(&context.workspace), context.why()))
}

/// Looked at before anything opens the store, which makes it private again.
fn rights(home: &Path) -> Finding {
    const NAME: &str = "private";
    let meta = match home.symlink_metadata() {
        Ok(meta) => meta,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Finding::ok(NAME, "no `.regatta` yet; the first run makes it");
        }
        Err(error) => {
            return Finding::problem(NAME, format!("`{}` cannot be looked at: {error}", escape_path(home)));
        }
    };
    if !meta.is_dir() {
        let what = if meta.is_symlink() { "a link" } else { "no directory" };
        return Finding::problem(NAME, format!("`{}` is {what}", escape_path(home)))
            .hint("move it away; Regatta follows no link there");
    }
    let (owner, me) = (meta.uid(), rustix::process::geteuid().as_raw());
    let mode = meta.mode() & 0o7777;
    if owner != me {
        return Finding::problem(NAME, format!("`.regatta` belongs to user {owner}, not to you, user {me}"))
            .hint("run as that user, or name another workspace with `--workspace`");
    }
    if mode == 0o700 {
        return Finding::ok(NAME, "`.regatta` is yours, mode 0700");
    }
    Finding::note(NAME, format!("`.regatta` had mode {mode:04o}; whoever opens it makes it 0700 again"))
}

fn store(workspace: &Path) -> Finding {
    const NAME: &str = "store";
    match examine_store(workspace, MOST_RUNS) {
        Ok(None) => Finding::ok(NAME, "none yet; the first run makes it"),
        Ok(Some(sound)) => Finding::ok(
            NAME,
            format!(
                "sound: schema version {}, {} of {} verified",
                sound.schema,
                count(sound.events, "event"),
                count(sound.runs as u64, "run")
            ),
        ),
        Err(error) => {
            let finding = Finding::problem(NAME, error.to_string());
            let hint = error.hint();
            // Its copy is made by whoever is about to write.
            match (hint, &error) {
                (Some(hint), _) => finding.hint(hint),
                (None, StoreError::Damaged { .. }) => {
                    finding.hint("the next `run` or `resume` copies it aside and starts nothing")
                }
                (None, _) => finding,
            }
        }
    }
}

fn file_system(ground: &Path) -> Finding {
    const NAME: &str = "file system";
    let (magic, network) = match File::open(ground).and_then(network_file_system) {
        Ok(told) => told,
        Err(error) => {
            return Finding::problem(NAME, format!("`{}` cannot be looked at: {error}", escape_path(ground)));
        }
    };
    if let Some(kind) = network {
        return Finding::problem(NAME, format!("{kind}, a network file system: no run is started on it"))
            .hint("name a workspace on a local disk with `--workspace`");
    }
    match LOCAL.iter().find(|(known, _)| *known == magic) {
        Some((TMPFS, name)) => Finding::note(NAME, format!("{name}: runs are gone after a reboot")),
        Some((_, name)) => Finding::ok(NAME, format!("{name}, local")),
        None => Finding::ok(NAME, format!("no network one that is known (type {magic:#x})")),
    }
}
