//! Budgets of a run and of its nodes: what may be used up, and how far it is.
//!
//! Pure arithmetic over what attempts reported; knows no event.

use crate::report::Usage;

/// What may be used up.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Budget {
    /// Tokens: input with cached, and output.
    pub tokens: Option<u64>,
    /// Cost in millionths of a US dollar.
    pub micro_usd: Option<u64>,
    /// What runs is ended too when it is used up.
    pub hard: bool,
}

/// How far a budget is used up.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Level {
    /// 80 % or more.
    Near,
    /// 100 % or more.
    Full,
}

impl Level {
    /// In percent.
    #[must_use]
    pub fn percent(self) -> u32 {
        match self {
            Level::Near => 80,
            Level::Full => 100,
        }
    }
}

/// What was used up.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Spent {
    /// Tokens.
    pub tokens: u64,
    /// Millionths of a US dollar.
    pub micro_usd: u64,
}

impl Spent {
    /// Adds what an attempt reported.
    pub(crate) fn add(&mut self, usage: &Usage) {
        self.tokens = self.tokens.saturating_add(usage.tokens());
        self.micro_usd = self.micro_usd.saturating_add(usage.cost_micro_usd);
    }
}

impl Budget {
    /// How far it is used up; the part that is used up most counts.
    #[must_use]
    pub fn level(&self, spent: Spent) -> Option<Level> {
        let of = |most: Option<u64>, spent: u64| {
            let most = u128::from(most?);
            match u128::from(spent) * 100 {
                parts if parts >= most * 100 => Some(Level::Full),
                parts if parts >= most * 80 => Some(Level::Near),
                _ => None,
            }
        };
        of(self.tokens, spent.tokens).max(of(self.micro_usd, spent.micro_usd))
    }
}
