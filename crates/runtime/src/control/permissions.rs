//! What a running attempt may ask a person, and what an answer to it means.
//!
//! Decides on the state alone. Knows no socket.

use super::settling;
use crate::turn::Arrival;
use regatta_engine::Engine;
use regatta_engine::ids::{AttemptId, NodeId};
use regatta_engine::input::Input;
use regatta_engine::permission::{PermissionTold, Question, QuestionId};
use regatta_engine::state::node::Live;
use std::collections::BTreeSet;

/// More open questions of one attempt are of no use to anybody.
const MOST_OPEN: usize = 64;
/// Longer titles and kinds are cut, in characters. A person decides on what is shown, so this is long.
const MOST_TITLE: usize = 1_000;
const MOST_TOOL: usize = 40;

/// A question as it is recorded: through `clean` while it is whole, then bounded, on one line, and without characters that
/// are known to be seen by nobody. The kind is one word or a few, so that it can end nothing around it.
pub(crate) fn question(
    (number, title, tool): (u32, &str, &str),
    always: bool,
    clean: &dyn Fn(String) -> String,
) -> Question {
    let text = |text: &str, most| shown(&clean(text.to_owned()), most);
    let plain = |c: char| if c.is_alphanumeric() || " _-/.".contains(c) { c } else { '_' };
    let tool = text(tool, MOST_TOOL).chars().map(plain).collect::<String>().into();
    Question { number, title: text(title, MOST_TITLE).into(), tool, always }
}

fn shown(text: &str, most: usize) -> String {
    let visible = |c: char| match c {
        '\n' | '\r' | '\t' => ' ',
        c if c.is_control() || is_hidden(c) => char::REPLACEMENT_CHARACTER,
        c => c,
    };
    let visible: String = text.chars().map(visible).collect();
    let folded = visible.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut shown: String = folded.chars().take(most).collect();
    if folded.chars().nth(most).is_some() {
        shown.push('…');
    }
    shown
}

/// Characters that show nothing, or turn the order of others.
fn is_hidden(c: char) -> bool {
    matches!(c, '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
        | '\u{2800}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
        | '\u{e0000}'..='\u{e0fff}')
}

/// What is known of a question that is asked.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Known {
    /// Nothing.
    New,
    /// It is open, or will be as soon as it is durable.
    Open,
    /// A person answered, and that is durable.
    Answered(bool),
}

/// Whether an attempt may ask this, and what is known of it. `waiting` are the numbers of the questions for whose answers
/// somebody of the attempt waits, which the state may not know yet.
///
/// # Errors
/// Why not, for whoever asks.
pub(crate) fn may_ask(
    engine: &Engine,
    (attempt, waiting): (AttemptId, &BTreeSet<u32>),
    question: &Question,
) -> Result<(NodeId, Known), String> {
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
        Some((_, None)) => Ok((node, Known::Open)),
        Some((_, Some(allowed))) => Ok((node, Known::Answered(allowed))),
        None if waiting.contains(&question.number) => Ok((node, Known::Open)),
        None if open(live, waiting) >= MOST_OPEN => {
            Err(format!("attempt {attempt} has {MOST_OPEN} open questions already"))
        }
        None => Ok((node, Known::New)),
    }
}

/// How many questions of an attempt are open, with those that nothing but their `waiting` tells of.
fn open(live: &Live, waiting: &BTreeSet<u32>) -> usize {
    let known = live.questions.open().count();
    known + waiting.iter().filter(|number| live.questions.get(**number).is_none()).count()
}

/// What an answer means: for the question that is named by attempt and number, else for the only one that the attempt ever
/// asked. Whoever answers knows what it was shown, so nothing else may be meant.
///
/// # Errors
/// It fits nothing, or more than one; what is open, for people.
pub(super) fn permit(
    engine: &Engine,
    node: NodeId,
    (named, allowed): (Option<(u64, u32)>, bool),
) -> Result<(Arrival, String), String> {
    if engine.graph().asked(node).is_some() {
        return settling::permit(engine, node, (named, allowed));
    }
    let Some(live) = engine.state().node(node).live() else {
        return Err(format!("asks nothing: {}", engine.explain(node).sentence(engine.graph())));
    };
    if let Some(cause) = live.ending {
        return Err(format!("asks nothing any more: its attempt is being ended ({})", cause.code()));
    }
    let named = named.map(|(attempt, number)| QuestionId { attempt: AttemptId(attempt), number });
    let question = match named {
        None => the_only(live)?,
        Some(id) => {
            let asked = live.questions.open().find(|question| name(live, question) == id);
            asked.ok_or_else(|| nothing_open(live, Some(id)))?
        }
    };
    let word = if allowed { "may do" } else { "is refused" };
    let said = format!("{word} {} (question {})", question.words(), name(live, question));
    let told = PermissionTold::Answered { number: question.number, allowed };
    Ok((Input::Permission { attempt: live.attempt, told }.into(), said))
}

fn name(live: &Live, question: &Question) -> QuestionId {
    QuestionId { attempt: live.attempt, number: question.number }
}

/// The question that is open, if the attempt never asked another one.
fn the_only(live: &Live) -> Result<&Question, String> {
    let mut open = live.questions.open();
    match (open.next(), open.next(), live.questions.last_answered()) {
        (None, ..) => Err(nothing_open(live, None)),
        (Some(question), None, None) => Ok(question),
        (Some(_), ..) => {
            Err(format!("asks more than once; say which with `--question`; {}", what_is_open(live)))
        }
    }
}

fn what_is_open(live: &Live) -> String {
    let of = |question| format!("question {}: {}", name(live, question), question.words());
    let open: Vec<String> = live.questions.open().map(of).collect();
    if open.is_empty() { "nothing is open".to_owned() } else { format!("open: {}", open.join(", ")) }
}

fn nothing_open(live: &Live, named: Option<QuestionId>) -> String {
    let word = |allowed| if allowed { "allowed" } else { "denied" };
    let before = match named {
        Some(id) if id.attempt != live.attempt => None,
        Some(id) => live.questions.get(id.number).and_then(|(question, answer)| Some((question, answer?))),
        None => live.questions.last_answered(),
    };
    let open = what_is_open(live);
    match (before, named) {
        (Some((question, allowed)), _) => {
            let id = name(live, question);
            format!("asks nothing: its question {id} was {} already; {open}", word(allowed))
        }
        (None, Some(id)) => format!("has no question {id}; {open}"),
        (None, None) => "asks nothing".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_person_decides_on_is_one_line_without_what_nobody_sees() {
        let clean = |text: String| text.replace("s3cret", "[REDACTED]");
        let of = |title: &str| question((1, title, "edit"), false, &clean).title;
        assert_eq!(&*of("Write x\n  next: regatta"), "Write x next: regatta");
        assert_eq!(&*of(&format!("ls{}\u{a0}\u{3000}x", " ".repeat(300))), "ls x");
        for hidden in "\u{180e}\u{2800}\u{3164}\u{115f}\u{1160}\u{fe0f}\u{e0100}\u{2066}".chars() {
            assert_eq!(&*of(&format!("a{hidden}b")), "a\u{fffd}b", "{hidden:?}");
        }
        assert_eq!(&*of("a\u{1b}[2Jb\u{202e}c s3cret"), "a\u{fffd}[2Jb\u{fffd}c [REDACTED]");
        let long = of(&"x".repeat(5_000));
        assert_eq!((long.chars().count(), long.ends_with("x…")), (1_001, true));
        let at_the_cut = of(&format!("{} s3cret and more", "x".repeat(995)));
        assert!(!at_the_cut.contains("s3"), "{at_the_cut}");
        let kind = question((1, "t", "read) \"ls\" ("), false, &clean).tool;
        assert_eq!(&*kind, "read_ _ls_ _");
    }
}
