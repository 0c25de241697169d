//! A real small file system that is full: a failed attempt is put down to the disk and taken back, the run stops with
//! exit 4, keeps what it has, and goes on when there is room.
//!
//! Needs the right to mount a tmpfs; says that it is skipped where that is missing.

use crate::world::{World, ends, signal, status};
use rustix::process::Signal;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A mounted tmpfs, unmounted in the end.
pub struct Small(PathBuf);

impl Small {
    #[expect(clippy::print_stderr, reason = "a test that cannot run says so")]
    pub fn mount(dir: &Path) -> Option<Small> {
        std::fs::create_dir(dir).unwrap();
        let how = ["-t", "tmpfs", "-o", "size=4m,nr_inodes=200", "tmpfs"];
        let mounted = Command::new("mount").args(how).arg(dir).output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: no right to mount a tmpfs");
            return None;
        }
        Some(Small(dir.to_owned()))
    }

    /// Writes until nothing fits any more.
    pub fn fill(&self) {
        let status = Command::new("sh")
            .arg("-c")
            .arg("cat /dev/zero >filler 2>/dev/null")
            .current_dir(&self.0)
            .status();
        assert!(status.is_ok_and(|s| !s.success()));
    }

    /// Makes files until no name fits any more, though bytes do.
    fn use_up_names(&self) {
        let make = "mkdir names; n=0; while : 2>/dev/null >names/$n; do n=$((n+1)); done; exit 3";
        let status =
            Command::new("sh").args(["-c", make]).current_dir(&self.0).stderr(Stdio::null()).status();
        assert!(status.is_ok_and(|s| !s.success()));
    }

    /// Nothing can be written any more, not even by root.
    fn read_only(&self, yes: bool) {
        let how = if yes { "remount,ro" } else { "remount,rw" };
        assert!(Command::new("mount").args(["-o", how]).arg(&self.0).status().unwrap().success());
    }

    pub fn free(&self) {
        let _ = std::fs::remove_dir_all(self.0.join("names"));
        let _ = std::fs::remove_file(self.0.join("filler"));
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").args(["-l"]).arg(&self.0).status();
    }
}

#[test]
fn an_attempt_that_failed_on_a_full_disk_is_taken_back_and_the_run_goes_on_when_there_is_room() {
    let world = World::new();
    let Some(small) = Small::mount(&world.path("small")) else { return };
    let here = world.root().display().to_string();
    world.write(
        "plan.yaml",
        &format!(
            "version: 1
tasks:
  - id: a
    run: |
      echo x >>{here}/ran
      test -e {here}/go || {{ cat /dev/zero >filler; exit 1; }}
  - {{ id: b, needs: [a], run: 'echo fine' }}
"
        ),
    );
    let said = world.regatta(&["--workspace", "small", "run", "plan.yaml"]).exits(4);
    assert!(said.err.contains("the disk is full") && said.err.contains("make room"), "{}", said.err);
    assert!(said.err.contains("task `a`"), "{}", said.err);
    let stands = world.regatta(&["--workspace", "small", "status"]).exits(0).out;
    assert!(stands.contains("  the disk is full (") && stands.contains("); make room first\n"), "{stands}");
    let facts = world.regatta(&["--workspace", "small", "status", "--json"]).exits(0).json();
    assert!(facts["hint"].as_str().unwrap().contains("the disk is full"), "{facts:#}");
    small.free();
    world.write("go", "");
    let summary = world.regatta(&["--workspace", "small", "resume", "--json"]).exits(0).json();
    assert_eq!((status(&summary, "a"), summary["tasks"]["a"]["attempts"].as_u64()), ("succeeded", Some(1)));
    assert_eq!(world.read("ran"), "x\nx\n");
    let log = world.regatta(&["--workspace", "small", "events", "--canonical"]).out;
    assert!(!log.contains("disk_full") && !log.contains("failed"), "{log}");
    world.regatta(&["--workspace", "small", "replay"]).exits(0);
}

#[test]
fn a_full_disk_is_not_said_to_be_why_a_run_stands_once_the_task_works_again() {
    let world = World::new();
    let Some(small) = Small::mount(&world.path("small")) else { return };
    let here = world.root().display().to_string();
    world.write(
        "plan.yaml",
        &format!(
            "version: 1\neffect: idempotent\ntasks:\n  - id: a\n    run: |\n      \
             test -e {here}/go || {{ cat /dev/zero >filler; exit 1; }}\n      \
             echo up >{here}/up; read word <{here}/gate\n"
        ),
    );
    world.fifo("up");
    world.fifo("gate");
    world.regatta(&["--workspace", "small", "run", "plan.yaml"]).exits(4);
    small.free();
    world.write("go", "");
    let stands = || world.regatta(&["--workspace", "small", "status"]).exits(0).out;
    let mut child = world.start(&["--workspace", "small", "resume"]);
    assert_eq!(world.hear("up"), "up");
    crate::world::signal(&child, rustix::process::Signal::KILL);
    assert_eq!(ends(&mut child), None);
    assert!(stands().contains("interrupted") && !stands().contains("disk"), "{}", stands());
    std::fs::write(world.path("gate"), "go\n").unwrap();
    world.regatta(&["--workspace", "small", "resume"]).exits(0);
}

#[test]
fn a_store_that_cannot_be_written_stops_the_run_and_nothing_finished_is_repeated() {
    let world = World::new();
    let Some(small) = Small::mount(&world.path("small")) else { return };
    let here = world.root().display().to_string();
    let mut plan = "version: 1\neffect: at-most-once\nlimits: { max_parallel: 2 }\ntasks:\n".to_owned();
    plan.push_str(&format!("  - {{ id: gate, run: 'echo up >{here}/up; read word <{here}/gate' }}\n"));
    for n in 0..40 {
        // A result for each, so that the journal grows.
        plan.push_str(&format!(
            "  - {{ id: t{n:02}, needs: [gate], run: 'echo {n} >>{here}/ran; printf \"\\\"%020000d\\\"\" 1 >\"$REGATTA_RESULT\"' }}\n"
        ));
    }
    world.write("plan.yaml", &plan);
    world.fifo("up");
    world.fifo("gate");
    let mut child = world.start(&["--workspace", "small", "run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    small.fill();
    std::fs::write(world.path("gate"), "go\n").unwrap();
    assert_eq!(ends(&mut child), Some(4));
    small.free();
    let code = world.regatta(&["--workspace", "small", "resume"]).code;
    // Attempts that could not write their result on the full disk have failed by themselves and were taken back.
    assert_eq!(code, Some(0));
    let ran = world.read("ran");
    let mut lines: Vec<&str> = ran.lines().collect();
    lines.sort_unstable();
    lines.dedup();
    assert_eq!(lines.len(), 40);
    world.regatta(&["--workspace", "small", "replay"]).exits(0);
}

#[test]
fn a_directory_that_cannot_be_written_starts_nothing_and_what_is_there_can_be_read() {
    let world = World::new();
    let Some(small) = Small::mount(&world.path("small")) else { return };
    let here = world.root().display().to_string();
    world.write(
        "plan.yaml",
        &format!(
            "version: 1\neffect: idempotent\ntasks:\n\
             - {{ id: a, run: echo a >>{here}/ran }}\n\
             - {{ id: b, needs: [a], run: 'test -e {here}/go || {{ echo up >{here}/up; exec sleep 300; }}; echo b >>{here}/ran' }}\n"
        ),
    );
    world.fifo("up");
    let mut child = world.start(&["--workspace", "small", "run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    signal(&child, Signal::INT);
    assert_eq!(ends(&mut child), Some(130));
    world.write("go", "");
    small.read_only(true);
    for words in [&["resume"][..], &["run", "plan.yaml"], &["cancel"]] {
        let said = world.regatta(&[&["--workspace", "small"], words].concat()).exits(4);
        assert!(
            said.err.contains("small/.regatta/") && said.err.contains("hint: "),
            "{words:?}: {}",
            said.err
        );
    }
    for words in [&["status"][..], &["events"], &["ls"], &["replay"]] {
        world.regatta(&[&["--workspace", "small"], words].concat()).exits(0);
    }
    assert_eq!(world.read("ran"), "a\n", "nothing was started");
    small.read_only(false);
    world.regatta(&["--workspace", "small", "resume"]).exits(0);
    assert_eq!(world.read("ran"), "a\nb\n");
}

#[test]
fn an_end_whose_output_still_finds_no_room_at_resume_is_neither_lost_nor_repeated() {
    let world = World::new();
    let Some(small) = Small::mount(&world.path("small")) else { return };
    let here = world.root().display().to_string();
    // The output has no name, so it takes room before the disk is full; to be stored it needs as much again.
    let talks =
        format!("echo x >>{here}/ran; yes | head -c 800000; echo up >{here}/up; read word <{here}/gate");
    world.write(
        "plan.yaml",
        &format!("version: 1\neffect: at-most-once\ntasks:\n  - {{ id: a, run: '{talks}' }}\n"),
    );
    world.fifo("up");
    world.fifo("gate");
    let mut child = world.start(&["--workspace", "small", "run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    // So much is left that a turn can be recorded, but not so much as the output needs.
    small.fill();
    let filler = std::fs::OpenOptions::new().write(true).open(world.path("small/filler")).unwrap();
    filler.set_len(filler.metadata().unwrap().len() - 300_000).unwrap();
    drop(filler);
    std::fs::write(world.path("gate"), "go\n").unwrap();
    assert_eq!(ends(&mut child), Some(4));
    for _ in 0..2 {
        let said = world.regatta(&["--workspace", "small", "resume"]).exits(4);
        assert!(said.err.contains("the disk is full") && said.err.contains("make room"), "{}", said.err);
    }
    small.free();
    let summary = world.regatta(&["--workspace", "small", "resume", "--json"]).exits(0).json();
    assert_eq!((status(&summary, "a"), world.read("ran").as_str()), ("succeeded", "x\n"));
    let stdout = world.regatta(&["--workspace", "small", "logs", "a"]).exits(0).out;
    assert_eq!(stdout.len(), 800_000);
}

#[test]
fn an_attempt_that_had_no_room_to_start_is_taken_back_and_not_in_doubt() {
    let world = World::new();
    let Some(small) = Small::mount(&world.path("small")) else { return };
    let here = world.root().display().to_string();
    let mut plan = "version: 1\neffect: at-most-once\nlimits: { max_parallel: 4 }\ntasks:\n".to_owned();
    plan.push_str(&format!("  - {{ id: gate, run: 'echo up >{here}/up; read word <{here}/gate' }}\n"));
    for id in ["a", "b", "c"] {
        plan.push_str(&format!("  - {{ id: {id}, needs: [gate], run: 'echo {id} >>{here}/ran' }}\n"));
    }
    world.write("plan.yaml", &plan);
    world.fifo("up");
    world.fifo("gate");
    let mut child = world.start(&["--workspace", "small", "run", "plan.yaml"]);
    assert_eq!(world.hear("up"), "up");
    small.use_up_names();
    std::fs::write(world.path("gate"), "go\n").unwrap();
    assert_eq!(ends(&mut child), Some(4));
    assert!(world.read("ran").lines().count() < 3, "some had no room");
    small.free();
    let summary = world.regatta(&["--workspace", "small", "resume", "--json"]).exits(0).json();
    for id in ["a", "b", "c"] {
        assert_eq!((status(&summary, id), summary["tasks"][id]["attempts"].as_u64()), ("succeeded", Some(1)));
    }
    let ran = world.read("ran");
    let mut lines: Vec<&str> = ran.lines().collect();
    lines.sort_unstable();
    assert_eq!(lines, ["a", "b", "c"]);
    world.regatta(&["--workspace", "small", "replay"]).exits(0);
}
