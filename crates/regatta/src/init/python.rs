//! Python: a project, with the tools that its files speak of.

use super::{Dir, Part, Step};

const MARKS: [&str; 7] =
    ["pyproject.toml", "setup.py", "setup.cfg", "requirements.txt", "tox.ini", "Pipfile", "pytest.ini"];

pub(super) fn look(dir: &Dir<'_>) -> Option<Part> {
    let mark = dir.has(&MARKS)?;
    let project = dir.read("pyproject.toml");
    let setup = dir.read("setup.cfg");
    let names_tool = |name: &str| project.contains(&format!("[tool.{name}"));
    let (runner, lock) = runner(dir);
    let mut files = vec![mark.to_owned()];
    files.extend(lock.map(str::to_owned));
    let mut steps = Vec::new();
    let ruff = names_tool("ruff") || dir.has(&["ruff.toml", ".ruff.toml"]).is_some();
    let pyright = names_tool("pyright") || dir.has(&["pyrightconfig.json"]).is_some();
    let mypy = names_tool("mypy") || dir.has(&["mypy.ini", ".mypy.ini"]).is_some() || setup.contains("[mypy");
    let flake8 = dir.has(&[".flake8"]).is_some() || setup.contains("[flake8]");
    if names_tool("black") {
        steps.push(Step::new("format", "the Python code is formatted", format!("{runner}black --check .")));
    } else if ruff {
        steps.push(Step::new(
            "format",
            "the Python code is formatted",
            format!("{runner}ruff format --check ."),
        ));
    }
    if ruff {
        steps.push(Step::new("lint", "the linter finds nothing", format!("{runner}ruff check .")));
    } else if flake8 {
        steps.push(Step::new("lint", "the linter finds nothing", format!("{runner}flake8")));
    } else {
        // Reads every file; writes no bytecode beside them.
        let run = format!(
            "{runner}python3 -c \"import ast, pathlib; [ast.parse(p.read_bytes(), str(p)) for p in pathlib.Path('.').rglob('*.py')]\""
        );
        steps.push(Step::new("lint", "every file is Python", run));
    }
    if mypy {
        steps.push(Step::new("types", "types fit", format!("{runner}mypy .")));
    } else if pyright {
        steps.push(Step::new("types", "types fit", format!("{runner}pyright")));
    }
    let pytest = names_tool("pytest")
        || dir.has(&["pytest.ini", "conftest.py"]).is_some()
        || setup.contains("[tool:pytest]")
        || project.contains("\"pytest")
        || dir.read("requirements.txt").lines().any(|line| line.trim_start().starts_with("pytest"));
    let tests = dir.has(&["tests", "test"]);
    match (pytest, tests) {
        (true, _) => steps.push(Step::new("test", "all tests pass", format!("{runner}python3 -m pytest"))),
        (false, Some(tests)) => {
            let run = format!("{runner}python3 -m unittest discover -s {tests} -t .");
            steps.push(Step::new("test", "all tests pass", run));
        }
        (false, None) => {}
    }
    if project.contains("[build-system]") {
        let run = match lock {
            Some("uv.lock") => "uv build".to_owned(),
            Some("poetry.lock") => "poetry build".to_owned(),
            _ => format!("{runner}python3 -m build"),
        };
        steps.push(Step::new("build", "the package is built", run));
    }
    Some(Part { kind: "python", name: "Python".to_owned(), dir: String::new(), files, steps })
}

/// What comes before each command, and the file that said so.
fn runner<'a>(dir: &Dir<'a>) -> (&'static str, Option<&'a str>) {
    let lock = dir.has(&["uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock"]);
    let runner = match lock {
        Some("uv.lock") => "uv run ",
        Some("poetry.lock") => "poetry run ",
        Some("pdm.lock") => "pdm run ",
        Some(_) => "pipenv run ",
        None => "",
    };
    (runner, lock)
}
