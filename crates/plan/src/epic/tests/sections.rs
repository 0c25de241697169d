//! Tests of headings, and of what a section says of its files.

use super::*;

#[test]
fn headings_name_domains_and_sections_hand_them_down() {
    let text = "---\nepic: EPIC-7\ntitle: Login\n---\n# Backend rework\n- `a.py`\n## 2. Frontend tasks\n- `b.go`\n### Dialogs\n- `c.go`\n\
                ## Phase 2: Database\n- `d.go`\n## Login page (docs)\n- `e.go`\n## The backend of things\n- `f.go`\n";
    let epic = read(text);
    assert_eq!((epic.id.as_deref(), epic.title.as_deref()), (Some("EPIC-7"), Some("Login")));
    let found: Vec<(&str, Option<&str>)> =
        epic.sections.iter().map(|s| (s.title.as_str(), s.domain.as_deref())).collect();
    assert_eq!(
        found,
        [
            ("", None),
            ("Backend rework", None),
            ("2. Frontend tasks", Some("frontend")),
            ("Dialogs", Some("frontend")),
            ("Phase 2: Database", Some("database")),
            ("Login page (docs)", Some("docs")),
            ("The backend of things", None),
        ]
    );
    assert_eq!(epic.files["c.go"].sections, [3]);
}

#[test]
fn criteria_estimates_and_domains_belong_to_their_section() {
    let text = "# T\n\n## Task 1\n\nDomain: backend\n\n- Estimate: 2 hours\n- `a.go`\n\n### Acceptance criteria\n\n- [ ] it works\n\n\
                ## Task 2\n\n- Domain: mobile\n- Estimated time: soon\n- `b.go`\n\n# Success Criteria\n\n- all is well\n\n## References\n\n- `a.go`\n- `z.md`\n";
    let epic = read(text);
    let first = &epic.sections[1];
    assert_eq!((first.domain.as_deref(), first.estimate_ms), (Some("backend"), Some(7_200_000)));
    assert_eq!(
        (first.accept.as_slice(), epic.accept.as_slice()),
        (&["it works".to_owned()][..], &["all is well".to_owned()][..])
    );
    assert_eq!(epic.sections[2].domain.as_deref(), Some("other"));
    let told: Vec<String> = epic.facts().iter().map(|f| format!("{} {}", f.line, f.message)).collect();
    assert_eq!(
        told,
        [
            "16 `mobile` is no domain; its files are of `other`",
            "17 `soon` is no time",
            "27 `z.md` is spoken of, and no unit has it"
        ]
    );
}

#[test]
fn the_epic_is_called_as_its_folder_or_file_says() {
    for (path, expect) in [
        ("docs/EPIC-7-login/implementation-details/file-tasks.md", Some("EPIC-7")),
        ("/x/AUTH-12-a-b/tasks.md", Some("AUTH-12")),
        ("EPIC-7/tasks.md", Some("tasks")),
        ("a/login.tasks.md", Some("login")),
        ("a b.md", None),
        ("", None),
    ] {
        assert_eq!(epic_of_path(path).as_deref(), expect, "{path}");
    }
    assert_eq!(problems("---\nepic: a b\n---\n- `a.py`"), ["RG009 2:7 `a b` is not an id"]);
    assert_eq!(problems("---\nepic: [\n---\n- `a.py`").len(), 1);
}
