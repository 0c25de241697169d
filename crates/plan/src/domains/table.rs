//! The domains that hold where nobody says otherwise, in the order in which their work is merged.
//!
//! Data only. A name without a slash is meant anywhere; `name/` is a directory anywhere, and one with a slash before it, or
//! in it, lies at the root.

/// A domain.
pub(super) struct Domain {
    pub(super) name: &'static str,
    /// Other words for it in headings.
    pub(super) also: &'static [&'static str],
    pub(super) patterns: &'static [&'static str],
    /// What an agent of it is told first.
    pub(super) briefing: &'static str,
}

/// Where no rule fits.
pub const OTHER: &str = "other";

pub(super) static DOMAINS: [Domain; 5] = [
    Domain {
        name: "database",
        also: &["db", "migration", "migrations", "schema", "schemas", "data"],
        patterns: &["migrations/", "alembic/", "database/", "schemas/", "*.sql"],
        briefing: "You work on the database: schemas, migrations and queries. Write migrations that can be undone and that \
                   do not lose data. Change nothing that other code reads without keeping its names. Do not touch files \
                   that are not yours.",
    },
    Domain {
        name: "backend",
        also: &["back-end", "api", "server", "services"],
        patterns: &[
            "**/src/backend/",
            "**/src/api/",
            "**/src/services/",
            "**/src/models/",
            "/backend/",
            "/api/",
            "/services/",
            "/models/",
            "*.service.*",
            "*.controller.*",
            "*.router.*",
            "*.py",
            "*.go",
            "*.rs",
        ],
        briefing: "You work on the backend: interfaces, services and models. Follow the style of the code that is there. \
                   Check what comes from outside, handle every error, and keep the interfaces that others use. Do not \
                   touch files that are not yours.",
    },
    Domain {
        name: "frontend",
        also: &["front-end", "ui", "client", "web"],
        patterns: &[
            "frontend/",
            "components/",
            "pages/",
            "ui/",
            "*.tsx",
            "*.jsx",
            "*.vue",
            "*.svelte",
            "*.css",
        ],
        briefing: "You work on the frontend: components, pages and styles. Use the components that are there, and make what \
                   you build usable by keyboard and readable for screen readers. Show loading, empty and failed states. Do \
                   not touch files that are not yours.",
    },
    Domain {
        name: "tests",
        also: &["test", "testing", "qa"],
        patterns: &["tests/", "test/", "__tests__/", "test_*", "*_test.*", "*.test.*", "*.spec.*"],
        briefing: "You write tests. Test what the code promises, not how it does it, with the test tools of the repository. \
                   Cover what goes wrong too. A test needs no network, no clock and no order among tests. Do not change the \
                   code under test.",
    },
    Domain {
        name: "docs",
        also: &["doc", "documentation"],
        patterns: &["docs/", "README*", "*.md", "*.rst"],
        briefing: "You write documentation. Say what is true of the code as it is, in short sentences, with examples that \
                   run. Do not change code.",
    },
];

/// What an agent is told first whose files are of no domain with a briefing of its own.
pub(super) const BRIEFING: &str = "Follow the style of what is there, keep to the files that are yours, and leave the repository in a state in which it \
     builds and its tests pass.";
