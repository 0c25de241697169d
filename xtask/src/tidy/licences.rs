//! The licence of every crate in the dependency tree is one we may ship under.
//!
//! It trusts the `license` field of the manifests and reads no licence text.

use super::deps::Metadata;
use super::finding::Finding;
use super::spdx::allows;
use std::path::Path;

const ALLOWED: [&str; 12] = [
    "MIT",
    "MIT-0",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "ISC",
    "Zlib",
    "Unlicense",
    "Unicode-3.0",
    "CC0-1.0",
    "BSL-1.0",
    "0BSD",
];

/// Crates of the tree for this machine, development included, whose licence is not on the list.
pub(crate) fn check(root: &Path) -> Vec<Finding> {
    match Metadata::read_tree(root) {
        Ok(metadata) => judge(&metadata),
        Err(finding) => vec![*finding],
    }
}

fn judge(metadata: &Metadata) -> Vec<Finding> {
    let foreign = metadata.packages.iter().filter(|package| package.source.is_some());
    let refused = foreign.filter(|package| !allows(package.license.as_deref().unwrap_or(""), &ALLOWED));
    refused
        .map(|package| Finding {
            path: "Cargo.lock".to_owned(),
            line: 0,
            rule: "licence",
            message: format!(
                "`{}` {} has the licence `{}`",
                package.name,
                package.version,
                package.license.as_deref().unwrap_or("none")
            ),
            hint: "choose another crate; the allowed licences are in xtask/src/tidy/licences.rs",
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::finding::messages;
    use super::*;

    #[test]
    fn a_crate_needs_an_allowed_licence_and_ours_are_not_asked() {
        let metadata = Metadata::parse(
            r#"{"packages": [
            {"name": "a", "version": "1.0.0", "license": "GPL-3.0", "source": "r", "dependencies": []},
            {"name": "b", "version": "1.0.0", "license": null, "source": "r", "dependencies": []},
            {"name": "c", "version": "1.0.0", "license": "Apache-2.0/MIT", "source": "r", "dependencies": []},
            {"name": "d", "version": "1.0.0", "license": "none of it", "source": null, "dependencies": []}]}"#,
        );
        let expect = [
            "Cargo.lock:0: `a` 1.0.0 has the licence `GPL-3.0`",
            "Cargo.lock:0: `b` 1.0.0 has the licence `none`",
        ];
        assert_eq!(messages(&judge(&metadata.unwrap())), expect);
    }
}
