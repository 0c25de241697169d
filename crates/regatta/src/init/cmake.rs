//! C and C++: CMake.

use super::{Dir, Part, Step};

pub(super) fn look(dir: &Dir<'_>) -> Option<Part> {
    dir.has(&["CMakeLists.txt"])?;
    let mut files = vec!["CMakeLists.txt".to_owned()];
    let text = dir.read("CMakeLists.txt");
    // One that is meant to be included by another has no project of its own.
    if !text.to_ascii_lowercase().lines().any(|line| line.trim_start().starts_with("project")) {
        return None;
    }
    let mut steps = Vec::new();
    if let Some(file) = dir.has(&[".clang-format", "_clang-format"]) {
        files.push(file.to_owned());
        let sources = "git ls-files -z -- '*.c' '*.h' '*.cc' '*.cpp' '*.hpp'";
        let run = format!("{sources} | xargs -0 -r clang-format --dry-run --Werror");
        steps.push(Step::new("format", "the C and C++ code is formatted", run));
    }
    steps.push(Step::new("configure", "a build directory is made", "cmake -S . -B build"));
    steps.push(
        Step::new("build", "everything compiles", "cmake --build build --parallel").after(&["configure"]),
    );
    if text.to_ascii_lowercase().contains("enable_testing")
        || text.to_ascii_lowercase().contains("include(ctest)")
    {
        let run = "ctest --test-dir build --output-on-failure";
        steps.push(Step::new("test", "all tests pass", run).after(&["build"]));
    }
    Some(Part { kind: "cmake", name: "C or C++ with CMake".to_owned(), dir: String::new(), files, steps })
}
