//! Signatures, as the user makes them: with their settings, their key and their agent for keys.
//!
//! All other calls have signing off. Knows no run.

use super::call::words;
use super::objects::oid;
use super::repo::ask_as_person;
use super::{Git, GitError, Oid, Person, Repo};

/// What a program that signs wants to know of its surroundings.
const VARIABLES: [&str; 8] = [
    "GNUPGHOME",
    "SSH_AUTH_SOCK",
    "GPG_TTY",
    "XDG_RUNTIME_DIR",
    "DBUS_SESSION_BUS_ADDRESS",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "XDG_CONFIG_HOME",
];

/// How the user signs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Signing {
    /// Settings, `key=value`.
    settings: Vec<String>,
}

impl Repo {
    /// How the user signs in this repository, by all of their settings.
    #[must_use]
    pub fn signing(&self) -> Signing {
        let said =
            ask_as_person(&self.top, &["config", "--null", "--get-regexp", r"^(gpg\.|user\.signingkey$)"]);
        let settings = said.unwrap_or_default();
        let one = |entry: &str| entry.split_once('\n').map(|(key, value)| format!("{key}={value}"));
        // Our calls have another program, which fails.
        let usual = ["gpg.program=gpg".to_owned()];
        Signing { settings: usual.into_iter().chain(settings.split('\0').filter_map(one)).collect() }
    }

    /// Whether the user's settings can sign: a commit that nothing refers to is.
    ///
    /// # Errors
    /// They cannot.
    pub fn try_signing(&self, base: &Oid) -> Result<(), GitError> {
        let committer = self.committer.clone().unwrap_or_else(Person::nobody);
        let parents = self.git.parents(base)?;
        self.git.sign_again(base, &parents, (&committer, &self.signing())).map(|_| ())
    }
}

impl Git {
    /// Makes a commit once more, on other parents and signed.
    ///
    /// # Errors
    /// Git fails, or it cannot be signed.
    pub fn sign_again(
        &self,
        commit: &Oid,
        parents: &[Oid],
        (committer, signing): (&Person, &Signing),
    ) -> Result<Oid, GitError> {
        let (written, tree) = (self.written(commit)?, self.tree(commit)?);
        let mut vars = vec![
            ("GIT_AUTHOR_NAME", written.author.name),
            ("GIT_AUTHOR_EMAIL", written.author.email),
            ("GIT_AUTHOR_DATE", written.author_date),
            ("GIT_COMMITTER_NAME", committer.name.clone()),
            ("GIT_COMMITTER_EMAIL", committer.email.clone()),
            ("GIT_COMMITTER_DATE", format!("@{} +0000", written.seconds)),
            // Nobody sits there to be asked for a passphrase.
            ("SSH_ASKPASS", "false".to_owned()),
            ("SSH_ASKPASS_REQUIRE", "force".to_owned()),
        ];
        vars.extend(VARIABLES.iter().filter_map(|name| Some((*name, std::env::var(name).ok()?))));
        let mut args = vec!["commit-tree", "-S", tree.as_str()];
        args.extend(parents.iter().flat_map(|parent| ["-p", parent.as_str()]));
        args.extend(["-F", "-"]);
        let message = format!("{}\n", written.message);
        let git = self.with(signing.settings.iter().cloned());
        let out = git.run_as(&args, (message.as_bytes(), &vars))?;
        oid(&out).ok_or_else(|| GitError::Answer { command: words(&args) })
    }

    /// The commits of a line from a commit, without it, to a tip, oldest first, by first parents.
    ///
    /// # Errors
    /// Git fails.
    pub fn first_parents(&self, (from, tip): (&Oid, &Oid)) -> Result<Vec<Oid>, GitError> {
        let range = format!("{from}..{tip}");
        let out = self.run(&["rev-list", "--first-parent", "--reverse", "--end-of-options", &range])?;
        Ok(String::from_utf8_lossy(&out).lines().filter_map(Oid::parse).collect())
    }
}
