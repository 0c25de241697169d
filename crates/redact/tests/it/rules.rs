//! Rules for tokens and names of keys; and text that looks like it and must stay.

use crate::{clean, token};

#[test]
fn what_has_the_shape_of_a_secret_is_replaced_and_the_rest_of_the_line_stays() {
    let jwt = format!(
        "ey{}.ey{}.{}",
        "J0eXAiOiJKV1QiLCJhbGciOi", "JzdWIiOiIxMjM0NTY3ODkwIn0", "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"
    );
    let azure = ["bIr3Q~lMsVjhtzQoVrilQj", "Hpnn-Vwt45Mm6Wj"].concat();
    let cases = [
        (format!("pushed by {} at noon", token()), "pushed by [REDACTED:github-pat] at noon"),
        (format!("{{\"a\": \"{}\", \"b\": 1}}", token()), "{\"a\": \"[REDACTED:github-pat]\", \"b\": 1}"),
        (format!("jwt {jwt} end"), "jwt [REDACTED:jwt] end"),
        ("password = \"c0rrect#horse\"".into(), "password = \"[REDACTED:key-value]\""),
        (
            "{'user': 'app', 'passwd': 'i13uruh7#v9k'}".into(),
            "{'user': 'app', 'passwd': '[REDACTED:key-value]'}",
        ),
        (
            r#"{"stdout": "{\"db_password\": \"w0lf#hound\"}"}"#.into(),
            r#"{"stdout": "{\"db_password\": \"[REDACTED:key-value]\"}"}"#,
        ),
        ("MYSQL_PASSWORD=hunterhunter".into(), "MYSQL_PASSWORD=[REDACTED:variable]"),
        (
            "amqp://svc:Z7kVfWiu@mq.example.org/vh".into(),
            "amqp://svc:[REDACTED:url-credentials]@mq.example.org/vh",
        ),
        (
            "curl -u deploy:i13uruh#v9k https://e.org".into(),
            "curl -u deploy:[REDACTED:user-option] https://e.org",
        ),
        // What was redacted is no user and no password to anybody who looks by the same rules.
        (
            "curl -sL -u 'deploy:i13uruh#v9k' https://e.org".into(),
            "curl -sL -u [REDACTED:curl-auth-user] https://e.org",
        ),
        (
            "curl --user=\"deploy:i13uruh#v9k\" https://e.org".into(),
            "curl --user=[REDACTED:curl-auth-user] https://e.org",
        ),
        // Some rules want to see what stands before: where a line begins that is the end of the line before.
        (format!("[env]\n{azure}\n"), "[env]\n[REDACTED:azure-ad-client-secret]\n"),
        // Digits follow each other by chance.
        (format!("asana := {}{}", "37773347", "03571126"), "asana := [REDACTED:asana-client-id]"),
        ("tool --api-token 8d7f6a5b4c now".into(), "tool --api-token [REDACTED:option] now"),
        ("Authorization: Basic dXNlcjpwYXNzd29yZA==".into(), "Authorization: Basic [REDACTED:authorization]"),
        ("<password>s3cr3t#x</password>".into(), "<password>[REDACTED:element]</password>"),
        (
            r#"{"private_key_id": "fa6022136ced620104d159e8489b0ac35e5fa870"}"#.into(),
            r#"{"private_key_id": "[REDACTED:private-key-id]"}"#,
        ),
        ("machine h login me password s3same".into(), "machine h login me password [REDACTED:netrc]"),
    ];
    for (text, expect) in cases {
        assert_eq!(clean(&[], &text), expect, "{text}");
    }
}

#[test]
fn ordinary_text_stays_as_it_is() {
    let texts = [
        "index 4dc90792..f3246ee7 100644",
        "checksum = \"4aa5a6d107b0811a7a8b9bbcc9370d715498acd947a1b5a41eafe6ab7233a007\"",
        "api_key: ${API_KEY}",
        "secret = os.environ['SECRET']",
        "let token = self.next_token();",
        "token: Option<String>, password: &str",
        "The secret of good scheduling is the critical path.",
        "\"input_tokens\": 1234567, \"output_tokens\": 7654321",
        "https://example.org/path?page=2&token_count=55",
        "postgres://localhost:5432/app",
        "PWD=/home/user/project",
        "test secrets::values_of_fewer_bytes ... ok",
        "Enter your password: ",
        "commit 3f786850e387550fdab836ed7e6dc881de23001b",
        "key = value",
        "aws_access_key: AKIAIOSFODNN7EXAMPLE",
        "-----BEGIN PUBLIC KEY-----\nMFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAK\n-----END PUBLIC KEY-----",
    ];
    for text in texts {
        assert_eq!(clean(&[], text), text);
    }
}

#[test]
fn what_was_redacted_stays_as_it_is() {
    let text = format!("token={} password: \"w0lf#hound\" https://u:w0lf-x@h/ x {}", token(), token());
    let once = clean(&["w0lf-x"], &text);
    assert_ne!(once, text);
    assert_eq!(clean(&["w0lf-x"], &once), once);
    assert_eq!(regatta_redact::rules_of_markers("a [REDACTED:x.y] [REDACTED:x.y] [REDACTED:z"), ["x.y"]);
}

#[test]
fn a_private_key_goes_whole_also_if_its_end_never_comes() {
    let body = format!("{}\n", "Ab9/".repeat(16)).repeat(30);
    let begin = format!("-----BEGIN RSA {} KEY-----\n", "PRIVATE");
    let whole = format!("a\n{begin}{body}-----END RSA {} KEY-----\nb\n", "PRIVATE");
    assert_eq!(clean(&[], &whole), "a\n[REDACTED:private-key]\nb\n");
    assert_eq!(
        clean(&[], &format!("{begin}{body}next line of a log, in words\n")),
        "[REDACTED:private-key]next line of a log, in words\n"
    );
}

#[test]
fn the_end_of_a_longer_text_shows_nothing_that_may_have_begun_before_it() {
    let end = |text: &str| crate::redactor(&["a-declared-value"]).end_of_text(text.as_bytes());
    assert_eq!(end("clared-value\nq7ZxKp2mq7ZxKp2mq7ZxKp2m\nwords of a log\n"), "words of a log\n");
    assert_eq!(end("no line at all"), "");
}

#[test]
fn the_first_line_of_a_key_that_somebody_speaks_of_stays() {
    let begin = format!("-----BEGIN {} KEY-----", "PRIVATE");
    for text in [
        format!("it begins with `{begin}`.\nThen the key follows.\n"),
        format!("grep -r '{begin}' .\n"),
        format!("{begin}\n"),
    ] {
        assert_eq!(clean(&[], &text), text);
    }
}
