//! A real keeper, spoken to without an orchestrator: what it owns, who may ask, what its heir knows.
//!
//! Knows no plan; attempts are small scripts.

use crate::world::lives;
use regatta_runtime::keeper::{
    Ask, Bytes, Ended, Found, Heard, How, Keeper, KeeperError, Program, StartOrder, Terms,
};
use regatta_runtime::redact::{Raw, Redactor};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::io::{Read as _, Write as _};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

/// This version as a keeper.
fn program() -> Program {
    Program { path: env!("CARGO_BIN_EXE_regatta").into(), terms: Terms::default() }
}

/// The directory of a run.
struct Room(tempfile::TempDir);

/// A connection and what is heard over it.
struct Talk {
    keeper: Keeper,
    found: Found,
    heard: Receiver<Heard>,
}

impl Room {
    fn new() -> Room {
        let room = Room(tempfile::tempdir().unwrap());
        std::fs::create_dir(room.path().join("attempts")).unwrap();
        room
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn try_meet(&self, epoch: u64) -> Result<Talk, KeeperError> {
        let (sender, heard) = channel();
        let deliver = Box::new(move |words: Vec<Heard>| words.into_iter().for_each(|w| drop(sender.send(w))));
        let (mut keeper, found) = Keeper::meet(&program(), self.path(), epoch, deliver)?;
        let vars = vec![(Bytes("PATH".into()), Bytes(std::env::var_os("PATH").unwrap()))];
        keeper.ask(&[Ask::Environment { vars }])?;
        Ok(Talk { keeper, found, heard })
    }

    fn meet(&self, epoch: u64) -> Talk {
        self.try_meet(epoch).unwrap()
    }

    fn order(&self, attempt: u64, script: &str) -> StartOrder {
        StartOrder {
            attempt,
            argv: ["sh", "-c", script].map(|a| Bytes(a.into())).to_vec(),
            env: vec![(Bytes("HERE".into()), Bytes(self.path().into()))],
            cwd: Bytes(self.path().into()),
            marker: format!("{}/{attempt}", self.path().display()),
            output_limit_bytes: 1 << 20,
            idle_ms: None,
            grace_ms: 0,
            leader_first: false,
            kill_after_ms: None,
        }
    }

    /// The number that stands in a file that an attempt writes.
    fn pid(&self, name: &str) -> Pid {
        Pid::from_raw(self.hear(name).parse().unwrap()).unwrap()
    }

    /// Waits at a FIFO for what an attempt says.
    fn hear(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).unwrap().trim().to_owned()
    }

    fn fifo(&self, name: &str) -> PathBuf {
        let path = self.path().join(name);
        assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
        path
    }

    /// The keeper, as an attempt tells it.
    fn keeper_pid(&self) -> Pid {
        self.pid("keeper")
    }
}

/// A script that tells who its keeper is, and then waits to be ended.
const TELL_KEEPER: &str = "echo $PPID >keeper; exec sleep 300";

impl Talk {
    fn ask(&mut self, asks: &[Ask]) {
        self.keeper.ask(asks).unwrap();
    }

    fn start(&mut self, order: StartOrder) {
        self.ask(&[Ask::Start(Box::new(order))]);
    }

    /// The next end.
    fn end(&self) -> (Ended, [Option<Raw>; 2]) {
        loop {
            match self.heard.recv_timeout(PATIENCE).unwrap() {
                Heard::Ended(ended, streams) => return (ended, streams),
                Heard::Gone => panic!("the keeper is gone"),
                Heard::Idle { .. } | Heard::Swept | Heard::Still | Heard::Streams(..) => {}
            }
        }
    }

    fn gone(&self) -> bool {
        std::iter::from_fn(|| self.heard.recv_timeout(PATIENCE).ok()).any(|w| matches!(w, Heard::Gone))
    }
}

fn text(raw: &Option<Raw>) -> Option<String> {
    let mut text = Vec::new();
    raw.as_ref()?.copy(&Arc::new(Redactor::default()), u64::MAX, &mut text).unwrap();
    Some(String::from_utf8(text).unwrap())
}

#[test]
fn an_end_survives_its_asker_with_its_output_until_it_is_acknowledged() {
    let room = Room::new();
    let mut first = room.meet(1);
    assert!(first.found.fresh);
    first.start(room.order(7, "echo out; echo err >&2; exit 3"));
    let (ended, streams) = first.end();
    assert_eq!((ended.attempt, ended.how), (7, How::Code(3)));
    assert_eq!(text(&streams[0]).as_deref(), Some("out\n"));
    drop(first); // without an acknowledgement
    for epoch in 2..4 {
        let mut next = room.meet(epoch);
        assert!(!next.found.fresh && next.found.live.is_empty());
        let [(ended, streams)] = &mut next.found.ended[..] else { panic!("{:?}", next.found) };
        assert_eq!((ended.attempt, &ended.how, ended.output_lost), (7, &How::Code(3), false));
        assert_eq!(text(&streams[0]).as_deref(), Some("out\n"));
        assert_eq!(text(&streams[1]).as_deref(), Some("err\n"));
        if epoch == 3 {
            next.ask(&[Ask::Ack { attempt: 7 }]);
            next.keeper.leave();
        }
    }
    let last = room.meet(4);
    assert!(last.found.fresh && last.found.ended.is_empty(), "it left, and nothing is left of it");
}

#[test]
fn what_lives_is_found_alive_and_a_second_start_of_it_does_nothing() {
    let room = Room::new();
    room.fifo("gate");
    room.fifo("begun");
    let script = "echo x >>starts; echo begun >begun; cat gate; exit 5";
    let mut first = room.meet(1);
    first.start(room.order(1, script));
    assert_eq!(room.hear("begun"), "begun");
    drop(first);
    let mut next = room.meet(2);
    assert_eq!((next.found.fresh, &next.found.live[..]), (false, &[1][..]));
    next.start(room.order(1, script));
    std::fs::write(room.path().join("gate"), "go").unwrap();
    let (ended, streams) = next.end();
    assert_eq!((ended.how, text(&streams[0]).as_deref()), (How::Code(5), Some("go")));
    assert_eq!(room.hear("starts"), "x");
    next.ask(&[Ask::Ack { attempt: 1 }]);
    next.keeper.leave();
}

#[test]
fn a_lower_epoch_and_an_unknown_protocol_are_refused_with_both_numbers() {
    let room = Room::new();
    room.fifo("keeper");
    let mut first = room.meet(5);
    first.start(room.order(1, TELL_KEEPER));
    room.keeper_pid();
    drop(first);
    match room.try_meet(4) {
        Err(KeeperError::Fenced { theirs: 5, ours: 4 }) => {}
        other => panic!("{:?}", other.map(|t| t.found)),
    }
    let mut raw = UnixStream::connect(room.path().join("k")).unwrap();
    let hello = br#"{"hello":{"protocols":[99,98],"epoch":9}}"#;
    raw.write_all(&(hello.len() as u32).to_be_bytes()).unwrap();
    raw.write_all(hello).unwrap();
    let mut answer = Vec::new();
    raw.read_to_end(&mut answer).unwrap();
    let answer: Value = serde_json::from_slice(&answer[4..]).unwrap();
    assert_eq!(answer["refused"]["protocols"], serde_json::json!([2, 1]));
    room.meet(6).keeper.leave();
}

#[test]
fn whoever_looks_on_reads_what_an_attempt_writes() {
    let room = Room::new();
    room.fifo("gate");
    room.fifo("begun");
    let mut talk = room.meet(1);
    talk.start(room.order(1, "echo one; echo bad >&2; echo begun >begun; cat gate; echo two"));
    assert_eq!(room.hear("begun"), "begun");
    talk.ask(&[Ask::Look { attempt: 1 }, Ask::Look { attempt: 2 }]);
    let Heard::Streams(1, Some([out, err])) = talk.heard.recv_timeout(PATIENCE).unwrap() else {
        panic!("nothing to look at")
    };
    assert!(matches!(talk.heard.recv_timeout(PATIENCE).unwrap(), Heard::Streams(2, None)));
    assert_eq!(text(&Some(out.try_clone().unwrap())).as_deref(), Some("one\n"));
    assert_eq!(text(&Some(err)).as_deref(), Some("bad\n"));
    std::fs::write(room.path().join("gate"), "go\n").unwrap();
    let (_, streams) = talk.end();
    assert_eq!(text(&streams[0]).as_deref(), Some("one\ngo\ntwo\n"), "reading moved nobody else's place");
    talk.ask(&[Ask::Look { attempt: 1 }]);
    assert!(
        matches!(talk.heard.recv_timeout(PATIENCE).unwrap(), Heard::Streams(1, None)),
        "its tree is dead"
    );
    talk.ask(&[Ask::Ack { attempt: 1 }]);
    talk.keeper.leave();
}

#[test]
fn whoever_says_something_else_first_is_not_heard() {
    let room = Room::new();
    room.fifo("keeper");
    let mut first = room.meet(1);
    first.start(room.order(1, TELL_KEEPER));
    room.keeper_pid();
    drop(first);
    let frames: [&[u8]; 3] = [b"\0\0\0\x05\"bye\"", b"\xff\xff\xff\xff", b"\0\0\0\x02{}"];
    for frame in frames {
        let mut raw = UnixStream::connect(room.path().join("k")).unwrap();
        raw.write_all(frame).unwrap();
        let mut answer = Vec::new();
        // Closed with unread bytes may show as a reset.
        let _ = raw.read_to_end(&mut answer);
        assert!(answer.is_empty());
    }
    let next = room.meet(2);
    assert_eq!(next.found.live, [1], "the attempt lives on");
    next.keeper.leave();
}

#[test]
fn the_heir_of_a_dead_keeper_tells_recorded_ends_without_output_and_the_rest_is_dead() {
    let room = Room::new();
    room.fifo("keeper");
    let mut first = room.meet(1);
    first.start(room.order(1, "echo out; exit 4"));
    first.start(room.order(2, "exit 0"));
    let ends: Vec<u64> = (0..2).map(|_| first.end().0.attempt).collect();
    assert_eq!(ends.iter().sum::<u64>(), 3);
    first.ask(&[Ask::Ack { attempt: 2 }]);
    first.start(room.order(3, "echo $$ >leader; echo $PPID >keeper; exec sleep 300"));
    let keeper = room.keeper_pid();
    // What it was asked before is in the spool once it tells a later end.
    first.start(room.order(4, "exit 0"));
    assert_eq!(first.end().0.attempt, 4);
    kill_process(keeper, Signal::KILL).unwrap();
    assert!(first.gone());
    drop(first);
    let leader = Pid::from_raw(room.hear("leader").parse().unwrap()).unwrap();
    assert!(crate::world::gone(leader), "leaders die with their keeper");
    let next = room.meet(2);
    assert!(next.found.fresh && next.found.live.is_empty());
    let [(ended, [None, None]), (last, [None, None])] = &next.found.ended[..] else {
        panic!("{:?}", next.found)
    };
    assert_eq!((ended.attempt, &ended.how, ended.output_lost), (1, &How::Code(4), true));
    assert_eq!(last.attempt, 4);
    next.keeper.leave();
}

#[test]
fn a_deadline_is_enforced_only_while_nobody_is_connected() {
    let room = Room::new();
    room.fifo("alive");
    let mut first = room.meet(1);
    let script = "sleep 0.9; echo $$ >alive; exec sleep 300";
    first.start(StartOrder { kill_after_ms: Some(300), ..room.order(1, script) });
    let leader = room.pid("alive"); // three times its deadline, with somebody connected
    drop(first);
    assert!(crate::world::gone(leader));
    let mut next = room.meet(2);
    let Some((ended, _)) = next.found.ended.pop().or_else(|| Some(next.end())) else { panic!("no end") };
    assert!(ended.deadline && ended.how == How::Signal(9), "{ended:?}");
    next.keeper.leave();
}

#[test]
fn a_keeper_with_nothing_to_own_leaves_by_itself_and_a_stale_socket_is_no_keeper() {
    let room = Room::new();
    room.fifo("keeper");
    let mut first = room.meet(1);
    first.start(room.order(1, "echo $PPID >keeper"));
    let keeper = room.keeper_pid();
    first.end();
    first.ask(&[Ask::Ack { attempt: 1 }]);
    drop(first);
    assert!(crate::world::gone(keeper), "nobody asked it to");
    drop(std::os::unix::net::UnixListener::bind(room.path().join("k")).unwrap());
    assert!(room.path().join("k").exists(), "a stale socket");
    // A lock file that names a live process means nothing either: nobody holds the lock.
    std::fs::write(room.path().join("keeper.lock"), std::process::id().to_string()).unwrap();
    let next = room.meet(2);
    assert!(next.found.fresh);
    next.keeper.leave();
}

#[test]
fn a_keeper_whose_run_was_removed_ends_what_lives_and_leaves() {
    let room = Room::new();
    room.fifo("keeper");
    room.fifo("alive");
    let mut first = room.meet(1);
    first.start(room.order(1, "echo $PPID >keeper"));
    let keeper = room.keeper_pid();
    first.end(); // and nobody acknowledges it
    first.start(room.order(2, "echo $$ >alive; exec sleep 300"));
    let leader = room.pid("alive");
    drop(first);
    let [alive, kept] = [leader, keeper].map(|pid| lives(&pid.as_raw_nonzero().to_string()));
    assert!(alive && kept, "somebody may come back");
    drop(room);
    assert!(crate::world::gone(leader) && crate::world::gone(keeper));
}

#[test]
fn a_run_directory_with_a_long_path_is_no_hindrance() {
    let room = Room::new();
    let long = room.path().join("d".repeat(120));
    std::fs::create_dir_all(long.join("attempts")).unwrap();
    let (keeper, found) = Keeper::meet(&program(), &long, 1, Box::new(drop)).unwrap();
    assert!(found.fresh);
    keeper.leave();
}

/// A daemon that nothing but its cgroup knows; it tells its number and that of the keeper.
const NOBODYS: &str = r#"echo $PPID >keeper
env -i /bin/sh -c 'PATH=/bin:/usr/bin; (setsid env -i /bin/sh -c "echo \$\$ >nobodys; exec sleep 300" &); exit' &
exec sleep 300"#;

#[test]
fn the_heir_of_a_dead_keeper_ends_who_lives_in_its_cgroups_and_removes_them() {
    if let Err(error) = regatta_runtime::owner::make_cgroup("it").and_then(std::fs::remove_dir) {
        eprintln!("skipped: no cgroup can be made here: {error}");
        return;
    }
    let room = Room::new();
    room.fifo("keeper");
    room.fifo("nobodys");
    let mut first = room.meet(1);
    first.start(room.order(1, NOBODYS));
    let (keeper, nobodys) = (room.keeper_pid(), room.hear("nobodys"));
    let noted = std::fs::read_to_string(room.path().join("keeper.lock")).unwrap();
    let cgroup = Path::new(noted.lines().next().unwrap());
    assert!(cgroup.join("0").exists(), "{noted:?}");
    kill_process(keeper, Signal::KILL).unwrap();
    assert!(first.gone());
    assert!(lives(&nobodys), "its leader died with the keeper, and nobody knows of it");
    // An heir that is killed before it sweeps leaves both to the next one.
    let mut second = room.meet(2);
    second.start(room.order(2, TELL_KEEPER));
    kill_process(room.keeper_pid(), Signal::KILL).unwrap();
    assert!(second.gone());
    let mut third = room.meet(3);
    third.ask(&[Ask::Sweep { run_marker: room.path().display().to_string() }]);
    while !matches!(third.heard.recv_timeout(PATIENCE).unwrap(), Heard::Swept) {}
    assert!(!lives(&nobodys) && !cgroup.exists());
    third.keeper.leave();
    let parent = std::fs::read_dir(cgroup.parent().unwrap()).unwrap().map(|entry| entry.unwrap().file_name());
    let run = cgroup.file_name().unwrap().to_string_lossy().into_owned();
    let left: Vec<_> = parent.filter(|name| name.to_string_lossy().starts_with(&run)).collect();
    assert!(left.is_empty(), "{left:?}");
}
