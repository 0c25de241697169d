//! Spec 3 and 11: `for_each` in plans.

use crate::world::{check, plan, yaml};
use regatta_plan::lower;

fn task(rest: &str) -> String {
    format!("version: 1\ninputs: {{ list: [1] }}\ntasks:\n  - {{ id: a, run: x }}\n  - {{ id: m, {rest} }}\n")
}

#[test]
fn a_map_has_a_slot_for_each_item_that_there_may_be() {
    let slots = |rest: &str| plan(&task(rest)).tasks.len() - 1;
    assert_eq!(slots("run: x, for_each: '${a.result}'"), 100);
    assert_eq!(slots("run: x, for_each: '${a.result}', max_items: 7"), 7);
    assert_eq!(slots("run: x, for_each: '${inputs.list}', max_items: 10000"), 10_000);
    assert_eq!(slots("run: x, for_each: [u, v, 3]"), 3);
    assert_eq!(slots("run: x, for_each: []"), 1);
}

#[test]
fn slots_are_lowered_in_the_order_of_their_items() {
    let plan = plan(&task("run: x, for_each: '${a.result}', max_items: 12"));
    let (spec, _) = lower(&plan);
    let names: Vec<&str> = spec.maps[0].iter().map(|&at| spec.nodes[at as usize].id.as_str()).collect();
    assert_eq!(names, (0..12).map(|i| format!("m[{i}]")).collect::<Vec<_>>());
    assert_eq!(spec.maps.len(), 1);
}

#[test]
fn who_needs_a_map_needs_all_its_items_and_sees_their_results() {
    let text = task("run: x, for_each: '${a.result}', max_items: 3")
        + "  - { id: z, needs: [m], run: y }\n  - { id: one, needs: ['m[1]'], run: y }\n  - { id: r, run: [y, '${m.results}'] }\n";
    let plan = plan(&text);
    let needs = |id: &str| plan.tasks.iter().find(|t| t.id == id).unwrap().needs.join(" ");
    assert_eq!(needs("z"), "m[0] m[1] m[2]");
    assert_eq!((needs("one"), needs("r")), ("m[1]".into(), "m[0] m[1] m[2]".into()));
}

#[test]
fn a_view_of_a_plan_shows_one_item_of_each_map() {
    let text = task("run: x, for_each: '${a.result}'") + "  - { id: z, run: [y, '${m.results}'] }\n";
    let mut plan = plan(&text);
    assert_eq!((plan.tasks.len(), plan.sure_tasks()), (102, 3));
    plan.keep_known_items();
    let shown: Vec<String> = plan.tasks.iter().map(|t| format!("{}<{}", t.id, t.needs.join(","))).collect();
    assert_eq!(shown, ["a<", "m[0]<a", "z<m[0]"]);
    assert_eq!(plan.tasks[2].families["m"], ["m[0]"]);
}

#[test]
fn a_view_of_a_plan_shows_each_item_of_a_list_that_is_known() {
    let known = |inputs: &str, list: &str| {
        let text = task(&format!("run: x, for_each: {list}")).replace("list: [1]", inputs);
        let mut plan = plan(&text);
        let counted = plan.known_tasks();
        plan.keep_known_items();
        // The one slot of an empty list is there to be seen, and is no task.
        let empty = plan.tasks.iter().filter(|t| t.item().is_some() && t.estimate_ms == Some(0)).count();
        assert_eq!(counted, plan.tasks.len() - empty);
        let shown = |t: &regatta_plan::model::Task| {
            format!("{}{}", t.id, t.estimate_ms.map_or(String::new(), |ms| format!("={ms}")))
        };
        plan.tasks.iter().map(shown).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(known("", "[u, v, w]"), "a m[0] m[1] m[2]");
    assert_eq!(known("", "['${a.result}', v]"), "a m[0] m[1]");
    assert_eq!(known("l: [1, 2]", "'${inputs.l}'"), "a m[0] m[1]");
    assert_eq!(known("o: { l: [1, 2, 3] }", "'${inputs.o.l}'"), "a m[0] m[1] m[2]");
    // Of an empty list nothing runs; of one that is not there yet, or too long, nobody can tell.
    assert_eq!(known("", "[]"), "a m[0]=0");
    assert_eq!(known("l: []", "'${inputs.l}'"), "a m[0]=0");
    assert_eq!(known("l: [1, 2, 3]", "'${inputs.l}', max_items: 2"), "a m[0]");
    assert_eq!(known("l: 3", "'${inputs.l}'"), "a m[0]");
    assert_eq!(known("", "'${a.result}'"), "a m[0]");
}

#[test]
fn an_order_may_put_each_item_of_a_map_at_a_place_of_its_own() {
    let order = |order: &str| {
        let plan = plan(&(task("run: x, for_each: [u, v, w]") + &format!("order: [{order}]\n")));
        let (spec, _) = lower(&plan);
        spec.pinned.iter().map(|at| plan.tasks[*at as usize].id.clone()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(order("'m[0]', a"), "m[0] m[1] m[2] a");
    assert_eq!(order("'m[2]', a, 'm[0]', 'm[1]'"), "m[2] a m[0] m[1]");
    assert_eq!(order("'m[1]', a, 'm[0]'"), "m[1] a m[0] m[2]");
}

#[test]
fn what_cannot_be_mapped_over_is_said_at_its_place() {
    check(
        &task("run: x, for_each: plenty"),
        "RG006 5:32 `for_each` of task `m` is neither a list nor a reference to one",
    );
    check(
        &task("run: x, for_each: [1, 2, 3], max_items: 2"),
        "RG006 5:32 `for_each` of task `m` has 3 items, at most 2 are allowed",
    );
    check(
        &task("run: x, for_each: '${a.result}', matrix: { os: [a] }"),
        "RG006 5:32 task `m` has both `for_each` and `matrix`",
    );
    check(
        &task("run: x, for_each: '${item}'"),
        "RG013 5:32 `${item}` in task `m[0]` stands in a task without `for_each`",
    );
    check(
        &task("run: x, max_items: 2"),
        "RG006 5:33 `max_items` of task `m` belongs to `for_each`, which it has not",
    );
    check(
        &task("run: x, for_each: '${a.result}', max_items: 10001"),
        "RG006 5:58 `max_items` must be a whole number from 1 to 10000, not `10001`",
    );
}

#[test]
fn a_list_that_would_make_a_plan_large_is_refused_where_it_stands() {
    let list: Vec<String> = (0..2_000).map(|i| format!("item-number-{i}")).collect();
    let text = task(&format!("run: x, for_each: [{}]", list.join(", ")));
    let loaded = crate::world::yaml(&text);
    assert!(
        loaded.plan.is_none() && loaded.render(false).contains("too long to stand in each of its 2000 items")
    );
}

#[test]
fn files_of_a_map_are_those_of_each_item_where_its_list_stands_in_the_plan() {
    let of = |text: &str| {
        let plan = plan(text);
        plan.tasks
            .iter()
            .map(|task| [task.files.join(" "), task.reads.join(" ")].join(" < "))
            .collect::<Vec<_>>()
    };
    let text = "version: 1\nisolation: worktree\nmerge: { gates: ['true'] }\ntasks:\n  - { id: m, for_each: [a, 7], files: ['src/${item}/**'], reads: ['in/${index}'], run: x }\n";
    assert_eq!(of(text), ["src/a/** < in/0", "src/7/** < in/1"]);
    let known_later =
        text.replace("[a, 7]", "'${inputs.list}'").replace("tasks:", "inputs: { list: [1] }\ntasks:");
    let told = |text: &str| {
        let facts = yaml(text).facts();
        facts.iter().map(|fact| fact.message.clone()).collect::<Vec<_>>().join("\n")
    };
    let later = told(&known_later);
    assert_eq!(later, "`files` and `reads` of task `m` cannot name its items");
    let same = told(&text.replace("src/${item}/**", "src/**"));
    assert_eq!(same, "the items of task `m` all own `src/**` and no order is between them");
    let beside =
        known_later.replace("src/${item}/**', 'a.c", "").replace("'src/${item}/**'", "'src/**', a.c");
    let beside =
        told(&(beside.replace("'in/${index}'", "'in/x'") + "  - { id: n, files: ['src/**'], run: x }\n"));
    let all = "the items of task `m` all own `a.c`, `src/**` and no order is between them";
    assert_eq!(beside, format!("{all}\ntasks `m` and `n` both own `src/**` and no order is between them"));
}

#[test]
fn items_of_a_map_that_own_the_same_files_are_named_where_others_do_not() {
    let text = "version: 1\nisolation: worktree\nmerge: { gates: ['true'] }\ntasks:\n  - { id: m, for_each: LIST, files: FILES, run: x }\n";
    let told = |list: &str, files: &str| {
        let facts = yaml(&text.replace("LIST", list).replace("FILES", files)).facts();
        facts.into_iter().map(|fact| (fact.message, fact.help.unwrap_or_default())).collect::<Vec<_>>()
    };
    let twice = "`for_each` has a value twice, or values that give the same `files`: have each once, or divide the files";
    let some = |a: &str, b: &str, files: &str| {
        let said = format!("items `{a}` and `{b}` both own `{files}` and no order is between them");
        vec![(said, twice.to_owned())]
    };
    assert_eq!(told("[a, b, a]", "['src/${item}/**']"), some("m[0]", "m[2]", "src/a/**"));
    assert_eq!(told("[a, b, b, a]", "['src/${item}/**']"), some("m[0]", "m[3]", "src/a/**"));
    assert_eq!(told("[2, 1, '1']", "['src/${item}/**']"), some("m[1]", "m[2]", "src/1/**"));
    // Of what all own the others say nothing more.
    let [(all, help)] = &told("[a, b, a]", "['src/${item}/**', all.txt]")[..] else { panic!() };
    assert_eq!(all, "the items of task `m` all own `all.txt` and no order is between them");
    assert!(help.starts_with("divide the files"), "{help}");
}

#[test]
fn files_of_a_cell_name_the_axes_of_its_matrix() {
    let text = "version: 1\nisolation: worktree\nmerge: { gates: ['true'] }\ntasks:\n  - { id: m, matrix: { f: [x, y], g: [p] }, files: ['out/${matrix.f}-${matrix.g}'], reads: ['in/${matrix.f}/*'], outputs: ['out/${matrix.f}-p'], run: x }\n";
    let plan = plan(text);
    let of = |i: usize| {
        let task = &plan.tasks[i];
        let outputs = &task.worktree.as_ref().unwrap().outputs;
        format!("{}: {} {} {}", task.id, task.files.join(" "), task.reads.join(" "), outputs.join(" "))
    };
    assert_eq!([of(0), of(1)], ["m[x][p]: out/x-p in/x/* out/x-p", "m[y][p]: out/y-p in/y/* out/y-p"]);
    let facts = yaml(&text.replace("${matrix.g}", "${matrix.h}")).facts();
    let said: Vec<&str> = facts.iter().map(|fact| fact.message.as_str()).collect();
    let wanted = "`${matrix.h}` in the files of task `m` names no axis of its matrix";
    assert!(said.contains(&wanted), "{said:?}");
}

#[test]
fn every_axis_that_there_is_none_of_is_told_once_for_all_cells() {
    let values: Vec<String> = (0..100).map(|i| format!("v{i}")).collect();
    let text = format!(
        "version: 1\nisolation: worktree\nmerge: {{ gates: ['true'] }}\ntasks:\n  - {{ id: m, matrix: {{ f: [{}] }}, files: ['${{matrix.arch}}/${{matrix.foo}}/${{matrix.f}}', '${{matrix.foo}}/${{matrix.f'], run: x }}\n",
        values.join(", ")
    );
    let facts = yaml(&text).facts();
    let said: Vec<&str> =
        facts.iter().filter(|f| f.code == "RG013").map(|fact| fact.message.as_str()).collect();
    let of =
        |name: &str| format!("`${{matrix.{name}}}` in the files of task `m` names no axis of its matrix");
    assert_eq!(
        said,
        [of("arch"), "`${matrix.f` in the files of task `m` is not closed".to_owned(), of("foo")]
    );
}
