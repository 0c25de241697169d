//! What the end of an agent's attempt means: its exit code, what its stream says, and what of its usage is this attempt's.
//!
//! Exit codes lie in both directions, so the stream has a say wherever the agent has one (spec 5 "Success").

use super::preset::Cumulative;
use super::record::{AgentRecord, UsageRow};
use super::said::{Ending, ErrorClass, Said};
use crate::rate_limit;
use regatta_engine::cause::Cause;
use regatta_engine::input::Verdict;
use regatta_engine::report::Usage;

/// A judgement, and what to tell people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Judgement {
    pub(crate) verdict: Verdict,
    pub(crate) message: Option<String>,
}

/// Judges what an agent said beside its `exit` code; `in_worktree` is for the hint about permissions.
pub(crate) fn judge(said: &Said, exit: i32, in_worktree: bool) -> Judgement {
    let failed =
        |cause, message: String| Judgement { verdict: Verdict::Failed(cause), message: Some(message) };
    match &said.ending {
        Ending::Failed(why) if said.class == Some(ErrorClass::RateLimit) => {
            let retry_after_ms = rate_limit::DEFAULT_MS;
            let message = format!("met a rate limit, waits {} s: {why}", retry_after_ms / 1_000);
            Judgement { verdict: Verdict::RateLimited { retry_after_ms }, message: Some(message) }
        }
        Ending::Failed(why) if exit == 0 => {
            failed(Cause::Agent, format!("the agent exited with 0, but said that it failed: {why}"))
        }
        Ending::Failed(why) => failed(Cause::Exit, format!("the agent said: {why}")),
        Ending::Done | Ending::Open if exit != 0 => {
            Judgement { verdict: Verdict::Failed(Cause::Exit), message: None }
        }
        Ending::Done | Ending::Open if !said.denied.is_empty() => failed(
            Cause::Denied,
            format!("the agent was refused {}: {}", said.denied.join(", "), why_denied(said, in_worktree)),
        ),
        Ending::Done => Judgement { verdict: Verdict::Succeeded, message: None },
        Ending::Open => failed(
            Cause::Agent,
            "the agent exited with 0, but its output does not say that it is done".to_owned(),
        ),
    }
}

/// What was said of it, else a hint.
fn why_denied(said: &Said, in_worktree: bool) -> String {
    match (&said.denied_why[..], in_worktree) {
        ([], true) => "see `permissions` of the agent".to_owned(),
        ([], false) => "it is told what it may do inside a worktree only".to_owned(),
        (why, _) => why.join("; "),
    }
}

/// What of the usage that was told is this attempt's: less what its session had told before, where it counts on.
pub(crate) fn own_usage(said: &Said, cumulative: Cumulative, record: &AgentRecord) -> Option<Usage> {
    let told = said.usage?;
    let same = record.resumed.is_some() && record.resumed == said.session;
    let Some(before) = record.before.filter(|_| same) else { return Some(told) };
    let UsageRow { input_tokens, cached_tokens, output_tokens, reasoning_tokens, cost_micro_usd } = before;
    let cost_micro_usd = match cumulative {
        Cumulative::No => told.cost_micro_usd,
        Cumulative::Tokens | Cumulative::Cost => told.cost_micro_usd.saturating_sub(cost_micro_usd),
    };
    Some(match cumulative {
        Cumulative::No | Cumulative::Cost => Usage { cost_micro_usd, ..told },
        Cumulative::Tokens => Usage {
            input_tokens: told.input_tokens.saturating_sub(input_tokens),
            cached_tokens: told.cached_tokens.saturating_sub(cached_tokens),
            output_tokens: told.output_tokens.saturating_sub(output_tokens),
            reasoning_tokens: told.reasoning_tokens.saturating_sub(reasoning_tokens),
            cost_micro_usd,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(ending: Ending) -> Said {
        Said { ending, ..Said::default() }
    }

    #[test]
    fn an_agent_succeeds_only_if_exit_code_and_stream_agree() {
        let failed = |why: &str| {
            let mut said = said(Ending::Open);
            said.fail(why, None);
            said
        };
        let denied = Said { denied: vec!["Write".into()], ..said(Ending::Done) };
        let check = |said: &Said, exit: i32, verdict: Verdict| {
            assert_eq!(judge(said, exit, false).verdict, verdict, "{said:?} {exit}");
        };
        check(&said(Ending::Done), 0, Verdict::Succeeded);
        check(&said(Ending::Done), 1, Verdict::Failed(Cause::Exit));
        check(&said(Ending::Open), 0, Verdict::Failed(Cause::Agent));
        check(&said(Ending::Open), 9, Verdict::Failed(Cause::Exit));
        check(&failed("no"), 0, Verdict::Failed(Cause::Agent));
        check(&failed("no"), 1, Verdict::Failed(Cause::Exit));
        check(&denied, 0, Verdict::Failed(Cause::Denied));
        check(&failed("status 429"), 1, Verdict::RateLimited { retry_after_ms: rate_limit::DEFAULT_MS });
        assert!(judge(&denied, 0, false).message.unwrap().contains("refused Write: it is told"));
        let by_a_person = Said { denied_why: vec!["a person refused it".into()], ..denied };
        let told = judge(&by_a_person, 0, false).message.unwrap();
        assert_eq!(told, "the agent was refused Write: a person refused it");
    }

    #[test]
    fn what_a_session_had_used_before_is_not_this_attempts() {
        let usage = |n: u64| Usage {
            input_tokens: n,
            cached_tokens: n,
            output_tokens: n,
            reasoning_tokens: n,
            cost_micro_usd: n,
        };
        let said = Said { session: Some("s".into()), usage: Some(usage(30)), ..Said::default() };
        let record = |session: &str| AgentRecord {
            resumed: Some(session.into()),
            before: Some(usage(10).into()),
            ..AgentRecord::default()
        };
        assert_eq!(own_usage(&said, Cumulative::Tokens, &record("s")), Some(usage(20)));
        assert_eq!(own_usage(&said, Cumulative::Tokens, &record("other")), Some(usage(30)));
        assert_eq!(own_usage(&said, Cumulative::No, &record("s")), Some(usage(30)));
        let cost = Usage { cost_micro_usd: 20, ..usage(30) };
        assert_eq!(own_usage(&said, Cumulative::Cost, &record("s")), Some(cost));
    }
}
