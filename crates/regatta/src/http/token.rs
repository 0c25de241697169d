//! The token that every request must carry: made once, kept in a private file, compared in constant time.
//!
//! Whoever reads the file may do what its owner may: so nobody else must be able to, now or earlier. Runs look for the token in
//! what their tasks say, wherever its file lies: the files that were named are remembered.

use crate::context;
use crate::error::CliError;
use regatta_runtime::escape::escape_path;
use rustix::fs::OFlags;
use std::fmt;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use subtle::ConstantTimeEq as _;
use uuid::Uuid;

/// The variable in which clients are told to have it.
pub const VARIABLE: &str = "REGATTA_MCP_TOKEN";

/// A token has so many characters at least, also one that somebody wrote into the file.
const SHORTEST: usize = 32;
/// And so many at most.
const LONGEST: usize = 512;
/// Where the files are listed that somebody named, one a line.
const NAMED: &str = "mcp-token-files";
/// The list is read so far; whoever names more files than fit looks after them.
const MOST_NAMED_BYTES: u64 = 64 << 10;

/// A token. It is never shown.
pub struct Token(String);

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Token {
    /// The token of a file, which is made if it is not there.
    ///
    /// # Errors
    /// It cannot be made or read, is no plain file of ours, others may read it, or what stands in it is no token.
    pub fn at(path: &Path) -> Result<Token, CliError> {
        let fail = |e: io::Error| CliError::environment(format!("token `{}`: {e}", escape_path(path)));
        match read(path) {
            Err(e) if e.kind() == ErrorKind::NotFound => make(path).map_err(fail)?,
            found => return found.map_err(fail).and_then(|text| checked(path, &text)),
        }
        // Somebody else may have been faster.
        read(path).map_err(fail).and_then(|text| checked(path, &text))
    }

    /// Whether a value of `Authorization` carries it.
    #[must_use]
    pub fn is_in(&self, authorization: &[u8]) -> bool {
        let Some((scheme, given)) = authorization.split_at_checked("bearer ".len()) else { return false };
        scheme.eq_ignore_ascii_case(b"bearer ") && bool::from(given.trim_ascii().ct_eq(self.0.as_bytes()))
    }

    /// A token that stands in no file.
    #[must_use]
    pub fn fresh() -> Token {
        Token(random())
    }

    /// The characters, for whoever has to send them.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

/// The file of the token where nobody names another; none without a home.
#[must_use]
pub fn default_file() -> Option<PathBuf> {
    Some(context::user_state()?.join("mcp-token"))
}

/// Remembers a file that somebody named.
///
/// # Errors
/// It cannot be noted.
pub fn remember(file: &Path) -> io::Result<()> {
    let Some(dir) = context::user_state() else { return Ok(()) };
    let line = file.to_string_lossy();
    if default_file().as_deref() == Some(file)
        || line.contains('\n')
        || named(&dir).any(|known| known == file)
    {
        return Ok(());
    }
    DirBuilder::new().recursive(true).mode(0o700).create(&dir)?;
    let flags = OFlags::NOFOLLOW.bits().cast_signed();
    let mut list =
        OpenOptions::new().append(true).create(true).mode(0o600).custom_flags(flags).open(dir.join(NAMED))?;
    list.write_all(format!("{line}\n").as_bytes())
}

/// The tokens of all files that are known and have one.
#[must_use]
pub fn known() -> Vec<Token> {
    let Some(dir) = context::user_state() else { return Vec::new() };
    let files = default_file().into_iter().chain(named(&dir));
    files.filter_map(|file| checked(&file, &read(&file).ok()?).ok()).collect()
}

fn named(dir: &Path) -> impl Iterator<Item = PathBuf> {
    let mut text = String::new();
    if let Ok(list) = OpenOptions::new().read(true).open(dir.join(NAMED)) {
        // What cannot be read is not known.
        let _ = list.take(MOST_NAMED_BYTES).read_to_string(&mut text);
    }
    let lines: Vec<PathBuf> = text.lines().map(PathBuf::from).filter(|file| file.is_absolute()).collect();
    lines.into_iter()
}

/// 244 bits of chance.
fn random() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

fn checked(path: &Path, text: &str) -> Result<Token, CliError> {
    let token = text.trim();
    let fits = (SHORTEST..=LONGEST).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic());
    if fits {
        return Ok(Token(token.to_owned()));
    }
    let message = format!("token `{}`: what stands there is no token", escape_path(path));
    let hint = format!("at least {SHORTEST} visible characters; remove the file, and a new one is made");
    Err(CliError::environment(message).hint(hint))
}

/// What stands in a private file; no link is followed.
fn read(path: &Path) -> io::Result<String> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits().cast_signed()).open(path)?;
    let meta = file.metadata()?;
    let wrong = |why: &str| Err(io::Error::other(why.to_owned()));
    if !meta.is_file() {
        return wrong("it is not a plain file");
    }
    if meta.uid() != rustix::process::geteuid().as_raw() {
        return wrong("it belongs to somebody else");
    }
    if meta.mode() & 0o077 != 0 {
        return wrong("others may read it, so it is no secret: remove it, and a new one is made");
    }
    let mut text = String::new();
    file.take(LONGEST as u64 + 2).read_to_string(&mut text)?;
    Ok(text)
}

/// Makes the file, whole or not at all; one that is there by now stays.
fn make(path: &Path) -> io::Result<()> {
    let dir = path.parent().unwrap_or(Path::new("."));
    DirBuilder::new().recursive(true).mode(0o700).create(dir)?;
    let beside = dir.join(format!(".token.{}", Uuid::new_v4().simple()));
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&beside)?;
    let written = file.write_all(format!("{}\n", random()).as_bytes());
    let named = written.and_then(|()| fs::hard_link(&beside, path));
    fs::remove_file(&beside)?;
    match named {
        Err(e) if e.kind() == ErrorKind::AlreadyExists => Ok(()),
        named => named,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    #[test]
    fn a_token_is_made_once_in_a_private_file_and_stays() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/token");
        let token = Token::at(&path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), format!("{}\n", token.reveal()));
        assert_eq!(token.reveal().len(), 64);
        assert_eq!(Token::at(&path).unwrap().reveal(), token.reveal());
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o7777;
        assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
        assert_eq!(fs::read_dir(path.parent().unwrap()).unwrap().count(), 1);
        assert_ne!(Token::at(&dir.path().join("other")).unwrap().reveal(), token.reveal());
        assert_eq!(format!("{token:?}"), "Token");
    }

    #[test]
    fn a_token_that_others_could_have_read_or_put_there_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let (path, other) = (dir.path().join("token"), dir.path().join("other"));
        let token = Token::at(&other).unwrap();
        symlink(&other, &path).unwrap();
        assert!(Token::at(&path).is_err());
        fs::remove_file(&path).unwrap();
        fs::write(&path, token.reveal()).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(Token::at(&path).unwrap_err().message.contains("others may read it"));
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        assert_eq!(Token::at(&path).unwrap().reveal(), token.reveal());
        for wrong in ["", "short\n", "x y".repeat(30).as_str(), "é".repeat(40).as_str()] {
            fs::write(&path, wrong).unwrap();
            let error = Token::at(&path).unwrap_err();
            assert!(error.message.contains("is no token") && error.exit.code() == 4, "{wrong}: {error}");
        }
    }

    #[test]
    fn only_the_whole_token_after_bearer_fits() {
        let token = Token::fresh();
        let given = |text: String| token.is_in(text.as_bytes());
        assert!(given(format!("Bearer {}", token.reveal())) && given(format!("bearer  {} ", token.reveal())));
        for wrong in [
            String::new(),
            "Bearer".to_owned(),
            "Bearer ".to_owned(),
            token.reveal().to_owned(),
            format!("Basic {}", token.reveal()),
            format!("Bearer {}", &token.reveal()[1..]),
            format!("Bearer {}x", token.reveal()),
            format!("Bearer {}", Token::fresh().reveal()),
        ] {
            assert!(!given(wrong.clone()), "{wrong}");
        }
    }
}
