//! One line of the table: a quantity, what was found for it, its goal, and the verdict. It knows no measurement.
//!
//! ```text
//! Row::of(3, "chain").ratio(Unit::Ms, ours, "ninja", theirs).at_most(1.75)      the median of the ratios of pairs
//! Row::of(6, "memory").absolute(Unit::Mib, ours).at_most(24.0)                  the median itself
//! ```

use crate::stats::{Spread, median, ratios};

/// What a number counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unit {
    Times,
    Us,
    Ms,
    Mib,
    Count,
    PerSecond,
    Percent,
}

impl Unit {
    /// As it stands behind a number; nothing for a count.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Unit::Times => "x",
            Unit::Us => "us",
            Unit::Ms => "ms",
            Unit::Mib => "MiB",
            Unit::Count => "",
            Unit::PerSecond => "/s",
            Unit::Percent => "%",
        }
    }
}

/// What the value must be.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Limit {
    AtMost(f64),
    AtLeast(f64),
    /// No goal: for the reader.
    Told,
}

/// What came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Pass,
    Miss,
    Told,
    NotMeasured,
    Failed,
}

/// Values, or why there are none.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Found {
    Values(Vec<f64>),
    /// A reference or a feature is missing.
    NotMeasured(String),
    /// Our own side did not do what was asked of it.
    Failed(String),
}

/// Values of a reference, or why it is missing.
pub(crate) type Theirs = Result<Vec<f64>, String>;

/// One line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Row {
    pub(crate) goal: u8,
    pub(crate) quantity: String,
    /// What both sides were measured in, the value of each of them by run.
    pub(crate) unit: Unit,
    pub(crate) ours: Vec<f64>,
    pub(crate) reference: Option<(&'static str, Theirs)>,
    /// What is compared with the limit, one for each pair.
    pub(crate) found: Found,
    pub(crate) found_unit: Unit,
    pub(crate) limit: Limit,
    /// Ratios to the floor, where that is not the reference.
    pub(crate) floor: Option<Theirs>,
}

impl Row {
    /// Nothing found yet, and no goal.
    pub(crate) fn of(goal: u8, quantity: impl Into<String>) -> Row {
        Row {
            goal,
            quantity: quantity.into(),
            unit: Unit::Count,
            ours: Vec::new(),
            reference: None,
            found: Found::NotMeasured("nothing was measured".to_owned()),
            found_unit: Unit::Times,
            limit: Limit::Told,
            floor: None,
        }
    }

    /// Our values are the finding.
    pub(crate) fn absolute(mut self, unit: Unit, ours: Vec<f64>) -> Row {
        (self.unit, self.found_unit) = (unit, unit);
        self.found = Found::Values(ours);
        self
    }

    /// The ratios of our values to those of a reference are the finding.
    pub(crate) fn ratio(mut self, unit: Unit, ours: Vec<f64>, (name, theirs): (&'static str, Theirs)) -> Row {
        self.found = match &theirs {
            Ok(theirs) => Found::Values(ratios(&ours, theirs)),
            Err(why) => Found::NotMeasured(why.clone()),
        };
        (self.unit, self.found_unit, self.ours) = (unit, Unit::Times, ours);
        self.reference = Some((name, theirs));
        self
    }

    /// Our values are the finding, those of a reference stand beside them.
    pub(crate) fn beside(mut self, name: &'static str, theirs: Theirs) -> Row {
        self.reference = Some((name, theirs));
        self
    }

    /// What the floor needed for the same; ratios come of it.
    pub(crate) fn floor(mut self, floor: Theirs) -> Row {
        self.floor = Some(floor.map(|floor| ratios(&self.ours, &floor)));
        self
    }

    pub(crate) fn at_most(mut self, limit: f64) -> Row {
        self.limit = Limit::AtMost(limit);
        self
    }

    pub(crate) fn at_least(mut self, limit: f64) -> Row {
        self.limit = Limit::AtLeast(limit);
        self
    }

    pub(crate) fn not_measured(mut self, why: impl Into<String>) -> Row {
        self.found = Found::NotMeasured(why.into());
        self
    }

    pub(crate) fn failed(mut self, why: impl Into<String>) -> Row {
        self.found = Found::Failed(why.into());
        self
    }

    /// Median and spread of what was found.
    pub(crate) fn spread(&self) -> Option<Spread> {
        match &self.found {
            Found::Values(values) => Spread::of(values),
            Found::NotMeasured(_) | Found::Failed(_) => None,
        }
    }

    /// Whether the median keeps the limit.
    pub(crate) fn verdict(&self) -> Verdict {
        let Found::Values(values) = &self.found else {
            return if matches!(self.found, Found::Failed(_)) {
                Verdict::Failed
            } else {
                Verdict::NotMeasured
            };
        };
        let Some(value) = median(values).filter(|value| value.is_finite()) else {
            return Verdict::NotMeasured;
        };
        let kept = match self.limit {
            Limit::AtMost(most) => value <= most,
            Limit::AtLeast(least) => value >= least,
            Limit::Told => return Verdict::Told,
        };
        if kept { Verdict::Pass } else { Verdict::Miss }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_of_the_pairs_decides() {
        let row = |limit| {
            Row::of(1, "a").ratio(Unit::Ms, vec![2.0, 3.0, 9.0], ("ninja", Ok(vec![1.0; 3]))).at_most(limit)
        };
        assert_eq!([row(3.0).verdict(), row(2.9).verdict()], [Verdict::Pass, Verdict::Miss]);
        let row = row(1.0).at_least(3.0);
        assert_eq!((row.verdict(), row.spread().map(|s| s.most)), (Verdict::Pass, Some(9.0)));
    }

    #[test]
    fn a_missing_reference_is_not_a_pass_and_a_failure_of_ours_is_none_either() {
        let row =
            Row::of(1, "a").ratio(Unit::Ms, vec![1.0], ("ninja", Err("not here".to_owned()))).at_most(9.0);
        assert_eq!(row.verdict(), Verdict::NotMeasured);
        assert_eq!(row.found, Found::NotMeasured("not here".to_owned()));
        assert_eq!(row.failed("exit 4").verdict(), Verdict::Failed);
        assert_eq!(Row::of(1, "a").at_most(1.0).verdict(), Verdict::NotMeasured);
        assert_eq!(
            Row::of(1, "a").absolute(Unit::Ms, vec![f64::NAN]).at_most(1.0).verdict(),
            Verdict::NotMeasured
        );
    }

    #[test]
    fn without_a_goal_a_value_is_told() {
        let row = Row::of(1, "a").ratio(Unit::Ms, vec![4.0], ("ninja", Ok(vec![2.0]))).floor(Ok(vec![1.0]));
        assert_eq!((row.verdict(), row.floor), (Verdict::Told, Some(Ok(vec![4.0]))));
    }
}
