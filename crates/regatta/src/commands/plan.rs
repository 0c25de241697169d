//! `regatta plan`: the schedule of a plan, without running it: waves, caps, critical path, bounds, predicted times; and
//! a better order, if one is asked for.

use crate::args::{OptimiseArgs, PlanArgs};
use crate::config::Config;
use crate::connected;
use crate::context::{Context, err, out};
use crate::error::CliError;
use crate::exit::Exit;
use crate::outputs::{self, refuse_named};
use crate::overrides::{Asked, Overrides};
use crate::prediction::{self, Improved, Predicted};
use crate::render::conflicts;
use crate::render::schedule as shown;
use crate::session::Show;
use crate::source::{self, Source};
use regatta_engine::json::{self, Object};
use regatta_engine::schedule;
use regatta_plan::model::Dialect;
use regatta_plan::{Format, Ordered, Plan};
use regatta_runtime::escape::{escape_json, escape_path};
use regatta_runtime::told_plan::told;
use regatta_runtime::vault::Vault;
use std::path::Path;
use std::sync::Arc;

/// Runs the verb.
///
/// # Errors
/// The plan cannot be read or is not valid, its schedule has no order to improve, or the file cannot be written.
pub fn run(context: &Context, args: &PlanArgs) -> Result<Exit, CliError> {
    let inputs = source::inputs(&args.inputs)?;
    let asked = Asked::read(context, &args.caps)?;
    let Source { plan, text, .. } = source::load(context, &args.plan, &inputs, Show::People)?;
    let mut overrides = asked.of(&plan)?;
    if args.connect {
        connected::refuse(context, &plan)?;
    }
    if let Some(out) = &args.out {
        refuse_named(&context.cwd.join(out), args.force)?;
        refuse_format(out, (&args.plan, &text))?;
    }
    // The text of a large plan is large.
    let whole = args.out.as_ref().map(|path| (path, plan.clone(), text));
    let part = source::part(plan, source::part_asked(&args.part).as_ref())?;
    let (plan, improved) = prepared(context, (part, &mut overrides), &args.optimise)?;
    if let Some((path, whole, text)) = whole {
        let ordered = Plan { order: plan.order.clone(), ..whole };
        let text = match &improved {
            Some(improved) if !improved.order.is_empty() => {
                with_order(context, (&ordered, &text), (&args.plan, &inputs))?
            }
            _ => {
                refuse_orderless(&ordered, &args.plan)?;
                err("no better order was found: the plan is written as it is\n");
                text
            }
        };
        let path = context.cwd.join(path);
        outputs::replace(&path, &text, args.force)?;
        if outputs::is_own_output(&path) {
            let schedule = schedule(&mut told_of(context, plan), improved.as_ref(), args.json)?;
            err(&escape_json(&schedule));
            return Ok(Exit::Success);
        }
    }
    print(told_of(context, plan), improved.as_ref(), args.json)
}

/// A plan without the values of secrets that are at hand in what is told of it.
#[must_use]
pub fn told_of(context: &Context, plan: Plan) -> Plan {
    let redactor = Vault::at_hand(&plan, &context.workspace).redactor(&plan);
    Arc::unwrap_or_clone(told(Arc::new(plan), &redactor))
}

/// Prints the schedule of a plan and what is predicted of it.
///
/// # Errors
/// The graph cannot be made.
pub fn print(mut plan: Plan, improved: Option<&Improved>, as_json: bool) -> Result<Exit, CliError> {
    out(&schedule(&mut plan, improved, as_json)?);
    // The process ends: to let a million tasks go one by one would be work for nobody.
    std::mem::forget(plan);
    Ok(Exit::Success)
}

/// The schedule and what is predicted, for people or as JSON.
fn schedule(plan: &mut Plan, improved: Option<&Improved>, as_json: bool) -> Result<String, CliError> {
    plan.keep_known_items();
    match as_json {
        true => Ok(json_of(plan, improved)? + "\n"),
        false => shown::text(plan, improved),
    }
}

/// The plan as it would run: with what the command line says, what earlier runs took, and the order that was asked for.
/// What of it is to be pinned in a run is put into the overrides.
///
/// # Errors
/// The schedule of the plan has no order to improve.
pub fn prepared(
    context: &Context,
    (mut plan, overrides): (Plan, &mut Overrides),
    optimise: &OptimiseArgs,
) -> Result<(Plan, Option<Improved>), CliError> {
    overrides.recorded = prediction::recorded(context, &plan);
    overrides.apply(&mut plan);
    let Some(effort) = optimise.effort() else { return Ok((plan, None)) };
    let improved = prediction::improve(&plan, effort)?;
    overrides.order.clone_from(&improved.order);
    overrides.apply(&mut plan);
    Ok((plan, Some(improved)))
}

/// Formats 3 with the hash, and what the hash does not cover.
fn json_of(plan: &Plan, improved: Option<&Improved>) -> Result<String, CliError> {
    let found = regatta_plan::conflicts(plan);
    let predicted = Predicted::of(plan)?;
    let mut bytes = schedule::canonical(predicted.scheduled());
    bytes.pop();
    let mut more = Vec::new();
    let mut object = Object::open(&mut more);
    object.text("schedulePlanHash", &schedule::hash(predicted.scheduled()));
    object.key("conflicts").extend_from_slice(conflicts::json(&found).to_string().as_bytes());
    object.key("conflictsComplete").extend_from_slice(found.complete.to_string().as_bytes());
    prediction::json::predicted(object.key("predicted"), &predicted);
    if let Some(improved) = improved {
        prediction::json::improved(object.key("optimised"), improved, predicted.lower_bound_ms);
    }
    json::array(object.key("order"), &plan.order, |out, id| json::string(out, id));
    object.close();
    bytes.push(b',');
    bytes.extend_from_slice(&more[1..]);
    String::from_utf8(bytes).map_err(|e| CliError::environment(format!("the schedule is no text: {e}")))
}

/// The text is written in the format of the plan: under a name that says another one nobody could read it.
fn refuse_format(out: &Path, (plan, text): (&Path, &str)) -> Result<(), CliError> {
    let read_as = |path: &Path| Format::detect(&path.to_string_lossy(), text.as_bytes());
    let of = read_as(plan);
    if read_as(out) == of || outputs::is_stream(out) {
        return Ok(());
    }
    let (word, ending) = match of {
        Format::Json => ("JSON", "json"),
        Format::Toml => ("TOML", "toml"),
        Format::Yaml => ("YAML", "yaml"),
    };
    let shown = escape_path(out);
    let message =
        format!("`{shown}` is read as another format than the plan, which is {word}; nothing was written");
    Err(CliError::usage(message).hint(format!("`--out {}`", escape_path(&out.with_extension(ending)))))
}

/// A request has no place for an order.
fn refuse_orderless(plan: &Plan, name: &Path) -> Result<(), CliError> {
    if plan.dialect == Dialect::Plan {
        return Ok(());
    }
    Err(CliError::usage(format!("`{}` is a request, which has no order", escape_path(name))))
}

/// The text of a plan with its order; it must say the same as the plan with it.
fn with_order(
    context: &Context,
    (plan, source): (&Plan, &str),
    (path, inputs): (&Path, &[(String, String)]),
) -> Result<String, CliError> {
    refuse_orderless(plan, path)?;
    let name = path.display().to_string();
    let format = Format::detect(&name, source.as_bytes());
    let config = Config::read(context)?;
    let given = source::given(&config, inputs);
    let same = |ordered: &Ordered| {
        let read = regatta_plan::load((&name, ordered.text.as_bytes()), format, &given);
        read.plan.is_some_and(|read| read == *plan)
    };
    let ordered = regatta_plan::with_order(source, format, &plan.order).filter(same).ok_or_else(|| {
        let message = format!("the order cannot be written into `{name}`");
        CliError::environment(message).hint("`--json` prints it; add it as `order: [ … ]`")
    })?;
    if ordered.lost_comments {
        err("note: comments inside the `order` that was replaced are gone\n");
    }
    Ok(ordered.text)
}
