//! The predicted schedule over time: a row for each task, or for each slot where there are too many tasks; below it how
//! many slots are in use.
//!
//! Knows when what runs; decides nothing.

use super::{
    BOUND, CRITICAL, FAINT, HEAD, INK, Key, MARGIN, MONO, MONO_WIDTH, PALE, PLAIN, Pen, Picture, SANS_WIDTH,
};
use super::{SMALL, SOFT, diamond, filled, px, xml};
use crate::export::{Drawing, label};
use crate::prediction::DurationFrom;
use crate::render::escape::fit;
use regatta_engine::ids::NodeId;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Width of the time axis.
const PLOT: f64 = 880.0;
/// Height of the axis above the rows, and of the curve below them.
const AXIS: f64 = 24.0;
const CURVE: f64 = 54.0;
/// More tasks than this share rows, one for each slot.
const MOST_ROWS: usize = 300;
/// Characters of an id in its row.
const NAME: usize = 36;
/// The words at the curve need so much width.
const LEAST_NAMES: f64 = 48.0;
/// An id in a bar is not shortened further.
const SHORTEST: usize = 6;
/// At most so many lines divide the time.
const MOST_TICKS: u64 = 10;

/// Where things stand.
struct Frame {
    left: f64,
    top: f64,
    row: f64,
    rows: usize,
    end_ms: u64,
    by_slot: bool,
}

impl Frame {
    fn x(&self, ms: u64) -> f64 {
        self.left + PLOT * ms as f64 / self.end_ms.max(1) as f64
    }

    fn bottom(&self) -> f64 {
        self.top + self.row * self.rows as f64
    }

    fn font(&self) -> f64 {
        (self.row - 6.0).clamp(8.0, 12.0)
    }
}

/// The picture.
pub(in crate::export) fn gantt(drawing: &Drawing<'_>) -> String {
    let frame = frame(drawing);
    let mut picture = Picture::new();
    let (width, height) = (frame.left + PLOT + MARGIN, frame.bottom() + AXIS + CURVE + MARGIN + 6.0);
    picture.head(drawing, width, &legend(drawing));
    stripes(&mut picture, drawing, &frame);
    axis(&mut picture, drawing, &frame);
    for (place, &node) in drawing.predicted.schedule.starts.iter().enumerate() {
        let row = if frame.by_slot { drawing.predicted.at(node).slot as usize } else { place };
        bar(&mut picture, drawing, &frame, (node, row));
    }
    curve(&mut picture, drawing, &frame);
    picture.finish(drawing, "predicted schedule", (width, height))
}

fn frame(drawing: &Drawing<'_>) -> Frame {
    let tasks = drawing.plan.tasks.len();
    let by_slot = tasks > MOST_ROWS;
    let row = match tasks {
        _ if by_slot => 26.0,
        0..=40 => 22.0,
        41..=120 => 18.0,
        _ => 14.0,
    };
    let rows = if by_slot { drawing.predicted.slots() as usize } else { tasks };
    let mut frame = Frame {
        left: 0.0,
        top: MARGIN + HEAD + AXIS,
        row,
        rows,
        end_ms: drawing.predicted.schedule.makespan_ms,
        by_slot,
    };
    let longest = drawing.plan.tasks.iter().map(|t| t.id.len().min(NAME)).max().unwrap_or(0);
    let names = if by_slot { 60.0 } else { longest as f64 * frame.font() * MONO_WIDTH };
    frame.left = MARGIN + names.max(LEAST_NAMES) + 14.0;
    frame
}

fn legend(drawing: &Drawing<'_>) -> Vec<Key> {
    let mut legend = vec![Key::Box("critical path", CRITICAL, false), Key::Box("other tasks", PLAIN, false)];
    let starts = &drawing.predicted.schedule.starts;
    if drawing.predicted.is_known() && drawing.predicted.durations_from.contains(&DurationFrom::Default) {
        legend.push(Key::Box("duration unknown", PLAIN, true));
    }
    if starts.iter().any(|&n| drawing.expected_ms(n) == 0) {
        legend.push(Key::Diamond("milestone"));
    }
    legend.push(Key::Dashed("lower bound"));
    legend
}

fn stripes(picture: &mut Picture, drawing: &Drawing<'_>, frame: &Frame) {
    for row in (0..frame.rows).step_by(2) {
        let y = frame.top + row as f64 * frame.row;
        let look = format!("fill=\"{FAINT}\"");
        picture.rect((MARGIN, y), (frame.left + PLOT - MARGIN, frame.row), &look);
    }
    let pen = Pen { size: frame.font(), font: MONO, color: INK, anchor: "end", bold: false };
    let base = |row: usize| frame.top + (row as f64 + 0.5) * frame.row + frame.font() * 0.35;
    if frame.by_slot {
        for row in 0..frame.rows {
            picture.text((frame.left - 10.0, base(row)), pen, &format!("slot {}", row + 1));
        }
        return;
    }
    for (row, &node) in drawing.predicted.schedule.starts.iter().enumerate() {
        picture.text((frame.left - 10.0, base(row)), pen, &label::short(drawing.name(node), NAME));
    }
}

/// Lines and times above, and the lower bound.
fn axis(picture: &mut Picture, drawing: &Drawing<'_>, frame: &Frame) {
    let known = drawing.predicted.is_known();
    let step = if known { tick(frame.end_ms) } else { whole(frame.end_ms) };
    let bottom = frame.bottom() + AXIS + CURVE;
    let pen = Pen { anchor: "middle", ..SMALL };
    for ms in (0..=frame.end_ms).step_by(usize::try_from(step).unwrap_or(usize::MAX)) {
        let x = frame.x(ms);
        picture.line((x, frame.top - 5.0), (x, bottom), &format!("stroke=\"{PALE}\" stroke-width=\"0.7\""));
        let text = if known { clock(ms, step) } else { ms.to_string() };
        let half = text.chars().count() as f64 * pen.size * SANS_WIDTH / 2.0;
        picture.text((x.min(frame.left + PLOT + MARGIN - half - 4.0), frame.top - 10.0), pen, &text);
    }
    let x = frame.x(drawing.predicted.lower_bound_ms);
    picture.line((x, frame.top - 5.0), (x, frame.bottom()), BOUND);
}

fn bar(picture: &mut Picture, drawing: &Drawing<'_>, frame: &Frame, (node, row): (NodeId, usize)) {
    let at = drawing.predicted.at(node);
    let (x, y) = (frame.x(at.start_ms), frame.top + row as f64 * frame.row + 3.0);
    let height = frame.row - 6.0;
    let width = (frame.x(at.end_ms) - x).max(1.5);
    let _ = writeln!(picture.body, "<g><title>{}</title>", xml(&told(drawing, node)));
    if at.start_ms == at.end_ms {
        picture.put(&diamond((x, y + height / 2.0), height / 2.0));
    } else {
        let look = if drawing.is_critical(node) { CRITICAL } else { PLAIN };
        let unknown = drawing.predicted.is_known()
            && drawing.predicted.durations_from[node.index()] == DurationFrom::Default;
        picture.rect((x, y), (width, height), &filled(look, unknown));
    }
    beside(picture, drawing, frame, ((x, width), y, node));
    picture.put("</g>");
}

/// What stands at a bar: its duration, or its id where rows are shared and the bar is wide enough.
fn beside(
    picture: &mut Picture,
    drawing: &Drawing<'_>,
    frame: &Frame,
    ((x, width), y, node): ((f64, f64), f64, NodeId),
) {
    let size = frame.font() - 1.5;
    let base = y + (frame.row - 6.0) / 2.0 + size * 0.36;
    if frame.by_slot {
        let name = drawing.name(node);
        let room = ((width - 8.0) / (size * MONO_WIDTH)) as usize;
        if room >= name.len().min(SHORTEST) {
            let pen = Pen { size, font: MONO, color: INK, ..SMALL };
            picture.text((x + 4.0, base), pen, &label::short(name, room));
        }
        return;
    }
    let Some(text) = label::length(drawing, node).filter(|_| drawing.expected_ms(node) > 0) else { return };
    let pen = Pen { size, color: SOFT, ..SMALL };
    let needed = text.chars().count() as f64 * size * SANS_WIDTH + 6.0;
    if x + width + needed <= frame.left + PLOT {
        picture.text((x + width + 5.0, base), pen, &text);
    } else if needed <= width {
        picture.text((x + width - 5.0, base), Pen { anchor: "end", color: INK, ..pen }, &text);
    } else {
        picture.text((x - 5.0, base), Pen { anchor: "end", ..pen }, &text);
    }
}

/// What a reader sees who points at a bar.
fn told(drawing: &Drawing<'_>, node: NodeId) -> String {
    let at = drawing.predicted.at(node);
    let title = label::title(drawing, node).map(|title| format!(" ({title})")).unwrap_or_default();
    let from = drawing.predicted.durations_from[node.index()].name();
    let needs = drawing.task(node).needs.join(", ");
    let needs = if needs.is_empty() { String::new() } else { format!("; after {}", fit(&needs, 200)) };
    format!(
        "{}{title}: {} to {}, {} by {from}, slot {}{needs}",
        drawing.name(node),
        label::time(drawing, at.start_ms),
        label::time(drawing, at.end_ms),
        label::time(drawing, at.end_ms - at.start_ms),
        at.slot + 1
    )
}

/// How many slots are in use over time.
fn curve(picture: &mut Picture, drawing: &Drawing<'_>, frame: &Frame) {
    let mut change: BTreeMap<u64, i64> = BTreeMap::new();
    for &node in &drawing.predicted.schedule.starts {
        let at = drawing.predicted.at(node);
        if at.start_ms < at.end_ms {
            *change.entry(at.start_ms).or_default() += 1;
            *change.entry(at.end_ms).or_default() -= 1;
        }
    }
    let base = frame.bottom() + AXIS + CURVE;
    let mut most = 0;
    let mut used = 0;
    let levels: Vec<(u64, i64)> = change
        .into_iter()
        .map(|(ms, change)| {
            used += change;
            most = most.max(used);
            (ms, used)
        })
        .collect();
    let y = |used: i64| base - (CURVE - 6.0) * used as f64 / most.max(1) as f64;
    let mut path = format!("M{} {}", px(frame.left), px(base));
    for (ms, used) in levels {
        let _ = write!(path, "H{}V{}", px(frame.x(ms)), px(y(used)));
    }
    picture.put(&format!(
        "<path d=\"{path}V{}Z\" fill=\"#d3f9d8\" stroke=\"#2b8a3e\" stroke-width=\"0.8\"/>",
        px(base)
    ));
    let pen = Pen { anchor: "end", ..SMALL };
    picture.text((frame.left - 10.0, y(most) + 8.0), pen, &format!("{most} in use"));
    picture.text((frame.left - 10.0, base), pen, "0");
}

/// The step between two lines: 1, 2 or 5 times a power of ten up to a second, then what clocks have.
fn tick(end_ms: u64) -> u64 {
    const STEPS: [u64; 33] = [
        1,
        2,
        5,
        10,
        20,
        50,
        100,
        200,
        500,
        1_000,
        2_000,
        5_000,
        10_000,
        15_000,
        30_000,
        60_000,
        120_000,
        300_000,
        600_000,
        900_000,
        1_800_000,
        3_600_000,
        7_200_000,
        10_800_000,
        21_600_000,
        43_200_000,
        86_400_000,
        172_800_000,
        432_000_000,
        864_000_000,
        1_728_000_000,
        4_320_000_000,
        8_640_000_000,
    ];
    STEPS.into_iter().find(|step| end_ms / step <= MOST_TICKS).unwrap_or(end_ms.max(1))
}

/// The step where time is counted in steps.
fn whole(end: u64) -> u64 {
    let mut step = 1;
    while end / step > MOST_TICKS {
        step *= if step.to_string().starts_with('2') { 5 } else { 2 };
    }
    step
}

/// A time of the axis, as fine as its step.
fn clock(ms: u64, step: u64) -> String {
    let (hours, minutes, seconds) = (ms / 3_600_000, ms / 60_000 % 60, ms / 1_000 % 60);
    match step {
        _ if ms == 0 => "0".to_owned(),
        0..1_000 if ms < 1_000 => format!("{ms} ms"),
        0..1_000 => format!("{}.{:03} s", ms / 1_000, ms % 1_000).replace("00 s", " s"),
        1_000..60_000 if ms < 60_000 => format!("{seconds} s"),
        1_000..60_000 => format!("{}:{seconds:02}", ms / 60_000),
        60_000..3_600_000 if ms < 3_600_000 => format!("{minutes} m"),
        60_000..3_600_000 => format!("{hours}:{minutes:02} h"),
        3_600_000..86_400_000 => format!("{hours} h"),
        _ => format!("{} d", ms / 86_400_000),
    }
}

#[cfg(test)]
mod tests {
    use super::{clock, tick, whole};

    #[test]
    fn the_axis_has_few_lines_with_times_that_clocks_have() {
        for end in [1, 7, 700, 12_345, 600_000, 40_000_000, 5_000_000_000, u64::MAX / 2] {
            assert!((1..=11).contains(&(end / tick(end).max(1) + 1)), "{end}");
            assert!((1..=11).contains(&(end / whole(end) + 1)), "{end}");
        }
        let at = |ms, step| clock(ms, step);
        assert_eq!(
            [at(0, 100), at(200, 100), at(1_500, 500), at(1_500, 100)],
            ["0", "200 ms", "1.5 s", "1.5 s"]
        );
        assert_eq!([at(30_000, 15_000), at(90_000, 15_000), at(600_000, 300_000)], ["30 s", "1:30", "10 m"]);
        assert_eq!(
            [at(5_400_000, 1_800_000), at(7_200_000, 3_600_000), at(172_800_000, 86_400_000)],
            ["1:30 h", "2 h", "2 d"]
        );
    }
}
