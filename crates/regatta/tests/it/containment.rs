//! What holds the processes of a task together: the setting and its effect.

use crate::world::World;

/// A task that tells its cgroup.
const TELLS: &str = "version: 1\ntasks:\n  - { id: a, run: 'cat /proc/self/cgroup >inside' }\n";

fn inside(world: &World) -> Option<String> {
    world.regatta(&["run", "plan.yaml", "--json"]).exits(0);
    world.read("inside").lines().find_map(|line| line.strip_prefix("0::").map(str::to_owned))
}

#[test]
fn a_task_runs_in_a_cgroup_of_its_run_where_one_is_permitted_and_the_settings_do_not_say_group() {
    let world = World::with(TELLS);
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    let own = own.lines().find_map(|line| line.strip_prefix("0::"));
    let of_the_run = |inside: Option<String>, world: &World| {
        inside.is_some_and(|path| path.ends_with(&format!("/regatta-{}/0", world.run_id())))
    };
    let found = of_the_run(inside(&world), &world);
    match regatta_runtime::owner::make_cgroup("it-containment").and_then(std::fs::remove_dir) {
        Ok(()) => assert!(found),
        Err(error) => eprintln!("skipped in part: no cgroup can be made here: {error}"),
    }
    world.write(".regatta/config.toml", "containment = \"group\"\n");
    assert_eq!(inside(&world).as_deref(), own);
    let refused = "containment = \"cage\"\n";
    world.write(".regatta/config.toml", refused);
    let said = world.regatta(&["run", "plan.yaml"]).exits(3);
    assert!(said.err.contains("cage") && said.err.contains("one of auto, group"), "{}", said.err);
}
