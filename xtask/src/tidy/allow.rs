//! The tables of allowed dependencies: who may use what, and what a pure crate may draw in.
//!
//! Data only. A new entry needs its reason in docs/dependencies.md.

/// The direct dependencies of one crate, by kind; those of ours are the direction law.
pub(crate) struct Allowed {
    pub(crate) name: &'static str,
    pub(crate) directory: &'static str,
    pub(crate) normal: &'static [&'static str],
    pub(crate) dev: &'static [&'static str],
    pub(crate) build: &'static [&'static str],
}

pub(crate) const CRATES: &[Allowed] = &[
    Allowed {
        name: "regatta-engine",
        directory: "crates/engine",
        normal: &["sha2", "thiserror"],
        dev: &["insta", "petgraph", "proptest", "serde_jcs", "serde_json"],
        build: &[],
    },
    Allowed {
        name: "regatta-plan",
        directory: "crates/plan",
        normal: &[
            "regatta-engine",
            "annotate-snippets",
            "cel",
            "globset",
            "granit-parser",
            "jsonc-parser",
            "serde",
            "serde_json",
            "sha2",
            "strsim",
            "thiserror",
            "toml",
        ],
        dev: &["jsonschema", "proptest"],
        build: &[],
    },
    Allowed {
        name: "regatta-journal",
        directory: "crates/journal",
        normal: &[
            "regatta-engine",
            "regatta-fault",
            "rusqlite",
            "rustix",
            "serde",
            "serde_json",
            "sha2",
            "thiserror",
        ],
        dev: &["insta", "tempfile"],
        build: &[],
    },
    Allowed {
        name: "regatta-runtime",
        directory: "crates/runtime",
        normal: &[
            "regatta-engine",
            "regatta-fault",
            "regatta-journal",
            "regatta-plan",
            "globset",
            "ignore",
            "libc",
            "rustix",
            "serde",
            "serde_json",
            "sha2",
            "thiserror",
        ],
        dev: &["tempfile"],
        build: &[],
    },
    Allowed {
        name: "regatta",
        directory: "crates/regatta",
        normal: &[
            "regatta-engine",
            "regatta-fault",
            "regatta-journal",
            "regatta-plan",
            "regatta-rng",
            "regatta-runtime",
            "anstream",
            "clap",
            "clap_complete",
            "clap_mangen",
            "rustix",
            "serde",
            "serde_json",
            "sha2",
            "signal-hook",
            "toml",
            "unicode-width",
            "uuid",
        ],
        dev: &["insta", "regatta-crash", "rusqlite", "rustix", "serde_jcs", "snapbox", "tempfile", "vt100"],
        build: &[],
    },
    Allowed {
        name: "regatta-sim",
        directory: "crates/sim",
        normal: &["regatta-engine", "regatta-journal", "regatta-rng", "regatta-runtime"],
        dev: &["proptest", "tempfile"],
        build: &[],
    },
    Allowed { name: "regatta-fault", directory: "crates/fault", normal: &["rustix"], dev: &[], build: &[] },
    Allowed {
        name: "regatta-crash",
        directory: "crates/crash",
        normal: &["regatta-fault", "regatta-rng", "flate2", "rustix", "serde_json", "tempfile"],
        dev: &[],
        build: &[],
    },
    Allowed {
        name: "regatta-fuzz",
        directory: "crates/fuzz",
        normal: &[
            "regatta-engine",
            "regatta-journal",
            "regatta-plan",
            "regatta-rng",
            "regatta-runtime",
            "rustix",
            "serde_json",
            "tempfile",
        ],
        dev: &[],
        build: &[],
    },
    Allowed { name: "regatta-rng", directory: "crates/rng", normal: &[], dev: &[], build: &[] },
    Allowed {
        name: "xtask",
        directory: "xtask",
        normal: &["flate2", "serde", "serde_json"],
        dev: &[],
        build: &[],
    },
    Allowed {
        name: "regatta-bench",
        directory: "crates/bench",
        normal: &["regatta-crash", "regatta-rng", "nix", "rustix", "serde_json"],
        dev: &[],
        build: &[],
    },
];

/// The pure crates and every crate that may be in their trees, build scripts and tests apart.
pub(crate) const PURE: [(&str, &[&str]); 2] = [("regatta-engine", ENGINE_TREE), ("regatta-plan", PLAN_TREE)];

const ENGINE_TREE: &[&str] = &[
    "block-buffer",
    "cfg-if",
    "const-oid",
    "cpufeatures",
    "crypto-common",
    "digest",
    "hybrid-array",
    "proc-macro2",
    "quote",
    "sha2",
    "syn",
    "thiserror",
    "thiserror-impl",
    "typenum",
    "unicode-ident",
];

/// `parking_lot_core` and `libc` come with the parser generator below `cel`; nothing of theirs is called by us.
const PLAN_TREE: &[&str] = &[
    "aho-corasick",
    "annotate-snippets",
    "anstyle",
    "antlr4rust",
    "arraydeque",
    "base64",
    "bit-set",
    "bit-vec",
    "block-buffer",
    "bstr",
    "byteorder",
    "cel",
    "cfg-if",
    "const-oid",
    "cpufeatures",
    "crypto-common",
    "digest",
    "dyn-clone",
    "equivalent",
    "foldhash",
    "globset",
    "granit-parser",
    "hashbrown",
    "hybrid-array",
    "indexmap",
    "itoa",
    "jiff",
    "jiff-core",
    "jsonc-parser",
    "lazy_static",
    "libc",
    "lock_api",
    "log",
    "memchr",
    "minimal-lexical",
    "murmur3",
    "nom",
    "once_cell",
    "parking_lot",
    "parking_lot_core",
    "pastey",
    "proc-macro2",
    "quote",
    "ref-cast",
    "ref-cast-impl",
    "regatta-engine",
    "regex",
    "regex-automata",
    "regex-syntax",
    "schemars",
    "schemars_derive",
    "scopeguard",
    "serde",
    "serde_core",
    "serde_derive",
    "serde_derive_internals",
    "serde_json",
    "serde_spanned",
    "sha2",
    "smallvec",
    "strsim",
    "syn",
    "thiserror",
    "thiserror-impl",
    "toml",
    "toml_datetime",
    "toml_parser",
    "typed-arena",
    "typenum",
    "unicode-ident",
    "unicode-width",
    "uuid",
    "winnow",
    "zmij",
];

#[cfg(test)]
mod tests {
    use super::*;

    /// Who may look where: the law, written down a second time so that a slip in the table is seen.
    const DIRECTION: [(&str, &[&str]); 12] = [
        ("regatta-engine", &[]),
        ("regatta-plan", &["regatta-engine"]),
        ("regatta-journal", &["regatta-engine", "regatta-fault"]),
        ("regatta-runtime", &["regatta-engine", "regatta-fault", "regatta-journal", "regatta-plan"]),
        ("regatta", &OF_REGATTA),
        ("regatta-sim", &["regatta-engine", "regatta-journal", "regatta-rng", "regatta-runtime"]),
        ("regatta-fault", &[]),
        ("regatta-crash", &["regatta-fault", "regatta-rng"]),
        (
            "regatta-fuzz",
            &["regatta-engine", "regatta-journal", "regatta-plan", "regatta-rng", "regatta-runtime"],
        ),
        ("regatta-rng", &[]),
        ("xtask", &[]),
        ("regatta-bench", &["regatta-crash", "regatta-rng"]),
    ];

    const OF_REGATTA: [&str; 7] = [
        "regatta-engine",
        "regatta-fault",
        "regatta-journal",
        "regatta-plan",
        "regatta-rng",
        "regatta-runtime",
        "regatta-crash",
    ];

    #[test]
    fn the_crates_of_the_house_look_one_way_only() {
        for ((name, ours), allowed) in DIRECTION.iter().zip(CRATES) {
            let all = [allowed.normal, allowed.dev, allowed.build].concat();
            let found: Vec<&str> = all.into_iter().filter(|name| name.starts_with("regatta")).collect();
            assert_eq!((allowed.name, found.as_slice()), (*name, *ours));
        }
        assert_eq!(DIRECTION.len(), CRATES.len());
    }
}
