//! Attempts in cgroups of their own. Where this machine permits none, a test says that it was skipped.

use super::*;
use regatta_runtime::owner::make_cgroup;
use std::process::Stdio;

/// A process that nothing but its cgroup knows: no group, no environment, no parents. It writes its number to `pid`.
const NOBODYS: &str = r#"env -i /bin/sh -c 'PATH=/bin:/usr/bin; (setsid env -i /bin/sh -c "echo \$\$ > pid; exec /bin/sleep 1000" &); exit' &"#;

/// An owner with a cgroup, and the cgroup.
fn contained() -> Option<(Rig, PathBuf)> {
    let run = new_run();
    let home = permitted(&run)?;
    Some((Rig::configured(run, |config| config.cgroup = Some(home.clone())), home))
}

fn permitted(run: &str) -> Option<PathBuf> {
    let made = make_cgroup(run);
    if let Err(error) = &made {
        eprintln!("skipped: no cgroup can be made here: {error}");
    }
    made.ok()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap().map(Result::unwrap);
    let directories = entries.filter(|entry| entry.file_type().unwrap().is_dir());
    let mut names: Vec<String> = directories.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort_unstable();
    names
}

/// Starts `NOBODYS`, lets the leader end when it has become nobody's, and answers its number.
fn leaves_nobodys(rig: &mut Rig) -> (u32, End) {
    rig.fifo("pid");
    rig.fifo("go");
    rig.start(rig.sh(1, &format!("{NOBODYS} read x < go; exit 5")));
    let stray = rig.pid("pid");
    assert!(alive(stray));
    rig.go("go");
    (stray, rig.ended())
}

#[test]
fn nobody_leaves_the_cgroup_of_an_attempt() {
    let Some((mut rig, _)) = contained() else { return };
    let (stray, end) = leaves_nobodys(&mut rig);
    assert!(!alive(stray));
    assert_eq!((end.status, end.leaked, end.killed), (Status::Code(5), 1, false));
}

#[test]
fn what_the_cgroup_is_for_escapes_all_other_means() {
    let mut rig = Rig::new();
    let (stray, end) = leaves_nobodys(&mut rig);
    assert_eq!((alive(stray), end.leaked), (true, 0));
    let stray = rustix::process::Pid::from_raw(i32::try_from(stray).unwrap()).unwrap();
    rustix::process::kill_process(stray, rustix::process::Signal::KILL).unwrap();
}

#[test]
fn an_end_reaches_everybody_in_the_cgroup_by_term_and_then_by_kill() {
    let Some((mut rig, _)) = contained() else { return };
    for (attempt, stubborn) in [(1, ""), (2, "trap \"\" TERM; ")] {
        rig.fifo("pid");
        let nobodys = NOBODYS.replace("echo", &format!("{stubborn}echo")).replace("exec ", "");
        rig.start(rig.sh(attempt, &format!("{nobodys} exec sleep 1000")));
        let stray = rig.pid("pid");
        rig.end(attempt, 20);
        let end = rig.ended();
        assert!(end.killed && !alive(stray), "{end:?}");
        std::fs::remove_file(rig.dir.path().join("pid")).unwrap();
    }
}

#[test]
fn cgroups_are_used_again_and_removed_in_the_end() {
    let Some((mut rig, home)) = contained() else { return };
    for attempt in 1..=3 {
        rig.start(rig.sh(attempt, "cat /proc/self/cgroup"));
        let end = rig.ended();
        let own = format!("/{}/0", home.file_name().unwrap().to_str().unwrap());
        let inside = end.stdout.unwrap().lines().find_map(|line| line.strip_prefix("0::").map(str::to_owned));
        assert!(inside.as_ref().is_some_and(|path| path.ends_with(&own)), "{inside:?}");
    }
    assert_eq!(names(&home), ["0"]);
    drop(rig);
    assert!(!home.exists());
}

#[test]
fn a_cgroup_that_was_killed_is_not_used_again() {
    let Some((mut rig, home)) = contained() else { return };
    rig.start(rig.sh(1, "exec sleep 1000"));
    rig.end(1, 0);
    assert_eq!(rig.ended().status, Status::Signal(9));
    assert_eq!(names(&home), [""; 0]);
    rig.start(rig.sh(2, &format!("echo 1 > {}/cgroup.kill; exec sleep 1000", home.join("1").display())));
    assert_eq!(rig.ended().status, Status::Signal(9), "a task may do that to itself");
    rig.start(rig.sh(3, "exit 7"));
    assert_eq!(rig.ended().status, Status::Code(7));
}

#[test]
fn a_cgroup_that_a_task_made_below_its_own_is_ended_with_it_and_not_used_again() {
    let Some((mut rig, home)) = contained() else { return };
    rig.fifo("pid");
    rig.fifo("go");
    let below = home.join("0/below");
    let joins = format!("echo 0 > {}/cgroup.procs; echo $$ > pid; exec sleep 1000", below.display());
    rig.start(rig.sh(1, &format!("mkdir {}; setsid sh -c '{joins}' & read x < go", below.display())));
    let stray = rig.pid("pid");
    rig.go("go");
    assert_eq!((rig.ended().leaked, alive(stray)), (1, false));
    assert_eq!(names(&home), [""; 0], "it may have been changed, so it is gone");
    rig.start(rig.sh(2, "true"));
    assert_eq!((rig.ended().status, names(&home)), (Status::Code(0), vec!["1".to_owned()]));
}

#[test]
fn a_frozen_cgroup_is_killed_all_the_same_and_not_used_again() {
    let Some((mut rig, home)) = contained() else { return };
    let freezes = format!("echo 1 > {}/cgroup.freeze; exit 3", home.join("0").display());
    rig.start(rig.sh(1, &freezes));
    rig.end(1, 0);
    rig.ended();
    rig.start(rig.sh(2, "exit 4"));
    assert_eq!(rig.ended().status, Status::Code(4));
}

#[test]
fn a_sweep_ends_who_lives_in_the_cgroup_of_a_dead_owner_and_removes_it() {
    let run = new_run();
    let Some(left) = permitted(&run) else { return };
    let slot = left.join("7");
    std::fs::create_dir(&slot).unwrap();
    let joins = format!("echo 0 > {}/cgroup.procs; echo; exec sleep 1000 > /dev/null", slot.display());
    let mut command = Command::new("/bin/sh");
    command.args(["-c", &joins]).env_clear().env("PATH", "/bin:/usr/bin").stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdout.take().unwrap().read_exact(&mut [0]).unwrap();
    let mut rig = Rig::configured(run, |config| config.left_cgroups = vec![left.clone()]);
    rig.send(vec![Request::Sweep { run_marker: rig.run.clone() }]);
    // Its parent is this test, which has to reap it before its owner sees that it is gone.
    child.wait().unwrap();
    let report = rig.report();
    assert!(matches!(report, Report::Swept { killed: 1, .. }), "{report:?}");
    assert!(!left.exists());
}

#[test]
fn where_no_cgroup_can_be_had_an_attempt_runs_all_the_same() {
    let nowhere = tempfile::tempdir().unwrap();
    for home in [nowhere.path().to_owned(), nowhere.path().join("missing")] {
        let mut rig = Rig::configured(new_run(), |config| config.cgroup = Some(home));
        rig.start(rig.sh(1, "exit 6"));
        assert_eq!(rig.ended().status, Status::Code(6));
    }
}
