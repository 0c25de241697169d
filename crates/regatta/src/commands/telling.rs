//! How a plan that changed is told: without the secrets of what it was, of what it is, and of the run that knew them.
//!
//! Whoever is told goes on with the run if they want to, so the vault is opened as it would be then. Where a secret cannot be had
//! nothing is told of the texts: it might stand in them.

use crate::context::Context;
use crate::view;
use regatta_journal::RunRecord;
use regatta_plan::Plan;
use regatta_plan::model::SecretSource;
use regatta_runtime::redact::{Redactor, Value};
use regatta_runtime::vault::Vault;

/// Tells texts of two plans.
#[derive(Debug)]
pub struct Telling {
    looks: Vec<Redactor>,
    all_known: bool,
}

impl Telling {
    /// For the plan of a run, and what its file says now, if that is a plan.
    #[must_use]
    pub fn of(context: &Context, (record, stored): (&RunRecord, &Plan), now: Option<&Plan>) -> Telling {
        let workspace = &context.workspace;
        let opened = Vault::open(stored, workspace);
        let known = view::repeated_secrets(record);
        let mut all_known = opened.is_ok() && known.all_known;
        let repeated = |(name, text): (String, String)| Value { name, bytes: text.into_bytes() };
        let repeated: Vec<Value> = known.values.into_iter().map(repeated).collect();
        let vault = opened.unwrap_or_else(|_| Vault::at_hand(stored, workspace));
        let mut looks = vec![vault.redactor(stored), Redactor::new(&repeated)];
        if let Some(now) = now {
            // What nobody has validated yet is not run.
            let vault = Vault::at_hand(now, workspace);
            let is_known = |(name, source): (&String, &SecretSource)| {
                stored.vault.get(name) == Some(source) || vault.get(name).is_some()
            };
            all_known &= now.vault.iter().all(is_known);
            looks.push(vault.redactor(now));
        }
        Telling { looks, all_known }
    }

    /// A text of one of the plans; `None` where it might be a secret that nobody knows here.
    #[must_use]
    pub fn text(&self, text: String) -> Option<String> {
        self.all_known.then(|| self.line(text))
    }

    /// A line that tells of a text: all that is known is replaced.
    #[must_use]
    pub fn line(&self, line: String) -> String {
        self.looks.iter().fold(line, |line, look| look.text(line))
    }
}
