//! The readers of the keeper, for whoever feeds them damaged bytes. Only in a build with the feature `fuzz`.
//!
//! Answers with texts, because what they tell is nobody's else.

use super::message::{Ask, Ended, How, Tell};
use super::spool::{Record, Spool};
use crate::control::{Command, Reply};
use crate::socket::wire::Wire;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Write as _};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

/// Reads a spool, cuts off what is torn, and answers what an earlier keeper left.
///
/// # Errors
/// The file cannot be read or cut.
pub fn spool(file: File) -> io::Result<String> {
    Spool::open(file, "now").map(|(_, inherited)| format!("{inherited:?}"))
}

/// Writes a spool with a record of each kind, some of them twice.
///
/// # Errors
/// The file cannot be written.
pub fn sample_spool(file: File) -> io::Result<()> {
    let started = |attempt, boot: &str| Record::Started {
        attempt,
        pid: 7,
        start_time_ticks: 9,
        boot_id: boot.to_owned(),
    };
    let ended = |attempt, how| Ended { stdout: true, how, ..Ended::not_started(attempt, "gone".to_owned()) };
    let (mut spool, _) = Spool::open(file, "now")?;
    spool.append(&[started(1, "now"), started(2, "now"), Record::Ended(ended(1, How::Code(3)))])?;
    spool.append(&[Record::Acked { attempt: 1 }, Record::Ended(ended(2, How::Signal(9)))])?;
    spool.append(&[started(3, "then"), Record::Ended(ended(3, How::Code(0)))])
}

/// Who reads what came over a socket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ear {
    /// The keeper.
    Keeper,
    /// The orchestrator that asked it.
    Orchestrator,
    /// The orchestrator whom somebody commands.
    Control,
    /// Whoever commanded.
    Visitor,
}

impl Ear {
    /// Every one.
    pub const ALL: [Ear; 4] = [Ear::Keeper, Ear::Orchestrator, Ear::Control, Ear::Visitor];
}

/// Hears bytes as frames: the messages, and why no more came of them. At most what a socket holds at once.
///
/// # Errors
/// There is no socket.
pub fn frames(bytes: &[u8], ear: Ear) -> io::Result<(Vec<String>, Option<String>)> {
    let (mut mouth, socket) = UnixStream::pair()?;
    mouth.write_all(bytes)?;
    mouth.shutdown(Shutdown::Write)?;
    let mut wire = Wire::new(socket);
    Ok(match ear {
        Ear::Keeper => hear::<Ask>(&mut wire),
        Ear::Orchestrator => hear::<Tell>(&mut wire),
        Ear::Control => hear::<Command>(&mut wire),
        Ear::Visitor => hear::<Reply>(&mut wire),
    })
}

fn hear<T: DeserializeOwned + Debug>(wire: &mut Wire) -> (Vec<String>, Option<String>) {
    let mut heard = Vec::new();
    loop {
        match wire.fill() {
            Ok(true) => {}
            Ok(false) => return (heard, None),
            Err(error) => return (heard, Some(error.to_string())),
        }
        loop {
            match wire.next::<T>() {
                Ok(Some(message)) => heard.push(format!("{message:?}")),
                Ok(None) => break,
                Err(error) => return (heard, Some(error.to_string())),
            }
        }
    }
}

/// Words of each kind in frames.
#[must_use]
pub fn sample_frames() -> Vec<Vec<u8>> {
    let frame = |json: &str| {
        let mut bytes = u32::try_from(json.len()).unwrap_or_default().to_be_bytes().to_vec();
        bytes.extend_from_slice(json.as_bytes());
        bytes
    };
    let words = [
        r#"{"hello":{"protocols":[1,1],"epoch":3}}"#,
        r#"{"environment":{"vars":[["A","b"],[[255],"c"]]}}"#,
        r#"{"start":{"attempt":1,"argv":["sh"],"env":[],"cwd":"/","marker":"m","output_limit_bytes":9,"idle_ms":null,"grace_ms":5,"kill_after_ms":7}}"#,
        r#"{"end":{"attempt":1,"grace_ms":5}}"#,
        r#""suspend""#,
        r#"{"sweep":{"run_marker":"m"}}"#,
        r#"{"ended":{"attempt":1,"how":{"code":0},"leaked":0,"output_limit":false,"deadline":false,"cpu_us":[1,2],"max_rss_kib":3,"stdout":true,"stderr":false,"output_lost":false}}"#,
        r#"{"pause":{"now":true}}"#,
        r#"{"answer":{"task":"a","settle":"again"}}"#,
        r#"{"cancel":{"task":null}}"#,
        r#"{"refused":"no"}"#,
    ];
    let all: Vec<u8> = words.iter().flat_map(|word| frame(word)).collect();
    words.iter().map(|word| frame(word)).chain([all]).collect()
}
