//! Declared values, in every form in which a program may print them.

use crate::clean;
use regatta_redact::is_secret_name;

const VALUE: &str = "Ünï/c0de \"q\" <t>&'s";

#[test]
fn a_value_is_found_in_every_common_form() {
    let hex = |upper: bool| -> String {
        VALUE.bytes().map(|b| if upper { format!("{b:02X}") } else { format!("{b:02x}") }).collect()
    };
    let forms = [
        VALUE.to_owned(),
        hex(false),
        hex(true),
        serde_json::to_string(VALUE).unwrap().trim_matches('"').to_owned(),
        r#"\u00dcn\u00ef/c0de \"q\" <t>&'s"#.to_owned(),
        r#"Ünï\/c0de \"q\" <t>&'s"#.to_owned(),
        r#"Ünï/c0de \"q\" \u003ct\u003e\u0026\u0027s"#.to_owned(),
        "%C3%9Cn%C3%AF%2Fc0de%20%22q%22%20%3Ct%3E%26%27s".to_owned(),
        "%C3%9Cn%C3%AF/c0de%20%22q%22%20%3Ct%3E%26%27s".to_owned(),
        "%c3%9cn%c3%af%2fc0de+%22q%22+%3ct%3e%26%27s".to_owned(),
        "%C3%9Cn%C3%AF%2Fc0de%20%22q%22%20%3Ct%3E%26's".to_owned(),
        "Ünï/c0de &quot;q&quot; &lt;t&gt;&amp;&#39;s".to_owned(),
        r#"Ünï/c0de "q" <t>&'\''s"#.to_owned(),
        VALUE.escape_debug().to_string(),
    ];
    for form in forms {
        assert_eq!(clean(&[VALUE], &format!("<{form}>")), "<[REDACTED:v0]>", "{form}");
    }
}

#[test]
fn base64_is_found_in_all_three_alignments_and_goes_whole() {
    use base64::Engine as _;
    use base64::engine::general_purpose::{STANDARD, URL_SAFE};
    for engine in [STANDARD, URL_SAFE] {
        for (before, after) in
            [("", ""), ("a", ""), ("ab", ""), ("", "z"), ("a", "zz"), ("user:", "\n"), ("abcd", "xyz")]
        {
            let text = engine.encode(format!("{before}{VALUE}{after}"));
            let said = clean(&[VALUE], &format!("<{text}>"));
            let (front, rest) =
                said.split_once("[REDACTED:v0]").unwrap_or_else(|| unreachable!("{text}: {said}"));
            assert!(
                front.len() <= 1 + before.len() * 4 / 3 && rest.len() <= 2 + after.len() * 4 / 3 + 2,
                "{text}: {said}"
            );
        }
    }
}

#[test]
fn lines_of_a_value_of_several_are_found_by_themselves_and_folded_base64_too() {
    use base64::Engine as _;
    let value = format!("-----BEGIN X-----\n{}\n{}\n-----END X-----\n", "q7Zx".repeat(16), "Kp2m".repeat(16));
    let said = clean(&[&value], &format!("  {}\n  {}\n", "q7Zx".repeat(16), "Kp2m".repeat(16)));
    assert_eq!(said, "  [REDACTED:v0]\n  [REDACTED:v0]\n");
    let encoded = base64::engine::general_purpose::STANDARD.encode(value.trim_end());
    let folded: Vec<&str> = encoded.as_bytes().chunks(76).map(|c| std::str::from_utf8(c).unwrap()).collect();
    let said = clean(&[&value], &folded.join("\n"));
    assert!(said.lines().all(|line| line.starts_with("[REDACTED:v0]")), "{said}");
}

#[test]
fn a_value_in_colours_is_found_as_a_person_sees_it() {
    let text = "\x1b[31mDCrUCJoTHEzm\x1b[0;1mK2QBLQgj\x1b[0m end";
    assert_eq!(clean(&["DCrUCJoTHEzmK2QBLQgj"], text), "\x1b[31m[REDACTED:v0]\x1b[0m end");
}

#[test]
fn five_bytes_are_no_value_and_six_are() {
    assert_eq!(clean(&["abcde", "abcdef"], "abcde abcdef"), "abcde [REDACTED:v1]");
}

#[test]
fn a_value_is_not_shown_where_what_looks_for_it_is_printed() {
    let shown = format!("{:?}", crate::redactor(&["never-to-be-shown"]));
    assert!(!shown.contains("never") && shown.contains("v0"), "{shown}");
}

#[test]
fn names_of_variables_tell_which_are_secret() {
    for name in [
        "GH_TOKEN",
        "OPENAI_API_KEY",
        "DB_PASSWORD",
        "npm_config__authToken",
        "AWS_SECRET_ACCESS_KEY",
        "APIKEY",
        "MY_PASS",
    ] {
        assert!(is_secret_name(name), "{name}");
    }
    for name in [
        "PATH",
        "PWD",
        "KEYBOARD",
        "SSH_AUTH_SOCK",
        "TOKEN_FILE",
        "KEY_ID",
        "MONKEY",
        "PASSAGE",
        "SECRET_NAME",
        "",
    ] {
        assert!(!is_secret_name(name), "{name}");
    }
}
