//! `regatta doctor`: what this machine and workspace permit.

use crate::args::DoctorArgs;
use crate::context::{Context, out};
use crate::doctor::{Finding, Findings, Verdict, examine};
use crate::error::CliError;
use crate::exit::Exit;
use crate::render::count;
use crate::render::escape::escape;
use serde_json::{Value, json};

/// Runs the verb.
///
/// # Errors
/// None of its own: what does not work is what it tells.
pub fn run(context: &Context, args: &DoctorArgs) -> Result<Exit, CliError> {
    let found = examine(context, args.max_parallel);
    out(&if args.json { json(&found) } else { text(&found) });
    Ok(if found.count(Verdict::Problem) == 0 { Exit::Success } else { Exit::Environment })
}

fn text(found: &Findings) -> String {
    let mut text = String::new();
    for Finding { name, verdict, detail, hint } in &found.findings {
        text.push_str(&format!("{:<7}  {name:<13}  {}\n", verdict.name(), escape(detail)));
        if let Some(hint) = hint {
            text.push_str(&format!("{:24}hint: {}\n", "", escape(hint)));
        }
    }
    let problems = match found.count(Verdict::Problem) {
        0 => "no problem".to_owned(),
        n => count(n as u64, "problem"),
    };
    let notes = count(found.count(Verdict::Note) as u64, "note");
    text.push_str(&format!("{} ok, {notes}, {problems}\n", found.count(Verdict::Ok)));
    text
}

fn json(found: &Findings) -> String {
    let row = |f: &Finding| json!({ "name": f.name, "status": f.verdict.name(), "detail": f.detail, "hint": f.hint });
    let facts = json!({
        "ok": found.count(Verdict::Problem) == 0,
        "checks": found.findings.iter().map(row).collect::<Vec<Value>>(),
        "containment": {
            "used": found.containment.used,
            "permitted": {
                "cgroup": found.containment.cgroup,
                "pid_namespace": found.containment.pid_namespace,
            },
        },
    });
    format!("{facts}\n")
}
