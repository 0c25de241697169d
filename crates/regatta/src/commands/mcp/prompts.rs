//! Prompts: what a person picks so that the assistant writes a plan.

use rmcp::model::{GetPromptResult, JsonObject, Prompt, PromptArgument, PromptMessage, Role};

/// The one prompt there is.
const PLAN: &str = "plan";

/// All prompts.
pub(super) fn list() -> Vec<Prompt> {
    let goal = PromptArgument::new("goal").with_description("What is to be reached.").with_required(true);
    vec![Prompt::new(PLAN, Some("Write a plan for a goal, check it, run it."), Some(vec![goal]))]
}

/// One prompt; `None` if there is none of that name, or its goal is missing.
pub(super) fn get(name: &str, arguments: Option<&JsonObject>) -> Option<GetPromptResult> {
    let goal = arguments.and_then(|arguments| arguments.get("goal")?.as_str())?;
    let text = format!(
        "Write a Regatta plan (YAML, `version: 1`) for this goal:\n\n{goal}\n\n\
         - One task for each piece of work that can fail by itself; `needs` only where one truly needs the other, so that the\n  \
           rest runs at once.\n\
         - `run:` is a shell command, `tool:` a tool, `agent:` a coding agent with a `prompt`; `files:` says what an agent may change.\n\
         - A result is used as `${{task.result}}` or `${{task.stdout}}`.\n\
         - Give `timeout` and, where repeating does no harm, `effect: idempotent` with `retry`.\n\n\
         Call `plan_check` until it says `valid`, show me the plan, and when I agree call `run_start`, then `run_wait` with its\n\
         cursor until `ended`. If tasks failed, call `explain` before you propose what to do."
    );
    (name == PLAN).then(|| GetPromptResult::new(vec![PromptMessage::new_text(Role::User, text)]))
}
