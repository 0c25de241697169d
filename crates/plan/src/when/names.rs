//! The names of a condition: free ones, and the tasks that it names as members of `tasks`.
//!
//! Walks the parsed expression, because the library's own list also has the variables of comprehensions. Recursion
//! is bounded by the length of a condition.

use cel::common::ast::{EntryExpr, Expr, IdedExpr, LiteralValue, operators};
use std::collections::BTreeSet;

/// What was found.
#[derive(Default)]
pub(super) struct Names {
    pub(super) free: BTreeSet<String>,
    pub(super) literal_tasks: BTreeSet<String>,
    pub(super) asks_for_all: bool,
}

/// The names of an expression.
pub(super) fn of(expression: &IdedExpr) -> Names {
    let mut names = Names::default();
    names.walk(&expression.expr, &mut Vec::new());
    names
}

impl Names {
    fn walk(&mut self, expr: &Expr, bound: &mut Vec<String>) {
        if let Some(task) = member(expr).filter(|_| !bound.iter().any(|b| b == "tasks")) {
            self.free.insert("tasks".to_owned());
            self.literal_tasks.insert(task.to_owned());
            return;
        }
        match expr {
            Expr::Ident(name) => {
                if !bound.contains(name) && !name.starts_with('@') {
                    self.asks_for_all |= name == "tasks";
                    self.free.insert(name.clone());
                }
            }
            Expr::Select(select) => self.walk(&select.operand.expr, bound),
            Expr::Call(call) => {
                let inner = call.target.iter().map(|t| &t.expr).chain(call.args.iter().map(|a| &a.expr));
                inner.for_each(|e| self.walk(e, bound));
            }
            Expr::List(list) => list.elements.iter().for_each(|e| self.walk(&e.expr, bound)),
            Expr::Map(map) => map.entries.iter().for_each(|e| self.entry(&e.expr, bound)),
            Expr::Struct(made) => made.entries.iter().for_each(|e| self.entry(&e.expr, bound)),
            Expr::Comprehension(inner) => {
                self.walk(&inner.iter_range.expr, bound);
                self.walk(&inner.accu_init.expr, bound);
                let outside = bound.len();
                bound.extend([inner.iter_var.clone(), inner.accu_var.clone()]);
                bound.extend(inner.iter_var2.clone());
                for part in [&inner.loop_cond, &inner.loop_step, &inner.result] {
                    self.walk(&part.expr, bound);
                }
                bound.truncate(outside);
            }
            Expr::Literal(_) | Expr::Unspecified => {}
        }
    }

    fn entry(&mut self, entry: &EntryExpr, bound: &mut Vec<String>) {
        match entry {
            EntryExpr::StructField(field) => self.walk(&field.value.expr, bound),
            EntryExpr::MapEntry(entry) => {
                self.walk(&entry.key.expr, bound);
                self.walk(&entry.value.expr, bound);
            }
        }
    }
}

/// The task in `tasks.id` and `tasks["id"]`.
fn member(expr: &Expr) -> Option<&str> {
    let is_tasks = |e: &IdedExpr| matches!(&e.expr, Expr::Ident(name) if name == "tasks");
    match expr {
        Expr::Select(select) if is_tasks(&select.operand) => Some(&select.field),
        Expr::Call(call) if call.func_name == operators::INDEX => match &call.args[..] {
            [of, at] if is_tasks(of) => match &at.expr {
                Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
                _ => None,
            },
            _ => None,
        },
        _ => None,
    }
}
