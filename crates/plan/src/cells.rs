//! Cells of a matrix: one task for each combination of values, axes in bytewise order of name, `build[linux][stable]`.
//!
//! Knows one task at a time.

use crate::diagnostic::{Code, Diagnostic, Problems};
use crate::draft::{Entry, Matrix, Rare};
use crate::ids::{MAX_ID_BYTES, is_id};
use crate::placed::MAX_TASKS;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// A task, or one combination of the values of its axes.
pub(crate) struct Cell<'e, 't> {
    pub(crate) entry: &'e Entry<'t>,
    pub(crate) id: Cow<'t, str>,
    /// Of its axes; none if it has no matrix.
    pub(crate) values: BTreeMap<String, String>,
}

/// Adds the cells of a task, and their ids to `families` under the id of the task.
pub(crate) fn expand<'e, 't>(
    task: &'e Entry<'t>,
    cells: &mut Vec<Cell<'e, 't>>,
    families: &mut BTreeMap<String, Vec<String>>,
    problems: &mut Problems,
) {
    let Some(Rare { matrix, .. }) = task.rare.as_deref().filter(|rare| !rare.matrix.is_empty()) else {
        cells.push(Cell { entry: task, id: task.id.into(), values: BTreeMap::new() });
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
    cells.extend(partial.into_iter().map(|(id, values)| Cell { entry: task, id: id.into(), values }));
}

/// Values become parts of ids, so they keep the grammar of ids, and no two cells may share one.
fn check_values(task: &Entry<'_>, matrix: &Matrix, problems: &mut Problems) {
    let mut wrong = |code, message| {
        problems.push(Diagnostic::error(code, task.id_span(), message));
    };
    for (axis, values) in matrix {
        if !is_id(axis) {
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
