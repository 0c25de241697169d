//! Follows what a task writes: the attempt that runs, then the next one, until the task has ended.
//!
//! ```text
//! events of the run -> which attempt is the task's, and whether it has ended
//! running:  its orchestrator hands over pipes, in which what it writes comes redacted from the beginning
//! ended:    the rest from the named file; what was shown of it is not shown again
//! ```
//! Looks at fixed times; holds nobody up. A run without an orchestrator is waited for.

use super::nothing;
use crate::args::LogsArgs;
use crate::context::{Context, err, try_out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::escape::{escape_block, escape_path};
use crate::view::{engine_of, plan_of, store_error};
use regatta_engine::event::EventKind;
use regatta_engine::ids::NodeId;
use regatta_journal::{Reader, RunId, Which};
use regatta_runtime::{collect, control, workspace};
use rustix::fs::OFlags;
use std::fs::File;
use std::io::{ErrorKind, PipeReader, Read as _};
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Between two looks.
const LOOK: Duration = Duration::from_millis(200);
/// Events fetched at a time.
const PAGE: usize = 1_000;
/// Read at once.
const CHUNK_BYTES: usize = 64 << 10;

/// An attempt of the task.
struct Attempt {
    id: u64,
    number: u32,
    ended: bool,
    /// An earlier run made it.
    reused: bool,
}

/// What the journal has told of the task.
struct Told {
    node: NodeId,
    from: u64,
    attempts: Vec<Attempt>,
    /// Nothing more will be written.
    over: bool,
}

/// Runs `logs --follow`.
///
/// # Errors
/// No such run or task, or the journal or an output cannot be read.
pub(super) fn run(context: &Context, reader: &Reader, args: &LogsArgs) -> Result<Exit, CliError> {
    let which = args.run.as_deref().map_or(Which::Newest, Which::Named);
    let id = reader.resolve(which).map_err(store_error)?.run_id;
    let engine = engine_of(&plan_of(&reader.run(&id).map_err(store_error)?)?.0)?;
    let node = engine.graph().find(args.named()).ok_or_else(|| {
        CliError::usage(format!("run {id} has no task `{}`", args.named().escape_debug()))
            .hint(format!("`regatta status {id}` lists its tasks"))
    })?;
    let mut told = Told { node, from: 1, attempts: Vec::new(), over: false };
    let run_dir = reader.place().run_dir(&id);
    let mut shown = Shown {
        context,
        run_dir,
        args,
        stream: None,
        at: 0,
        skip: 0,
        partial: Vec::new(),
        nobody_reads: false,
    };
    let mut next = 0;
    loop {
        let run_has_ended = reader.summary(&id).map_err(store_error)?.state.has_ended();
        told.hear(reader, &id)?;
        told.over |= run_has_ended;
        while let Some(attempt) = told.attempts.get(next) {
            if args.attempt.is_some_and(|wanted| wanted != attempt.number) {
                next += 1;
                continue;
            }
            shown.grow(attempt)?;
            if shown.nobody_reads {
                return Ok(Exit::Success);
            }
            if !attempt.ended && !told.over {
                break;
            }
            next += 1;
            shown.begin_anew();
            if args.attempt.is_some() {
                return Ok(Exit::Success);
            }
            if let Some(attempt) = told.attempts.get(next) {
                err(&format!("-- attempt {}\n", attempt.number));
            }
        }
        if told.over {
            return if told.attempts.is_empty() || args.attempt.is_some() {
                let which = args.attempt.map_or("attempt".to_owned(), |n| format!("attempt {n}"));
                Err(nothing(args, &which, &id))
            } else {
                Ok(Exit::Success)
            };
        }
        std::thread::sleep(LOOK);
    }
}

impl Told {
    /// Takes what is new.
    fn hear(&mut self, reader: &Reader, id: &RunId) -> Result<(), CliError> {
        loop {
            let page = reader.events(id, self.from, PAGE).map_err(store_error)?;
            let Some(last) = page.last() else { return Ok(()) };
            self.from = last.pos + 1;
            let node = Some(self.node);
            for stored in page.iter().filter(|stored| stored.event.kind.node() == node) {
                self.take(&stored.event.kind);
            }
        }
    }

    fn take(&mut self, kind: &EventKind) {
        match kind {
            EventKind::DispatchStarted { attempt, number, .. } => {
                self.attempts.push(Attempt { id: attempt.0, number: *number, ended: false, reused: false });
            }
            EventKind::NodeReused { attempt, .. } => {
                self.attempts.push(Attempt { id: attempt.0, number: 0, ended: true, reused: true });
            }
            EventKind::DispatchEnded { attempt, .. } => {
                let known = self.attempts.iter_mut().filter(|a| a.id == attempt.0);
                known.for_each(|attempt| attempt.ended = true);
            }
            EventKind::NodeEnded { .. } => self.over = true,
            _ => {}
        }
    }
}

/// What was shown of one attempt.
struct Shown<'a> {
    context: &'a Context,
    run_dir: PathBuf,
    args: &'a LogsArgs,
    /// Where it comes from, once somebody handed it over.
    stream: Option<PipeReader>,
    /// So many bytes were shown.
    at: u64,
    /// So many bytes of the stream were shown before, from another.
    skip: u64,
    /// The beginning of a character whose end has not come.
    partial: Vec<u8>,
    /// The reader of our output went away.
    nobody_reads: bool,
}

impl Shown<'_> {
    fn begin_anew(&mut self) {
        (self.stream, self.at, self.skip) = (None, 0, 0);
        self.partial.clear();
    }

    /// Shows what is new.
    fn grow(&mut self, attempt: &Attempt) -> Result<(), CliError> {
        if attempt.ended {
            return self.rest(attempt);
        }
        let fail = |e: std::io::Error| {
            CliError::environment(format!("what `{}` writes cannot be read: {e}", self.args.named()))
        };
        if self.stream.is_none() {
            // Nobody listens, or it has just ended: the next look tells.
            let found = control::look(&self.run_dir, self.args.named()).ok().flatten();
            let found = found.filter(|(id, _)| *id == attempt.id);
            let stream = found.map(|(_, [out, err])| if self.args.stderr { err } else { out });
            if let Some(stream) = &stream {
                let flags = rustix::fs::fcntl_getfl(stream).map_err(|e| fail(e.into()))?;
                rustix::fs::fcntl_setfl(stream, flags | OFlags::NONBLOCK).map_err(|e| fail(e.into()))?;
            }
            (self.stream, self.skip) = (stream, self.at);
        }
        let Some(mut stream) = self.stream.take() else { return Ok(()) };
        if self.drain(&mut stream).map_err(fail)? {
            self.stream = Some(stream);
        }
        Ok(())
    }

    /// Shows what has come; false at the end of the stream, after which another look may find another.
    fn drain(&mut self, stream: &mut PipeReader) -> std::io::Result<bool> {
        let mut chunk = vec![0; CHUNK_BYTES];
        while !self.nobody_reads {
            match stream.read(&mut chunk) {
                Ok(0) => return Ok(false),
                Ok(n) => {
                    let known = usize::try_from(self.skip).unwrap_or(usize::MAX).min(n);
                    self.skip -= known as u64;
                    self.at += (n - known) as u64;
                    self.show(&chunk[known..n], false);
                }
                Err(e) if e.kind() == ErrorKind::WouldBlock => return Ok(true),
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
        }
        Ok(true)
    }

    /// The rest of an attempt that has ended. One that wrote nothing has no file.
    fn rest(&mut self, attempt: &Attempt) -> Result<(), CliError> {
        self.stream = None;
        let dir = match attempt.reused {
            true => workspace::reused_dir(&self.run_dir, attempt.id),
            false => workspace::attempt_dir(&self.run_dir, attempt.id),
        };
        let path = dir.join(if self.args.stderr { collect::STDERR } else { collect::STDOUT });
        let fail = |path: &Path, e: std::io::Error| {
            CliError::environment(format!("`{}` cannot be read: {e}", escape_path(path)))
        };
        match File::open(&path) {
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(()),
            Err(e) => Err(fail(&path, e)),
            Ok(file) => {
                self.read(&file).map_err(|e| fail(&path, e))?;
                self.show(&[], true);
                Ok(())
            }
        }
    }

    fn read(&mut self, file: &File) -> std::io::Result<()> {
        let mut chunk = vec![0; CHUNK_BYTES];
        loop {
            match file.read_at(&mut chunk, self.at) {
                Ok(0) => return Ok(()),
                Ok(n) => {
                    self.at += n as u64;
                    self.show(&chunk[..n], false);
                }
                Err(e) if e.kind() == ErrorKind::Interrupted => {}
                Err(e) => return Err(e),
            }
            if self.nobody_reads {
                return Ok(());
            }
        }
    }

    /// Shows bytes: as text without half a character, escaped where it goes to a terminal.
    fn show(&mut self, bytes: &[u8], last: bool) {
        self.partial.extend_from_slice(bytes);
        let whole = if last { self.partial.len() } else { whole(&self.partial) };
        let bytes: Vec<u8> = self.partial.drain(..whole).collect();
        if bytes.is_empty() {
            return;
        }
        let shown = match self.context.terminal {
            true => escape_block(&String::from_utf8_lossy(&bytes)).into_bytes(),
            false => bytes,
        };
        self.nobody_reads |= !try_out(&shown);
    }
}

/// How many bytes do not end within a character.
fn whole(bytes: &[u8]) -> usize {
    match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) => match error.error_len() {
            // It breaks off at the end; what is no text at all goes as it is.
            None => error.valid_up_to(),
            Some(_) => bytes.len(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::whole;

    #[test]
    fn half_a_character_waits_for_its_other_half() {
        let text = "aé€".as_bytes();
        assert_eq!((1..=6).map(|n| whole(&text[..n])).collect::<Vec<_>>(), [1, 1, 3, 3, 3, 6]);
        assert_eq!(whole(b"\xffab"), 3);
    }
}
