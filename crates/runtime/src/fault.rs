//! Fault points: places at which a test build kills its own process. Without the feature `faults` they are nothing.
//!
//! `REGATTA_FAULT=point:n` kills at the n-th passage of a point, but once only if `REGATTA_FAULT_FIRED=FILE` names a
//! file for the trace of it (a keeper that dies is replaced, and its heir passes the same points); `REGATTA_FAULT_TRACE=FILE` writes how often each
//! point was passed (those of the keeper to `FILE.keeper`). [`POINTS`] is the registry; a test fails if one of them is never reached.

/// Every fault point.
pub const POINTS: [&str; 9] = [
    "run.created",
    "commit.before",
    "commit.after",
    "start.before",
    "start.after",
    "result.stored",
    "keeper.spool.before",
    "keeper.spool.after",
    "keeper.acked",
];

/// Passes a point.
#[cfg(not(feature = "faults"))]
#[inline]
pub fn point(_name: &'static str) {}

/// Passes a point, and dies there if the environment says so.
#[cfg(feature = "faults")]
pub fn point(name: &'static str) {
    armed::pass(name);
}

#[cfg(feature = "faults")]
mod armed {
    use std::collections::BTreeMap;
    use std::sync::{Mutex, OnceLock, PoisonError};

    /// What the environment asks for, read once.
    struct Wanted {
        kill: Option<(String, u64)>,
        trace: Option<String>,
        fired: Option<String>,
    }

    fn wanted() -> &'static Wanted {
        static WANTED: OnceLock<Wanted> = OnceLock::new();
        WANTED.get_or_init(|| Wanted {
            kill: std::env::var("REGATTA_FAULT").ok().and_then(|text| {
                let (point, n) = text.rsplit_once(':')?;
                Some((point.to_owned(), n.parse().ok()?))
            }),
            trace: std::env::var("REGATTA_FAULT_TRACE").ok(),
            fired: std::env::var("REGATTA_FAULT_FIRED").ok(),
        })
    }

    pub(super) fn pass(name: &'static str) {
        static PASSED: Mutex<BTreeMap<&'static str, u64>> = Mutex::new(BTreeMap::new());
        debug_assert!(super::POINTS.contains(&name), "fault point {name} is not in the registry");
        let mut passed = PASSED.lock().unwrap_or_else(PoisonError::into_inner);
        let count = passed.entry(name).or_default();
        *count += 1;
        let armed = || wanted().fired.as_ref().is_none_or(|file| std::fs::File::create_new(file).is_ok());
        if wanted().kill.as_ref().is_some_and(|(point, n)| point == name && n == count) && armed() {
            // The point of the point: no destructor, no flush, no goodbye.
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
        if let Some(file) = &wanted().trace {
            let text: String = passed.iter().map(|(point, n)| format!("{point} {n}\n")).collect();
            // Each process has a trace of its own.
            let file = if name.starts_with("keeper.") { format!("{file}.keeper") } else { file.clone() };
            // A trace that cannot be written makes its test fail by itself.
            let _ = std::fs::write(file, text);
        }
    }
}
