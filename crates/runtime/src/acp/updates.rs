//! What an agent tells while it works, as lines of ours: one reader for both versions of the protocol.
//!
//! ```text
//! session/update --take--> session | message | tool        prompt result, idle --end--> end { stop_reason, usage }
//! ```
//! Pure over JSON, and bounded. Kinds that are not known are passed over.

use super::usage;
use crate::agents::UsageRow;
use crate::redact::bounded;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Calls of tools that are told apart.
const MOST_CALLS: usize = 10_000;

/// What was heard so far.
#[derive(Debug, Default)]
pub(super) struct Updates {
    calls: BTreeSet<String>,
    message: Option<String>,
    /// Cost so far, in millionths of a US dollar, since the session began.
    cost_micro_usd: u64,
    /// Usage of single calls, for agents that tell no other.
    calls_usage: Option<UsageRow>,
    /// Version 2: something happened since the prompt was accepted.
    active: bool,
}

/// The end of a turn as version 2 tells it.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Idle(pub(super) Value);

impl Updates {
    /// Takes an update; answers our line for it, and the end of the turn if it is that.
    pub(super) fn take(&mut self, update: &Value) -> (Option<Value>, Option<Idle>) {
        let text = |at: &str| update.pointer(at).and_then(Value::as_str);
        let line = match text("/sessionUpdate").unwrap_or_default() {
            "agent_message_chunk" => {
                if let Some(more) = update.pointer("/_meta/usage").and_then(usage::of_turn) {
                    usage::add(&mut self.calls_usage, more);
                }
                self.chunk(text("/messageId"), text("/content/text").unwrap_or_default())
            }
            "agent_message" => {
                self.message = text("/messageId").map(str::to_owned);
                let parts = update.pointer("/content").and_then(Value::as_array);
                let parts = parts.into_iter().flatten().filter_map(|part| part.get("text")?.as_str());
                Some(json!({ "kind": "message", "new": true, "text": parts.collect::<String>() }))
            }
            "tool_call" | "tool_call_update" => {
                self.call(text("/toolCallId"), text("/title").or(text("/name")))
            }
            "usage_update" => {
                self.cost(update);
                None
            }
            "state_update" if text("/state") == Some("idle") => {
                let idle = self.active.then(|| Idle(update.clone()));
                return (None, idle);
            }
            "state_update" => {
                self.active = true;
                None
            }
            _ => None,
        };
        (line, None)
    }

    fn chunk(&mut self, id: Option<&str>, text: &str) -> Option<Value> {
        if text.is_empty() {
            return None;
        }
        let new = id.is_some() && self.message.as_deref() != id;
        self.message = id.map(str::to_owned).or(self.message.take());
        Some(json!({ "kind": "message", "new": new, "text": text }))
    }

    fn call(&mut self, id: Option<&str>, title: Option<&str>) -> Option<Value> {
        let new = self.calls.len() < MOST_CALLS && self.calls.insert(id?.to_owned());
        let title = bounded(title.unwrap_or("a tool").to_owned());
        new.then(|| json!({ "kind": "tool", "title": title }))
    }

    fn cost(&mut self, update: &Value) {
        let dollars = update.pointer("/cost/currency").and_then(Value::as_str) == Some("USD");
        let amount = update.pointer("/cost/amount").and_then(Value::as_f64).filter(|_| dollars);
        let micro = amount.unwrap_or(0.0) * 1e6;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 0 to 10^15")]
        if (0.0..=1e15).contains(&micro) {
            self.cost_micro_usd = self.cost_micro_usd.max(micro.round() as u64);
        }
    }

    /// The last line, of the prompt's result or of the state that ends the turn.
    pub(super) fn end(&self, end: &Value) -> Value {
        let own = end.get("usage").and_then(usage::of_turn);
        let used = own.or(self.calls_usage).or_else(|| usage::of_quota(end));
        let used = used.map(|row| UsageRow { cost_micro_usd: self.cost_micro_usd, ..row });
        let error = end.get("error").filter(|error| !error.is_null()).map(|error| {
            error.get("message").and_then(Value::as_str).map_or_else(|| error.to_string(), str::to_owned)
        });
        let reason = end.get("stopReason").and_then(Value::as_str);
        // Version 2 of one agent leaves it out where all is well.
        let reason = reason.unwrap_or(if error.is_some() { "error" } else { "end_turn" });
        json!({ "kind": "end", "stop_reason": reason, "usage": used, "error": error })
    }

    /// The last line of a turn that broke off.
    pub(super) fn broken(&self, why: &str) -> Value {
        let used = self.calls_usage.map(|row| UsageRow { cost_micro_usd: self.cost_micro_usd, ..row });
        json!({ "kind": "end", "stop_reason": "error", "usage": used, "error": why })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agents::{Dialect, Ending, read_lines};

    /// Our lines for recorded frames, as the parser of our own dialect reads them.
    fn heard(frames: &str) -> crate::agents::Said {
        let mut updates = Updates::default();
        let mut lines = String::new();
        for frame in frames.lines().filter(|line| line.starts_with('{')) {
            let frame: Value = serde_json::from_str(frame).unwrap();
            let msg = &frame["msg"];
            if frame["dir"] != "<" {
                continue;
            }
            let (line, idle) = updates.take(&msg["params"]["update"]);
            let end = idle
                .map(|Idle(end)| end)
                .or_else(|| msg["result"].get("stopReason").map(|_| msg["result"].clone()));
            for line in line.into_iter().chain(end.map(|end| updates.end(&end))) {
                lines.push_str(&format!("{line}\n"));
            }
        }
        read_lines(Dialect::Acp, &lines)
    }

    #[test]
    fn real_agents_of_both_versions_are_heard_alike() {
        let check = |frames: &str, usage: Option<(u64, u64, u64)>, tools: u64| {
            let said = heard(frames);
            assert_eq!((&said.ending, said.message.as_str()), (&Ending::Done, "done"), "{said:?}");
            assert_eq!(said.usage.map(|u| (u.input_tokens, u.cached_tokens, u.output_tokens)), usage);
            assert_eq!(said.tool_calls, tools, "{said:?}");
        };
        check(include_str!("transcripts/codex-acp-v2.jsonl"), Some((1_600, 400, 100)), 1);
        check(include_str!("transcripts/claude-agent-acp-v2.jsonl"), Some((1_600, 400, 100)), 1);
        check(include_str!("transcripts/opencode.jsonl"), Some((800, 200, 50)), 1);
        check(include_str!("transcripts/qwen.jsonl"), Some((1_600, 400, 100)), 1);
        check(include_str!("transcripts/vibe.jsonl"), Some((1_600, 400, 100)), 1);
        check(include_str!("transcripts/gemini.jsonl"), Some((2_000, 0, 80)), 1);
    }

    #[test]
    fn a_turn_that_was_cancelled_or_broke_off_is_no_success() {
        let said = heard(include_str!("transcripts/claude-agent-acp-cancel.jsonl"));
        assert!(matches!(&said.ending, Ending::Failed(why) if why == "cancelled"), "{said:?}");
        let line = Updates::default().broken("the agent went away");
        let said = read_lines(Dialect::Acp, &line.to_string());
        assert_eq!(said.ending, Ending::Failed("the agent went away".into()));
    }

    #[test]
    fn an_idle_state_before_anything_happened_ends_nothing_and_odd_updates_are_passed_over() {
        let mut updates = Updates::default();
        let idle = json!({ "sessionUpdate": "state_update", "state": "idle" });
        assert_eq!(updates.take(&idle), (None, None));
        for odd in
            [json!(null), json!({}), json!({ "sessionUpdate": 7 }), json!({ "sessionUpdate": "tool_call" })]
        {
            assert_eq!(updates.take(&odd), (None, None));
        }
        updates.take(&json!({ "sessionUpdate": "state_update", "state": "_compacting" }));
        assert!(updates.take(&idle).1.is_some());
    }
}
