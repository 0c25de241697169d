//! The spool of a keeper, and the frames that keeper, orchestrator and commands exchange.
//!
//! Whatever the bytes are: what is whole is taken, the rest is cut off or refused, and the same bytes mean the same.

use crate::target::{Judge, Signature, Target, kind_of, must};
use regatta_runtime::keeper::fuzzing::{Ear, frames, sample_frames, sample_spool, spool};
use std::fs::File;
use std::io::{Read as _, Seek as _, Write as _};

/// What a socket takes without a reader.
const MAX_FRAME_BYTES: usize = 32 << 10;

/// Spools.
pub const SPOOL: Target = Target {
    name: "spool",
    doc: "spools of a keeper",
    words: &[
        "\u{0}\u{0}\u{0}\u{0}",
        "{\"acked\":{\"attempt\":1}}",
        "\"now\"",
        "\"attempt\":",
        "null",
        "\u{7f}",
    ],
    corpus: || {
        let mut file = empty()?;
        sample_spool(copy(&file)?).map_err(|e| e.to_string())?;
        let whole = bytes_of(&mut file)?;
        let cut = whole[..whole.len() / 2].to_vec();
        Ok(vec![whole, cut, Vec::new()])
    },
    judge: || Ok(Box::new(judge_spool) as Judge),
};

/// Frames.
pub const FRAMES: Target = Target {
    name: "frames",
    doc: "frames between processes",
    words: &[
        "\u{0}\u{0}\u{0}\u{2}\"\"",
        "\u{0}\u{0}\u{0}\u{0}",
        "\u{7f}\u{7f}\u{7f}\u{7f}",
        "{",
        "}",
        "[",
        "null",
        "\"hello\"",
        "1e9",
        "\\u0000",
    ],
    corpus: || Ok(sample_frames()),
    judge: || Ok(Box::new(judge_frames) as Judge),
};

fn judge_spool(bytes: &[u8]) -> Result<Signature, String> {
    let mut file = empty()?;
    file.write_all(bytes).map_err(|e| e.to_string())?;
    let first = spool(copy(&file)?).map_err(|e| format!("a spool that cannot be opened: {e}"))?;
    let kept = bytes_of(&mut file)?;
    must(bytes.starts_with(&kept), || "more than a tail was cut off".to_owned())?;
    let second = spool(copy(&file)?).map_err(|e| e.to_string())?;
    must(first == second && bytes_of(&mut file)? == kept, || "it reads otherwise once it is cut".to_owned())?;
    // What comes behind it is read as well: nothing is hidden by what was torn.
    sample_spool(copy(&file)?).map_err(|e| e.to_string())?;
    let more = bytes_of(&mut file)?;
    must(more.starts_with(&kept) && more.len() > kept.len(), || "nothing could be added".to_owned())?;
    let third = spool(copy(&file)?).map_err(|e| e.to_string())?;
    must(bytes_of(&mut file)? == more, || "what was added is torn".to_owned())?;
    must(third.contains("Signal(9)"), || format!("what was added is not read: {third}"))?;
    Ok(Signature::of([kind_of(&first)]))
}

fn judge_frames(bytes: &[u8]) -> Result<Signature, String> {
    let bytes = &bytes[..bytes.len().min(MAX_FRAME_BYTES)];
    let mut kinds = Vec::new();
    for ear in Ear::ALL {
        let (heard, why) = frames(bytes, ear).map_err(|e| e.to_string())?;
        let again = frames(bytes, ear).map_err(|e| e.to_string())?;
        must((&heard, &why) == (&again.0, &again.1), || "the same bytes were heard otherwise".to_owned())?;
        must(heard.len() <= bytes.len() / 4, || {
            format!("{} messages of {} bytes", heard.len(), bytes.len())
        })?;
        kinds.push(format!(
            "{ear:?} {} {}",
            heard.len().min(3),
            why.map(|why| kind_of(&why)).unwrap_or_default()
        ));
        kinds.extend(
            heard.iter().map(|message| message.chars().take_while(char::is_ascii_alphabetic).collect()),
        );
    }
    Ok(Signature::of(kinds))
}

fn empty() -> Result<File, String> {
    tempfile::tempfile().map_err(|e| e.to_string())
}

fn copy(file: &File) -> Result<File, String> {
    file.try_clone().map_err(|e| e.to_string())
}

fn bytes_of(file: &mut File) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    file.rewind().and_then(|()| file.read_to_end(&mut bytes)).map_err(|e| e.to_string())?;
    Ok(bytes)
}
