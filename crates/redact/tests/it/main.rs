//! The redaction as its callers see it.
#![expect(missing_docs, reason = "tests")]
