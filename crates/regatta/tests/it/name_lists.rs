//! Lists of names that `analyze` reads from a pipe, as git prints them.

use crate::repo_world::{git, repository};
use crate::world::World;
use serde_json::{Value, json};
use std::io::Write as _;
use std::process::{Output, Stdio};

/// Feeds standard input.
fn piped(world: &World, bytes: &[u8]) -> Output {
    let mut child = world
        .command(&["analyze", "-", "--json"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(bytes).unwrap();
    child.wait_with_output().unwrap()
}

fn domains(said: &Output) -> Value {
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    serde_json::from_slice::<Value>(&said.stdout).unwrap()["domains"].clone()
}

#[test]
fn names_with_blanks_and_letters_that_git_quotes_are_files_however_git_prints_them() {
    let world = repository();
    for name in ["src/a.py", "src/b c.py", "src/ä.py", "src/\"q\".py", "web/x.tsx", "my notes.md"] {
        world.write(name, "");
    }
    git(&world, &["add", "-A"]);
    git(&world, &["commit", "-qm", "files"]);
    let first = git(&world, &["rev-list", "--max-parents=0", "HEAD"]);
    let expect = json!({
        "backend": ["src/\"q\".py", "src/a.py", "src/b c.py", "src/ä.py"],
        "docs": ["my notes.md"],
        "frontend": ["web/x.tsx"],
    });
    for form in [&["diff", "--name-only"][..], &["diff", "--name-only", "-z"]] {
        let listed = world.program("git", &[form, &[first.trim(), "HEAD"]].concat()).output().unwrap().stdout;
        assert!(listed.len() > 40, "{listed:?}");
        assert_eq!(domains(&piped(&world, &listed)), expect, "{form:?}");
    }
    // What is gone is still named.
    let said = piped(&world, b"src/a.py\nsrc/gone away.py\ngone notes.md\n\"src/\\344.py\"\n");
    assert_eq!(domains(&said)["backend"], json!(["src/a.py", "src/gone away.py"]));
    assert_eq!(
        String::from_utf8_lossy(&said.stderr),
        "note: `src/�.py` is not UTF-8: plans cannot name it\n\
         note: `gone notes.md` may be a file or not: write it between double quotes if it is one\n"
    );
}
