//! Names of variables that say that their value is a secret.
//!
//! Knows names only; what is declared by its name is decided where variables are passed on.

/// Words of a name, between `_` and at the change of case, that make it one of a secret.
const WORDS: [&str; 12] = [
    "TOKEN",
    "SECRET",
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "APIKEY",
    "KEY",
    "CREDENTIAL",
    "CREDENTIALS",
    "PAT",
    "PW",
    "PASS",
];
/// A name that ends so tells where a secret is, or about it.
const ABOUT: [&str; 16] = [
    "FILE", "PATH", "DIR", "HOME", "SOCK", "SOCKET", "ID", "URL", "URI", "NAME", "HOST", "PORT", "TTL",
    "TYPE", "EXPIRY", "HELPER",
];

/// True if a variable of this name holds a secret, as far as its name can tell.
#[must_use]
pub fn is_secret_name(name: &str) -> bool {
    let upper = name.to_ascii_uppercase();
    let words: Vec<&str> = upper.split(['_', '-', '.']).filter(|word| !word.is_empty()).collect();
    let Some(last) = words.last() else { return false };
    if ABOUT.contains(last) {
        return false;
    }
    let ends = ["TOKEN", "SECRET", "PASSWORD", "PASSWD", "PASSPHRASE", "APIKEY"];
    words.iter().any(|word| WORDS.contains(word)) || ends.iter().any(|end| last.ends_with(end))
}
