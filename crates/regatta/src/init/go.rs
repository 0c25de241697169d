//! Go: a module, with the linter that it has settings for.

use super::{Dir, Part, Step};

pub(super) fn look(dir: &Dir<'_>) -> Option<Part> {
    dir.has(&["go.mod"])?;
    let mut files = vec!["go.mod".to_owned()];
    let linter = dir.has(&[".golangci.yml", ".golangci.yaml", ".golangci.toml", ".golangci.json"]);
    files.extend(linter.map(str::to_owned));
    let lint = if linter.is_some() { "golangci-lint run" } else { "go vet ./..." };
    let steps = vec![
        // gofmt tells what it would change by a list, not by its exit code.
        Step::new(
            "format",
            "the Go code is formatted",
            "unformatted=$(gofmt -l .); echo \"$unformatted\"; test -z \"$unformatted\"",
        ),
        Step::new("build", "everything compiles", "go build ./..."),
        Step::new("lint", "the linter finds nothing", lint).after(&["build"]),
        Step::new("test", "all tests pass", "go test ./...").after(&["build"]),
    ];
    Some(Part { kind: "go", name: "Go".to_owned(), dir: String::new(), files, steps })
}
