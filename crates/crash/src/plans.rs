//! The plans whose runs are killed. Each task appends a line to the file `done` when it has its effect.
//!
//! Knows the plan language, and nothing of kills.

use crate::before::Before;
use std::path::Path;

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
    /// What happened in the workspace before.
    pub before: Before,
}

/// The effect of a task: one line, in one write, with the number of the attempt.
pub(crate) const EFFECT: &str = "echo $REGATTA_TASK_ID.$REGATTA_ATTEMPT >>done";

/// Every built-in plan; tasks of some call the binary.
#[must_use]
pub fn all(binary: &Path) -> [Plan; 8] {
    [layers(), fat(), asks(binary), leases(binary), reuse(), worktrees(), batches(), bases()]
}

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
    Plan { name: "layers".to_owned(), text, once, points: &[], spare: Some("spare"), before: Before::Nothing }
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
    Plan { name: "fat".to_owned(), text, once: vec![], points, spare: None, before: Before::Nothing }
}

/// A task speaks to its own run: it skips another one.
#[must_use]
pub fn asks(binary: &Path) -> Plan {
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
    Plan {
        name: "asks".to_owned(),
        text,
        once: vec![],
        points: &["control.heard"],
        spare: None,
        before: Before::Nothing,
    }
}

/// Leases: of a dead neighbour, of two tasks that acquire the same, of somebody who asks and goes away.
#[must_use]
pub fn leases(binary: &Path) -> Plan {
    let lock = format!("'{}' lock", binary.display());
    // Nobody orchestrates for a while, and then somebody does.
    let own = format!(
        "until {lock} acquire one >/dev/null 2>&1; do sleep 0.02; test -e plan.yaml || exit 9; done
      exec 9>own; flock -n 9 || exit 9
      sleep 0.03; {EFFECT}
      exec 9>&-; {lock} release one >/dev/null 2>&1 || true"
    );
    let text = format!(
        "version: 1
name: leases
effect: idempotent
max_lost: 1000
limits: {{ max_parallel: 6 }}
tasks:
  - id: a
    locks: [db]
    run: |
      exec 9>held; flock -n 9 || exit 9
      {EFFECT}
  - id: b
    locks: [db, {{ resource: cache, mode: shared }}]
    retry: {{ max_attempts: 2, backoff: 0ms }}
    run: |
      exec 9>held; flock -n 9 || exit 9
      {EFFECT}; test $REGATTA_ATTEMPT -ge 2
  - id: own1
    run: |
      {own}
  - id: own2
    run: |
      {own}
  - id: keeps
    run: |
      until {lock} acquire two >/dev/null 2>&1; do sleep 0.02; test -e plan.yaml || exit 9; done
      touch two.held; until test -e left; do sleep 0.02; test -e plan.yaml || exit 9; done
      {EFFECT}
  - id: leaves
    run: |
      until test -e two.held; do sleep 0.02; test -e plan.yaml || exit 9; done
      timeout 0.2 {lock} acquire two >/dev/null 2>&1
      touch left; {EFFECT}
  - {{ id: z, needs: [a, b, own1, own2, keeps, leaves], run: 'echo z.1 >>done' }}
"
    );
    let points = &[
        "lease.asked",
        "lease.granted",
        "lease.waits",
        "lease.back.before",
        "lease.back.after",
        "lease.told.before",
        "lease.told.after",
        "lease.gone",
        "lease.dead.held",
        "lease.dead.swept",
        "lease.kept",
    ];
    let before = Before::DeadNeighbour;
    Plan { name: "leases".to_owned(), text, once: vec![], points, spare: None, before }
}

/// What an earlier run left stands for most of it: output, results small and large, files.
#[must_use]
pub fn reuse() -> Plan {
    let text = format!(
        "version: 1
name: reuse
effect: pure
tasks:
  - id: small
    cache: true
    run: |
      echo '{{\"n\": 5}}' >$REGATTA_RESULT; echo said; echo noise >&2; {EFFECT}
  - id: large
    cache: true
    needs: [small]
    run: |
      printf '{{\"pad\": \"%070000d\"}}' 1 >$REGATTA_RESULT; {EFFECT}
  - id: files
    cache: true
    files: [made]
    run: |
      echo made >made; {EFFECT}
  - id: fresh
    needs: [small, large, files]
    run: |
      echo ${{small.result.n}} >out; {EFFECT}
"
    );
    let points = &["reuse.found", "reuse.linked", "reuse.recorded"];
    Plan { name: "reuse".to_owned(), text, once: vec![], points, spare: None, before: Before::EarlierRun }
}

/// Agents' work in worktrees of a repository, with preparation, a failure, a merge as base, and landing behind a gate.
#[must_use]
pub fn worktrees() -> Plan {
    let effect = "echo $REGATTA_TASK_ID.$REGATTA_ATTEMPT >>$REGATTA_WORKSPACE/done";
    let text = format!(
        "version: 1
name: worktrees
isolation: worktree
effect: idempotent
max_lost: 1000
limits: {{ max_parallel: 2 }}
worktree: {{ copy: [.env], setup: ['test -e .env'] }}
merge: {{ gates: ['test -e a.txt'] }}
tasks:
  - id: a
    verify: ['test -e a.txt']
    run: |
      echo A >a.txt; {effect}
  - id: b
    run: |
      echo one >b.txt; git add -A; git commit -q -m mine; echo two >>b.txt; {effect}
  - id: c
    needs: [a, b]
    run: |
      cat a.txt b.txt >c.txt; {effect}
  - id: d
    retry: {{ max_attempts: 2, backoff: 0ms }}
    run: |
      echo D$REGATTA_ATTEMPT >d.txt; {effect}; test $REGATTA_ATTEMPT -ge 2
  - id: e
    needs: [c, d]
    retry: {{ max_attempts: 2, backoff: 0ms }}
    run: |
      echo E$REGATTA_ATTEMPT >e.txt; {effect}; test $REGATTA_ATTEMPT -ge 2 || git config planted.key x
  - id: f
    needs: [e]
    retry: {{ max_attempts: 2, backoff: 0ms, keep_worktree: true }}
    run: |
      test $REGATTA_ATTEMPT = 1 || test -e f1.txt || exit 1; echo F >f$REGATTA_ATTEMPT.txt; {effect}; test $REGATTA_ATTEMPT -ge 2
"
    );
    let points = &[
        "worktree.before",
        "worktree.added",
        "worktree.filled",
        "worktree.picked",
        "worktree.taken",
        "worktree.made",
        "worktree.aside",
        "worktree.gone",
        "step.ended",
        "collect.before",
        "guard.recorded",
        "guard.restored",
        "collect.committed",
        "collect.kept",
        "collect.after",
        "landing.before",
        "landing.bench",
        "landing.merged",
        "landing.stands",
        "landing.gate",
        "landing.reported",
        "landing.moved",
        "landing.cleared",
    ];
    Plan { name: "worktrees".to_owned(), text, once: vec![], points, spare: None, before: Before::Repository }
}

/// Work that lands by batches, of which one is red because of one task.
#[must_use]
pub fn batches() -> Plan {
    let effect = "echo $REGATTA_TASK_ID.$REGATTA_ATTEMPT >>$REGATTA_WORKSPACE/done";
    let mut text = "version: 1
name: batches
isolation: worktree
effect: idempotent
max_lost: 1000
merge: { policy: merge-succeeded, on_gate_failure: take-out, strategy: rebase, batch: 4, gates: ['test ! -e c.txt', 'test -e a.txt'] }
tasks:
"
    .to_owned();
    for task in ["a", "b", "c", "d"] {
        text.push_str(&format!("  - id: {task}\n    run: |\n      echo {task} >{task}.txt; {effect}\n"));
    }
    let points = &["landing.merged", "landing.stands", "landing.paid", "landing.tested"];
    Plan { name: "batches".to_owned(), text, once: vec![], points, spare: None, before: Before::Repository }
}

/// What two tasks left conflicts, and two others begin from both: an agent resolves that once.
#[must_use]
pub fn bases() -> Plan {
    let effect = "echo $REGATTA_TASK_ID.$REGATTA_ATTEMPT >>$REGATTA_WORKSPACE/done";
    let text = format!(
        "version: 1
name: bases
isolation: worktree
effect: idempotent
max_lost: 1000
agents: {{ both: {{ command: [sh, -c, 'echo both >same.txt'] }} }}
merge: {{ on_conflict: resolver, resolver: {{ agent: both, attempts: 9 }}, gates: ['test -e c.txt || ! test -e d.txt'] }}
tasks:
  - id: a
    run: |
      echo a >same.txt; {effect}
  - id: b
    run: |
      echo b >same.txt; {effect}
  - id: c
    needs: [a, b]
    run: |
      cp same.txt c.txt; echo c >>same.txt; {effect}
  - id: d
    needs: [a, b]
    run: |
      cp same.txt d.txt; {effect}
"
    );
    let points = &["landing.base.stands", "landing.base.resolved", "landing.base.recorded", "landing.merged"];
    Plan { name: "bases".to_owned(), text, once: vec![], points, spare: None, before: Before::Repository }
}
