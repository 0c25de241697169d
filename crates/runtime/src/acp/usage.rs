//! What agents that speak the protocol tell of their usage, made the same for all.
//!
//! The protocol does not say whether input counts what came from a cache, nor whether output counts reasoning; the total
//! beside them tells.

use crate::agents::UsageRow;
use serde_json::Value;

/// The usage of a turn.
pub(super) fn of_turn(usage: &Value) -> Option<UsageRow> {
    let of = |name: &str| usage.get(name).and_then(Value::as_u64);
    let (input, output) = (of("inputTokens")?, of("outputTokens").unwrap_or(0));
    let cached = of("cachedReadTokens").unwrap_or(0);
    let written = of("cachedWriteTokens").unwrap_or(0);
    let thought = of("thoughtTokens").unwrap_or(0);
    let apart = input.saturating_add(cached).saturating_add(written).saturating_add(output);
    let total = of("totalTokens").unwrap_or(apart);
    let cached_in_input = total < apart && cached <= input;
    let thought_apart = total == apart.saturating_add(thought);
    Some(UsageRow {
        input_tokens: if cached_in_input { input - cached } else { input.saturating_add(written) },
        cached_tokens: cached,
        output_tokens: if thought_apart { output.saturating_add(thought) } else { output },
        reasoning_tokens: thought,
        cost_micro_usd: 0,
    })
}

/// The usage of a turn where it stands in a vendor's own field: of Gemini CLI.
pub(super) fn of_quota(result: &Value) -> Option<UsageRow> {
    let of = |name: &str| result.pointer(&format!("/_meta/quota/token_count/{name}")).and_then(Value::as_u64);
    Some(UsageRow {
        input_tokens: of("input_tokens")?,
        output_tokens: of("output_tokens").unwrap_or(0),
        ..UsageRow::default()
    })
}

/// Adds the usage of one call of a model to those before.
pub(super) fn add(sum: &mut Option<UsageRow>, more: UsageRow) {
    let sum = sum.get_or_insert_default();
    sum.input_tokens = sum.input_tokens.saturating_add(more.input_tokens);
    sum.cached_tokens = sum.cached_tokens.saturating_add(more.cached_tokens);
    sum.output_tokens = sum.output_tokens.saturating_add(more.output_tokens);
    sum.reasoning_tokens = sum.reasoning_tokens.saturating_add(more.reasoning_tokens);
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn usage_is_the_same_whatever_an_agent_counts_as_input_and_output() {
        let check = |usage: Value, expect: (u64, u64, u64, u64)| {
            let row = of_turn(&usage).unwrap();
            let found = (row.input_tokens, row.cached_tokens, row.output_tokens, row.reasoning_tokens);
            assert_eq!(found, expect, "{usage}");
        };
        let codex = json!({ "totalTokens": 2100, "inputTokens": 1600, "cachedReadTokens": 400, "cachedWriteTokens": 0, "outputTokens": 100, "thoughtTokens": 20 });
        check(codex, (1_600, 400, 100, 20));
        let vibe =
            json!({ "totalTokens": 2100, "inputTokens": 2000, "outputTokens": 100, "cachedReadTokens": 400 });
        check(vibe, (1_600, 400, 100, 0));
        let opencode = json!({ "inputTokens": 800, "outputTokens": 40, "totalTokens": 1050, "thoughtTokens": 10, "cachedReadTokens": 200 });
        check(opencode, (800, 200, 50, 10));
        check(json!({ "inputTokens": 7, "outputTokens": "x" }), (7, 0, 0, 0));
        check(
            json!({ "inputTokens": u64::MAX, "outputTokens": u64::MAX, "totalTokens": 1 }),
            (u64::MAX, 0, u64::MAX, 0),
        );
        assert_eq!(of_turn(&json!({})), None);
    }
}
