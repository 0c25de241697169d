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
/// Longer titles and kinds are cut, in characters. A person decides on what is shown, so this is long.
const MOST_TITLE: usize = 1_000;
const MOST_TOOL: usize = 40;

/// A question as it is recorded: through `clean`, bounded, on one line, and with nothing in it that nobody sees.
pub(crate) fn question(
    (number, title, tool): (u32, &str, &str),
    clean: &dyn Fn(String) -> String,
) -> Question {
    let text = |text: &str, most| shown(&clean(text.to_owned()), most).into();
    Question { number, title: text(title, MOST_TITLE), tool: text(tool, MOST_TOOL) }
}

fn shown(text: &str, most: usize) -> String {
    let hidden = |c: char| {
        matches!(c, '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
    };
    let visible = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if c.is_control() || hidden(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    let mut shown: String = text.chars().take(most).map(visible).collect();
    if text.chars().nth(most).is_some() {
        shown.push('…');
    }
    shown
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_decides_on_is_one_line_that_hides_nothing() {
        let of =
            |title: &str| question((1, title, "edit"), &|text| text.replace("s3cret", "[REDACTED]")).title;
        assert_eq!(&*of("Write x\n  next: regatta"), "Write x   next: regatta");
        assert_eq!(&*of("a\u{1b}[2Jb\u{202e}c s3cret"), "a\u{fffd}[2Jb\u{fffd}c [REDACTED]");
        let long = of(&"x".repeat(5_000));
        assert_eq!((long.chars().count(), long.ends_with("x…")), (1_001, true));
    }
}
