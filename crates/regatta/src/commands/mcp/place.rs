//! Which workspace a client means: the one that the server was given, else the first root of the client, else where the
//! server was started. Never the whole file system or a whole home directory.

use crate::context::Context;
use crate::error::CliError;
use percent_encoding::percent_decode_str;
use regatta_runtime::workspace::Origin;
use std::ffi::OsString;
use std::os::unix::ffi::OsStringExt as _;
use std::path::{Path, PathBuf};

/// Whether the server was told its workspace, so that no client is asked.
pub(super) fn is_given(context: &Context) -> bool {
    matches!(context.origin, Origin::Given | Origin::Variable)
}

/// The directory that a root of a client means, if it is one of this machine.
pub(super) fn directory(uri: &str) -> Option<PathBuf> {
    let path = uri.strip_prefix("file://")?;
    // A host may stand there; only this one is ours.
    let path = path.strip_prefix("localhost").unwrap_or(path);
    let bytes: Vec<u8> = percent_decode_str(path).collect();
    Some(PathBuf::from(OsString::from_vec(bytes))).filter(|path| path.is_absolute())
}

/// Refuses a workspace that is everything.
///
/// # Errors
/// It is `/` or a home directory.
pub(super) fn narrow(context: Context) -> Result<Context, CliError> {
    let home = std::env::var_os("HOME").map(PathBuf::from).and_then(|home| home.canonicalize().ok());
    let everything = context.workspace == Path::new("/") || Some(&context.workspace) == home.as_ref();
    if !everything {
        return Ok(context);
    }
    let message = format!("`{}` is no workspace: it is everything you have", context.workspace.display());
    Err(CliError::usage(message).hint("regatta mcp --workspace DIR"))
}

#[cfg(test)]
mod tests {
    use super::directory;
    use std::path::PathBuf;

    #[test]
    fn a_root_of_a_client_is_a_directory_of_this_machine() {
        for (uri, expected) in [
            ("file:///home/a/my%20project", Some("/home/a/my project")),
            ("file://localhost/x", Some("/x")),
            ("file://elsewhere/x", None),
            ("https://example.org/", None),
            ("file:", None),
        ] {
            assert_eq!(directory(uri), expected.map(PathBuf::from), "{uri}");
        }
    }
}
