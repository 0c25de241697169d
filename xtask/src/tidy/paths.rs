//! What a path says about a file: its crate, its place among the modules, whether it is test code.
//!
//! It looks at paths only and never opens a file.

/// The directory of the crate a Rust file belongs to.
pub(crate) fn crate_of(path: &str) -> Option<&str> {
    let end = path.find("/src/").or_else(|| path.find("/tests/"))?;
    Some(&path[..end])
}

/// The module path inside the crate; empty for `lib.rs` and `main.rs`, `None` outside `src`.
pub(crate) fn module_of(path: &str) -> Option<Vec<&str>> {
    let inside = path.split_once("/src/")?.1.strip_suffix(".rs")?;
    let mut parts: Vec<&str> = inside.split('/').collect();
    if matches!(parts.last(), Some(&("mod" | "lib" | "main"))) {
        parts.pop();
    }
    Some(parts)
}

/// Whether all of a Rust file is test code.
pub(crate) fn is_test(path: &str) -> bool {
    let stem = path.strip_suffix(".rs").unwrap_or(path);
    stem.split('/').any(|part| part == "tests" || part == "benches") || stem.ends_with("_tests")
}

/// Whether a file is data of a test, whose exact bytes are the point.
pub(crate) fn is_test_data(path: &str) -> bool {
    let in_tests = path.contains("/tests/") || path.contains("/testdata/");
    path.ends_with(".snap") || (in_tests && !path.ends_with(".rs"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_names_its_crate_and_module() {
        assert_eq!(crate_of("crates/plan/src/yaml/read.rs"), Some("crates/plan"));
        assert_eq!(crate_of("crates/plan/tests/it/main.rs"), Some("crates/plan"));
        assert_eq!(crate_of("README.md"), None);
        assert_eq!(module_of("crates/plan/src/yaml/read.rs").unwrap(), ["yaml", "read"]);
        assert_eq!(module_of("crates/plan/src/yaml/mod.rs").unwrap(), ["yaml"]);
        assert!(module_of("xtask/src/main.rs").unwrap().is_empty());
    }

    #[test]
    fn test_code_and_test_data_are_told_apart() {
        assert!(is_test("crates/plan/tests/it/main.rs") && is_test("crates/plan/src/yaml/tests.rs"));
        assert!(!is_test("crates/plan/src/attests.rs"));
        assert!(is_test_data("crates/journal/tests/it/golden/events.jsonl"));
        assert!(!is_test_data("crates/plan/tests/it/main.rs") && !is_test_data("README.md"));
    }
}
