//! Reads the servers of tools that a plan has, and judges calls of the tools that are built in.
//!
//! Whether a server has a tool is not known here: nobody is asked.

use super::{spanned, spanned_map, spanned_texts};
use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::fields::{self, Fields, nearest};
use crate::model::{BuiltIn, McpServer};
use crate::reference::Template;
use crate::tools::unfit;
use crate::tree::{Item, Span};
use crate::variables;
use std::collections::BTreeMap;

/// `mcp_servers` of a plan.
pub(super) fn read(f: Fields<'_>, problems: &mut Problems) -> BTreeMap<String, McpServer> {
    let mut servers = BTreeMap::new();
    for (name, item) in f.inside("mcp_servers").pairs() {
        if name.text.is_empty() || name.text.contains('/') {
            let message = format!("`{}` cannot be a server's name", name.text.escape_debug());
            let problem = Diagnostic::error(Code::BadValue, name.span(), message);
            problems.push(problem.help("a tool is named `server/tool`"));
        }
        servers.extend(
            server((name.text, item), f.inside("vault"), problems)
                .map(|server| (name.text.to_owned(), server)),
        );
    }
    servers
}

fn server((name, item): (&str, Item<'_>), vault: Fields<'_>, problems: &mut Problems) -> Option<McpServer> {
    let f = Fields::of(item);
    for (key, of) in [("args", "command"), ("env", "command"), ("headers", "url")] {
        let Some(item) = f.get(key).filter(|_| f.get(of).is_none()) else { continue };
        let message = format!("`{key}` of server `{name}` belongs to `{of}`, which it has not");
        problems.push(Diagnostic::error(Code::BadValue, item.span(), message));
    }
    let (env, headers) = (spanned_map(f.inside("env")), spanned_map(f.inside("headers")));
    for text in env.values().chain(headers.values()) {
        check_text((name, Some(vault)), (&text.value, &text.span), problems);
    }
    for (variable, text) in &env {
        variables::check_set(&format!("server `{name}`"), (variable, &text.value), &text.span, problems);
    }
    let plain =
        |map: BTreeMap<String, super::Spanned<String>>| map.into_iter().map(|(k, v)| (k, v.value)).collect();
    if let Some(program) = spanned(f.get("command")) {
        let argv: Vec<_> = std::iter::once(program).chain(spanned_texts(f, "args")).collect();
        for text in &argv {
            check_text((name, None), (&text.value, &text.span), problems);
        }
        return Some(McpServer::Program {
            argv: argv.into_iter().map(|t| t.value).collect(),
            env: plain(env),
        });
    }
    let url = spanned(f.get("url"))?;
    check_text((name, None), (&url.value, &url.span), problems);
    if !["http://", "https://"].iter().any(|scheme| url.value.starts_with(scheme)) {
        let message = format!("the address of server `{name}` begins with neither `http://` nor `https://`");
        problems.push(Diagnostic::error(Code::BadValue, url.span.clone(), message));
    }
    Some(McpServer::Address { url: url.value, headers: plain(headers) })
}

/// A server begins before any task and is there for all of them, so its texts may name only what is known then. A
/// secret stands where others do not see it.
fn check_text(
    (server, vault): (&str, Option<Fields<'_>>),
    (text, span): (&str, &Span),
    problems: &mut Problems,
) {
    let template = match Template::parse(text) {
        Ok(template) => template,
        Err(error) => {
            let message = format!("a reference of server `{server}` cannot be used: {}", error.message);
            return problems.push(Diagnostic::error(Code::BadReference, span.clone(), message));
        }
    };
    for reference in template.refs() {
        let allowed = match reference.head.as_str() {
            "env" => reference.path.len() == 1,
            "vault" => {
                matches!((&reference.path[..], vault), ([name], Some(vault)) if vault.get(name).is_some())
            }
            _ => false,
        };
        if !allowed {
            let message =
                format!("`${{{}}}` cannot stand in this place of server `{server}`", reference.name());
            let help = if vault.is_some() {
                "a server may name `${env.X}`, and `${vault.x}` of a secret in `vault`"
            } else {
                "here a server may name `${env.X}`; a secret belongs into `env` or `headers`"
            };
            problems.push(Diagnostic::error(Code::BadReference, span.clone(), message).help(help));
        }
    }
}

/// Keys that say how a command runs say nothing to a tool.
pub(super) fn check_call(f: Fields<'_>, task: &str, problems: &mut Problems) {
    for key in ["cwd", "env"] {
        if let Some(item) = f.get(key) {
            let message = format!("`{key}` of task `{task}` belongs to a command, and it calls a tool");
            problems.push(Diagnostic::error(Code::BadValue, item.span(), message));
        }
    }
}

/// Parameters that take any value, of which `null` is one.
const ANY: [&str; 2] = ["content", "data"];

/// Whether a tool of our own gets what it needs and nothing else. What references will give is judged later.
pub(super) fn check_params(
    (tool, at): (&BuiltIn, &Span),
    (task, params): (&str, Option<Item<'_>>),
    problems: &mut Problems,
) {
    let given = params.map(Fields::of);
    let has = |given: Fields<'_>, key: &str| {
        given.get(key).is_some() || ANY.contains(&key) && given.pairs().any(|(k, _)| k.text == key)
    };
    for key in tool.required {
        if !given.is_some_and(|given| has(given, key)) {
            let span = params.map_or(at.clone(), |params| params.span());
            let message = format!("task `{task}` calls `{}` without `{key}` in its `params`", tool.name);
            let keys: Vec<&str> = tool.required.iter().chain(tool.optional).copied().collect();
            let help = format!("it takes `{}`", keys.join("`, `"));
            problems.push(Diagnostic::error(Code::MissingKey, span, message).help(help));
        }
    }
    for (key, item) in given.into_iter().flat_map(Fields::pairs) {
        let known = || tool.required.iter().chain(tool.optional).copied();
        if !known().any(|name| name == key.text) {
            let message = format!("`{}` is no parameter of tool `{}`", key.text.escape_debug(), tool.name);
            let mut problem = Diagnostic::error(Code::UnknownKey, key.span(), message);
            problem.help = nearest(key.text, known()).map(|near| format!("did you mean `{near}`?"));
            problems.push(problem);
            continue;
        }
        let value = fields::json(item);
        if let Some(why) = unfit(key.text, &value).filter(|_| !value.is_null()) {
            let message = format!("task `{task}` calls `{}`: {why}", tool.name);
            problems.push(Diagnostic::error(Code::WrongType, item.span(), message));
        }
    }
}
