//! What real agents wrote, read again; and the same cut, mixed with prose, blown up and of other types.
//!
//! The samples are trimmed outputs of the real programs against a scripted model server: two calls, of which each bills
//! 1,000 input tokens (200 of them cached) and 50 output tokens (10 of them reasoning).

use regatta_engine::report::Usage;
use regatta_runtime::agents::{Dialect, Ending, ErrorClass, Said, progress, read, read_lines};

const CODEX: &str = include_str!("transcripts/codex-ok.jsonl");
const CODEX_401: &str = include_str!("transcripts/codex-fail-401.jsonl");
const CLAUDE: &str = include_str!("transcripts/claude-ok.jsonl");
const CLAUDE_401: &str = include_str!("transcripts/claude-fail-401.jsonl");
const GEMINI: &str = include_str!("transcripts/gemini-ok.jsonl");
const OPENCODE: &str = include_str!("transcripts/opencode-ok.jsonl");
const OPENCODE_401: &str = include_str!("transcripts/opencode-fail-401.jsonl");
const KIMI: &str = include_str!("transcripts/kimi-ok.jsonl");
const PI_401: &str = include_str!("transcripts/pi-fail-401.jsonl");
const QWEN: &str = include_str!("transcripts/qwen-ok.jsonl");
const VIBE: &str = include_str!("transcripts/vibe-ok.jsonl");

const ALL: [(Dialect, &str); 11] = [
    (Dialect::Codex, CODEX),
    (Dialect::Codex, CODEX_401),
    (Dialect::Claude, CLAUDE),
    (Dialect::Claude, CLAUDE_401),
    (Dialect::Gemini, GEMINI),
    (Dialect::Opencode, OPENCODE),
    (Dialect::Opencode, OPENCODE_401),
    (Dialect::Kimi, KIMI),
    (Dialect::Pi, PI_401),
    (Dialect::Qwen, QWEN),
    (Dialect::Vibe, VIBE),
];

/// Input without cached, cached, output with reasoning, reasoning.
fn usage(said: &Said) -> Option<(u64, u64, u64, u64)> {
    said.usage.map(|u| (u.input_tokens, u.cached_tokens, u.output_tokens, u.reasoning_tokens))
}

fn done(dialect: Dialect, text: &str) -> Said {
    let said = read_lines(dialect, text);
    assert_eq!(
        (&said.ending, said.message.as_str(), said.unread_lines),
        (&Ending::Done, "done", 0),
        "{said:?}"
    );
    assert_eq!(said.tool_calls, 1, "{said:?}");
    said
}

#[test]
fn what_each_agent_says_when_all_is_well() {
    let codex = done(Dialect::Codex, CODEX);
    assert_eq!(codex.session.as_deref(), Some("01a1fba3-d82f-7861-8ba4-166212c75e03"));
    assert_eq!(usage(&codex), Some((1_600, 400, 100, 20)));
    let claude = done(Dialect::Claude, CLAUDE);
    assert_eq!(claude.session.as_deref(), Some("22cd2086-092e-4615-9f99-5de80919046b"));
    assert_eq!(
        (usage(&claude), claude.tools.as_slice()),
        (Some((1_600, 400, 100, 0)), &["Write".to_owned()][..])
    );
    assert_eq!(claude.usage.map(|u| u.cost_micro_usd), Some(8_480));
    let qwen = done(Dialect::Qwen, QWEN);
    assert_eq!(usage(&qwen), Some((1_600, 400, 100, 0)));
    // A call of its router beside the two.
    let gemini = done(Dialect::Gemini, GEMINI);
    assert_eq!(usage(&gemini), Some((1_607, 400, 103, 20)));
    let opencode = done(Dialect::Opencode, OPENCODE);
    assert_eq!(usage(&opencode), Some((1_600, 400, 100, 20)));
    assert_eq!(opencode.session.as_deref(), Some("ses_e046005a5ffeSWIPAmXKaG0Vxe"));
    let kimi = done(Dialect::Kimi, KIMI);
    assert_eq!((usage(&kimi), kimi.session.is_some()), (None, true));
    let vibe = done(Dialect::Vibe, VIBE);
    assert_eq!((usage(&vibe), vibe.session.is_some()), (None, true));
}

#[test]
fn what_each_agent_says_when_its_login_is_refused() {
    for (dialect, text) in
        [(Dialect::Codex, CODEX_401), (Dialect::Opencode, OPENCODE_401), (Dialect::Pi, PI_401)]
    {
        let said = read_lines(dialect, text);
        assert!(matches!(&said.ending, Ending::Failed(why) if why.contains("401")), "{said:?}");
        assert_eq!(said.class, Some(ErrorClass::Auth), "{dialect:?}");
    }
    // Ended while it still tried again: it never said how it ends.
    let claude = read_lines(Dialect::Claude, CLAUDE_401);
    assert_eq!((claude.ending, claude.class), (Ending::Open, Some(ErrorClass::Auth)));
}

#[test]
fn a_permission_that_was_refused_is_heard_although_all_else_is_well() {
    let denied =
        CLAUDE.replace("\"permission_denials\": []", "\"permission_denials\": [{\"tool_name\": \"Write\"}]");
    assert_ne!(denied, CLAUDE);
    assert_eq!(read_lines(Dialect::Claude, &denied).denied, ["Write"]);
}

#[test]
fn a_stream_that_is_cut_anywhere_never_says_that_it_is_done_before_it_did() {
    for (dialect, text) in ALL {
        let whole = read_lines(dialect, text);
        let last_line = text.trim_end().rfind('\n').map_or(0, |at| at + 1);
        for end in (0..text.len()).step_by(7).filter(|&end| text.is_char_boundary(end)) {
            let cut = read_lines(dialect, &text[..end]);
            assert!(cut.unread_lines <= 1, "{dialect:?} at {end}");
            if whole.ending == Ending::Done && end < last_line {
                assert_ne!(cut.ending, Ending::Done, "{dialect:?} at {end}");
            }
        }
    }
}

#[test]
fn prose_among_the_lines_is_passed_over_and_counted() {
    for (dialect, text) in ALL {
        let whole = read_lines(dialect, text);
        let mixed: String =
            text.lines().map(|line| format!("Warning: {{not json\n\n  \t\n{line}\n\u{1b}[31m[]\n")).collect();
        let mixed = read_lines(dialect, &mixed);
        let lines = text.lines().count() as u64;
        assert_eq!(mixed, Said { unread_lines: 2 * lines, ..whole }, "{dialect:?}");
    }
}

#[test]
fn values_of_other_types_are_not_there_and_nothing_panics() {
    for (dialect, text) in ALL {
        for other in ["null", "7", "-1", "1e400", "[]", "{}", "\"x\"", "true"] {
            for line in text.lines() {
                let mut value: serde_json::Value = serde_json::from_str(line).unwrap();
                let Some(map) = value.as_object_mut() else { continue };
                for key in map.keys().cloned().collect::<Vec<_>>() {
                    let mut changed = map.clone();
                    changed.insert(key, serde_json::from_str(other).unwrap_or_default());
                    let line = serde_json::to_string(&changed).unwrap();
                    let said = read_lines(dialect, &line);
                    assert_eq!(said.unread_lines, 0, "{line}");
                    assert!(
                        progress(dialect, &line).is_none_or(|shown| shown.chars().count() <= 310),
                        "{line}"
                    );
                }
            }
        }
    }
    let huge =
        r#"{"type":"turn.completed","usage":{"input_tokens":18446744073709551615,"cached_input_tokens":5}}"#;
    assert_eq!(usage(&read_lines(Dialect::Codex, huge)), Some((u64::MAX - 5, 5, 0, 0)));
    let sum = r#"{"type":"step_finish","part":{"tokens":{"input":18446744073709551615}}}"#.to_owned() + "\n";
    assert_eq!(usage(&read_lines(Dialect::Opencode, &sum.repeat(2))), Some((u64::MAX, 0, 0, 0)));
}

#[test]
fn a_line_without_end_is_passed_over_in_bounded_memory_and_the_next_one_is_read() {
    use std::io::Read as _;
    let huge = std::io::repeat(b'x').take(64 << 20);
    let end = "\n".to_owned() + CODEX;
    let said = read(Dialect::Codex, huge.chain(end.as_bytes())).unwrap();
    assert_eq!((said.ending, said.unread_lines, said.message.as_str()), (Ending::Done, 1, "done"));
    let plain =
        read(Dialect::Plain, std::io::repeat(b'y').take(64 << 20).chain(&b"\nthe end\n"[..])).unwrap();
    assert!(plain.message.ends_with("the end") && plain.message.len() <= 16 << 10);
}

#[test]
fn the_last_message_and_names_of_tools_are_bounded() {
    let many: String = (0..10_000)
        .map(|n| format!("{{\"type\":\"tool_use\",\"part\":{{\"tool\":\"tool{n}\"}}}}\n"))
        .collect();
    let said = read_lines(Dialect::Opencode, &many);
    assert_eq!((said.tool_calls, said.tools.len()), (10_000, 50));
    let long =
        format!("{{\"type\":\"text\",\"part\":{{\"text\":\"{}\u{e9}end\"}}}}", "\u{e9}".repeat(50_000));
    let said = read_lines(Dialect::Opencode, &long);
    assert!(said.message.len() <= 16 << 10 && said.message.ends_with("end"));
}

#[test]
fn an_agent_that_recovers_from_an_error_is_done_and_a_later_turn_begins_anew() {
    let error = "{\"type\":\"error\",\"message\":\"Reconnecting... 1/1 (status 500)\"}\n";
    let said = read_lines(
        Dialect::Codex,
        &CODEX.replacen(
            "{\"type\": \"turn.completed\"",
            &format!("{error}{{\"type\": \"turn.completed\""),
            1,
        ),
    );
    assert_eq!((said.ending, said.class), (Ending::Done, None));
    let again = CODEX.to_owned() + "{\"type\":\"turn.started\"}\n";
    assert_eq!(read_lines(Dialect::Codex, &again).ending, Ending::Open);
}

#[test]
fn lines_of_progress_are_short_and_say_what_happens() {
    let lines: Vec<String> = CODEX.lines().filter_map(|line| progress(Dialect::Codex, line)).collect();
    assert_eq!(lines, ["uses command_execution", "done"]);
    let lines: Vec<String> = CODEX_401.lines().filter_map(|line| progress(Dialect::Codex, line)).collect();
    assert!(lines[0].starts_with("error: Reconnecting"), "{lines:?}");
    let long = format!("{{\"type\":\"text\",\"part\":{{\"text\":\"a\\nb {}\"}}}}", "x".repeat(1_000));
    let line = progress(Dialect::Opencode, &long).unwrap();
    assert!(line.starts_with("a b x") && line.len() == 300, "{line}");
}

#[test]
fn a_template_agents_output_is_its_message() {
    let said = read_lines(Dialect::Plain, "\n working \u{fffd}\n{\"type\":\"error\"}\n\n");
    assert_eq!(
        (said.ending, said.message.as_str()),
        (Ending::Done, "working \u{fffd}\n{\"type\":\"error\"}")
    );
    assert_eq!(said.usage, None::<Usage>);
}
