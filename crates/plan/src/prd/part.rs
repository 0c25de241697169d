//! Parts of a phase file by their labels: what is read, and what is the agent's.
//!
//! Knows labels only.

/// What stands below a heading.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Part {
    Time,
    Needs,
    Outputs,
    Creates,
    Modifies,
    Criteria,
    Free,
}

impl Part {
    /// The part that a label names, in lower case and without its colon.
    pub(super) fn of(label: &str) -> Part {
        match label {
            "estimated time" | "estimate" => Part::Time,
            "dependencies" | "depends on" => Part::Needs,
            "expected outputs" => Part::Outputs,
            "files to create" => Part::Creates,
            "files to modify" | "files to change" => Part::Modifies,
            "success criteria" => Part::Criteria,
            _ => Part::Free,
        }
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Part::Time => "Estimated Time",
            Part::Needs => "Dependencies",
            Part::Outputs => "Expected Outputs",
            Part::Creates => "Files to Create",
            Part::Modifies => "Files to Modify",
            Part::Criteria => "Success Criteria",
            Part::Free => "",
        }
    }
}
