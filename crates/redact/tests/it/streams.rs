//! Streams: whatever the writes, the same comes out, and little is held back.

use crate::{redactor, token};
use proptest::prelude::*;
use regatta_redact::Stream;

/// What comes out of a text in pieces.
fn passed(values: &[&str], pieces: &[&[u8]]) -> String {
    let mut stream = Stream::new(redactor(values));
    let mut out = Vec::new();
    pieces.iter().for_each(|piece| stream.push(piece, &mut out));
    stream.finish(&mut out);
    String::from_utf8_lossy(&out).into_owned()
}

fn sample() -> String {
    let key =
        format!("-----BEGIN {0} KEY-----\n{1}\n{1}\n-----END {0} KEY-----", "PRIVATE", "Ab9/".repeat(16));
    format!(
        "one two-part value two\nthe two-part\nvalue over lines\n{key}\nx {} y\ncurl \\\n  -u me:s3cret-x https://h\n\
         password:\tw0lf#hound\r\nno end",
        token()
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_secret_split_over_any_writes_is_found(cuts in proptest::collection::vec(0_usize..500, 0..12)) {
        let text = sample();
        let values = ["two-part value", "two-part\nvalue over"];
        let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(text.len())).collect();
        cuts.extend([0, text.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|w| &text.as_bytes()[w[0]..w[1]]).collect();
        prop_assert_eq!(passed(&values, &pieces), passed(&values, &[text.as_bytes()]));
    }
}

#[test]
fn a_stream_gives_what_a_text_gives() {
    let text = sample();
    let values = ["two-part value", "two-part\nvalue over"];
    let whole = redactor(&values).text(text.clone());
    assert_eq!(passed(&values, &[text.as_bytes()]), whole);
    for secret in ["two-part value", "Ab9/Ab9/", "s3cret-x", "w0lf#hound", &token()] {
        assert!(!whole.contains(secret), "{secret}: {whole}");
    }
    let bytes: Vec<&[u8]> = text.as_bytes().chunks(1).collect();
    assert_eq!(passed(&values, &bytes), whole);
}

#[test]
fn only_what_could_still_become_a_match_is_held_back() {
    let mut stream = Stream::new(redactor(&["open sesame"]));
    let mut shown = |piece: &str| {
        let mut out = Vec::new();
        stream.push(piece.as_bytes(), &mut out);
        String::from_utf8(out).unwrap()
    };
    assert_eq!(shown("one\ntwo"), "one\n");
    assert_eq!(shown(" three "), "two three ");
    assert_eq!(shown("10 %\r 20"), "10 %\r ");
    assert_eq!(shown(" % open "), "20 % ", "the rest could become the value");
    assert_eq!(shown("door\n"), "open door\n");
    assert_eq!(shown("open "), "");
    assert_eq!(shown("sesame "), "[REDACTED:v0] ");
    assert_eq!(shown("token= "), "", "a name waits for its line");
    assert_eq!(shown("\n"), "token= \n");
}

#[test]
fn a_line_without_end_is_held_back_by_a_window_only_and_a_secret_in_it_is_found() {
    let redactor = redactor(&["needle-in-the-hay"]);
    let (mut stream, mut out) = (Stream::new(redactor), Vec::new());
    let mut fed = 0;
    for n in 0..200 {
        let piece = format!(
            "{}{}{}",
            "hay".repeat(700),
            if n % 3 == 0 { "needle-in-the-hay" } else { "" },
            "hay".repeat(13)
        );
        fed += piece.len();
        stream.push(piece.as_bytes(), &mut out);
        assert!(fed < out.len() + 200_000, "{fed} in, {} out", out.len());
    }
    stream.finish(&mut out);
    let out = String::from_utf8(out).unwrap();
    assert_eq!((out.matches("[REDACTED:v0]").count(), out.contains("needle")), (67, false));
}

#[test]
fn a_token_longer_than_any_window_goes_whole() {
    let long = format!("ops_ey{}", "Jq7Zx2Kp9mWdT4sLhV8bNc3fRg6".repeat(10_000));
    let said = passed(&[], &[format!("a {long} b\n").as_bytes()]);
    assert!(
        said.starts_with("a [REDACTED:") && said.ends_with("] b\n") && said.len() < 100,
        "{} bytes",
        said.len()
    );
}

#[test]
fn bytes_that_are_no_text_pass_as_they_are() {
    let mut stream = Stream::new(redactor(&["a-declared-value"]));
    let mut out = Vec::new();
    stream.push(b"\xff\x00\xfe a-declared-value \xc3\n", &mut out);
    stream.finish(&mut out);
    assert_eq!(out, b"\xff\x00\xfe [REDACTED:v0] \xc3\n");
}
