//! What a run shows while it goes on, on a real terminal and on what is none; and that nobody who looks holds it up.

use crate::world::{World, comes, ends};
use rustix::fs::{Mode, OFlags};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};
use std::fs::{File, OpenOptions};
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::fd::OwnedFd;
use std::process::{Child, Command, Stdio};

/// A terminal in memory, and a run on it.
struct Terminal {
    master: File,
    child: Child,
    parser: vt100::Parser,
    /// All that it was sent.
    raw: Vec<u8>,
    /// Nobody has it open any more.
    closed: bool,
}

fn size(rows: u16, columns: u16) -> Winsize {
    Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 }
}

impl Terminal {
    fn run(world: &World, (rows, columns): (u16, u16), env: &[(&str, &str)]) -> Terminal {
        let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let name = ptsname(&master, Vec::new()).unwrap();
        tcsetwinsize(&master, size(rows, columns)).unwrap();
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let slave = File::from(rustix::fs::open(name, flags, Mode::empty()).unwrap());
        let side = || Stdio::from(slave.try_clone().unwrap());
        let regatta = world.command(&["run", "plan.yaml"]);
        let mut command = Command::new("setsid");
        command.arg("--ctty").arg(regatta.get_program()).args(regatta.get_args()).current_dir(world.root());
        command.env_remove("REGATTA_WORKSPACE").env_remove("NO_COLOR");
        command.env("TERM", "xterm-256color").env("LC_ALL", "C.UTF-8").envs(env.iter().copied());
        let child = command.stdin(side()).stdout(side()).stderr(side()).spawn().unwrap();
        let parser = vt100::Parser::new(rows, columns, 1_000);
        Terminal { master: File::from(master), child, parser, raw: Vec::new(), closed: false }
    }

    /// Takes what was sent; waits for some.
    fn take(&mut self) {
        assert!(comes(&self.master), "nothing comes:\n{}", self.text());
        let mut bytes = [0; 65_536];
        match self.master.read(&mut bytes) {
            Ok(n) if n > 0 => {
                self.raw.extend_from_slice(&bytes[..n]);
                self.parser.process(&bytes[..n]);
            }
            // The other side is gone.
            Ok(_) | Err(_) => self.closed = true,
        }
    }

    fn text(&self) -> String {
        self.parser.screen().contents()
    }

    /// Waits until the screen shows all of some texts.
    fn shows(&mut self, wanted: &[&str]) -> String {
        while !wanted.iter().all(|wanted| self.text().contains(wanted)) {
            assert!(!self.closed, "{wanted:?} was never shown:\n{}", self.text());
            self.take();
        }
        self.text()
    }

    fn resize(&mut self, rows: u16, columns: u16) {
        self.parser.screen_mut().set_size(rows, columns);
        tcsetwinsize(&self.master, size(rows, columns)).unwrap();
    }

    fn types(&mut self, bytes: &[u8]) {
        self.master.write_all(bytes).unwrap();
    }

    /// The exit code, once everything was shown.
    fn end(&mut self) -> Option<i32> {
        while !self.closed {
            self.take();
        }
        ends(&mut self.child)
    }
}

fn gated(more: &str) -> World {
    let world = World::with(&format!(
        "version: 1\neffect: idempotent\nlimits: {{ per_tag: {{ db: 1 }} }}\ntasks:\n  \
         - {{ id: load, priority: P0, tags: [db], estimate: 20s, run: 'echo step 1; echo up >up; cat gate; {more}' }}\n  \
         - {{ id: dump, tags: [db], estimate: 40s, run: 'true' }}\n  \
         - {{ id: after, needs: [load, dump], run: 'true' }}\n"
    ));
    ["up", "gate"].iter().for_each(|name| world.fifo(name));
    world
}

fn open_gate(world: &World) {
    OpenOptions::new().write(true).open(world.path("gate")).unwrap();
}

#[test]
fn on_a_terminal_a_run_shows_tasks_with_their_last_line_bars_caps_and_what_is_left() {
    let world = gated("sleep 0.4; printf \"10 %%\\r20 %%\"; sleep 0.6");
    let mut terminal = Terminal::run(&world, (24, 90), &[]);
    world.hear("up");
    let foot = ["wave 1 of 2: 0 of 2", "0 of 3 tasks", "about ", " left", "slots 1/4  tag db 1/1  1 ready"];
    terminal.shows(&[&["  load", "step 1"][..], &foot].concat());
    open_gate(&world);
    terminal.shows(&["  load", "20 %"]);
    assert_eq!(terminal.end(), Some(0));
    let text = terminal.text();
    assert!(text.contains("succeeded  load in") && text.contains("succeeded  after in"), "{text}");
    assert!(text.contains("3 succeeded") && text.contains("speed-up"), "the summary: {text}");
    assert!(
        !text.contains("slots 1/4") && !text.contains("wave 2 of 2"),
        "the picture is taken away: {text}"
    );
    assert_eq!(text.matches("succeeded  load").count(), 1, "{text}");
}

#[test]
fn nothing_that_a_task_writes_steers_the_terminal() {
    let world = gated("true");
    world.write(
        "plan.yaml",
        &world.read("plan.yaml").replace(
            "echo step 1;",
            "printf \"\\033]0;owned\\007\\033[31mred\\033[0m \\342\\200\\256x\\n\";",
        ),
    );
    let mut terminal = Terminal::run(&world, (24, 90), &[]);
    world.hear("up");
    let text = terminal.shows(&["  load", "red \\u{202e}x"]);
    assert!(!text.contains("owned"), "{text}");
    open_gate(&world);
    assert_eq!(terminal.end(), Some(0));
    let raw = String::from_utf8_lossy(&terminal.raw).into_owned();
    assert!(
        !raw.contains("\u{1b}]0;") && !raw.contains("\u{1b}[31m") && !raw.contains('\u{202e}'),
        "{raw:?}"
    );
    assert_eq!(terminal.parser.screen().bgcolor(), vt100::Color::Default);
}

#[test]
fn a_narrow_a_low_and_a_resized_terminal_show_what_fits() {
    let world = gated("true");
    let mut terminal = Terminal::run(&world, (6, 18), &[]);
    world.hear("up");
    let text = terminal.shows(&["0 of 3 tasks"]);
    assert!(!text.contains("slots 1/4"), "{text}");
    terminal.resize(24, 90);
    terminal.shows(&["  load", "step 1", "slots 1/4"]);
    terminal.resize(24, 50);
    let fits = |text: &str| text.lines().all(|line| line.chars().count() < 50);
    while !terminal.text().contains('…') || !fits(&terminal.text()) {
        terminal.take();
    }
    let text = terminal.shows(&["0 of 3 tasks", "slots 1/4"]);
    assert_eq!(text.matches("slots").count(), 1, "{text}");
    terminal.resize(5, 90);
    open_gate(&world);
    assert_eq!(terminal.end(), Some(0));
    let text = terminal.parser.screen().contents();
    assert!(!text.contains("slots 1/4"), "{text}");
}

#[test]
fn a_dumb_terminal_and_one_without_unicode_get_what_they_can_show() {
    let world = gated("true");
    let mut terminal = Terminal::run(&world, (24, 90), &[("TERM", "dumb")]);
    world.hear("up");
    terminal.shows(&["started    load"]);
    open_gate(&world);
    assert_eq!(terminal.end(), Some(0));
    assert!(!terminal.raw.contains(&0x1b), "{:?}", String::from_utf8_lossy(&terminal.raw));
    let mut terminal = Terminal::run(&world, (24, 60), &[("LC_ALL", "C"), ("NO_COLOR", "1")]);
    world.hear("up");
    let text = terminal.shows(&["  load", "step 1", "slots 1/4"]);
    assert!(text.is_ascii() && text.contains("wave 1 of 2"), "{text}");
    open_gate(&world);
    assert_eq!(terminal.end(), Some(0));
    assert!(terminal.raw.is_ascii());
    let styled = |rest: &str| {
        rest.find('m').is_some_and(|i| {
            rest[..i].bytes().all(|b| b.is_ascii_digit() || b == b';') && rest[..i] != *"0" && i > 0
        })
    };
    let raw = String::from_utf8_lossy(&terminal.raw).into_owned();
    assert!(!raw.split("\u{1b}[").skip(1).any(styled), "{raw:?}");
}

#[test]
fn an_interrupt_from_the_keyboard_is_told_below_what_was_shown() {
    let world = gated("true");
    let mut terminal = Terminal::run(&world, (24, 90), &[]);
    world.hear("up");
    terminal.shows(&["  load", "slots"]);
    terminal.types(b"\x03");
    assert_eq!(terminal.end(), Some(130));
    let text = terminal.text();
    assert!(text.contains("interrupted") && text.contains("next: regatta resume"), "{text}");
    assert!(!text.contains("slots 1/4"), "{text}");
}

#[test]
fn a_reader_who_goes_away_does_not_stop_the_run() {
    let world = World::with(
        "version: 1\ntasks:\n  - { id: a, run: sleep 0.2 }\n  - { id: b, needs: [a], run: touch done }\n",
    );
    let mut command = world.command(&["run", "plan.yaml"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut first = String::new();
    let mut reader = BufReader::new(child.stdout.take().unwrap());
    reader.read_line(&mut first).unwrap();
    assert!(first.contains("run started: 2 tasks"), "{first}");
    drop(reader);
    assert_eq!(ends(&mut child), Some(0));
    assert!(world.path("done").exists());
    assert_eq!(world.regatta(&["status", "--json"]).json()["status"], "succeeded");
    let full = OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut child = world.command(&["run", "plan.yaml"]).stdout(full).stderr(Stdio::null()).spawn().unwrap();
    // It went on; that its lines could not be written is told.
    assert_eq!(ends(&mut child), Some(4));
    assert_eq!(world.regatta(&["status", "--json"]).json()["status"], "succeeded");
}

#[test]
fn a_reader_who_does_not_read_does_not_hold_the_run_up_and_gets_every_line_in_the_end() {
    const TASKS: usize = 1_200;
    let tasks: String =
        (0..TASKS).map(|i| format!("  - {{ id: task-number-{i:05}, run: ['true'] }}\n")).collect();
    let world = World::with(&format!("version: 1\nlimits: {{ max_parallel: 16 }}\ntasks:\n{tasks}"));
    let mut command = world.command(&["run", "plan.yaml"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut told = String::new();
    BufReader::new(child.stderr.take().unwrap()).read_line(&mut told).unwrap();
    assert!(told.starts_with("run "), "{told}");
    // A pipe holds 64 KiB, which is less than half of it.
    world.follow("run_ended", 1);
    assert_eq!(child.try_wait().unwrap(), None, "it waits to be read");
    let mut text = String::new();
    child.stdout.take().unwrap().read_to_string(&mut text).unwrap();
    assert_eq!(ends(&mut child), Some(0));
    let shown = text.matches("succeeded  task-number-").count();
    assert!(shown == TASKS || text.contains("not shown: nobody took them"), "{shown}");
    assert!(text.contains(&format!("{TASKS} succeeded")), "the summary comes last");
}

#[test]
fn a_terminal_that_goes_away_interrupts_the_run_as_its_signal_does() {
    let world = gated("true");
    let mut terminal = Terminal::run(&world, (24, 90), &[]);
    world.hear("up");
    terminal.shows(&["  load"]);
    let Terminal { master, mut child, .. } = terminal;
    // `setsid` became the command, which leads the session of that terminal.
    drop(master);
    assert_eq!(ends(&mut child), Some(130));
    assert_eq!(world.regatta(&["status", "--json"]).exits(0).json()["status"], "interrupted");
}
