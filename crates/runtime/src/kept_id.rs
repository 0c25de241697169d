//! What the keeper calls what it owns: attempts and undos by their own ids, questions about attempts and steps of them by
//! ids that never meet an attempt's, nor a question of an earlier orchestrator. It knows no keeper.
//!
//! ```text
//! 63: a question or a step   62-55: which   54-40: the epoch that asks   39-0: the attempt
//! ```

use regatta_engine::ids::AttemptId;
use regatta_plan::MAX_COMMANDS;

/// Questions and steps carry this bit and the epoch that asks.
const QUESTION: u64 = 1 << 63;
const STEP_SHIFT: u32 = 55;
const EPOCH_SHIFT: u32 = 40;
const EPOCH_MASK: u64 = (1 << 15) - 1;

/// The first step of those that prepare a worktree; a question is step 0.
pub(crate) const SETUP: u8 = 1;
/// The first step of those that look whether work is good.
pub(crate) const VERIFY: u8 = 101;
/// A step of bringing work together, numbered by what stands in the place of an attempt.
pub(crate) const LANDING: u8 = 201;
/// An agent that mends red gates, numbered by its attempt in the run,
pub(crate) const FIX: u8 = 202;
/// and one that resolves a conflict.
pub(crate) const RESOLVER: u8 = 203;
/// A host of connections to tools, numbered by how many there were.
pub(crate) const TOOLS: u8 = 204;
const ATTEMPT_MASK: u64 = (1 << EPOCH_SHIFT) - 1;
// No command of a plan has the id of anything else.
const _: () = assert!(
    SETUP as usize + MAX_COMMANDS <= VERIFY as usize && VERIFY as usize + MAX_COMMANDS <= LANDING as usize
);

/// The id of a question about an attempt.
pub(crate) fn question(epoch: u64, attempt: AttemptId) -> u64 {
    step(epoch, attempt, 0)
}

/// The id of a step of an attempt.
pub(crate) fn step(epoch: u64, attempt: AttemptId, step: u8) -> u64 {
    QUESTION | u64::from(step) << STEP_SHIFT | (epoch & EPOCH_MASK) << EPOCH_SHIFT | attempt.0
}

/// The attempt that an id is about.
pub(crate) fn attempt_of(id: u64) -> AttemptId {
    AttemptId(id & ATTEMPT_MASK)
}

/// Which step an id is of; 0 for a question.
pub(crate) fn step_of(id: u64) -> u8 {
    u8::try_from(id >> STEP_SHIFT & 0xff).unwrap_or_default()
}

/// Whether an id is of something that a landing has started.
pub(crate) fn is_of_landing(id: u64) -> bool {
    is_question(id) && [LANDING, FIX, RESOLVER].contains(&step_of(id))
}

/// Whether an id is of a host of connections to tools.
pub(crate) fn is_of_tools(id: u64) -> bool {
    is_question(id) && step_of(id) == TOOLS
}

/// Whether an id is that of a question.
pub(crate) fn is_question(id: u64) -> bool {
    id & QUESTION != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_names_its_attempt_and_is_nobody_elses() {
        let attempt = AttemptId(77);
        let (first, second) = (question(1, attempt), question(2, attempt));
        assert_eq!((attempt_of(first), attempt_of(second), attempt_of(77)), (attempt, attempt, attempt));
        assert!(first != second && is_question(first) && !is_question(77));
        let (setup, verify) = (step(1, attempt, SETUP), step(1, attempt, VERIFY));
        assert!(
            is_of_tools(step(3, attempt, TOOLS))
                && !is_of_tools(setup)
                && !is_of_landing(step(3, attempt, TOOLS))
        );
        assert!(setup != verify && setup != first && attempt_of(verify) == attempt && is_question(setup));
    }
}
