//! Tokens and cost of a run, its agents and its tasks, for people and for programs.
//!
//! What nobody reported is nothing, which is not the same as 0.

use super::escape::escape;
use crate::view::RunView;
use regatta_engine::report::Usage;
use serde_json::{Value, json};

/// Usage for programs; null where nothing was reported.
#[must_use]
pub fn json(usage: Option<&Usage>) -> Value {
    usage.map_or(Value::Null, |u| {
        json!({
            "input_tokens": u.input_tokens,
            "cached_tokens": u.cached_tokens,
            "output_tokens": u.output_tokens,
            "reasoning_tokens": u.reasoning_tokens,
            "tokens": u.tokens(),
            "cost_micro_usd": u.cost_micro_usd,
        })
    })
}

/// Usage by agent, for programs.
#[must_use]
pub fn agents_json(view: &RunView) -> Value {
    let sums = view.metrics.by_agent(view.engine.graph());
    sums.into_iter().map(|(agent, usage)| (agent.to_owned(), json(Some(&usage)))).collect()
}

/// The lines of the summary; nothing where no agent reported anything. One line for each agent where there are several.
#[must_use]
pub fn text(view: &RunView) -> String {
    let Some(all) = view.metrics.reported() else { return String::new() };
    let mut text = format!("  tokens       {}\n", line(all));
    let agents = view.metrics.by_agent(view.engine.graph());
    if agents.len() > 1 {
        for (agent, usage) in agents {
            text.push_str(&format!("    {}: {}\n", escape(agent), line(&usage)));
        }
    }
    text
}

/// `2000 in (400 cached), 100 out (20 reasoning), $0.0085`.
fn line(usage: &Usage) -> String {
    let part =
        |tokens: u64, word: &str| if tokens > 0 { format!(" ({tokens} {word})") } else { String::new() };
    let input = usage.input_tokens.saturating_add(usage.cached_tokens);
    let cost =
        if usage.cost_micro_usd > 0 { format!(", {}", dollars(usage.cost_micro_usd)) } else { String::new() };
    format!(
        "{input} in{}, {} out{}{cost}",
        part(usage.cached_tokens, "cached"),
        usage.output_tokens,
        part(usage.reasoning_tokens, "reasoning")
    )
}

/// Dollars with four places, rounded up: a cost is never shown as less than it is.
fn dollars(micro: u64) -> String {
    let parts = micro.div_ceil(100);
    format!("${}.{:04}", parts / 10_000, parts % 10_000)
}

#[cfg(test)]
mod tests {
    use super::{dollars, line};
    use regatta_engine::report::Usage;

    #[test]
    fn usage_is_a_line_without_what_is_nothing() {
        let usage = Usage {
            input_tokens: 1_600,
            cached_tokens: 400,
            output_tokens: 100,
            reasoning_tokens: 20,
            cost_micro_usd: 8_401,
        };
        assert_eq!(line(&usage), "2000 in (400 cached), 100 out (20 reasoning), $0.0085");
        assert_eq!(line(&Usage { output_tokens: 1, ..Usage::default() }), "0 in, 1 out");
        assert_eq!(dollars(1_234_567_800), "$1234.5678");
    }
}
