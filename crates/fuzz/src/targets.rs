//! Every reader that is fed.
//!
//! A list, and nothing else.

use crate::target::Target;
use crate::{conditions, database, documents, plans, records, texts, wires};

/// Every reader.
pub const TARGETS: [Target; 11] = [
    plans::YAML,
    plans::JSON,
    plans::TOML,
    texts::TEXTS,
    documents::EPICS,
    documents::PHASES,
    conditions::CONDITIONS,
    records::RECORDS,
    database::DATABASE,
    wires::SPOOL,
    wires::FRAMES,
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Whatever there is to begin with is judged well: a mistake there would be found again and again.
    #[test]
    fn every_reader_answers_its_corpus_well() {
        for target in TARGETS {
            let corpus = (target.corpus)().unwrap();
            assert!(corpus.len() >= 3, "{}", target.name);
            let mut judge = (target.judge)().unwrap();
            for input in corpus {
                let text = String::from_utf8_lossy(&input).into_owned();
                judge(&input).unwrap_or_else(|why| panic!("{}: {why}\n{text}", target.name));
            }
        }
    }
}
