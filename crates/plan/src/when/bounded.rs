//! Bounds on what the evaluation of a condition costs: how deep its macros nest, and how many items they go through.
//!
//! Counts items, never time, so a condition has the same answer on every machine. What each macro goes through is handed
//! to a function that takes its size from the budget before; that is written into the parsed expression.

use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedExpr};
use cel::common::value::CowVal;
use cel::{Context, ExecutionError, FunctionContext};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

/// Macros (`all`, `exists`, `exists_one`, `map`, `filter`) nest at most this deep.
const MAX_NESTED: usize = 3;

/// So many items the macros of a condition go through, in all.
const MAX_ITEMS: i64 = 100_000;

/// Takes the size of its argument from the budget, and answers the argument; no condition can name it, because no name
/// of the language begins so.
const SPEND: &str = "@spend";

/// A function that may answer what it was given without a copy.
type Function = Box<
    dyn for<'a, 'v> Fn(&mut FunctionContext<'a, 'v>) -> Result<CowVal<'a, 'v>, ExecutionError> + Send + Sync,
>;

/// Writes into an expression that its macros keep to the budget.
///
/// # Errors
/// They nest too deeply.
pub(super) fn bound(expression: &mut IdedExpr) -> Result<(), String> {
    walk(expression).map(|_| ())
}

/// The items that macros may still go through.
pub(super) struct Budget(Arc<AtomicI64>);

impl Budget {
    /// A whole one, known to the expressions that are evaluated in `context`.
    pub(super) fn of(context: &mut Context<'_, '_>) -> Result<Budget, String> {
        let left = Arc::new(AtomicI64::new(MAX_ITEMS));
        let budget = Budget(Arc::clone(&left));
        let spend: Function = Box::new(move |call| {
            let items = call.args.pop().ok_or_else(|| call.error("it has no argument"))?;
            // What has no size cannot be gone through: the macro says so.
            let size = items.as_sizer().map_or(0, |sizer| *sizer.size().inner());
            match left.fetch_sub(size, Ordering::Relaxed) >= size {
                true => Ok(items),
                false => Err(call.error(spent())),
            }
        });
        context.add_function(SPEND, spend).map_err(|error| error.to_string())?;
        Ok(budget)
    }

    /// Nothing, unless more was asked for than there was: a macro may go on over an error of one item.
    ///
    /// # Errors
    /// The macros of the condition went through too many items.
    pub(super) fn check(&self) -> Result<(), String> {
        if self.0.load(Ordering::Relaxed) < 0 { Err(spent()) } else { Ok(()) }
    }
}

fn spent() -> String {
    format!("its macros go through more than {MAX_ITEMS} items")
}

/// Makes every macro of an expression spend. Answers how deep they nest. What a macro goes through nests as what it does
/// with each item. Recursion is bounded by the length of a condition.
fn walk(expression: &mut IdedExpr) -> Result<usize, String> {
    let mut deepest = 0;
    for part in parts(&mut expression.expr) {
        deepest = deepest.max(walk(part)?);
    }
    if let Expr::Comprehension(macro_) = &mut expression.expr {
        deepest += 1;
        if deepest > MAX_NESTED {
            return Err(format!("its macros are nested more than {MAX_NESTED} deep"));
        }
        let range = std::mem::take(&mut macro_.iter_range);
        macro_.iter_range = spending(range);
    }
    Ok(deepest)
}

/// `@spend(range)`, which answers the range as it is: it is evaluated once.
fn spending(range: IdedExpr) -> IdedExpr {
    let id = range.id;
    let call = CallExpr { func_name: SPEND.to_owned(), target: None, args: vec![range] };
    IdedExpr { id, expr: Expr::Call(call) }
}

/// The expressions directly in one.
fn parts(expr: &mut Expr) -> Vec<&mut IdedExpr> {
    match expr {
        Expr::Call(call) => {
            call.target.iter_mut().map(|target| &mut **target).chain(&mut call.args).collect()
        }
        Expr::Select(select) => vec![&mut *select.operand],
        Expr::List(list) => list.elements.iter_mut().collect(),
        Expr::Map(map) => map.entries.iter_mut().flat_map(|entry| of_entry(&mut entry.expr)).collect(),
        Expr::Struct(made) => made.entries.iter_mut().flat_map(|entry| of_entry(&mut entry.expr)).collect(),
        Expr::Comprehension(inner) => vec![
            &mut inner.iter_range,
            &mut inner.accu_init,
            &mut inner.loop_cond,
            &mut inner.loop_step,
            &mut inner.result,
        ],
        Expr::Ident(_) | Expr::Literal(_) | Expr::Unspecified => Vec::new(),
    }
}

fn of_entry(entry: &mut EntryExpr) -> Vec<&mut IdedExpr> {
    match entry {
        EntryExpr::StructField(field) => vec![&mut field.value],
        EntryExpr::MapEntry(entry) => vec![&mut entry.key, &mut entry.value],
    }
}

#[cfg(test)]
mod tests {
    use super::super::Condition;
    use serde_json::{Value, json};
    use std::collections::BTreeMap;

    fn answer(source: &str, list: Value) -> Result<bool, String> {
        let tasks = BTreeMap::from([("t".to_owned(), json!({ "result": list }))]);
        Condition::parse(source)?.evaluate(&tasks, &[])
    }

    #[test]
    fn a_condition_whose_macros_nest_deeply_is_refused_before_it_is_evaluated() {
        let nested = |depth: usize| {
            let inner = (0..depth).fold("true".to_owned(), |inner, n| format!("[0,1,2].all(v{n}, {inner})"));
            answer(&inner, Value::Null)
        };
        assert_eq!(nested(3), Ok(true));
        assert_eq!(nested(4), Err("its macros are nested more than 3 deep".to_owned()));
        assert_eq!(nested(12), Err("its macros are nested more than 3 deep".to_owned()));
        let ranges = "[[1].map(a, a)].map(b, b).filter(c, true).exists(d, true)";
        assert_eq!(answer(ranges, Value::Null), Err("its macros are nested more than 3 deep".to_owned()));
    }

    #[test]
    fn the_macros_of_a_condition_go_through_so_many_items_and_no_more() {
        let list = |n: i64| (0..n).collect::<Value>();
        let spent = Err("its macros go through more than 100000 items".to_owned());
        assert_eq!(answer("t.result.all(v, v >= 0)", list(100_000)), Ok(true));
        assert_eq!(answer("t.result.all(v, v >= 0)", list(100_001)), spent);
        assert_eq!(answer("size(t.result.map(v, [v])) == 1000", list(1_000)), Ok(true));
        // What goes through the answer of another does not ask that again.
        let chained = "size(t.result.filter(v, v >= 0).map(v, v + 1).filter(v, v > 0)) == 20000";
        assert_eq!(answer(chained, list(20_000)), Ok(true));
        assert_eq!(answer(&chained.replace("20000", "30000"), list(33_333)), Ok(false));
        assert_eq!(answer(chained, list(33_334)), spent);
        let both = "t.result.all(a, t.result.all(b, a >= 0 && b >= 0))";
        assert_eq!(answer(both, list(300)), Ok(true));
        assert_eq!(answer(both, list(400)), spent);
        // An item that answers takes back the errors of others, but not this one.
        let absorbing = "t.result.exists(a, a == 399 || t.result.all(b, b >= 0))";
        assert_eq!(answer(&absorbing.replace("|| ", "|| a < 0 || "), list(400)), Ok(true));
        assert_eq!(answer("t.result.exists(a, t.result.all(b, b < 0) || a == 399)", list(400)), spent);
    }

    #[test]
    fn what_macros_answer_is_as_it_was() {
        let map = json!({ "a": 1, "b": 2 });
        assert_eq!(answer("t.result.all(k, t.result[k] > 0)", map.clone()), Ok(true));
        assert_eq!(answer("t.result.exists_one(k, t.result[k] == 2)", map), Ok(true));
        assert_eq!(
            answer("t.result.filter(v, v != 'b').map(v, v + v) == ['aa', 'cc']", json!(["a", "b", "c"])),
            Ok(true)
        );
        assert!(answer("t.result.all(v, true)", json!(1)).is_err());
        assert!(answer("t.result.all(v, true)", json!("text")).is_err());
    }
}
