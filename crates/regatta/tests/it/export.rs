//! Spec 3, 10: a plan drawn as Mermaid, Graphviz and SVG. Deterministic, whole, and nothing of a text is markup.

use crate::world::World;
use std::collections::BTreeSet;
use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt as _, symlink};

const ORDER: &str = "version: 1
name: order
limits: { max_parallel: 2 }
tasks:
  - { id: quick, estimate: 100ms, run: x }
  - { id: slow, title: Slow one, priority: P1, estimate: 600ms, run: x }
  - { id: after-quick, needs: [quick], run: x }
  - { id: done, needs: [slow, after-quick], estimate: 0s, run: x }
";

/// Everything that could mean something to one of the formats.
const HOSTILE: &str = "version: 1
name: \"evil \\\"]; <script>x</script> # ; %% \\e]0;own\\a -->\"
tasks:
  - { id: section, title: \"a \\\"quoted\\\" <b>title</b> & #35; `x` \\\\N \\u202e ]]>\", run: x }
  - { id: 2024-01-01, needs: [section], title: '</title></svg><script>x</script>', run: x }
  - { id: build, matrix: { os: [linux, mac] }, needs: [section], run: x }
";

fn export(world: &World, args: &[&str]) -> String {
    world.regatta(&[&["export", "plan.yaml"], args].concat()).exits(0).out
}

#[test]
fn a_graph_for_mermaid_marks_the_critical_path() {
    insta::assert_snapshot!(export(&World::with(ORDER), &[]), @r##"
    flowchart LR
      n3["slow<br/>Slow one<br/>600 ms"]
      n2["quick<br/>100 ms"]
      n0["after-quick<br/>100 ms"]
      n1["done<br/>milestone"]
      n3 --> n1
      n2 --> n0
      n0 --> n1
      classDef critical fill:#ffe8cc,stroke:#d9480f,stroke-width:2px,color:#1f2933
      class n3,n1 critical
      linkStyle 0 stroke:#d9480f,stroke-width:2px
    "##);
}

#[test]
fn a_predicted_schedule_for_mermaid_has_a_section_for_each_slot() {
    insta::assert_snapshot!(export(&World::with(ORDER), &["--view", "gantt"]), @r##"
    gantt
      title order
      dateFormat YYYY-MM-DDTHH:mm:ss.SSS
      axisFormat %S.%L
      section slot 1
      slow :crit, n3, 1970-01-01T00:00:00.000, 600ms
      done :crit, milestone, n1, 1970-01-01T00:00:00.600, 0ms
      section slot 2
      quick :n2, 1970-01-01T00:00:00.000, 100ms
      after-quick :n0, 1970-01-01T00:00:00.100, 100ms
    "##);
}

#[test]
fn a_graph_for_graphviz_has_its_waves_as_ranks() {
    insta::assert_snapshot!(export(&World::with(ORDER), &["--format", "dot"]), @r##"
    digraph "order" {
      rankdir=LR;
      node [shape=box, style="rounded,filled", fillcolor="#eef2ff", color="#4263eb", fontname="Helvetica"];
      edge [color="#868e96"];
      "slow" [label="slow\nSlow one\n600 ms", fillcolor="#ffe8cc", color="#d9480f"];
      "quick" [label="quick\n100 ms"];
      "after-quick" [label="after-quick\n100 ms"];
      "done" [label="done\nmilestone", fillcolor="#ffe8cc", color="#d9480f"];
      "slow" -> "done" [color="#d9480f", penwidth=2];
      "quick" -> "after-quick";
      "after-quick" -> "done";
      { rank=same; "slow"; "quick"; }
      { rank=same; "after-quick"; }
      { rank=same; "done"; }
    }
    "##);
}

#[test]
fn no_text_of_a_plan_is_markup() {
    let world = World::with(HOSTILE);
    for view in ["gantt", "graph"] {
        let svg = export(&world, &["--format", "svg", "--view", view]);
        well_formed(&svg);
        assert!(!svg.contains("<script") && !svg.contains("<b>") && !svg.contains('\u{1b}'), "{svg}");
        assert!(!svg.contains('\u{202e}') && svg.contains("&lt;script&gt;"), "{svg}");
        let mermaid = export(&world, &["--view", view]);
        assert!(!mermaid.contains("<script") && !mermaid.contains("<b>"), "{mermaid}");
        let steering = ["section ", "2024", "%%"];
        let lines = mermaid.lines().filter(|line| !line.starts_with("  section slot "));
        assert!(lines.clone().all(|l| steering.iter().all(|s| !l.trim().starts_with(s))), "{mermaid}");
    }
    let dot = export(&world, &["--format", "dot"]);
    assert!(dot.contains(r#"a \"quoted\" <b>title</b> & #35; `x` \\N \\u{202e}"#), "{dot}");
    assert!(dot.starts_with(r#"digraph "evil \"]; <script>"#), "{dot}");
}

/// Tags are closed in the order in which they were opened, and every `&` begins an entity.
fn well_formed(svg: &str) {
    let mut open: Vec<&str> = vec![];
    for tag in svg.split('<').skip(1) {
        let (tag, text) = tag.split_once('>').unwrap();
        assert!(!text.contains('>'), "{text}");
        let name = tag.split([' ', '/']).find(|part| !part.is_empty()).unwrap();
        if tag.starts_with('/') {
            assert_eq!(open.pop(), Some(name));
        } else if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert_eq!(open, Vec::<&str>::new());
    for rest in svg.split('&').skip(1) {
        assert!(["amp;", "lt;", "gt;", "quot;"].iter().any(|e| rest.starts_with(e)), "{rest}");
    }
}

/// A plan of layers: every task needs up to three of the layer before, and some one far back.
fn layers(tasks: usize, width: usize) -> String {
    let mut plan =
        String::from("version: 1\nname: layers\nlimits: { max_parallel: 6 }\neffect: pure\ntasks:\n");
    for i in 0..tasks {
        let mut needs = BTreeSet::new();
        if i >= width {
            let before = i - i % width - width;
            needs.extend([before + i * 7 % width, before + i * 3 % width, i * 5 % (before + 1)]);
        }
        let needs: Vec<String> = needs.into_iter().map(|n| format!("task-{n}")).collect();
        let estimate = 1 + i * 37 % 90;
        plan.push_str(&format!(
            "  - {{ id: task-{i}, estimate: {estimate}s, needs: [{}], run: x }}\n",
            needs.join(", ")
        ));
    }
    plan
}

/// The value of an attribute.
fn attribute(tag: &str, name: &str) -> f64 {
    let rest = tag.split(&format!(" {name}=\"")).nth(1).unwrap_or_else(|| panic!("{name} in {tag}"));
    rest.split('"').next().unwrap().parse().unwrap()
}

#[test]
fn pictures_of_5_to_200_tasks_show_every_task_and_nothing_lies_over_another() {
    for (tasks, width) in [(5, 2), (40, 8), (200, 20), (200, 1)] {
        let world = World::with(&layers(tasks, width));
        for view in ["gantt", "graph"] {
            let svg = export(&world, &["--format", "svg", "--view", view]);
            well_formed(&svg);
            for i in 0..tasks {
                let shown = svg.matches(&format!(">task-{i}</text>")).count();
                assert_eq!(shown, 1, "task-{i} in {view} of {tasks}");
            }
            let head = svg.lines().next().unwrap();
            let (whole, tall) = (attribute(head, "width"), attribute(head, "height"));
            let boxes: Vec<[f64; 4]> = svg
                .lines()
                .filter(|l| l.starts_with("<rect x") && l.contains("stroke") && !l.contains("height=\"10\""))
                .map(|l| ["x", "y", "width", "height"].map(|name| attribute(l, name)))
                .collect();
            assert_eq!(boxes.len(), tasks, "{view}");
            for (n, [x, y, w, h]) in boxes.iter().enumerate() {
                assert!(*x >= 0.0 && *y >= 0.0 && x + w <= whole && y + h <= tall);
                let apart = |[ox, oy, ow, oh]: &[f64; 4]| {
                    x + w <= ox + 0.2 || ox + ow <= x + 0.2 || y + h <= oy + 0.2 || oy + oh <= y + 0.2
                };
                assert!(boxes[n + 1..].iter().all(apart), "{view} of {tasks}");
            }
        }
    }
}

#[test]
fn the_same_plan_gives_the_same_bytes_in_whatever_order_it_is_written() {
    let text = layers(60, 7);
    let (head, tasks) = text.split_once("tasks:\n").unwrap();
    let turned: Vec<&str> = tasks.lines().rev().collect();
    let (one, other) = (World::with(&text), World::with(&format!("{head}tasks:\n{}\n", turned.join("\n"))));
    for args in
        [["mermaid", "graph"], ["mermaid", "gantt"], ["dot", "graph"], ["svg", "graph"], ["svg", "gantt"]]
    {
        let args = ["--format", args[0], "--view", args[1]];
        assert_eq!(export(&one, &args), export(&other, &args), "{args:?}");
    }
}

#[test]
fn the_caps_of_the_command_line_and_a_better_order_are_drawn() {
    let world = World::with(&layers(20, 5));
    let gantt = |args: &[&str]| export(&world, &[&["--view", "gantt"], args].concat());
    assert_eq!(gantt(&["--max-parallel", "3"]).matches("  section ").count(), 3);
    assert_ne!(gantt(&["--max-parallel", "3", "--optimise", "5"]), gantt(&["--max-parallel", "3"]));
    world.regatta(&["export", "plan.yaml", "--format", "svg", "--out", "x.svg"]).exits(0);
    assert_eq!(world.read("x.svg"), export(&world, &["--format", "svg", "--view", "gantt"]), "the default");
}

#[test]
fn a_picture_replaces_what_is_there_with_force_only_also_the_plan_itself() {
    let plan = layers(2, 2);
    let world = World::with(&plan);
    world.write("mine.svg", "mine");
    for out in ["mine.svg", "plan.yaml"] {
        let said = world.regatta(&["export", "plan.yaml", "--format", "svg", "--out", out]).exits(2);
        assert!(said.err.contains("is there already; nothing was written"), "{}", said.err);
        assert!(said.err.contains("hint: `--force`"), "{}", said.err);
    }
    assert_eq!((world.read("mine.svg").as_str(), world.read("plan.yaml")), ("mine", plan));
    world.regatta(&["export", "plan.yaml", "--format", "svg", "--out", "mine.svg", "--force"]).exits(0);
    assert!(world.read("mine.svg").starts_with("<svg"), "{}", world.read("mine.svg"));
    world.regatta(&["export", "plan.yaml", "--force"]).exits(2);
}

#[test]
fn a_file_that_is_replaced_keeps_its_rights_and_links_are_followed_to_their_end() {
    let world = World::with(&layers(2, 2));
    let drawn = export(&world, &[]);
    let put = |out: &str| world.regatta(&["export", "plan.yaml", "--out", out, "--force"]);
    world.write("private", "mine");
    std::fs::set_permissions(world.path("private"), Permissions::from_mode(0o600)).unwrap();
    put("private").exits(0);
    let mode = world.path("private").metadata().unwrap().permissions().mode();
    assert_eq!((mode & 0o777, world.read("private")), (0o600, drawn.clone()));
    std::fs::create_dir(world.path("dir")).unwrap();
    symlink("dir/next", world.path("link")).unwrap();
    symlink("end", world.path("dir/next")).unwrap();
    put("link").exits(0);
    assert_eq!(world.read("dir/end"), drawn, "nothing was there");
    assert!(world.path("link").is_symlink() && world.path("dir/next").is_symlink());
    symlink("round", world.path("round")).unwrap();
    assert!(put("round").exits(4).err.contains("cannot write"), "a link that leads nowhere");
    assert!(world.path("round").is_symlink());
    let long = "x".repeat(255);
    world.regatta(&["export", "plan.yaml", "--out", &long]).exits(0);
    put(&long).exits(0);
    assert_eq!(world.read(&long), drawn);
    let said = world.regatta(&["export", "plan.yaml", "--out", &"x".repeat(256)]).exits(4);
    assert!(said.err.contains("too long"), "{}", said.err);
    let left: Vec<_> =
        std::fs::read_dir(world.root()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with(".regatta-")), "{left:?}");
}

#[test]
fn what_takes_bytes_is_written_to_and_what_is_no_file_is_refused_at_once() {
    let world = World::with(&layers(2, 2));
    let drawn = export(&world, &[]);
    for force in [&[][..], &["--force"]] {
        let put = |out: &str| world.regatta(&[&["export", "plan.yaml", "--out", out], force].concat());
        put("/dev/null").exits(0);
        assert_eq!(put("/dev/stdout").exits(0).out, drawn);
        let said = put(".").exits(2);
        assert!(said.err.contains("is not a plain file") && !said.err.contains("--force"), "{}", said.err);
    }
    let to = std::fs::File::create(world.path("kept")).unwrap();
    let mut command = world.command(&["export", "plan.yaml", "--out", "/dev/stdout"]);
    assert!(command.stdout(to).status().unwrap().success());
    assert_eq!(world.read("kept"), drawn);
}

#[test]
fn an_empty_plan_is_drawn_and_what_cannot_be_drawn_is_refused() {
    let world = World::with("version: 1\ntasks: []");
    for args in [&["--format", "svg"][..], &["--format", "svg", "--view", "graph"], &["--view", "gantt"], &[]]
    {
        export(&world, args);
    }
    let said = world.regatta(&["export", "plan.yaml", "--format", "dot", "--view", "gantt"]).exits(2);
    assert!(said.err.contains("`--format dot` draws no `gantt`"), "{}", said.err);
    let large = World::with(&layers(2_001, 50));
    let said = large.regatta(&["export", "plan.yaml", "--format", "svg", "--view", "graph"]).exits(2);
    assert!(said.err.contains("a picture of 2001 tasks could not be read"), "{}", said.err);
    let gantt = export(&large, &["--format", "svg"]);
    assert!(gantt.contains(">slot 6</text>") && gantt.matches("<title>task-").count() == 2_001);
}
