//! Cells of a matrix: one task for each combination of values, axes in bytewise order of name, `build[linux][stable]`;
//! and slots of a map, one task for each item that there may be, `m[0]`.
//!
//! Knows one task at a time.

use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::draft::{Entry, Map, Matrix, Rare};
use crate::ids::{MAX_ID_BYTES, is_id};
use crate::maps::{DEFAULT_ITEMS, MAX_ITEMS};
use crate::placed::MAX_TASKS;
use crate::reference::Template;
use crate::tree::Span;
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A list that stands in the plan is stored with each of its items: that many bytes at most in all.
const MOST_LIST_BYTES: usize = 16 << 20;

/// A task, or one combination of the values of its axes.
pub(crate) struct Cell<'e, 't> {
    pub(crate) entry: &'e Entry<'t>,
    pub(crate) id: Cow<'t, str>,
    /// Of its axes; none if it has no matrix.
    pub(crate) values: BTreeMap<String, String>,
    /// It says what the slot before it says: what is wrong with that is told once.
    pub(crate) again: bool,
}

impl Cell<'_, '_> {
    /// True for the cell with the first value of each axis, and for a task without a matrix.
    pub(crate) fn is_first(&self) -> bool {
        let matrix = self.entry.rare.as_deref().map(|rare| &rare.matrix);
        let first = |axis: &str| matrix.and_then(|matrix| matrix.get(axis)?.first());
        self.values.iter().all(|(axis, value)| first(axis) == Some(value))
    }
}

/// Adds the cells of a task, and their ids to `families` under the id of the task.
pub(crate) fn expand<'e, 't>(
    task: &'e Entry<'t>,
    cells: &mut Vec<Cell<'e, 't>>,
    families: &mut BTreeMap<String, Vec<String>>,
    problems: &mut Problems,
) {
    if let Some(map) = task.rare.as_deref().and_then(|rare| rare.map.as_ref()) {
        return slots((task, map), cells, families, problems);
    }
    let Some(Rare { matrix, .. }) = task.rare.as_deref().filter(|rare| !rare.matrix.is_empty()) else {
        cells.push(Cell { entry: task, id: task.id.into(), values: BTreeMap::new(), again: false });
        return;
    };
    check_values(task, matrix, problems);
    let room = MAX_TASKS.saturating_sub(cells.len());
    let size = matrix.values().try_fold(1_usize, |n, values| n.checked_mul(values.len()));
    if size.is_none_or(|size| size > room) {
        let size = size.map_or_else(|| format!("more than {}", usize::MAX), |size| size.to_string());
        let message =
            format!("with the {size} cells of task `{}` the plan has more than {MAX_TASKS} tasks", task.id);
        problems.push(Diagnostic::error(Code::Limit, task.id_span(), message));
        return;
    }
    let mut partial: Vec<(String, BTreeMap<String, String>)> = vec![(task.id.to_owned(), BTreeMap::new())];
    for (axis, values) in matrix {
        let one = |(id, cell): (String, BTreeMap<String, String>)| {
            values.iter().map(move |value| {
                let mut cell = cell.clone();
                cell.insert(axis.clone(), value.clone());
                (format!("{id}[{value}]"), cell)
            })
        };
        partial = partial.into_iter().flat_map(one).collect();
    }
    families.insert(task.id.to_owned(), partial.iter().map(|(id, _)| id.clone()).collect());
    cells.extend(partial.into_iter().map(|(id, values)| Cell {
        entry: task,
        id: id.into(),
        values,
        again: false,
    }));
}

/// Adds a slot for each item that a map may have.
fn slots<'e, 't>(
    (task, map): (&'e Entry<'t>, &Map),
    cells: &mut Vec<Cell<'e, 't>>,
    families: &mut BTreeMap<String, Vec<String>>,
    problems: &mut Problems,
) {
    let given = map.max_items.as_ref().map(|most| most.value);
    let mut wrong = |span: &Span, message: String, help: &str| {
        problems.push(Diagnostic::error(Code::BadValue, span.clone(), message).help(help));
    };
    if task.rare.as_deref().is_some_and(|rare| !rare.matrix.is_empty()) {
        let message = format!("task `{}` has both `for_each` and `matrix`", task.id);
        wrong(&map.over.span, message, "let the list have an item for each combination");
    }
    let items = match &map.over.value {
        Json::Array(items) if items.len() as u64 > given.unwrap_or(MAX_ITEMS) => {
            let message = format!(
                "`for_each` of task `{}` has {} items, at most {} are allowed",
                task.id,
                items.len(),
                given.unwrap_or(MAX_ITEMS)
            );
            wrong(&map.over.span, message, "raise `max_items`, or map over fewer");
            1
        }
        Json::Array(items)
            if map.over.value.to_string().len().saturating_mul(items.len()) > MOST_LIST_BYTES =>
        {
            let message = format!(
                "the list of task `{}` is too long to stand in each of its {} items",
                task.id,
                items.len()
            );
            wrong(
                &map.over.span,
                message,
                "put it under `inputs` and write `${inputs.NAME}`, with `max_items`",
            );
            1
        }
        // A list that stands in the plan has as many items as it has; one slot stands for an empty one.
        Json::Array(items) => (items.len() as u64).max(1),
        Json::String(text) if !is_reference(text) => {
            let message =
                format!("`for_each` of task `{}` is neither a list nor a reference to one", task.id);
            wrong(&map.over.span, message, "write `[a, b]`, or `${list.result.items}`");
            1
        }
        // What is out of bounds has been reported.
        _ => given.unwrap_or(DEFAULT_ITEMS).clamp(1, MAX_ITEMS),
    };
    let longest = task.id.len() + (items - 1).to_string().len() + 2;
    if longest > MAX_ID_BYTES {
        let message = format!(
            "the longest id of an item of task `{}` has {longest} bytes, more than {MAX_ID_BYTES}",
            task.id
        );
        problems.push(Diagnostic::error(Code::BadId, task.id_span(), message));
    }
    let ids: Vec<String> = (0..items).map(|index| format!("{}[{index}]", task.id)).collect();
    cells.extend(ids.iter().enumerate().map(|(index, id)| Cell {
        entry: task,
        id: id.clone().into(),
        values: BTreeMap::new(),
        again: index > 0,
    }));
    families.insert(task.id.to_owned(), ids);
}

/// True for a text that is one reference and nothing else.
fn is_reference(text: &str) -> bool {
    Template::parse(text).is_ok_and(|template| template.is_one_reference())
}

/// Values become parts of ids, so they keep the grammar of ids, and no two cells may share one.
fn check_values(task: &Entry<'_>, matrix: &Matrix, problems: &mut Problems) {
    let mut wrong = |code, message| {
        problems.push(Diagnostic::error(code, task.id_span(), message));
    };
    for (axis, values) in matrix {
        if !axis.is_empty() && !is_id(axis) {
            let axis = axis.escape_debug();
            wrong(Code::BadId, format!("matrix axis `{axis}` of task `{}` is not an id", task.id));
        }
        let mut seen: BTreeMap<String, &String> = BTreeMap::new();
        for value in values {
            if !is_id(value) {
                let value = value.escape_debug();
                wrong(Code::BadId, format!("matrix value `{value}` of task `{}` is not an id", task.id));
            }
            match seen.insert(value.to_ascii_lowercase(), value) {
                Some(first) if first == value => {
                    let message = format!("axis `{axis}` of task `{}` has `{value}` twice", task.id);
                    wrong(Code::DuplicateId, message);
                }
                Some(first) => {
                    let message = format!(
                        "`{first}` and `{value}` of axis `{axis}` of task `{}` differ only in case",
                        task.id
                    );
                    wrong(Code::DuplicateId, message);
                }
                None => {}
            }
        }
    }
    let longest = |values: &Vec<String>| values.iter().map(|v| v.len() + 2).max().unwrap_or(0);
    let bytes = task.id.len() + matrix.values().map(longest).sum::<usize>();
    if bytes > MAX_ID_BYTES {
        let message = format!(
            "the longest id of a cell of task `{}` has {bytes} bytes, more than {MAX_ID_BYTES}",
            task.id
        );
        wrong(Code::BadId, message);
    }
}
