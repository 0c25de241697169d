//! `vault`: where secrets come from.

use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::fields::Fields;
use crate::ids::is_id;
use crate::model::SecretSource;
use crate::tree::Value;
use std::collections::BTreeMap;

/// The sources by the names of their secrets. That each has one source is judged before.
pub(super) fn read(f: Fields<'_>, problems: &mut Problems) -> BTreeMap<String, SecretSource> {
    let mut vault = BTreeMap::new();
    for (name, item) in f.pairs().filter(|(name, _)| !name.text.is_empty()) {
        if !is_id(name.text) {
            let message = format!("`{}` cannot be the name of a secret", name.text.escape_debug());
            problems.push(Diagnostic::error(Code::BadId, name.span(), message));
            continue;
        }
        let of = Fields::of(item);
        let command = of.texts("command");
        let source = match (of.text("env"), of.text("file")) {
            (Some(variable), _) => SecretSource::Env(variable),
            (None, Some(path)) => SecretSource::File(path),
            (None, None) => SecretSource::Command(command),
        };
        if source == SecretSource::Command(Vec::new())
            && of.get("command").is_some_and(|item| matches!(item.value(), Value::List(_)))
        {
            let message = format!("the command of the secret `{}` is empty", name.text);
            problems.push(Diagnostic::error(Code::BadValue, item.span(), message));
        }
        vault.insert(name.text.to_owned(), source);
    }
    vault
}
