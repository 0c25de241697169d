//! JavaScript and TypeScript: a package of npm, pnpm, yarn or bun.

use super::{Dir, Part, Step, keep_known};
use serde_json::Value;

/// Id, what it does, names of scripts for it, what comes before.
const KNOWN: [(&str, &str, &[&str], &[&str]); 5] = [
    (
        "format",
        "the code is formatted",
        &[
            "format:check",
            "check:format",
            "fmt:check",
            "check:fmt",
            "prettier:check",
            "format-check",
            "check-format",
        ],
        &["install"],
    ),
    ("lint", "the linter finds nothing", &["lint", "lint:check", "eslint"], &["install"]),
    ("types", "types fit", &["typecheck", "type-check", "types", "check-types", "tsc"], &["install"]),
    ("build", "the package is built", &["build", "compile"], &["install"]),
    ("test", "all tests pass", &["test:ci", "test", "test:unit"], &["install"]),
];
/// Steps by a tool that is installed, where no script does it: id, what it does, package, command.
const TOOLS: [(&str, &str, &str, &str); 3] = [
    ("format", "the code is formatted", "prettier", "prettier --check ."),
    ("lint", "the linter finds nothing", "eslint", "eslint ."),
    ("types", "types fit", "typescript", "tsc --noEmit"),
];
/// What `npm init` writes is no test.
const NO_TEST: &str = "no test specified";

/// A package manager: its name, how it installs, how it runs a script and a tool.
struct Manager {
    name: &'static str,
    install: &'static str,
    script: &'static str,
    tool: &'static str,
}

pub(super) fn look(dir: &Dir<'_>) -> Option<Part> {
    dir.has(&["package.json"])?;
    let package: Value = serde_json::from_str(&dir.read("package.json")).ok()?;
    let (manager, lock) = manager(dir, &package);
    let mut files = vec!["package.json".to_owned()];
    files.extend(lock.map(str::to_owned));
    let scripts = &package["scripts"];
    let script = |name: &&&str| scripts[**name].as_str().is_some_and(|text| !text.contains(NO_TEST));
    let mut steps: Vec<Step> = KNOWN
        .iter()
        .filter_map(|(id, title, names, needs)| {
            let name = names.iter().find(script)?;
            Some(Step::new(*id, *title, format!("{} {name}", manager.script)).after(needs))
        })
        .collect();
    for (id, title, tool, run) in TOOLS {
        let installed =
            ["dependencies", "devDependencies"].iter().any(|kind| package[*kind][tool].is_string());
        // Without a configuration of its own, tsc and eslint do not know what to look at.
        let ready = match tool {
            "typescript" => dir.has(&["tsconfig.json"]).is_some(),
            "eslint" => {
                dir.names.iter().any(|n| n.starts_with("eslint.config.") || n.starts_with(".eslintrc"))
            }
            _ => true,
        };
        if installed && ready && !steps.iter().any(|step| step.id == id) {
            steps.push(Step::new(id, title, format!("{} {run}", manager.tool)).after(&["install"]));
        }
    }
    if let (Some(test), true) =
        (steps.iter().position(|s| s.id == "test"), steps.iter().any(|s| s.id == "build"))
    {
        // `build` comes after `install` by itself.
        steps[test].needs = vec!["build"];
    }
    steps.sort_by_key(|step| KNOWN.iter().position(|(id, ..)| *id == step.id));
    let installs = ["dependencies", "devDependencies"]
        .iter()
        .any(|kind| package[*kind].as_object().is_some_and(|packages| !packages.is_empty()));
    if installs || lock.is_some() {
        steps.insert(0, Step::new("install", "dependencies are installed", manager.install));
    }
    keep_known(&mut steps);
    let name = format!("JavaScript or TypeScript with {}", manager.name);
    (!steps.is_empty()).then(|| Part { kind: "node", name, dir: String::new(), files, steps })
}

/// By the lock file, else by the field `packageManager`, else npm; and the lock file.
fn manager<'a>(dir: &Dir<'a>, package: &Value) -> (Manager, Option<&'a str>) {
    let lock = dir.has(&[
        "pnpm-lock.yaml",
        "yarn.lock",
        "bun.lock",
        "bun.lockb",
        "package-lock.json",
        "npm-shrinkwrap.json",
    ]);
    let named = package["packageManager"].as_str().unwrap_or_default();
    let name = match lock {
        Some("pnpm-lock.yaml") => "pnpm",
        Some("yarn.lock") => "yarn",
        Some("bun.lock" | "bun.lockb") => "bun",
        Some(_) => "npm",
        None => {
            ["pnpm", "yarn", "bun"].into_iter().find(|n| named.starts_with(&format!("{n}@"))).unwrap_or("npm")
        }
    };
    let manager = match name {
        "pnpm" => {
            let install = if lock.is_some() { "pnpm install --frozen-lockfile" } else { "pnpm install" };
            Manager { name, install, script: "pnpm run", tool: "pnpm exec" }
        }
        "yarn" => {
            let old = dir.read("yarn.lock").contains("# yarn lockfile v1");
            let install = match (lock, old) {
                (None, _) => "yarn install",
                (Some(_), true) => "yarn install --frozen-lockfile",
                (Some(_), false) => "yarn install --immutable",
            };
            Manager { name, install, script: "yarn run", tool: "yarn run" }
        }
        "bun" => {
            let install = if lock.is_some() { "bun install --frozen-lockfile" } else { "bun install" };
            Manager { name, install, script: "bun run", tool: "bunx" }
        }
        _ => {
            let install = if lock.is_some() { "npm ci" } else { "npm install" };
            Manager { name: "npm", install, script: "npm run", tool: "npx --no-install" }
        }
    };
    (manager, lock)
}
