//! What the keeper calls what it owns: attempts and undos by their own ids, questions about attempts by ids that never
//! meet an attempt's, nor a question of an earlier orchestrator. It knows no keeper.

use regatta_engine::ids::AttemptId;

/// Questions carry this bit and the epoch that asks.
const QUESTION: u64 = 1 << 63;
const EPOCH_SHIFT: u32 = 40;
const EPOCH_MASK: u64 = (1 << 23) - 1;
const ATTEMPT_MASK: u64 = (1 << EPOCH_SHIFT) - 1;

/// The id of a question about an attempt.
pub(crate) fn question(epoch: u64, attempt: AttemptId) -> u64 {
    QUESTION | (epoch & EPOCH_MASK) << EPOCH_SHIFT | attempt.0
}

/// The attempt that an id is about.
pub(crate) fn attempt_of(id: u64) -> AttemptId {
    AttemptId(id & ATTEMPT_MASK)
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
    }
}
