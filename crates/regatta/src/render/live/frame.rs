//! One picture of a run, and how it is laid out: lines that fit, whatever the terminal is.
//!
//! ```text
//!   compile               12.3 s  Compiling serde v1.0.229
//!   test (attempt 2)     340 ms  running 12 tests
//!   … and 3 more run
//! ━━━━━━━━╸           wave 2 of 5: 3 of 7
//! ━━━╸                12 of 40 tasks, 1 failed  1 m 05 s, about 2 m 10 s left
//!   slots 4/4  P0 1/2  tag db 1/1  7 ready
//! ```
//! Pure: time and size are arguments.

use super::super::escape::{escape, fit};
use super::super::{count, duration};
use regatta_engine::Engine;
use regatta_runtime::agents::Dialect;
use std::time::Instant;
use unicode_width::UnicodeWidthStr as _;

/// At most so many running tasks have a line of their own.
pub(super) const MOST_ROWS: usize = 12;
/// Most columns for the name of a task.
const NAME_COLUMNS: usize = 40;
/// Caps that are shown.
const MOST_CAPS: usize = 8;
/// With fewer columns, or fewer lines than the foot has, there is only a count.
const LEAST_COLUMNS: usize = 24;
/// Lines below those of the tasks.
const FOOT: usize = 4;

/// A picture.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Frame {
    pub(super) taken: Instant,
    pub(super) rows: Vec<Row>,
    /// Tasks that run without a line of their own.
    pub(super) hidden: u64,
    /// The wave that is not done; none when all are.
    pub(super) wave: Option<Wave>,
    pub(super) waves: u32,
    pub(super) done: u64,
    pub(super) all: u64,
    /// Active time of the run in milliseconds.
    pub(super) ran_ms: u64,
    pub(super) failed: u64,
    pub(super) ready: u64,
    pub(super) caps: Vec<Cap>,
    pub(super) left_ms: Option<u64>,
    pub(super) word: Option<&'static str>,
    pub(super) stands_still: bool,
}

/// A running task.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Row {
    pub(super) attempt: u64,
    pub(super) name: String,
    pub(super) number: u32,
    pub(super) elapsed_ms: u64,
    /// How its agent speaks.
    pub(super) dialect: Option<Dialect>,
}

/// The first wave that is not done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Wave {
    /// 1-based.
    pub(super) number: u32,
    pub(super) done: u64,
    pub(super) all: u64,
}

/// A cap and what of it is in use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Cap {
    pub(super) name: String,
    pub(super) used: u64,
    pub(super) most: u64,
}

/// What it is drawn on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Canvas {
    pub(super) columns: usize,
    pub(super) lines: usize,
    /// It knows more than ASCII.
    pub(super) unicode: bool,
}

/// Every cap that is set.
pub(super) fn caps(engine: &Engine) -> Vec<Cap> {
    let (graph, state) = (engine.graph(), engine.state());
    let (limits, used) = (&state.limits, &state.used);
    let cap = |name: String, used: u64, most: Option<u32>| {
        most.map(|most| Cap { name, used, most: u64::from(most) })
    };
    let mut caps = vec![cap("slots".to_owned(), u64::from(used.total), Some(limits.max_parallel))];
    if let Some(wave) = state.current_wave() {
        let in_wave = used.waves.get(wave as usize).copied().unwrap_or(0);
        caps.push(cap("of the wave".to_owned(), u64::from(in_wave), limits.per_wave));
    }
    let priorities = limits.per_priority.iter().zip(used.priorities).zip(0..);
    caps.extend(priorities.map(|((most, used), i)| cap(format!("P{i}"), u64::from(used), *most)));
    let named = |kind: &'static str, names: &[String], used: &[u32], most: &[Option<u32>]| {
        let each = names.iter().zip(used).zip(most);
        each.map(|((name, used), most)| cap(format!("{kind} {}", escape(name)), u64::from(*used), *most))
            .collect::<Vec<_>>()
    };
    caps.extend(named("agent", &graph.agents, &used.agents, &limits.per_agent));
    caps.extend(named("tag", &graph.tag_names, &used.tags, &limits.per_tag));
    let resources = graph.resources.iter().zip(&used.resources);
    caps.extend(resources.map(|(resource, held)| cap(escape(&resource.name), held.units, resource.capacity)));
    caps.into_iter().flatten().take(MOST_CAPS).collect()
}

/// The lines of a picture, `later_ms` after it was taken. `last` is what an attempt wrote last.
pub(super) fn compose<'a>(
    frame: &Frame,
    last: &dyn Fn(u64) -> Option<&'a str>,
    later_ms: u64,
    canvas: Canvas,
) -> Vec<String> {
    // The last column is left free: writing into it wraps on some terminals.
    let columns = canvas.columns.saturating_sub(1);
    let later_ms = if frame.stands_still { 0 } else { later_ms };
    let progress = format!("{} of {}", frame.done, count(frame.all, "task"));
    if columns < LEAST_COLUMNS || canvas.lines < FOOT {
        return vec![fit_to(&progress, columns, canvas.unicode)];
    }
    let mut lines = rows(frame, last, later_ms, (columns, canvas));
    let bar_columns = (columns / 4).clamp(5, 24);
    if let Some(wave) = frame.wave.filter(|_| frame.waves > 1) {
        let text = format!("wave {} of {}: {} of {}", wave.number, frame.waves, wave.done, wave.all);
        lines.push(format!("{}  {text}", bar((wave.done, wave.all), bar_columns, canvas.unicode)));
    }
    let failed = if frame.failed > 0 { format!(", {} failed", frame.failed) } else { String::new() };
    let word = frame.word.map_or(String::new(), |word| format!("  {word}"));
    let time = time(frame, later_ms);
    let whole = bar((frame.done, frame.all), bar_columns, canvas.unicode);
    lines.push(format!("{whole}  {progress}{failed}{word}  {time}"));
    let caps: Vec<String> =
        frame.caps.iter().map(|cap| format!("{} {}/{}", cap.name, cap.used, cap.most)).collect();
    let ready = if frame.ready > 0 { format!("  {} ready", frame.ready) } else { String::new() };
    lines.push(format!("  {}{ready}", caps.join("  ")));
    lines.into_iter().map(|line| fit_to(&line, columns, canvas.unicode)).collect()
}

fn rows<'a>(
    frame: &Frame,
    last: &dyn Fn(u64) -> Option<&'a str>,
    later_ms: u64,
    (columns, canvas): (usize, Canvas),
) -> Vec<String> {
    let room = canvas.lines.saturating_sub(FOOT + 1).min(frame.rows.len());
    let name = |row: &Row| match row.number {
        0 | 1 => escape(&row.name),
        n => format!("{} (attempt {n})", escape(&row.name)),
    };
    let shown = &frame.rows[..room];
    let longest = shown.iter().map(|row| name(row).width()).max().unwrap_or(0);
    let name_columns = longest.min(NAME_COLUMNS).min(columns / 2);
    let mut lines: Vec<String> = shown
        .iter()
        .map(|row| {
            let name = fit_to(&name(row), name_columns, canvas.unicode);
            let gap = " ".repeat(name_columns.saturating_sub(name.width()));
            let elapsed = duration(row.elapsed_ms.saturating_add(later_ms));
            format!("  {name}{gap}  {elapsed:>9}  {}", last(row.attempt).unwrap_or_default())
        })
        .collect();
    let more = frame.hidden + (frame.rows.len() - room) as u64;
    if more > 0 && canvas.lines > FOOT {
        lines.push(format!("  and {more} more {}", if more == 1 { "runs" } else { "run" }));
    }
    lines
}

fn time(frame: &Frame, later_ms: u64) -> String {
    let ran = duration(frame.ran_ms.saturating_add(later_ms));
    match frame.left_ms.filter(|_| frame.done < frame.all).map(|ms| ms.saturating_sub(later_ms)) {
        None => ran,
        Some(ms) if ms < 1_000 => format!("{ran}, nearly done"),
        // Tenths of a second would claim to know more than a bound does.
        Some(ms) if ms < 60_000 => format!("{ran}, about {} s left", ms / 1_000),
        Some(ms) => format!("{ran}, about {} left", duration(ms)),
    }
}

fn bar((done, all): (u64, u64), columns: usize, unicode: bool) -> String {
    let (full, tip, empty) = if unicode { ("━", "╸", " ") } else { ("=", ">", "-") };
    let filled = match all {
        0 => columns,
        _ => usize::try_from(done.min(all) * columns as u64 / all).unwrap_or(columns),
    };
    let tip = if filled < columns && done > 0 { tip } else { "" };
    let rest = columns - filled - usize::from(!tip.is_empty());
    format!("{}{tip}{}", full.repeat(filled), empty.repeat(rest))
}

fn fit_to(text: &str, columns: usize, unicode: bool) -> String {
    let text = fit(text, columns);
    if unicode {
        return text.trim_end().to_owned();
    }
    let plain = |c: char| match c {
        '…' => '~',
        c if c.is_ascii() => c,
        _ => '?',
    };
    text.trim_end().chars().map(plain).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame() -> Frame {
        let row = |attempt, name: &str, number, elapsed_ms| Row {
            attempt,
            name: name.to_owned(),
            number,
            elapsed_ms,
            dialect: None,
        };
        let cap = |name: &str, used, most| Cap { name: name.to_owned(), used, most };
        Frame {
            taken: Instant::now(),
            rows: vec![row(1, "compile", 1, 12_345), row(2, "test", 2, 340), row(3, "lint", 1, 100)],
            hidden: 3,
            wave: Some(Wave { number: 2, done: 3, all: 7 }),
            waves: 5,
            done: 12,
            all: 40,
            ran_ms: 65_000,
            failed: 1,
            ready: 7,
            caps: vec![cap("slots", 6, 6), cap("tag db", 1, 1)],
            left_ms: Some(130_000),
            word: None,
            stands_still: false,
        }
    }

    fn shown(frame: &Frame, columns: usize, lines: usize, unicode: bool) -> String {
        let last =
            |attempt| (attempt == 1).then_some("Compiling serde v1.0.229 and a lot of other things besides");
        compose(frame, &last, 0, Canvas { columns, lines, unicode }).join("\n")
    }

    #[test]
    fn a_picture_has_a_line_for_each_task_bars_caps_and_what_is_left() {
        assert_eq!(
            shown(&frame(), 80, 24, true),
            "  compile              12.3 s  Compiling serde v1.0.229 and a lot of other thi…\n  \
             test (attempt 2)     340 ms\n  lint                 100 ms\n  and 3 more run\n\
             ━━━━━━━━╸            wave 2 of 5: 3 of 7\n\
             ━━━━━╸               12 of 40 tasks, 1 failed  1 m 05 s, about 2 m 10 s left\n  \
             slots 6/6  tag db 1/1  7 ready"
        );
    }

    #[test]
    fn nothing_is_wider_or_higher_than_the_terminal_and_ascii_does() {
        for columns in [1, 2, 10, 24, 25, 40, 79, 200] {
            for lines in [1, 2, 5, 6, 24] {
                for unicode in [false, true] {
                    let text = shown(&frame(), columns, lines, unicode);
                    assert!(text.lines().all(|line| line.width() < columns.max(2)), "{columns}: {text}");
                    assert!(text.lines().count() <= lines, "{lines}: {text}");
                    assert!(unicode || text.is_ascii(), "{text}");
                }
            }
        }
        assert_eq!(shown(&frame(), 16, 24, true), "12 of 40 tasks");
    }

    #[test]
    fn time_goes_on_between_two_pictures_unless_everything_stands_still() {
        let at = |frame: &Frame, later_ms| {
            compose(frame, &|_| None, later_ms, Canvas { columns: 100, lines: 24, unicode: true }).join("\n")
        };
        let later = at(&frame(), 5_000);
        assert!(later.contains("17.3 s") && later.contains("1 m 10 s, about 2 m 05 s left"), "{later}");
        let still = Frame { stands_still: true, word: Some("paused"), ..frame() };
        assert!(at(&still, 5_000).contains("12.3 s") && at(&still, 0).contains("1 failed  paused  1 m"));
        let soon = Frame { left_ms: Some(4_900), rows: vec![], ..frame() };
        assert!(at(&soon, 0).contains("about 4 s left") && at(&soon, 4_500).contains("nearly done"));
        assert!(!at(&Frame { left_ms: None, ..frame() }, 0).contains("left"));
    }

    #[test]
    fn bars_are_full_when_all_is_done_and_only_then() {
        assert_eq!(bar((0, 10), 5, true), "     ");
        assert_eq!(bar((1, 1_000_000), 5, true), "╸    ");
        assert_eq!(bar((9, 10), 5, true), "━━━━╸");
        assert_eq!((bar((10, 10), 5, true), bar((0, 0), 5, false)), ("━━━━━".into(), "=====".into()));
    }
}
