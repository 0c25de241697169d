//! One value of several results (`join`). Large results are read here, from their files, so that whoever starts the call
//! never has them in memory.
//!
//! How values are merged is `regatta_plan::join`.

use crate::private_file;
use crate::tools::said::Answer;
use regatta_engine::json::hex;
use regatta_engine::report::Digest;
use regatta_plan::join::{Rules, Source, merge};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use std::io::Read as _;
use std::path::Path;

/// What one task contributes: a value, or the file in which it lies.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Contribution {
    /// The task.
    pub(crate) task: String,
    /// Its role, if it has one.
    #[serde(default)]
    pub(crate) role: Option<String>,
    /// Its result.
    #[serde(default, skip_serializing_if = "Value::is_null")]
    pub(crate) value: Value,
    /// Where its result lies, in place of `value`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) stored: Option<Stored>,
}

/// A result in a file.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(crate) struct Stored {
    /// The file; left out where only equality matters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) path: Option<String>,
    /// sha-256 in lower-case hexadecimal.
    pub(crate) sha256: String,
    /// Its length.
    pub(crate) bytes: u64,
}

impl Stored {
    /// A result of this digest.
    pub(crate) fn of(digest: &Digest, path: Option<String>) -> Stored {
        Stored { path, sha256: hex(&digest.sha256), bytes: digest.bytes }
    }

    /// The result, if it is still what was recorded.
    fn read(&self) -> Result<Value, String> {
        let path = self.path.as_deref().ok_or("it lies nowhere")?;
        let mut bytes = Vec::new();
        let file = private_file::open(Path::new(path)).map_err(|error| error.to_string())?;
        file.take(self.bytes.saturating_add(1)).read_to_end(&mut bytes).map_err(|error| error.to_string())?;
        if bytes.len() as u64 != self.bytes || hex(&Sha256::digest(&bytes)) != self.sha256 {
            return Err(format!("`{path}` is not what was recorded"));
        }
        serde_json::from_slice(&bytes).map_err(|error| error.to_string())
    }
}

/// One value of several results, or what they disagree about.
pub(super) fn joined(params: &Map<String, Value>) -> Answer {
    match read(params) {
        Ok((sources, rules)) => match merge(&sources, &rules) {
            Ok(value) => Answer::Done(value, None),
            Err(conflicts) => Answer::conflict(format!("the results disagree: {conflicts}")),
        },
        Err(why) => Answer::failed(format!("what is to be joined cannot be read: {why}")),
    }
}

fn read(params: &Map<String, Value>) -> Result<(Vec<Source>, Rules), String> {
    let part = |key: &str| params.get(key).unwrap_or(&Value::Null);
    let rules = Rules::deserialize(part("rules")).map_err(|error| error.to_string())?;
    let given = Vec::<Contribution>::deserialize(part("sources")).map_err(|error| error.to_string())?;
    let source = |Contribution { task, role, value, stored }: Contribution| {
        let value = match stored {
            Some(stored) => stored.read().map_err(|why| format!("the result of `{task}`: {why}"))?,
            None => value,
        };
        Ok(Source { task, role, value })
    };
    Ok((given.into_iter().map(source).collect::<Result<_, String>>()?, rules))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn params(sources: Value) -> Map<String, Value> {
        let rules = json!({ "strict": false, "rules": { "*": "union" } });
        [("sources".to_owned(), sources), ("rules".to_owned(), rules)].into_iter().collect()
    }

    #[test]
    fn a_result_in_a_file_is_joined_if_it_is_what_was_recorded() -> std::io::Result<()> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("result");
        std::fs::write(&path, "[2,3]")?;
        let digest = Digest { sha256: Sha256::digest("[2,3]").into(), bytes: 5 };
        let stored = Stored::of(&digest, Some(path.display().to_string()));
        let sources = json!([
            { "task": "a", "role": null, "value": [1, 2] },
            { "task": "b", "role": null, "stored": stored },
        ]);
        let Answer::Done(value, None) = joined(&params(sources.clone())) else { panic!("no value") };
        assert_eq!(value["value"], json!([1, 2, 3]));
        for other in ["[2,4]", "[2,3] ", "[2,"] {
            std::fs::write(&path, other)?;
            let Answer::Bad(said) = joined(&params(sources.clone())) else { panic!("{other}") };
            assert!(said.message.contains("the result of `b`"), "{}", said.message);
            assert!(said.message.contains("is not what was recorded"), "{}", said.message);
        }
        Ok(())
    }
}
