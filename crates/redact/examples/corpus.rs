//! Reads cases from standard input, one JSON object a line (`id`, `text`, and where they apply `declared` and `split`), and
//! writes what is left of each text.
use regatta_redact::{Redactor, Stream, Value};
use std::io::{BufRead as _, Write as _};
use std::sync::Arc;

#[expect(clippy::disallowed_methods, reason = "an example reads and prints; the crate does neither")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let case: serde_json::Value = serde_json::from_str(&line?)?;
        let text = case["text"].as_str().unwrap_or_default();
        let declared = case["declared"].as_str();
        let values: Vec<Value> =
            declared.map(|v| Value { name: "declared".into(), bytes: v.into() }).into_iter().collect();
        let mut stream = Stream::new(Arc::new(Redactor::new(&values)));
        let split = usize::try_from(case["split"].as_u64().unwrap_or(0))?;
        let mut left = Vec::new();
        stream.push(&text.as_bytes()[..split], &mut left);
        stream.push(&text.as_bytes()[split..], &mut left);
        stream.finish(&mut left);
        let text = String::from_utf8_lossy(&left);
        writeln!(out, "{}", serde_json::json!({ "id": case["id"], "text": text }))?;
    }
    Ok(())
}
