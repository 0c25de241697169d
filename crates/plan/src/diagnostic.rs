//! Problems of a plan: code, severity, place, help. All of them at once, never just the first.
//!
//! Knows no terminal; `render` makes text of them.

use crate::tree::Span;
use serde::Serialize;

/// Where problems go.
pub(crate) type Problems = Vec<Diagnostic>;

/// The kind of a problem. Each has a page in `docs/errors/`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Code {
    /// The text is not of its format.
    Syntax,
    /// A limit of the language is exceeded.
    Limit,
    /// A key is unknown here.
    UnknownKey,
    /// A key stands twice.
    DuplicateKey,
    /// A value has the wrong type.
    WrongType,
    /// A value is out of its range or not one of the allowed.
    BadValue,
    /// A required key is missing.
    MissingKey,
    /// None, or more than one, of keys of which exactly one must be there.
    Action,
    /// An id breaks the grammar.
    BadId,
    /// Two tasks share an id, or ids that differ only in case.
    DuplicateId,
    /// A dependency names no task.
    MissingDependency,
    /// Dependencies form a cycle.
    Cycle,
    /// A reference is malformed or names nothing.
    BadReference,
    /// A condition does not parse or names nothing.
    BadCondition,
    /// A name that the plan does not define.
    UnknownName,
    /// Two unordered tasks own the same file.
    Overlap,
    /// A text is a secret, or looks like one.
    Secret,
    /// A needed edge is implied by a longer path.
    RedundantEdge,
    /// A chain is longer than 10.
    DeepChain,
    /// A cap can never bind.
    IdleCap,
    /// An agent gets a task without acceptance criteria.
    NoCriteria,
    /// Work lands without any gate.
    NoGate,
    /// A budget counts what an agent does not report.
    NoUsage,
    /// A key changes nothing.
    NoEffect,
    /// An agent asks a person, and no timeout was thought of.
    NoDeadline,
}

impl Code {
    /// Every code.
    pub const ALL: [Code; 25] = [
        Code::Syntax,
        Code::Limit,
        Code::UnknownKey,
        Code::DuplicateKey,
        Code::WrongType,
        Code::BadValue,
        Code::MissingKey,
        Code::Action,
        Code::BadId,
        Code::DuplicateId,
        Code::MissingDependency,
        Code::Cycle,
        Code::BadReference,
        Code::BadCondition,
        Code::UnknownName,
        Code::Overlap,
        Code::Secret,
        Code::RedundantEdge,
        Code::DeepChain,
        Code::IdleCap,
        Code::NoCriteria,
        Code::NoGate,
        Code::NoUsage,
        Code::NoEffect,
        Code::NoDeadline,
    ];

    /// The stable name, also the name of its page.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Code::Syntax => "RG001",
            Code::Limit => "RG002",
            Code::UnknownKey => "RG003",
            Code::DuplicateKey => "RG004",
            Code::WrongType => "RG005",
            Code::BadValue => "RG006",
            Code::MissingKey => "RG007",
            Code::Action => "RG008",
            Code::BadId => "RG009",
            Code::DuplicateId => "RG010",
            Code::MissingDependency => "RG011",
            Code::Cycle => "RG012",
            Code::BadReference => "RG013",
            Code::BadCondition => "RG014",
            Code::UnknownName => "RG015",
            Code::Overlap => "RG016",
            Code::Secret => "RG020",
            Code::RedundantEdge => "RG101",
            Code::DeepChain => "RG102",
            Code::IdleCap => "RG103",
            Code::NoCriteria => "RG104",
            Code::NoGate => "RG106",
            Code::NoUsage => "RG105",
            Code::NoEffect => "RG107",
            Code::NoDeadline => "RG108",
        }
    }
}

/// How bad a problem is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The plan cannot run.
    Error,
    /// The plan can run; this is probably not meant.
    Warning,
}

impl Severity {
    /// True for what keeps a plan from running.
    #[must_use]
    pub fn is_error(self) -> bool {
        self == Severity::Error
    }
}

/// A problem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// Its kind.
    pub code: Code,
    /// How bad it is.
    pub severity: Severity,
    /// Lower-case, names the object.
    pub message: String,
    /// Where it is, and what to say there.
    pub span: Span,
    /// What to say at the place.
    pub label: String,
    /// Further places.
    pub also: Vec<(Span, String)>,
    /// How to mend it.
    pub help: Option<String>,
    /// The cycle, for [`Code::Cycle`]: first = last.
    pub cycle: Vec<String>,
    /// It names a task that there is none of, where another one would do.
    pub missing_task: bool,
}

impl Diagnostic {
    /// An error at a place.
    pub(crate) fn error(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic {
            code,
            severity: Severity::Error,
            message: short(message.into()),
            span,
            label: String::new(),
            also: Vec::new(),
            help: None,
            cycle: Vec::new(),
            missing_task: code == Code::MissingDependency,
        }
    }

    /// A warning at a place.
    pub(crate) fn warning(code: Code, span: Span, message: impl Into<String>) -> Diagnostic {
        Diagnostic { severity: Severity::Warning, ..Diagnostic::error(code, span, message) }
    }

    /// With a text at the place.
    pub(crate) fn label(mut self, label: impl Into<String>) -> Diagnostic {
        self.label = short(label.into());
        self
    }

    /// With a way to mend it.
    pub(crate) fn help(mut self, help: impl Into<String>) -> Diagnostic {
        self.help = Some(short(help.into()));
        self
    }

    /// With a further place.
    pub(crate) fn also(mut self, span: Span, label: impl Into<String>) -> Diagnostic {
        self.also.push((span, short(label.into())));
        self
    }
}

/// A message is at most about this long: what a plan says may be in it, which is as long as it likes.
const MAX_MESSAGE_BYTES: usize = 1_000;

/// A text without its middle if it is too long.
fn short(text: String) -> String {
    if text.len() <= MAX_MESSAGE_BYTES {
        return text;
    }
    let keep = MAX_MESSAGE_BYTES / 2;
    let head = (0..=keep).rev().find(|&i| text.is_char_boundary(i)).unwrap_or(0);
    let tail = (text.len() - keep..=text.len()).find(|&i| text.is_char_boundary(i)).unwrap_or(text.len());
    format!("{} … {} bytes … {}", &text[..head], tail - head, &text[tail..])
}
