//! What kind of error a message is about, by its words and the status of its provider.
//!
//! A guess: it decides whether a rate limit is waited for, and what people are told.

use super::said::ErrorClass;

/// The class of an error.
pub(super) fn class(text: &str, status: Option<u64>) -> ErrorClass {
    match status.or_else(|| status_in(text)) {
        Some(401 | 403) => return ErrorClass::Auth,
        Some(429) => return ErrorClass::RateLimit,
        Some(500..=599) => return ErrorClass::Provider,
        Some(400..=499) => return ErrorClass::Request,
        _ => {}
    }
    let text = text.to_lowercase();
    let any = |words: &[&str]| words.iter().any(|word| text.contains(word));
    if any(&["rate limit", "rate_limit", "usage limit", "too many requests", "quota"]) {
        ErrorClass::RateLimit
    } else if any(&["unauthorized", "authentication", "api key", "log in", "login"]) {
        ErrorClass::Auth
    } else if any(&["overloaded", "server error", "stream disconnected", "connection", "timed out"]) {
        ErrorClass::Provider
    } else {
        ErrorClass::Other
    }
}

/// The first number of three digits that can be a status of HTTP and stands beside a word that says so.
fn status_in(text: &str) -> Option<u64> {
    let lower = text.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|w| !w.is_empty()).collect();
    let number = |word: &str| word.parse::<u64>().ok().filter(|n| word.len() == 3 && (400..600).contains(n));
    let beside = |i: usize| {
        let near = |at: Option<usize>| {
            at.and_then(|at| words.get(at)).is_some_and(|w| ["status", "error", "code", "http"].contains(w))
        };
        i == 0 || near(i.checked_sub(1)) || near(Some(i + 1))
    };
    words.iter().enumerate().find_map(|(i, word)| number(word).filter(|_| beside(i)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_classed_by_its_status_and_else_by_its_words() {
        let check = |text: &str, status: Option<u64>, expect: ErrorClass| {
            assert_eq!(class(text, status), expect, "{text}");
        };
        check("unexpected status 401 Unauthorized: scripted fault 401", None, ErrorClass::Auth);
        check("429 scripted fault", None, ErrorClass::RateLimit);
        check("API Error: 529 overloaded", None, ErrorClass::Provider);
        check("anything", Some(400), ErrorClass::Request);
        check("You have hit your usage limit", None, ErrorClass::RateLimit);
        check("wrote 429 lines", None, ErrorClass::Other);
        check("", None, ErrorClass::Other);
    }
}
