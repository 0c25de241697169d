//! Records of events and inputs.
//!
//! Whatever the bytes are: an error, or something that is written and read again as itself.

use crate::corpus;
use crate::target::{Judge, Signature, Target, kind_of, must};
use regatta_journal::record::{decode_event, decode_input, encode_event, encode_input};

/// Records.
pub const RECORDS: Target = Target {
    name: "records",
    doc: "records of events and inputs",
    words: &[
        "{",
        "}",
        "[",
        "]",
        ",",
        ":",
        "\"",
        "null",
        "true",
        "0",
        "-1",
        "1.5",
        "18446744073709551615",
        "4294967296",
        "\"kind\":\"",
        "\"at\":",
        "\"node\":",
        "\"attempt\":",
        "\"report\":{",
        "\"cause\":",
        "\"zz\":1",
        "\"dispatch_ended\"",
        "\"settle\"",
        "\\u0000",
        "\\ud800",
        "\"0f0f\"",
    ],
    corpus: || Ok([corpus::golden("events.jsonl")?, corpus::golden("inputs.jsonl")?].concat()),
    judge: || Ok(Box::new(judge) as Judge),
};

fn judge(bytes: &[u8]) -> Result<Signature, String> {
    let event = match decode_event(bytes) {
        Ok(event) => {
            let mut written = Vec::new();
            encode_event(&event, &mut written)
                .map_err(|e| format!("an event that cannot be written: {e}"))?;
            let again = decode_event(&written).map_err(|e| format!("an event that cannot be read: {e}"))?;
            must(again == event, || "another event".to_owned())?;
            event.kind.name().to_owned()
        }
        Err(error) => kind_of(&error.to_string()),
    };
    let input = match decode_input(bytes) {
        Ok(input) => {
            let mut written = Vec::new();
            encode_input(&input, &mut written)
                .map_err(|e| format!("an input that cannot be written: {e}"))?;
            let again = decode_input(&written).map_err(|e| format!("an input that cannot be read: {e}"))?;
            must(again == input, || "another input".to_owned())?;
            "an input".to_owned()
        }
        Err(error) => kind_of(&error.to_string()),
    };
    Ok(Signature::of([event, input]))
}
