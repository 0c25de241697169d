//! `regatta analyze`: is parallel worth it for an epic, a plan or some files? The decision, and a plan ready to run.
//!
//! "Not worth it" is an answer like the other; only what cannot be read is an error.

use crate::analyze::input::{files, read};
use crate::analyze::work::{Found, of};
use crate::analyze::{briefings, domains, epic_id, helper, report};
use crate::args::AnalyzeArgs;
use crate::config::Config;
use crate::context::{Context, err, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::outputs::{dir_of, directory, refuse_present, write};
use crate::render::escape::{escape, escape_block, escape_path};
use regatta_plan::analysis::{
    Division, Frame, Helper, Knobs, Verdict, divide, execution_plan, judge, parallel_analysis, sketch,
};
use regatta_plan::{Format, Given, load, with_worktrees};
use serde_json::Value;
use std::path::Path;

/// Runs the verb.
///
/// # Errors
/// The input cannot be read or has errors; a file is there already, or cannot be written.
pub fn run(context: &Context, args: &AnalyzeArgs) -> Result<Exit, CliError> {
    let config = Config::read(context)?;
    let domains = domains(&config);
    let helper = helper(args.agent.as_deref(), Helper::Usual, &config)?;
    let asked = epic_id(args.epic.as_deref())?;
    let input = match &args.input {
        Some(path) => read(context, path)?,
        None => files(context, &args.files)?,
    };
    let mut found = of(context, (input, &config), &domains)?;
    found.epic = asked.or(found.epic);
    let division = divide(&found.work);
    let verdict = judge(&division, &knobs(args));
    let (text, format) = plan(context, (&found, helper), (&division, &verdict))?;
    let analysis = parallel_analysis(&division, &verdict);
    let lines = report::lines(&division, &verdict, &found.notes);
    if args.json {
        out(&format!("{}\n", pretty(&analysis)));
    }
    let told = if args.write {
        let told = written(
            context,
            (&found, args.force),
            [&analysis, &execution(&division, &verdict, &found)],
            (&text, format),
        )?;
        lines.iter().map(|line| format!("{}\n", escape(line))).collect::<String>() + &told
    } else {
        // Into a file it goes as it is: a plan that was handed in keeps every letter.
        if context.terminal { escape_block(&text) } else { text }
    };
    if args.json {
        // Standard output is the object alone.
        let notes = found.notes.iter().map(|note| format!("note: {}\n", escape(note)));
        err(&if args.write { told } else { notes.collect() });
    } else {
        out(&told);
    }
    Ok(Exit::Success)
}

fn knobs(args: &AnalyzeArgs) -> Knobs {
    Knobs {
        min_files: args.knobs.min_files,
        min_domains: args.knobs.min_domains,
        max_overlap_percent: args.knobs.max_overlap,
        min_speed_up: args.knobs.min_speed_up,
    }
}

/// The plan with the report at its top: made anew, or the plan that was handed in, with worktrees if they pay.
fn plan(
    context: &Context,
    (found, helper): (&Found, Helper),
    (division, verdict): (&Division, &Verdict),
) -> Result<(String, Format), CliError> {
    let Some((text, format)) = &found.plan else {
        let frame = Frame {
            name: found.name.clone(),
            epic: found.epic.clone(),
            helper,
            briefings: briefings(context, &division.order)?,
            head: report::lines(division, verdict, &found.notes),
            verdict: Some(verdict),
        };
        return Ok((sketch(division, &frame), Format::Yaml));
    };
    let mut notes = found.notes.clone();
    let better = verdict.viable.then(|| with_worktrees(text, *format, &division.order)).flatten();
    let better = better.and_then(|better| {
        let loaded = load(("the plan with worktrees", better.as_bytes()), *format, &Given::default());
        if loaded.errors() == 0 {
            return Some(better);
        }
        err(&loaded.render(context.color));
        notes.push(
            "with `isolation: worktree` the plan would have the errors above; it stays as it is".to_owned(),
        );
        None
    });
    let mark = if *format == Format::Json { "//" } else { "#" };
    let head = report::lines(division, verdict, &notes);
    let head: String = head.iter().map(|line| format!("{mark} {}\n", escape(line))).collect();
    Ok((format!("{head}{}", better.as_ref().unwrap_or(text)), *format))
}

fn execution(division: &Division, verdict: &Verdict, found: &Found) -> Value {
    let file = found.epic.as_deref().map(|epic| format!("{}/parallel_analysis.json", dir_of(epic)));
    execution_plan(division, verdict, file.as_deref().unwrap_or_default())
}

/// Writes the files of the epic, all or none of those that are there already; answers what was written.
fn written(
    context: &Context,
    (found, force): (&Found, bool),
    [analysis, execution]: [&Value; 2],
    (text, format): (&str, Format),
) -> Result<String, CliError> {
    let Some(epic) = &found.epic else {
        return Err(
            CliError::usage("`--write` needs an epic, and nothing says which").hint("name it: `--epic ID`")
        );
    };
    let plan = match format {
        Format::Yaml => "plan.yaml",
        Format::Json => "plan.json",
        Format::Toml => "plan.toml",
    };
    let dir = dir_of(epic);
    let files = [
        ("parallel_analysis.json", pretty(analysis) + "\n"),
        ("execution_plan.json", pretty(execution) + "\n"),
        (plan, text.to_owned()),
    ];
    let paths = files.each_ref().map(|(name, _)| context.workspace.join(&dir).join(name));
    if !force {
        refuse_present(&paths)?;
    }
    directory(&context.workspace, &dir)?;
    let mut told = String::new();
    for ((name, text), path) in files.iter().zip(&paths) {
        write(path, text, force)?;
        told.push_str(&format!("wrote {}\n", escape(&format!("{dir}/{name}"))));
    }
    let shown = paths.last().map_or(Path::new(""), |path| path.strip_prefix(&context.cwd).unwrap_or(path));
    let shown = escape_path(shown);
    told.push_str(&format!("next: regatta check {shown}\nthen: regatta run {shown}\n"));
    Ok(told)
}

fn pretty(value: &Value) -> String {
    serde_json::to_string_pretty(value).unwrap_or_else(|_| value.to_string())
}
