//! Tests of the task list: the five spellings, problems with their places.

use super::*;

mod sections;

fn read(text: &str) -> Epic {
    let domains = Domains::default();
    epic(("tasks.md", text.as_bytes()), Reading { domains: &domains, strict: false })
}

/// Paths with their notes, a line each.
fn files(text: &str) -> Vec<String> {
    let epic = read(text);
    let shown = |(path, facts): (&String, &FileFacts)| match facts.notes[..] {
        [] => path.clone(),
        _ => format!("{path} | {}", facts.notes.join(" + ")),
    };
    epic.files.iter().map(shown).collect()
}

fn problems(text: &str) -> Vec<String> {
    read(text).facts().iter().map(|f| format!("{} {}:{} {}", f.code, f.line, f.column, f.message)).collect()
}

#[test]
fn files_are_named_in_five_spellings() {
    for (text, expect) in [
        ("- `src/api/a.py`: the login", "src/api/a.py | the login"),
        ("* [ ] `src/api/a.py` (new)", "src/api/a.py | new"),
        ("1. `Makefile`", "Makefile"),
        ("- src/api/a.py - the login", "src/api/a.py | the login"),
        ("- src/__tests__/a.ts", "src/__tests__/a.ts"),
        ("- src/api/__init__.py", "src/api/__init__.py"),
        ("- __init__.py", "__init__.py"),
        ("- .gitignore", ".gitignore"),
        ("- bin/run", "bin/run"),
        ("- Create src/a.py with a class", "src/a.py | with a class"),
        ("- **File**: `src/a.py`", "src/a.py"),
        ("- File to create: src/a.py", "src/a.py"),
        ("- **src/a.py** — the class", "src/a.py | the class"),
        ("**src/a.py**: the class", "src/a.py | the class"),
        ("**`src/a.py`**", "src/a.py"),
        ("**File:** `x`\n\n**src/a.py**", "src/a.py"),
        ("### src/a.py", "src/a.py"),
        ("### 1. `src/a.py` (new)", "src/a.py | new"),
        ("### Task 3: src/a.py", "src/a.py"),
        ("### The model (`src/a.py`)", "src/a.py"),
        ("### src/a.py\n\nThe model\nof users.\n\n- a field", "src/a.py | The model of users. + a field"),
        ("```\nsrc/a.py   # the model\n```", "src/a.py | the model"),
        ("```text\n- src/a.py\n```", "src/a.py"),
        ("```python\n# src/a.py\nimport os\n```", "src/a.py"),
        ("[x](http://y.z)\n\n- [src/a.py](../src/a.py)", "src/a.py"),
    ] {
        assert_eq!(files(text), [expect], "{text}");
    }
}

#[test]
fn what_brackets_say_about_a_file_stays_whole() {
    for (text, expect) in [
        ("- `src/a.py` (new) — REST endpoint", "src/a.py | (new) — REST endpoint"),
        ("- `src/a.py` (modify)", "src/a.py | modify"),
        ("- src/a.py (new, for users (of all kinds))", "src/a.py | new, for users (of all kinds)"),
        ("- `src/a.py` - (new) and (old)", "src/a.py | (new) and (old)"),
        ("- `src/a.py` (unclosed", "src/a.py | unclosed"),
        ("- The model (`src/a.py`)\n- `src/a.py`", "src/a.py"),
    ] {
        assert_eq!(files(text), [expect], "{text}");
    }
}

#[test]
fn a_table_below_the_heading_of_a_file_is_not_glued_to_what_is_said_about_it() {
    let text = "### src/a.py\n\nThe model.\n\n| Field | Type |\n|---|---|\n| id | int |\n\n- and more\n";
    assert_eq!(files(text), ["src/a.py | The model. + and more"]);
    // What it names is told as before.
    let told = problems("### src/a.py\n\n| File |\n|---|\n| src/b.py |\n");
    assert_eq!(told, ["RG006 5:3 `src/b.py` is spoken of, and no unit has it"]);
}

#[test]
fn a_file_with_a_line_number_and_the_target_of_a_link_are_files() {
    for (text, expect) in [
        ("- `src/q.py:10` fix the bug", "src/q.py | fix the bug"),
        ("- `server.js:12-40`", "server.js"),
        ("- `src/a.py:10:5`: there", "src/a.py | there"),
        ("- src/a.py:12-40 - there", "src/a.py | there"),
        ("- `src/a.py#L10-L20`", "src/a.py"),
        ("- [the model](src/api/linked2.py)", "src/api/linked2.py"),
        ("- [the model](src/api/linked2.py): users", "src/api/linked2.py | users"),
        ("- [ ] [the **big** `model`](./src/a.py#L3) of users", "src/a.py | of users"),
        ("- [it](<src/b c.py>), [that](src/a.py#top)", "src/a.py+src/b c.py"),
        ("- **[it][1]** - x\n\n[1]: src/a.py", "src/a.py | x"),
        ("### [The model](src/a.py)", "src/a.py"),
    ] {
        assert_eq!(files(text).join("+"), expect, "{text}");
    }
    assert_eq!(
        problems(
            "- `a.py`\n- read [the design](docs/x.md) and [this](../y.md) and [z](http://a.b/c.md)\n- `localhost:80` and `a:b`"
        ),
        [
            "RG006 2:8 `docs/x.md` is spoken of, and no unit has it",
            "RG006 2:36 `../y.md` is spoken of, and no unit has it",
        ]
    );
}

#[test]
fn a_heading_that_only_says_that_files_follow_is_no_part_of_the_work() {
    let text = "# T\n\n## Files to create\n- `src/a.py`\n\n## New files:\n- `src/b.py`\n\n## Files to modify (3)\n- `src/c.py`\n\n## Files to delete\n- `src/c2.py`: old\n\n## Sessions\n- `src/d.py`\n";
    let domains = Domains::default();
    let work = crate::analysis::of_epic(&read(text), &domains);
    let lines: Vec<&String> = work.units.values().flat_map(|unit| &unit.description).collect();
    assert_eq!(
        lines,
        ["Sessions", "src/a.py", "src/b.py", "src/c.py", "src/c2.py: to be deleted; old", "src/d.py"]
    );
}

#[test]
fn a_file_is_to_be_deleted_only_where_nothing_says_otherwise() {
    let told = |text: &str| -> String {
        let work = crate::analysis::of_epic(&read(text), &Domains::default());
        let lines = work.units.values().flat_map(|unit| unit.description.clone());
        lines.filter(|line| line.starts_with("src/")).collect::<Vec<_>>().join("|")
    };
    for heading in [
        "Files to add, modify or delete",
        "Added, modified and removed files",
        "New and deleted files",
        "Files to edit / remove",
        "Deleted and updated files",
        "Files touched or removed",
    ] {
        assert_eq!(told(&format!("# T\n\n## {heading}\n- src/new.py: the login\n")), "src/new.py: the login");
    }
    for heading in [
        "Files to delete",
        "Removed files",
        "Existing files to remove",
        "All affected files to be deleted (2)",
    ] {
        let text = format!("# T\n\n## {heading}\n- src/a.py: old\n");
        assert_eq!(told(&text), "src/a.py: to be deleted; old", "{heading}");
    }
    let both = "# T\n\n## Deleted files\n- src/a.py\n- src/b.py\n\n## Files to create\n- src/a.py: new one\n\n## Files\n- src/b.py\n";
    assert_eq!(told(both), "src/a.py: new one|src/b.py: to be deleted");
    let with_words =
        "# T\n\n## Deleted files\n- src/a.py\n\n## Files to create for the login\n- src/a.py: new one\n";
    assert_eq!(told(with_words), "src/a.py: new one");
}

#[test]
fn a_long_heading_only_lists_nothing_and_is_looked_at_once() {
    let words = "delete ".repeat(300_000);
    let bullets: String = (0..3_000).map(|i| format!("- src/f{i}.py\n")).collect();
    let text = format!("# T\n\n## Files to {words}\n{bullets}");
    let work = crate::analysis::of_epic(&read(&text), &Domains::default());
    let lines: Vec<&String> = work.units.values().flat_map(|unit| &unit.description).collect();
    assert!(lines.iter().all(|line| !line.contains("to be deleted")));
    assert_eq!(lines.iter().filter(|line| line.starts_with("src/")).count(), 3_000);
}

#[test]
fn a_path_with_blanks_is_a_file_between_backticks_and_told_elsewhere() {
    assert_eq!(
        files(
            "- `src/with space.py` - it\n- `docs/My Plan v2.md`\n- **`src/b c/d.py`**\n\n### The model (`src/my model.py`)"
        ),
        ["docs/My Plan v2.md", "src/b c/d.py", "src/my model.py", "src/with space.py | it"]
    );
    assert_eq!(files("- `./my file.py`"), ["my file.py"]);
    assert_eq!(
        problems(
            "- `a.py`\n- src/with space2.py\n- `my file.py`\n- `a b/c.py` new\n\n```\nsrc/in fence.py  # x\n```\n"
        ),
        [
            "RG006 2:3 `src/with space2.py` may be a file or not",
            "RG006 3:3 `my file.py` may be a file or not",
            "RG006 4:3 `a b/c.py` may be a file or not",
            "RG006 7:1 `src/in fence.py` may be a file or not",
        ]
    );
    // What is typed is no file, what it names is spoken of.
    assert_eq!(
        problems(
            "- `a.py`\n- `npm run build`\n- `pytest tests/test_a.py -q`\n- `python a.py`\n- and/or main\n- client/server work in main.py"
        ),
        ["RG006 3:3 `tests/test_a.py` is spoken of, and no unit has it"]
    );
}

#[test]
fn a_path_that_cannot_be_used_is_told_never_dropped() {
    assert_eq!(
        problems(
            "- `a.py`\n- /etc/passwd\n- `C:\\x\\y.py`\n- C:/x/y.py\n- `\\\\host\\x`\n- `src\\x.py`\n- `src/a;b.py`\n- `~/.bashrc`\n- /home/me/x\n\n\
             ```\n/usr/bin/env\n```\n- /api/users\n- `GET /api/users`\n"
        ),
        [
            "RG006 2:3 `/etc/passwd` is not a path inside the workspace",
            "RG006 3:3 `C:\\x\\y.py` is not a path inside the workspace",
            "RG006 4:3 `C:/x/y.py` is not a path inside the workspace",
            "RG006 5:3 `\\\\host\\x` is not a path inside the workspace",
            "RG006 6:3 `src\\x.py` may be a file or not",
            "RG006 7:3 `src/a;b.py` may be a file or not",
            "RG006 8:3 `~/.bashrc` is not a path inside the workspace",
            "RG006 9:3 `/home/me/x` is not a path inside the workspace",
            "RG006 12:1 `/usr/bin/env` is not a path inside the workspace",
        ]
    );
    assert_eq!(files("- `src/😀.py`\n- src/cafe\u{301}.py"), ["src/cafe\u{301}.py", "src/😀.py"]);
}

#[test]
fn several_files_of_one_item_are_all_taken() {
    assert_eq!(
        files("- `a.py`, `b.py` and `src/c.py`: three"),
        ["a.py | three", "b.py | three", "src/c.py | three"]
    );
    assert_eq!(files("- **Files**: a.py, b.py & c.py"), ["a.py", "b.py", "c.py"]);
}

#[test]
fn a_call_in_a_code_fence_is_not_a_file() {
    let text = "- `a.py`\n\n```\nuser.save()\nself.api.get(x)\nos.path.join(a, b)\nreturn x/y\n```\n\n```python\napp.run\nfoo/bar\nx = open('b.py')\n```\n";
    assert_eq!(files(text), ["a.py"]);
    assert_eq!(problems(text), [""; 0]);
    assert_eq!(
        files("- `user.save()`\n- `login()` in `a.py`\n- Node.js\n- and/or\n- GET /api/users\n- x.py"),
        ["x.py"]
    );
}

#[test]
fn trees_are_read_with_the_directories_above() {
    let drawn = "```\nsrc/\n├── api/\n│   ├── users.py    # users\n│   └── Makefile\n├── lib\n│   └── run\n└── main.py\nREADME.md\n```";
    assert_eq!(
        files(drawn),
        ["README.md", "src/api/Makefile", "src/api/users.py | users", "src/lib/run", "src/main.py"]
    );
    assert_eq!(files("```\n.\n├── a.py\n└── b/\n    └── c.py\n```"), ["a.py", "b/c.py"]);
    assert_eq!(files("```\nsrc/\n  api/\n    a.py\n  b.py\n```"), ["src/api/a.py", "src/b.py"]);
}

#[test]
fn what_may_be_a_file_and_nobody_can_tell_is_reported_with_its_place() {
    assert_eq!(
        problems(
            "# T\n\n- `a.py`\n- `user.email`\n- `src/api/`\n- src/**/*.py\n- ../b.py\n\nSee `docs/x.md` and `a.py`.\n"
        ),
        [
            "RG006 4:3 `user.email` may be a file or not",
            "RG006 5:3 `src/api/` names a directory, not its files",
            "RG006 6:3 `src/**/*.py` is a pattern, not a file",
            "RG006 7:3 `../b.py` is not a path inside the workspace",
            "RG006 9:5 `docs/x.md` is spoken of, and no unit has it",
        ]
    );
    assert_eq!(problems("# T\n\nNothing here.\n"), ["RG007 1:1 the task list names no file"]);
    assert_eq!(problems(""), ["RG007 1:1 the task list names no file"]);
}

#[test]
fn a_document_that_is_too_large_or_no_text_is_refused() {
    let domains = Domains::default();
    let read = |bytes: &[u8]| {
        epic(("x", bytes), Reading { domains: &domains, strict: false }).facts()[0].message.clone()
    };
    assert_eq!(read(b"- `a.py`\n\xff"), "the document is not UTF-8 here");
    assert!(read(&vec![b'a'; MAX_DOCUMENT_BYTES + 1]).contains("more than 4 MiB"));
}
