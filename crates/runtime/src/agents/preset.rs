//! Known agents as data: how each is started without a person, how it speaks, what is known of it.
//!
//! One table. The facts were found out with the real programs; `verified` says with which version, and how.

use super::servers::Telling;
use super::stream::Dialect;
use regatta_plan::model::Permissions;

/// What of a session's usage is that since the session began, after it was resumed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Cumulative {
    /// Nothing.
    No,
    /// Tokens.
    Tokens,
    /// Cost alone.
    Cost,
}

/// How far a preset was tried.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verified {
    /// The project's tests run the real program of this version.
    ByTests(&'static str),
    /// Its output was recorded from the real program of this version; the parser is tested on that.
    ByTranscript(&'static str),
    /// The real program of this version was run by hand.
    ByHand(&'static str),
}

/// A known agent.
#[derive(Debug)]
pub struct Preset {
    /// Its name in plans.
    pub name: &'static str,
    /// Its program.
    pub program: &'static str,
    /// Arguments of a new session. `{permissions}`, `{model}` and `{args}` stand for several or none.
    pub start: &'static [&'static str],
    /// Arguments that go on with a session; empty if it cannot.
    pub resume: &'static [&'static str],
    /// What tells it to read only, to change files, to do everything; the first is used everywhere, the others inside a
    /// worktree only.
    pub permissions: [&'static [&'static str]; 3],
    /// Variables that tell it so, where options cannot.
    pub permission_env: [&'static [(&'static str, &'static str)]; 3],
    /// The option before a model; empty if it takes none.
    pub model: &'static str,
    /// How it is told of MCP servers.
    pub servers: Telling,
    /// Variables that it gets: its own retries stack below ours, so they are few.
    pub env: &'static [(&'static str, &'static str)],
    /// How it speaks.
    pub dialect: Dialect,
    /// It commits by itself as it is started here.
    pub commits: bool,
    /// It acts without being told that it may, so that it is only held by a sandbox or a worktree.
    pub acts_unasked: bool,
    /// What its usage counts from.
    pub cumulative: Cumulative,
    /// What its exit codes mean, for people.
    pub exits: &'static str,
    /// How far it was tried.
    pub verified: Verified,
    /// Variables that hold a login.
    pub keys: &'static [&'static str],
    /// Files below the home directory that hold a login.
    pub logins: &'static [&'static str],
}

impl Preset {
    /// What tells it what it may do. A person who is to be asked is not there.
    #[must_use]
    pub fn permission_flags(&self, permissions: Permissions) -> &'static [&'static str] {
        self.permissions[place(permissions)]
    }

    /// The variables that tell it so.
    #[must_use]
    pub fn permission_variables(&self, permissions: Permissions) -> &'static [(&'static str, &'static str)] {
        self.permission_env[place(permissions)]
    }

    /// True if it can be told to only read: it asks before it acts, or a variable makes it ask.
    #[must_use]
    pub fn can_be_held(&self) -> bool {
        !self.acts_unasked || !self.permission_variables(Permissions::Deny).is_empty()
    }

    /// The version that it was tried with.
    #[must_use]
    pub fn verified_version(&self) -> &'static str {
        match self.verified {
            Verified::ByTests(version) | Verified::ByTranscript(version) | Verified::ByHand(version) => {
                version
            }
        }
    }
}

/// Which of the three ways stands for what an agent may do.
fn place(permissions: Permissions) -> usize {
    match permissions {
        Permissions::Deny | Permissions::Ask => 0,
        Permissions::Edit => 1,
        Permissions::Allow => 2,
    }
}

/// A preset whose options say all of its permissions.
const BY_OPTIONS: [&[(&str, &str)]; 3] = [&[], &[], &[]];

/// The preset of a name.
#[must_use]
pub fn preset(name: &str) -> Option<&'static Preset> {
    PRESETS.iter().find(|preset| preset.name == name)
}

/// Every preset.
pub static PRESETS: [Preset; 9] = [
    Preset {
        name: "codex",
        program: "codex",
        start: &[
            "exec",
            "--json",
            "--skip-git-repo-check",
            "{permissions}",
            "{servers}",
            "{model}",
            "{args}",
            "{prompt}",
        ],
        resume: &[
            "exec",
            "--skip-git-repo-check",
            "{permissions}",
            "{servers}",
            "{model}",
            "{args}",
            "--json",
            "resume",
            "{session}",
            "{prompt}",
        ],
        permissions: [&["-s", "read-only"], &["-s", "workspace-write"], &["-s", "danger-full-access"]],
        permission_env: BY_OPTIONS,
        model: "-m",
        servers: Telling::CodexOptions,
        env: &[],
        dialect: Dialect::Codex,
        commits: false,
        acts_unasked: false,
        cumulative: Cumulative::Tokens,
        exits: "1 with `turn.failed`",
        verified: Verified::ByTests("0.169.0"),
        keys: &["CODEX_API_KEY", "OPENAI_API_KEY"],
        logins: &[".codex/auth.json"],
    },
    Preset {
        name: "claude",
        program: "claude",
        start: &[
            "-p",
            "{prompt}",
            "--output-format",
            "stream-json",
            "--verbose",
            "{permissions}",
            "{servers}",
            "{model}",
            "{args}",
        ],
        resume: &[
            "-p",
            "{prompt}",
            "--resume",
            "{session}",
            "--output-format",
            "stream-json",
            "--verbose",
            "{permissions}",
            "{servers}",
            "{model}",
            "{args}",
        ],
        permissions: [
            &[],
            &["--permission-mode", "acceptEdits"],
            &["--permission-mode", "acceptEdits", "--allowedTools", "Bash,Write,Edit,WebFetch,WebSearch"],
        ],
        permission_env: BY_OPTIONS,
        model: "--model",
        servers: Telling::ClaudeFile,
        env: &[
            ("CLAUDE_CODE_MAX_RETRIES", "2"),
            ("CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC", "1"),
            ("DISABLE_AUTOUPDATER", "1"),
        ],
        dialect: Dialect::Claude,
        commits: false,
        acts_unasked: false,
        cumulative: Cumulative::Cost,
        exits: "1 with an error in `result`; 0 although a tool was refused",
        verified: Verified::ByTests("2.1.329"),
        keys: &["ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CLAUDE_CODE_OAUTH_TOKEN"],
        logins: &[".claude/.credentials.json"],
    },
    Preset {
        name: "gemini",
        program: "gemini",
        start: &["-p", "{prompt}", "-o", "stream-json", "{permissions}", "{model}", "{args}"],
        resume: &[
            "-r",
            "{session}",
            "-p",
            "{prompt}",
            "-o",
            "stream-json",
            "{permissions}",
            "{model}",
            "{args}",
        ],
        permissions: [
            &["--skip-trust"],
            &["--skip-trust", "--approval-mode", "auto_edit"],
            &["--skip-trust", "--approval-mode", "yolo"],
        ],
        permission_env: BY_OPTIONS,
        model: "-m",
        servers: Telling::GeminiHome,
        env: &[],
        dialect: Dialect::Gemini,
        commits: false,
        acts_unasked: false,
        cumulative: Cumulative::No,
        exits: "the provider's status mod 256 (401: 145, 400: 144); 55 for a folder that is not trusted",
        verified: Verified::ByTests("0.61.0"),
        keys: &["GEMINI_API_KEY", "GOOGLE_API_KEY"],
        logins: &[".gemini/oauth_creds.json"],
    },
    Preset {
        name: "opencode",
        program: "opencode",
        // With a title of ours it does not call its model for one, which its usage would not tell.
        start: &[
            "run",
            "--format",
            "json",
            "--title",
            "regatta",
            "{permissions}",
            "{model}",
            "{args}",
            "{prompt}",
        ],
        resume: &[
            "run",
            "--format",
            "json",
            "{permissions}",
            "{model}",
            "{args}",
            "-s",
            "{session}",
            "{prompt}",
        ],
        permissions: [&[], &[], &["--auto"]],
        // What it would ask for is refused without a person, and told.
        permission_env: [
            &[("OPENCODE_PERMISSION", r#"{"edit":"ask","bash":"ask","webfetch":"ask"}"#)],
            &[("OPENCODE_PERMISSION", r#"{"edit":"allow","bash":"ask","webfetch":"ask"}"#)],
            &[],
        ],
        model: "-m",
        servers: Telling::OpencodeVariable,
        env: &[("OPENCODE_DISABLE_AUTOUPDATE", "1")],
        dialect: Dialect::Opencode,
        commits: false,
        acts_unasked: true,
        cumulative: Cumulative::No,
        exits: "1 with an `error` line; 0 although a tool was refused",
        verified: Verified::ByTests("1.18.33"),
        keys: &["OPENAI_API_KEY", "ANTHROPIC_API_KEY"],
        logins: &[".local/share/opencode/auth.json"],
    },
    Preset {
        name: "aider",
        program: "aider",
        start: &[
            "--no-auto-commits",
            "--no-check-update",
            "--no-show-release-notes",
            "--analytics-disable",
            "--no-gitignore",
            "--no-pretty",
            "--no-fancy-input",
            "--no-detect-urls",
            "{permissions}",
            "{model}",
            "{args}",
            "-m",
            "{prompt}",
        ],
        resume: &[],
        permissions: [&["--dry-run"], &["--yes-always"], &["--yes-always"]],
        permission_env: BY_OPTIONS,
        model: "--model",
        servers: Telling::No,
        env: &[("LITELLM_LOCAL_MODEL_COST_MAP", "True")],
        dialect: Dialect::Plain,
        commits: false,
        acts_unasked: false,
        cumulative: Cumulative::No,
        exits: "0 also where its model failed; there is no last line that tells",
        verified: Verified::ByTests("0.86.2"),
        keys: &["OPENAI_API_KEY", "ANTHROPIC_API_KEY"],
        logins: &[".aider.conf.yml"],
    },
    Preset {
        name: "qwen",
        program: "qwen",
        start: &["{prompt}", "-o", "stream-json", "{permissions}", "{model}", "{args}"],
        resume: &[
            "{prompt}",
            "--resume",
            "{session}",
            "-o",
            "stream-json",
            "{permissions}",
            "{model}",
            "{args}",
        ],
        permissions: [&[], &["--approval-mode", "auto-edit"], &["--approval-mode", "yolo"]],
        permission_env: BY_OPTIONS,
        model: "-m",
        servers: Telling::No,
        env: &[],
        dialect: Dialect::Qwen,
        commits: false,
        acts_unasked: false,
        cumulative: Cumulative::Tokens,
        exits: "1 with an error in `result`; 55 for its own limits",
        verified: Verified::ByTranscript("0.24.4"),
        keys: &["OPENAI_API_KEY"],
        logins: &[".qwen/oauth_creds.json"],
    },
    Preset {
        name: "pi",
        program: "pi",
        start: &["--mode", "json", "-p", "{prompt}", "{model}", "{args}"],
        resume: &["--mode", "json", "-p", "{prompt}", "--session", "{session}", "{model}", "{args}"],
        permissions: [&[], &[], &[]],
        permission_env: BY_OPTIONS,
        model: "--model",
        servers: Telling::No,
        env: &[],
        dialect: Dialect::Pi,
        commits: false,
        acts_unasked: true,
        cumulative: Cumulative::No,
        exits: "0 whatever happened; its stream tells",
        verified: Verified::ByTranscript("0.73.1"),
        keys: &["OPENAI_API_KEY", "ANTHROPIC_API_KEY"],
        logins: &[".pi/agent/auth.json"],
    },
    Preset {
        name: "vibe",
        program: "vibe",
        start: &["-p", "{prompt}", "--output", "streaming", "{permissions}", "{model}", "{args}"],
        resume: &[
            "--resume",
            "{session}",
            "-p",
            "{prompt}",
            "--output",
            "streaming",
            "{permissions}",
            "{model}",
            "{args}",
        ],
        permissions: [&["--trust"], &["--auto-approve", "--trust"], &["--auto-approve", "--trust"]],
        permission_env: BY_OPTIONS,
        model: "",
        servers: Telling::No,
        env: &[],
        dialect: Dialect::Vibe,
        commits: false,
        acts_unasked: true,
        cumulative: Cumulative::No,
        exits: "1 login, 2 other error, 3 signal or limit",
        verified: Verified::ByTranscript("3.0.3"),
        keys: &["MISTRAL_API_KEY"],
        logins: &[".vibe/.env"],
    },
    Preset {
        name: "kimi",
        program: "kimi",
        start: &["-p", "{prompt}", "--output-format", "stream-json", "{model}", "{args}"],
        resume: &["-S", "{session}", "-p", "{prompt}", "--output-format", "stream-json", "{model}", "{args}"],
        permissions: [&[], &[], &[]],
        permission_env: BY_OPTIONS,
        model: "-m",
        servers: Telling::No,
        env: &[("KIMI_CODE_NO_AUTO_UPDATE", "1")],
        dialect: Dialect::Kimi,
        commits: false,
        acts_unasked: true,
        cumulative: Cumulative::No,
        exits: "not 0 on errors",
        verified: Verified::ByTranscript("2.1.0"),
        keys: &["KIMI_API_KEY", "MOONSHOT_API_KEY"],
        logins: &[".kimi-code/config.toml"],
    },
];
