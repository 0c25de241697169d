//! `regatta schema`: the JSON Schema of a document, made of the declarations that `check` judges by.
//!
//! Needs no workspace.

use crate::args::{DocumentArg, SchemaArgs};
use crate::context::out;
use crate::exit::Exit;
use regatta_plan::Document;

/// Runs the verb.
#[must_use]
pub fn run(args: &SchemaArgs) -> Exit {
    let document = match args.document {
        DocumentArg::Plan => Document::Plan,
        DocumentArg::Request => Document::Request,
        DocumentArg::Batch => Document::Batch,
        DocumentArg::Settings => Document::Settings,
    };
    out(&format!("{:#}\n", regatta_plan::schema(document)));
    Exit::Success
}
