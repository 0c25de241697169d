//! The plans whose runs are killed. Each task appends a line to the file `done` when it has its effect.
//!
//! Knows the plan language, and nothing of kills.

/// A plan, and what its contract promises of single tasks.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Its name.
    pub name: String,
    /// The text of `plan.yaml`.
    pub text: String,
    /// Tasks that must never have their effect twice, whoever dies.
    pub once: Vec<String>,
    /// Points that are killed at; all if empty.
    pub points: &'static [&'static str],
    /// A task that a person skips where the story has a command.
    pub spare: Option<&'static str>,
}

/// The effect of a task: one line, in one write, with the number of the attempt.
pub(crate) const EFFECT: &str = "echo $REGATTA_TASK_ID.$REGATTA_ATTEMPT >>done";

/// Layers, a retry, results small and large, conditions, a lock, every effect contract, a join in the end.
#[must_use]
pub fn layers() -> Plan {
    let mut text =
        "version: 1\nname: layers\neffect: idempotent\nlimits: { max_parallel: 4 }\ntasks:\n".to_owned();
    for n in 0..20_u32 {
        let needs = match n {
            0..=3 => "[]".to_owned(),
            _ => format!("[t{:02}, t{:02}]", n - 4, n - 3),
        };
        let (keys, run) = special(n);
        text.push_str(&format!("  - id: t{n:02}\n    needs: {needs}\n"));
        if !keys.is_empty() {
            text.push_str(&format!("    {keys}\n"));
        }
        text.push_str(&format!("    run: |\n      {run}\n"));
    }
    text.push_str("  - { id: spare, needs: [t19], run: 'echo spare.1 >>done' }\n");
    let last = "echo ${t05.result.n} >out; echo z.1 >>done";
    text.push_str(&format!("  - {{ id: z, needs: [t16, t17, t18, t19], run: '{last}' }}\n"));
    let once = ["t14", "t15", "t18"].map(str::to_owned).to_vec();
    Plan { name: "layers".to_owned(), text, once, points: &[], spare: Some("spare") }
}

/// Further keys of a task of [`layers`], and what it runs.
fn special(n: u32) -> (&'static str, String) {
    match n {
        5 => ("", format!("echo '{{\"n\": 5}}' >$REGATTA_RESULT; {EFFECT}")),
        6 => ("retry: { max_attempts: 3, backoff: 1ms }", format!("{EFFECT}; test $REGATTA_ATTEMPT -ge 2")),
        7 => ("", format!("printf '{{\"pad\": \"%070000d\"}}' 1 >$REGATTA_RESULT; {EFFECT}")),
        // Whoever breaks in on the other fails.
        8 | 9 => (
            "locks: [{ resource: db, mode: exclusive }]",
            format!("exec 9>held; flock -n 9 || exit 9; {EFFECT}"),
        ),
        10 => ("when: \"t05.result.n == 5\"", EFFECT.to_owned()),
        11 => ("when: \"t05.result.n == 6\"\n    effect: pure", EFFECT.to_owned()),
        14 | 15 => ("effect: at-most-once\n    allow_skipped: true", EFFECT.to_owned()),
        18 => (
            "effect: reconcile\n    allow_skipped: true\n    reconcile: \"grep -q '^t18' done\"",
            EFFECT.to_owned(),
        ),
        12..20 => ("allow_skipped: true", EFFECT.to_owned()),
        _ => ("", EFFECT.to_owned()),
    }
}

/// So much in the journal that its log is moved into the database while the run goes on.
#[must_use]
pub fn fat() -> Plan {
    let mut text =
        "version: 1\nname: fat\neffect: idempotent\nlimits: { max_parallel: 4 }\ntasks:\n".to_owned();
    for n in 0..72 {
        let needs = if n < 4 { "[]".to_owned() } else { format!("[f{:02}]", n - 4) };
        let run = format!("printf '{{\"pad\": \"%065000d\"}}' 1 >$REGATTA_RESULT; {EFFECT}");
        text.push_str(&format!("  - id: f{n:02}\n    needs: {needs}\n    run: |\n      {run}\n"));
    }
    let points = &["checkpoint.before", "checkpoint.after"];
    Plan { name: "fat".to_owned(), text, once: vec![], points, spare: None }
}

/// A task speaks to its own run: it skips another one.
#[must_use]
pub fn asks(binary: &std::path::Path) -> Plan {
    let skip = format!("'{}' skip spare >/dev/null 2>&1 || true", binary.display());
    let text = format!(
        "version: 1
name: asks
effect: idempotent
tasks:
  - id: a
    run: |
      {EFFECT}
  - id: asks
    needs: [a]
    run: |
      {skip}
      {EFFECT}
  - id: b
    needs: [asks]
    run: |
      {EFFECT}
  - id: spare
    needs: [b]
    run: |
      {EFFECT}
  - id: c
    needs: [b]
    run: |
      {EFFECT}
"
    );
    Plan { name: "asks".to_owned(), text, once: vec![], points: &["control.heard"], spare: None }
}
