//! Personal data: addresses of mail, numbers of telephones, cards and accounts.
//!
//! Taken out of what goes into prompts and hand-offs, never out of logs.

use crate::span::{self, Span, rank, united};
use regex::Regex;
use std::sync::LazyLock;

struct Kind {
    rule: &'static str,
    regex: Option<Regex>,
    holds: fn(&str) -> bool,
}

static KINDS: LazyLock<[Kind; 4]> = LazyLock::new(|| {
    let kind = |rule, regex, holds| Kind { rule, regex: Regex::new(regex).ok(), holds };
    [
        kind(
            "mail",
            r"(?i-u)\b[a-z0-9][a-z0-9._%+-]{0,63}@(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z]{2,24}\b",
            is_mail,
        ),
        kind("iban", r"(?-u)\b[A-Z]{2}[0-9]{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,4})?\b", is_iban),
        kind("card", r"(?-u)\b[0-9](?:[ -]?[0-9]){12,18}\b", is_card),
        kind(
            "phone",
            r"(?-u)(?:\+|\b00)[1-9][0-9]{0,2}[ ./-]?(?:\(0?[0-9]{1,5}\)|[0-9]{1,5})(?:[ ./-]?[0-9]{2,5}){1,5}\b|\(?\b[0-9]{3}\)?[ .-][0-9]{3}[ .-][0-9]{4}\b",
            is_phone,
        ),
    ]
});

/// A text with personal data replaced by markers.
#[must_use]
pub fn remove(text: String) -> String {
    let mut spans = Vec::new();
    for kind in KINDS.iter() {
        for found in kind.regex.iter().flat_map(|regex| regex.find_iter(&text)) {
            if (kind.holds)(found.as_str()) {
                spans.push(Span::new(found.start(), found.end(), kind.rule, rank::RULE));
            }
        }
    }
    if spans.is_empty() {
        return text;
    }
    let mut out = Vec::with_capacity(text.len());
    span::write(text.as_bytes(), (0, text.len()), &united(spans), &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// What only looks like an address: a remote of git, an image of two sizes.
fn is_mail(text: &str) -> bool {
    let (local, host) = text.split_once('@').unwrap_or_default();
    let end = host.rsplit('.').next().unwrap_or_default();
    let file = ["png", "jpg", "jpeg", "svg", "webp", "gif", "js", "css", "service", "socket"];
    local != "git" && !file.contains(&end)
}

/// The check number over the letters and digits, the first four last (ISO 13616).
fn is_iban(text: &str) -> bool {
    let all: Vec<u8> = text.bytes().filter(|b| *b != b' ').collect();
    if !(15..=34).contains(&all.len()) {
        return false;
    }
    let moved = all[4..].iter().chain(&all[..4]);
    let rest = moved.fold(0_u32, |rest, b| match b {
        b'0'..=b'9' => (rest * 10 + u32::from(b - b'0')) % 97,
        _ => (rest * 100 + u32::from(b - b'A') + 10) % 97,
    });
    rest == 1
}

/// The check digit of cards (Luhn), and not one digit all the way.
fn is_card(text: &str) -> bool {
    let digits: Vec<u32> = text.chars().filter_map(|c| c.to_digit(10)).collect();
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(i, d)| if i % 2 == 0 { *d } else { d * 2 / 10 + d * 2 % 10 })
        .sum();
    let issuer = matches!(digits.first(), Some(2..=6));
    issuer && sum.is_multiple_of(10) && digits.iter().any(|d| *d != digits[0])
}

fn is_phone(text: &str) -> bool {
    let digits = text.chars().filter(char::is_ascii_digit).count();
    (9..=16).contains(&digits)
}
