//! What a running attempt may ask a person, and what an answer to it means.
//!
//! Decides on the state alone. Knows no socket.

use crate::turn::Arrival;
use regatta_engine::Engine;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::input::Input;
use regatta_engine::permission::{PermissionTold, Question};
use regatta_engine::state::node::Live;

/// More open questions of one attempt are of no use to anybody.
const MOST_OPEN: usize = 64;
/// Longer titles and kinds are cut, in characters.
const MOST_TITLE: usize = 200;
const MOST_TOOL: usize = 40;

/// A question as it is recorded: bounded, and through `clean`.
pub(crate) fn question(
    (number, title, tool): (u32, &str, &str),
    clean: &dyn Fn(String) -> String,
) -> Question {
    let cut = |text: &str, most: usize| clean(text.to_owned()).chars().take(most).collect::<String>().into();
    Question { number, title: cut(title, MOST_TITLE), tool: cut(tool, MOST_TOOL) }
}

/// Whether an attempt may ask this.
///
/// # Errors
/// Why not, for whoever asks.
pub(crate) fn may_ask(engine: &Engine, attempt: AttemptId, question: &Question) -> Result<NodeId, String> {
    let node = engine.state().node_of(attempt);
    let live = node.and_then(|node| Some((node, engine.state().node(node).live()?)));
    let Some((node, live)) = live else { return Err(format!("attempt {attempt} does not run")) };
    if live.ending.is_some() {
        return Err(format!("attempt {attempt} is being ended"));
    }
    match live.questions.get(question.number) {
        Some((known, _)) if known != question => {
            Err(format!("question {} of attempt {attempt} is another one", question.number))
        }
        None if live.questions.open().count() >= MOST_OPEN => {
            Err(format!("attempt {attempt} has {MOST_OPEN} open questions already"))
        }
        Some(_) | None => Ok(node),
    }
}

/// What an answer means: for question `number`, else the oldest that is open.
///
/// # Errors
/// It fits nothing; what is open, for people.
pub(super) fn permit(
    engine: &Engine,
    node: NodeId,
    (number, allowed): (Option<u32>, bool),
) -> Result<(Arrival, String), String> {
    let Some(live) = engine.state().node(node).live() else {
        return Err(format!("asks nothing: {}", engine.explain(node).sentence(engine.graph())));
    };
    if let Some(cause) = live.ending {
        return Err(format!("asks nothing any more: its attempt is being ended ({})", cause.code()));
    }
    let asked = match number {
        None => live.questions.open().next(),
        Some(number) => live.questions.open().find(|question| question.number == number),
    };
    let Some(question) = asked else { return Err(nothing_open(live, number)) };
    let word = if allowed { "may do" } else { "is refused" };
    let said = format!("{word} {} (question {})", question.words(), question.number);
    let told = PermissionTold::Answered { number: question.number, allowed };
    Ok((Input::Permission { attempt: live.attempt, told }.into(), said))
}

fn nothing_open(live: &Live, number: Option<u32>) -> String {
    let word = |allowed| if allowed { "allowed" } else { "denied" };
    let open: Vec<String> =
        live.questions.open().map(|q| format!("question {}: {}", q.number, q.words())).collect();
    let open =
        if open.is_empty() { "nothing is open".to_owned() } else { format!("open: {}", open.join(", ")) };
    let before = match number {
        Some(number) => live.questions.get(number).and_then(|(q, answer)| Some((q, answer?))),
        None => live.questions.last_answered(),
    };
    match (before, number) {
        (Some((q, allowed)), _) => {
            format!("asks nothing: its question {} was {} already; {open}", q.number, word(allowed))
        }
        (None, Some(number)) => format!("has no question {number}; {open}"),
        (None, None) => "asks nothing".to_owned(),
    }
}
