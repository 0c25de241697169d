//! What a child finds when it starts, and what is said when it cannot start.

use std::os::unix::fs::PermissionsExt;

use super::*;

#[test]
fn exit_codes_and_signals_are_told_apart() {
    let mut rig = Rig::new();
    for (n, code) in [0, 1, 7, 127, 255].into_iter().enumerate() {
        assert_eq!(rig.run(n as u64, &format!("exit {code}")).status, Status::Code(code));
    }
    for signal in [1, 6, 9, 11, 15] {
        let end = rig.run(100 + signal, &format!("kill -{signal} $$"));
        assert_eq!((end.status, end.killed), (Status::Signal(signal as i32), false));
    }
}

#[test]
fn output_is_captured_whole_and_apart() {
    let mut rig = Rig::new();
    let end = rig.run(1, "seq 100000; echo oops >&2; (echo grandchild) | cat");
    let expected = (1..=100_000).map(|n| format!("{n}\n")).collect::<String>() + "grandchild\n";
    assert!(end.stdout == Some(expected));
    assert_eq!(end.stderr.as_deref(), Some("oops\n"));
    assert!(end.usage.max_rss_kib > 0 && end.usage.user_us + end.usage.system_us > 0);
}

#[test]
fn empty_output_has_no_file() {
    let end = Rig::new().run(1, "true");
    assert_eq!((end.stdout, end.stderr, end.leaked, end.killed), (None, None, 0, false));
}

#[test]
fn output_written_through_dev_stdout_a_second_time_is_appended() {
    let end = Rig::new().run(1, "echo a; echo b >> /dev/stdout; echo c");
    assert_eq!(end.stdout.as_deref(), Some("a\nb\nc\n"));
}

#[test]
fn output_files_leave_no_name_behind() {
    let mut rig = Rig::new();
    rig.run(1, "echo secret; echo secret >&2");
    assert_eq!(std::fs::read_dir(rig.dir.path()).unwrap().count(), 0);
}

#[test]
fn output_files_are_used_again_without_a_trace_of_the_last_attempt() {
    let mut rig = Rig::new();
    let mut files = Vec::new();
    for (n, script) in ["echo a long secret line", "echo b", "true", "echo c"].into_iter().enumerate() {
        rig.send(vec![Request::GiveBack(std::mem::take(&mut files))]);
        rig.start(rig.sh(n as u64, script));
        let Report::Exited { stdout, .. } = rig.after_starts() else { panic!("an end") };
        let Some(file) = stdout else { continue };
        assert_eq!(text(file.try_clone().unwrap()), format!("{}\n", script.strip_prefix("echo ").unwrap()));
        files.push(file);
    }
}

#[test]
fn a_file_with_a_name_is_not_taken_for_an_output_file() {
    let mut rig = Rig::new();
    std::fs::write(rig.path("mine"), "precious").unwrap();
    let file = File::options().write(true).open(rig.path("mine")).unwrap();
    rig.send(vec![Request::GiveBack(vec![file])]);
    rig.run(1, "true");
    assert_eq!(std::fs::read_to_string(rig.path("mine")).unwrap(), "precious");
}

#[test]
fn stdin_is_dev_null() {
    let end = Rig::new().run(1, "readlink /proc/$$/fd/0; cat");
    assert_eq!(end.stdout.as_deref(), Some("/dev/null\n"));
}

#[test]
fn no_other_descriptor_reaches_the_child() {
    let mut rig = Rig::new();
    let open = rustix::io::fcntl_dupfd_cloexec(File::open("/dev/null").unwrap(), 500).unwrap();
    rustix::io::fcntl_setfd(&open, rustix::io::FdFlags::empty()).unwrap();
    rig.start(rig.spec(1, &["ls", "/proc/self/fd"]));
    // 3 is the directory that ls reads.
    assert_eq!(rig.ended().stdout.as_deref(), Some("0\n1\n2\n3\n"));
}

#[test]
fn signals_are_neither_blocked_nor_ignored_in_the_child() {
    let mut rig = Rig::new();
    rig.start(rig.spec(1, &["grep", "-E", "^Sig(Blk|Ign)", "/proc/self/status"]));
    let zero = "0000000000000000";
    let expected = format!("SigBlk:\t{zero}\nSigIgn:\t{zero}\n");
    assert_eq!(rig.ended().stdout, Some(expected));
}

#[test]
fn a_leader_leads_a_group_of_its_own() {
    let mut rig = Rig::new();
    rig.start(rig.spec(1, &["cut", "-d ", "-f1,5", "/proc/self/stat"]));
    let pid = rig.started();
    assert_eq!(rig.ended().stdout, Some(format!("{pid} {pid}\n")));
}

#[test]
fn the_environment_is_what_was_given_and_the_marker() {
    let mut rig = Rig::new();
    let mut spec = rig.spec(1, &["/usr/bin/env"]);
    spec.env =
        vec![("A".into(), "1".into()), ("REGATTA_MARKER".into(), "outer/1".into()), ("B".into(), "".into())];
    rig.start(spec);
    assert_eq!(rig.ended().stdout, Some(format!("REGATTA_MARKER={}/1\nA=1\nB=\n", rig.run)));
}

#[test]
fn the_working_directory_is_entered_before_the_program_is_sought() {
    let mut rig = Rig::new();
    std::fs::create_dir(rig.path("bin")).unwrap();
    std::fs::write(rig.path("bin/tool"), "#!/bin/sh\necho $0 in $(pwd)\n").unwrap();
    std::fs::set_permissions(rig.path("bin/tool"), PermissionsExt::from_mode(0o755)).unwrap();
    let here = rig.dir.path().display().to_string();
    let mut by_path = rig.spec(1, &["tool"]);
    by_path.env[0].1 = "/nowhere:bin:/bin".into();
    rig.start(by_path);
    assert_eq!(rig.ended().stdout, Some(format!("bin/tool in {here}\n")));
    rig.start(rig.spec(2, &["./bin/tool"]));
    assert_eq!(rig.ended().stdout, Some(format!("./bin/tool in {here}\n")));
}

#[test]
fn a_missing_program_is_a_spawn_error_that_names_it() {
    let mut rig = Rig::new();
    rig.start(rig.spec(1, &["no-such-program"]));
    let expected = "cannot execute \"no-such-program\": not found in PATH of the task";
    assert_eq!(rig.refused(), (libc::ENOENT, expected.to_owned()));
    rig.start(rig.spec(2, &["/no/such/program"]));
    let (errno, message) = rig.refused();
    assert_eq!(errno, libc::ENOENT);
    assert!(message.starts_with("cannot execute \"/no/such/program\": no such file"), "{message}");
    let mut spec = rig.spec(3, &["true"]);
    spec.env.clear();
    rig.start(spec);
    assert_eq!(rig.refused(), (libc::ENOENT, "cannot look up \"true\": the task has no PATH".to_owned()));
}

#[test]
fn a_file_that_cannot_run_is_a_spawn_error_that_says_why() {
    let mut rig = Rig::new();
    let file = |name: &str, content: &str, mode| {
        std::fs::write(rig.path(name), content).unwrap();
        std::fs::set_permissions(rig.path(name), PermissionsExt::from_mode(mode)).unwrap();
    };
    file("data", "text", 0o644);
    file("plain", "echo no interpreter\n", 0o755);
    file("lost", "#!/no/such/interpreter\n", 0o755);
    let expected = [
        ("./data", libc::EACCES, "permission denied"),
        ("./plain", libc::ENOEXEC, "neither a program nor a script"),
        ("./lost", libc::ENOENT, "its interpreter does not exist"),
    ];
    for (n, (program, errno, why)) in expected.into_iter().enumerate() {
        rig.start(rig.spec(n as u64, &[program]));
        let found = rig.refused();
        assert!(found.0 == errno && found.1.contains(why) && found.1.contains(program), "{found:?}");
    }
}

#[test]
fn a_bad_directory_is_a_spawn_error_that_names_it() {
    let mut rig = Rig::new();
    let mut spec = rig.spec(1, &["true"]);
    spec.cwd = rig.path("gone");
    rig.start(spec);
    let (errno, message) = rig.refused();
    assert_eq!(errno, libc::ENOENT);
    assert!(message.starts_with("cannot enter directory") && message.contains("gone"), "{message}");
}

#[test]
fn what_cannot_be_an_argument_or_a_variable_is_refused_by_name() {
    let mut rig = Rig::new();
    let (mut nul, mut name) = (rig.spec(2, &["echo", "a\0b"]), rig.spec(3, &["echo"]));
    nul.env.clear();
    name.env.push(("A=B".into(), "".into()));
    let long = "x".repeat(200_000);
    let specs = [
        (rig.spec(1, &[]), libc::EINVAL, "the command is empty"),
        (nul, libc::EINVAL, "argument 1 has a NUL byte"),
        (name, libc::EINVAL, "\"A=B\" cannot be the name of a variable"),
        (rig.spec(4, &["echo", &long]), libc::E2BIG, "arguments and environment are too long"),
    ];
    for (spec, errno, why) in specs {
        rig.start(spec);
        let found = rig.refused();
        assert!(found.0 == errno && found.1.contains(why), "{found:?}");
    }
}

#[test]
fn an_attempt_starts_once_however_often_it_is_asked() {
    let mut rig = Rig::new();
    let twice = |spec: &StartSpec| {
        vec![Request::Start(Box::new(spec.clone())), Request::Start(Box::new(spec.clone()))]
    };
    let spec = rig.sh(1, "echo once >> log");
    rig.send(twice(&spec));
    rig.ended();
    rig.send(twice(&spec));
    let failing = rig.spec(2, &["no-such-program"]);
    rig.send(twice(&failing));
    rig.refused();
    assert_eq!(rig.run(3, "cat log").stdout.as_deref(), Some("once\n"));
}

#[test]
fn a_marker_of_a_live_attempt_is_not_given_twice() {
    let mut rig = Rig::new();
    rig.start(rig.spec(1, &["sleep", "1000"]));
    rig.started();
    let mut spec = rig.spec(2, &["true"]);
    spec.marker = format!("{}/1", rig.run);
    rig.start(spec);
    assert_eq!(rig.refused().0, libc::EEXIST);
}

#[test]
fn a_vanished_output_directory_fails_the_attempt_only() {
    let mut rig = Rig::new();
    let mut spec = rig.spec(1, &["true"]);
    spec.cwd = PathBuf::from("/");
    std::fs::remove_dir_all(rig.dir.path()).unwrap();
    rig.start(spec);
    let (_, message) = rig.refused(); // the number differs among filesystems
    assert!(message.starts_with("cannot make an output file: "), "{message}");
}

#[test]
fn debug_output_of_a_start_shows_no_value_of_the_environment() {
    let mut spec = Rig::new().spec(1, &["true"]);
    spec.env.push(("TOKEN".into(), "hunter2".into()));
    let shown = format!("{:?}", Request::Start(Box::new(spec)));
    assert!(shown.contains("TOKEN") && !shown.contains("hunter2"), "{shown}");
}
