//! Tests of the rules of domains: a table of paths, and what settings change.

use super::*;

fn shown(domains: &Domains, path: &str) -> String {
    domains.of(path).into_iter().collect::<Vec<_>>().join("+")
}

#[test]
fn the_most_specific_rule_wins_whatever_stands_first() {
    let domains = Domains::default();
    for (expect, paths) in [
        (
            "backend",
            "src/api/users.ts src/backend/x api/x.ts services/mail.ts src/models/user.ts a/src/api/x.ts",
        ),
        ("backend", "x.py cmd/main.go lib/a.rs src/users.service.ts web/users.controller.js app.router.ts"),
        (
            "frontend",
            "src/components/Button.ts pages/index.html ui/x.ts frontend/app.js a/b/x.tsx x.vue style.css",
        ),
        ("frontend", "src/pages/api.ts web/components/api.js"),
        (
            "database",
            "migrations/001.py src/database/pool.ts alembic/env.py schemas/user.json x.sql db/seed.sql",
        ),
        ("database", "src/api/migrations/001.py"),
        (
            "tests",
            "tests/x.bin test/a.rb src/__tests__/a.ts test_users.py users_test.go a.test.tsx a.spec.ts",
        ),
        // A test in `src/api/` is a test, and so is SQL below `tests/`, whatever lies nearer.
        (
            "tests",
            "src/api/test_users.py src/api/users.test.ts tests/db/x.sql tests/database/seed.sql tests/api/a.py",
        ),
        ("tests", "tests/README.md components/Button.test.tsx tests/users.service.ts"),
        ("docs", "docs/a.png README README.md src/api/README.md CHANGES.rst docs/database/schema.sql"),
        ("other", "Makefile .gitignore .env Cargo.toml src/lib.ts package.json apis/x.ts testing/x src/api"),
    ] {
        for path in paths.split(' ') {
            assert_eq!(shown(&domains, path), expect, "{path}");
        }
    }
}

#[test]
fn equally_specific_rules_of_two_domains_are_told_both() {
    let domains = Domains::default();
    assert_eq!(shown(&domains, "README.service.md"), "backend+docs");
    let settings = BTreeMap::from([("mobile".to_owned(), vec!["components/".to_owned()])]);
    assert_eq!(shown(&Domains::new(&settings), "components/a.css"), "frontend+mobile");
}

#[test]
fn settings_take_the_place_of_built_in_rules_and_add_domains() {
    let given =
        |name: &str, patterns: &[&str]| (name.to_owned(), patterns.iter().map(|p| (*p).to_owned()).collect());
    let settings = BTreeMap::from([
        given("backend", &["server/**", "*.kt"]),
        given("infra", &["*.tf", "/deploy/", "Makefile", "src/api/main.py"]),
    ]);
    let domains = Domains::new(&settings);
    for (path, expect) in [
        ("server/a/b.ts", "backend"),
        ("x.py", "other"),
        ("src/api/x.ts", "other"),
        ("src/api/main.py", "infra"),
        ("deploy/x.tf", "infra"),
        ("a/deploy/x.yml", "other"),
        ("a/Makefile", "infra"),
        ("tests/a.kt", "tests"),
    ] {
        assert_eq!(shown(&domains, path), expect, "{path}");
    }
    assert_eq!(domains.order(), ["database", "backend", "frontend", "infra", "tests", "docs", "other"]);
    assert_eq!(
        (domains.meant("Infra"), domains.meant("DB"), domains.meant("x")),
        (Some("infra"), Some("database"), None)
    );
    assert!(domains.has("infra") && domains.has("other") && !domains.has("mobile"));
}

#[test]
fn what_is_no_rule_is_refused() {
    for bad in ["", "/", "../x", "a[", "{a"] {
        assert!(refuse_pattern(bad).is_some(), "{bad}");
    }
    for good in ["a/", "/a/", "*.rs", "src/**", "a/*/b.{c,d}"] {
        assert_eq!(refuse_pattern(good), None, "{good}");
    }
    assert!(["other", "a b", "Backend", ""].iter().all(|name| refuse_name(name).is_some()));
    assert_eq!(refuse_name("a-b"), None);
}
