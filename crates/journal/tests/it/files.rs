//! `.regatta` is private, on a local disk, without links; other versions are refused.

use crate::world::{World, id, new_run, started};
use regatta_journal::{
    Journal, Place, Reader, RunId, SchemaVersion, Store, StoreError, create_private, private_dir,
};
use std::fs::{self, Permissions};
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _, symlink};
use std::path::Path;

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().mode() & 0o7777
}

fn open(world: &World) -> Result<Journal, StoreError> {
    Journal::open(world.path())
}

#[test]
fn directories_are_0700_and_files_0600() {
    let world = World::new();
    let mut run = world.create("r1");
    run.append(&started()).unwrap();
    for dir in [world.home(), world.home().join("runs"), run.dir(), run.dir().join("out")] {
        assert_eq!(mode(&dir), 0o700, "{}", dir.display());
    }
    for file in ["regatta.db", "regatta.db-wal", "regatta.db-shm", ".gitignore"] {
        assert_eq!(mode(&world.home().join(file)), 0o600, "{file}");
    }
    assert_eq!(mode(&run.dir().join("lock")), 0o600);
    assert_eq!(fs::read_to_string(world.home().join(".gitignore")).unwrap(), "*\n");
}

#[test]
fn wide_permissions_are_narrowed() {
    let world = World::new();
    let mut run = world.create("r1");
    run.append(&started()).unwrap();
    let crashed = world.crashed();
    for (path, wide) in [("", 0o755), ("regatta.db", 0o644), ("regatta.db-wal", 0o666), ("runs", 0o777)] {
        fs::set_permissions(crashed.home().join(path), Permissions::from_mode(wide)).unwrap();
    }
    fs::set_permissions(crashed.home().join("runs/r1/lock"), Permissions::from_mode(0o664)).unwrap();
    let run = crashed.resume("r1").unwrap();
    assert_eq!(mode(&crashed.home()), 0o700);
    assert_eq!(mode(&crashed.home().join("runs")), 0o700);
    assert_eq!(mode(&crashed.db()), 0o600);
    assert_eq!(mode(&crashed.wal()), 0o600);
    assert_eq!(mode(&run.dir().join("lock")), 0o600);
}

#[test]
fn a_gitignore_of_the_owner_stays() {
    let world = World::new();
    fs::create_dir(world.home()).unwrap();
    fs::write(world.home().join(".gitignore"), "# mine\n*\n").unwrap();
    open(&world).unwrap();
    assert_eq!(fs::read_to_string(world.home().join(".gitignore")).unwrap(), "# mine\n*\n");
}

#[test]
fn links_are_refused_wherever_something_of_ours_belongs() {
    let elsewhere = tempfile::tempdir().unwrap();
    let victim = elsewhere.path().join("victim");
    fs::write(&victim, b"precious").unwrap();
    let refused = |e: StoreError| assert!(matches!(e, StoreError::NotOurs { .. }), "{e}");

    let world = World::new();
    symlink(elsewhere.path(), world.home()).unwrap();
    refused(open(&world).unwrap_err());
    refused(Reader::open(world.path()).unwrap_err());

    for name in ["regatta.db", "regatta.db-wal", "regatta.db-shm"] {
        for target in [victim.clone(), elsewhere.path().join("missing")] {
            let world = World::new();
            fs::create_dir(world.home()).unwrap();
            symlink(target, world.home().join(name)).unwrap();
            refused(open(&world).unwrap_err());
        }
    }
    for name in ["runs", "runs/r1", "runs/r1/out", "runs/r1/lock"] {
        let world = World::new();
        drop(open(&world).unwrap());
        let path = world.home().join(name);
        let create = Journal::open(world.path()).unwrap();
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        symlink(&victim, &path).unwrap();
        refused(create.create_run(&new_run("r1")).unwrap_err());
    }
    assert_eq!(fs::read(&victim).unwrap(), b"precious");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 1);
}

#[test]
fn special_files_are_refused() {
    let world = World::new();
    fs::create_dir(world.home()).unwrap();
    fs::create_dir(world.db()).unwrap();
    assert!(matches!(open(&world).unwrap_err(), StoreError::NotOurs { .. }));
    let pipe = world.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    assert!(fs::symlink_metadata(&pipe).unwrap().file_type().is_fifo());
    assert!(matches!(create_private(&pipe).unwrap_err(), StoreError::NotOurs { .. }));
}

#[test]
fn a_workspace_reached_through_a_link_is_fine() {
    let world = World::new();
    let link = tempfile::tempdir().unwrap();
    let path = link.path().join("w");
    symlink(world.path(), &path).unwrap();
    Journal::open(&path).unwrap().create_run(&new_run("r1")).unwrap();
    assert!(world.reader().summary(&id("r1")).is_ok());
}

#[test]
fn a_directory_that_cannot_be_written_is_an_error_that_names_it() {
    // Nobody may make a directory in /proc, not even root.
    let error = Journal::open(Path::new("/proc/self")).unwrap_err();
    let text = error.to_string();
    assert!(text.starts_with("cannot make directory `/proc/"), "{text}");
    assert!(error.hint().is_some());
    let error = Journal::open(Path::new("/nowhere/at/all")).unwrap_err();
    assert!(error.to_string().starts_with("cannot find workspace `/nowhere/at/all`"), "{error}");
}

#[test]
fn a_read_only_directory_is_an_error_and_nothing_is_lost() {
    let world = World::new();
    drop(world.create("r1"));
    fs::set_permissions(world.path(), Permissions::from_mode(0o500)).unwrap();
    let home = Permissions::from_mode(0o500);
    fs::set_permissions(world.home(), home).unwrap();
    // The owner may narrow and widen it again, so it is simply made private, and work goes on.
    let opened = world.resume("r1");
    fs::set_permissions(world.path(), Permissions::from_mode(0o700)).unwrap();
    assert!(opened.is_ok());
    assert_eq!(mode(&world.home()), 0o700);
}

#[test]
fn a_newer_schema_is_refused_naming_both_versions() {
    let world = World::new();
    drop(world.create("r1"));
    world.hand().pragma_update(None, "user_version", SchemaVersion::CURRENT.0 + 1).unwrap();
    let bytes = fs::read(world.db()).unwrap();
    for error in [open(&world).unwrap_err(), Reader::open(world.path()).unwrap_err()] {
        let text = error.to_string();
        assert!(text.ends_with("has schema version 3, this regatta knows versions up to 2"), "{text}");
        assert!(error.hint().unwrap().contains("newer"));
    }
    assert_eq!(fs::read(world.db()).unwrap(), bytes, "never touched");
}

#[test]
fn an_older_schema_is_brought_up_to_date_and_keeps_what_it_has() {
    let world = World::new();
    drop(world.create("r1"));
    world.hand().execute_batch("DROP TABLE shared; PRAGMA user_version = 1").unwrap();
    assert_eq!(world.reader().runs(9).unwrap().len(), 1, "a reader changes nothing");
    world.resume("r1").unwrap();
    let version: u32 = world.hand().pragma_query_value(None, "user_version", |row| row.get(0)).unwrap();
    assert_eq!(version, SchemaVersion::CURRENT.0);
    assert!(world.reader().shared(&[0; 32], 1).unwrap().is_empty());
}

#[test]
fn records_of_a_newer_format_are_refused_for_that_run_only() {
    let world = World::new();
    drop(world.create("r1"));
    drop(world.create("r2"));
    world.hand().execute("UPDATE runs SET record_version=2 WHERE run_id='r2'", []).unwrap();
    let error = world.resume("r2").unwrap_err();
    assert_eq!(error.to_string(), "run r2 is recorded in format 2, this regatta knows formats up to 1");
    world.resume("r1").unwrap();
    assert_eq!(world.reader().runs(9).unwrap().len(), 2);
}

#[test]
fn a_database_of_something_else_is_refused() {
    let world = World::new();
    fs::create_dir(world.home()).unwrap();
    world.hand().execute_batch("CREATE TABLE t(x)").unwrap();
    assert!(matches!(open(&world).unwrap_err(), StoreError::Foreign { .. }));
    assert!(matches!(Reader::open(world.path()).unwrap_err(), StoreError::Foreign { .. }));
}

#[test]
fn looking_makes_nothing() {
    let world = World::new();
    assert!(Reader::open(world.path()).unwrap().is_none());
    assert!(Journal::open_existing(world.path()).unwrap().is_none());
    assert!(Place::find(world.path()).unwrap().is_none());
    assert!(!world.home().exists());
    drop(open(&world).unwrap());
    assert!(Journal::open_existing(world.path()).unwrap().is_some());
    assert!(world.reader().runs(9).unwrap().is_empty());
}

#[test]
fn a_run_has_a_directory_only_once_it_is_recorded() {
    let world = World::new();
    drop(world.create("r1"));
    fs::remove_dir_all(world.home().join("runs/r1")).unwrap();
    Journal::open(world.path()).unwrap().create_run(&new_run("r1")).unwrap_err();
    assert!(!world.home().join("runs/r1").exists());
    assert!(matches!(world.resume("nope").unwrap_err(), StoreError::NoSuchRun { .. }));
    assert!(!world.home().join("runs/nope").exists());
}

#[test]
fn only_ids_of_the_grammar_name_directories() {
    for good in ["a", "2026-10-02_a1B2", "_", &"x".repeat(64)] {
        assert_eq!(RunId::new(good).unwrap().as_str(), good);
    }
    for bad in ["", "..", "a/b", "-a", ".a", "a b", "ä", "a\u{1b}[31m", &"x".repeat(65)] {
        let text = RunId::new(bad).unwrap_err().to_string();
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}

#[test]
fn private_files_and_directories_are_made_private_again() {
    let dir = tempfile::tempdir().unwrap();
    let (sub, file) = (dir.path().join("d"), dir.path().join("f"));
    fs::create_dir(&sub).unwrap();
    fs::set_permissions(&sub, Permissions::from_mode(0o777)).unwrap();
    private_dir(&sub).unwrap();
    assert_eq!(mode(&sub), 0o700);
    fs::write(&file, b"old").unwrap();
    fs::set_permissions(&file, Permissions::from_mode(0o666)).unwrap();
    create_private(&file).unwrap();
    assert_eq!((mode(&file), fs::read(&file).unwrap()), (0o600, vec![]));
}

#[test]
fn two_processes_may_make_the_journal_at_once() {
    let world = World::new();
    let made = |n: usize| {
        let path = world.path().to_owned();
        std::thread::spawn(move || {
            let run = Journal::open(&path).unwrap().create_run(&new_run(&format!("r{n}"))).unwrap();
            run.run_id().to_string()
        })
    };
    let all: Vec<_> = (0..8).map(made).collect();
    for one in all {
        one.join().unwrap();
    }
    assert_eq!(world.reader().runs(99).unwrap().len(), 8);
}
