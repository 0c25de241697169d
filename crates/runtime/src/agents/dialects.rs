//! How each agent speaks: one function for each dialect, from a line of its stream into [`Said`].
//!
//! What is unknown is passed over; what has another type is not there. The samples in `tests/it/agents/transcripts` are
//! what the real programs wrote.

use super::field::{count, list, micro_usd, number, text};
use super::said::{Ending, Said};
use regatta_engine::report::Usage;
use serde_json::Value;

/// Usage whose input counts what came from a cache too.
fn with_cached(input: u64, cached: u64, (output, reasoning): (u64, u64)) -> Usage {
    Usage {
        input_tokens: input.saturating_sub(cached),
        cached_tokens: cached,
        output_tokens: output,
        reasoning_tokens: reasoning,
        cost_micro_usd: 0,
    }
}

/// Codex: `codex exec --json`. Usage is that of the thread since it began.
pub(super) fn codex(said: &mut Said, line: &Value) {
    match text(line, "/type").unwrap_or_default() {
        "thread.started" => said.session = text(line, "/thread_id").map(str::to_owned),
        "item.started" => {
            if let Some(name @ ("command_execution" | "file_change" | "mcp_tool_call" | "web_search")) =
                text(line, "/item/type")
            {
                said.call(text(line, "/item/tool").unwrap_or(name));
            }
        }
        "item.completed" if text(line, "/item/type") == Some("agent_message") => {
            said.say(text(line, "/item/text").unwrap_or_default());
        }
        "item.completed" if is_codex_refusal(line) => {
            said.deny(text(line, "/item/tool").unwrap_or("mcp_tool_call"));
        }
        "turn.started" => said.ending = Ending::Open,
        "turn.completed" => {
            said.ending = Ending::Done;
            said.class = None;
            let of = |name: &str| count(line, &format!("/usage/{name}"));
            let out = (of("output_tokens"), of("reasoning_output_tokens"));
            if line.pointer("/usage").is_some() {
                said.usage = Some(with_cached(of("input_tokens"), of("cached_input_tokens"), out));
            }
        }
        "turn.failed" => said.fail(text(line, "/error/message").unwrap_or("it does not say why"), None),
        "error" => said.fail(text(line, "/message").unwrap_or("it does not say why"), None),
        _ => {}
    }
}

/// A call of a server's tool that was not allowed: there is nobody who could approve it. The sentence is the agent's own;
/// a server may say something like it of itself.
fn is_codex_refusal(line: &Value) -> bool {
    text(line, "/item/type") == Some("mcp_tool_call")
        && text(line, "/item/error/message")
            .is_some_and(|why| why.starts_with("MCP tool call requires approval"))
}

/// Claude Code and Qwen Code: `--output-format stream-json`. `cached_in_input`: whether input counts what came from a
/// cache too. The usage in messages is that of their start, so only that of the result counts.
pub(super) fn claude(said: &mut Said, line: &Value, cached_in_input: bool) {
    if let Some(session) = text(line, "/session_id") {
        said.session = Some(session.to_owned());
    }
    match text(line, "/type").unwrap_or_default() {
        "assistant" if line.pointer("/parent_tool_use_id").is_none_or(Value::is_null) => {
            for part in list(line, "/message/content") {
                match text(part, "/type") {
                    Some("text") => said.say(text(part, "/text").unwrap_or_default()),
                    Some("tool_use") => said.call(text(part, "/name").unwrap_or("?")),
                    _ => {}
                }
            }
        }
        "system" if text(line, "/subtype") == Some("api_retry") => {
            let why = text(line, "/error").unwrap_or_default();
            said.class = Some(super::classify::class(why, number(line, "/error_status")));
        }
        "result" => claude_result(said, line, cached_in_input),
        _ => {}
    }
}

fn claude_result(said: &mut Said, line: &Value, cached_in_input: bool) {
    for denial in list(line, "/permission_denials") {
        said.deny(text(denial, "/tool_name").unwrap_or("?"));
    }
    let of = |name: &str| count(line, &format!("/usage/{name}"));
    let (input, cached) = (of("input_tokens"), of("cache_read_input_tokens"));
    let fresh = if cached_in_input { input.saturating_sub(cached) } else { input };
    if line.pointer("/usage").is_some() {
        said.usage = Some(Usage {
            input_tokens: fresh.saturating_add(of("cache_creation_input_tokens")),
            cached_tokens: cached,
            output_tokens: of("output_tokens"),
            reasoning_tokens: of("output_tokens_details/thinking_tokens"),
            cost_micro_usd: micro_usd(line, "/total_cost_usd"),
        });
    }
    let result = text(line, "/result").or_else(|| text(line, "/error/message"));
    let bad = line.pointer("/is_error").and_then(Value::as_bool).unwrap_or(false);
    if bad || text(line, "/subtype").is_some_and(|kind| kind != "success") {
        let why = result.or_else(|| text(line, "/errors/0")).or_else(|| text(line, "/subtype"));
        return said.fail(why.unwrap_or("it does not say why"), number(line, "/api_error_status"));
    }
    (said.ending, said.class) = (Ending::Done, None);
    if let Some(result) = result.filter(|text| !text.is_empty()) {
        said.say(result);
    }
}

/// Gemini CLI: `-o stream-json`. Output does not count thinking, but the total does.
pub(super) fn gemini(said: &mut Said, line: &Value) {
    match text(line, "/type").unwrap_or_default() {
        "init" => said.session = text(line, "/session_id").map(str::to_owned),
        "message" if text(line, "/role") == Some("assistant") => {
            let content = text(line, "/content").unwrap_or_default();
            let goes_on = line.pointer("/delta").and_then(Value::as_bool).unwrap_or(false);
            if goes_on { said.add(content) } else { said.say(content) }
        }
        "tool_use" => {
            said.call(text(line, "/tool_name").unwrap_or("?"));
            said.say("");
        }
        "error" => said.fail(text(line, "/message").unwrap_or("it does not say why"), None),
        "result" => {
            let of = |name: &str| count(line, &format!("/stats/{name}"));
            if line.pointer("/stats").is_some() {
                let (input, output) = (of("input_tokens"), of("output_tokens"));
                let thought = of("total_tokens").saturating_sub(input.saturating_add(output));
                said.usage =
                    Some(with_cached(input, of("cached"), (output.saturating_add(thought), thought)));
            }
            if text(line, "/status") == Some("success") {
                (said.ending, said.class) = (Ending::Done, None);
            } else {
                let why = text(line, "/error/message").or_else(|| text(line, "/status"));
                said.fail(why.unwrap_or("it does not say why"), None);
            }
        }
        _ => {}
    }
}

/// opencode: `run --format json`. Usage comes step by step; a step that stops is the end.
pub(super) fn opencode(said: &mut Said, line: &Value) {
    if let Some(session) = text(line, "/sessionID") {
        said.session = Some(session.to_owned());
    }
    match text(line, "/type").unwrap_or_default() {
        "text" => said.say(text(line, "/part/text").unwrap_or_default()),
        "tool_use" => {
            let tool = text(line, "/part/tool").unwrap_or("?");
            said.call(tool);
            if text(line, "/part/state/error").is_some_and(is_opencode_refusal) {
                said.deny(tool);
            }
        }
        "step_start" => said.ending = Ending::Open,
        "step_finish" => {
            let of = |name: &str| count(line, &format!("/part/tokens/{name}"));
            let reasoning = of("reasoning");
            said.spend(Usage {
                input_tokens: of("input").saturating_add(of("cache/write")),
                cached_tokens: of("cache/read"),
                output_tokens: of("output").saturating_add(reasoning),
                reasoning_tokens: reasoning,
                cost_micro_usd: micro_usd(line, "/part/cost"),
            });
            if text(line, "/part/reason") != Some("tool-calls") {
                (said.ending, said.class) = (Ending::Done, None);
            }
        }
        "error" => {
            let why = text(line, "/error/data/message").or_else(|| text(line, "/error/name"));
            said.fail(why.unwrap_or("it does not say why"), number(line, "/error/data/statusCode"));
        }
        _ => {}
    }
}

/// A call that was not allowed: nobody was there to be asked, or a rule forbids it.
fn is_opencode_refusal(error: &str) -> bool {
    const BEGINNINGS: [&str; 2] = [
        "The user rejected permission to use this specific tool call",
        "The user has specified a rule which prevents you from using this specific tool call",
    ];
    BEGINNINGS.iter().any(|words| error.starts_with(words))
}

/// Pi: `--mode json`. Exit code 0 whatever happened: only this tells.
pub(super) fn pi(said: &mut Said, line: &Value) {
    match text(line, "/type").unwrap_or_default() {
        "session" => said.session = text(line, "/id").map(str::to_owned),
        "tool_execution_start" => said.call(text(line, "/toolName").unwrap_or("?")),
        "turn_end" => {
            let of = |name: &str| count(line, &format!("/message/usage/{name}"));
            said.spend(Usage {
                input_tokens: of("input").saturating_add(of("cacheWrite")),
                cached_tokens: of("cacheRead"),
                output_tokens: of("output"),
                reasoning_tokens: 0,
                cost_micro_usd: micro_usd(line, "/message/usage/cost/total"),
            });
            for part in list(line, "/message/content") {
                if text(part, "/type") == Some("text") {
                    said.say(text(part, "/text").unwrap_or_default());
                }
            }
            match text(line, "/message/stopReason") {
                Some("error" | "aborted") => {
                    said.fail(text(line, "/message/errorMessage").unwrap_or("it does not say why"), None);
                }
                _ => (said.ending, said.class) = (Ending::Open, None),
            }
        }
        "agent_end" if said.ending == Ending::Open => said.ending = Ending::Done,
        "auto_retry_end" if line.pointer("/success").and_then(Value::as_bool) == Some(false) => {
            said.fail(text(line, "/finalError").unwrap_or("it gave up trying"), None);
        }
        _ => {}
    }
}

/// Kimi Code: `--output-format stream-json`. The hint how to resume is its last line; there is no usage.
pub(super) fn kimi(said: &mut Said, line: &Value) {
    match text(line, "/role").unwrap_or_default() {
        "assistant" => {
            for call in list(line, "/tool_calls") {
                said.call(text(call, "/function/name").unwrap_or("?"));
            }
            if let Some(content) = text(line, "/content") {
                said.say(content);
            }
        }
        "meta" if text(line, "/type") == Some("session.resume_hint") => {
            said.session = text(line, "/session_id").map(str::to_owned);
            said.ending = Ending::Done;
        }
        _ => {}
    }
}

/// Mistral Vibe: `--output streaming`. A message of its own that is committed is the end; there is no usage.
pub(super) fn vibe(said: &mut Said, line: &Value) {
    if let Some(session) = text(line, "/sessionId") {
        said.session = Some(session.to_owned());
    }
    match text(line, "/type").unwrap_or_default() {
        "effect" => {
            said.call(text(line, "/detail/toolName").or_else(|| text(line, "/title")).unwrap_or("?"));
            said.ending = Ending::Open;
        }
        "message" if text(line, "/role") == Some("assistant") => {
            for part in list(line, "/content").iter().filter(|p| text(p, "/type") == Some("text")) {
                said.say(text(part, "/text").unwrap_or_default());
            }
            if text(line, "/outcome/type") == Some("committed") {
                said.ending = Ending::Done;
            }
        }
        _ => {}
    }
}

/// Our own lines: what `regatta acp-agent` makes of the Agent Client Protocol.
pub(super) fn acp(said: &mut Said, line: &Value) {
    match text(line, "/kind").unwrap_or_default() {
        "session" => said.session = text(line, "/session_id").map(str::to_owned),
        "message" => {
            if line.pointer("/new").and_then(Value::as_bool) == Some(true) {
                said.say("");
            }
            said.add(text(line, "/text").unwrap_or_default());
        }
        "tool" => {
            said.call(text(line, "/title").unwrap_or("?"));
            said.say("");
        }
        "denied" => {
            said.deny(text(line, "/title").unwrap_or("?"));
            if let Some(why) = text(line, "/why") {
                said.deny_because(why);
            }
        }
        "end" => {
            let of = |name: &str| count(line, &format!("/usage/{name}"));
            if line.pointer("/usage").is_some_and(Value::is_object) {
                said.usage = Some(Usage {
                    input_tokens: of("input_tokens"),
                    cached_tokens: of("cached_tokens"),
                    output_tokens: of("output_tokens"),
                    reasoning_tokens: of("reasoning_tokens"),
                    cost_micro_usd: of("cost_micro_usd"),
                });
            }
            match text(line, "/stop_reason") {
                Some("end_turn") => (said.ending, said.class) = (Ending::Done, None),
                other => {
                    let why = text(line, "/error").or(other);
                    said.fail(why.unwrap_or("it does not say why"), None);
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::{codex, is_opencode_refusal};
    use crate::agents::said::Said;
    use serde_json::json;

    #[test]
    fn a_refusal_is_known_by_the_agents_own_sentence_and_not_by_words_of_a_tool() {
        let denied = |why: &str| {
            let mut said = Said::default();
            let item = json!({ "type": "mcp_tool_call", "tool": "pay", "error": { "message": why } });
            codex(&mut said, &json!({ "type": "item.completed", "item": item }));
            said.denied.len()
        };
        assert_eq!(denied("MCP tool call requires approval, but approval policy is never"), 1);
        assert_eq!(denied("the invoice requires approval by a manager"), 0);
        let rejected = "The user rejected permission to use this specific tool call.";
        assert!(is_opencode_refusal(rejected));
        assert!(is_opencode_refusal(
            "The user has specified a rule which prevents you from using this specific tool call. Here are some"
        ));
        assert!(!is_opencode_refusal("quota prevents you from using this model"));
        assert!(!is_opencode_refusal(&format!("the log says: {rejected}")));
    }
}
