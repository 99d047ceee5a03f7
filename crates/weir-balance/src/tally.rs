//! Results of checks in a row, and when they make a verdict.
//!
//! The first success of a backend that was never judged makes it healthy; from then on it takes
//! `rise` successes or `fall` failures in a row to change the verdict. Must not know: what a check
//! is, and when it is made.

/// The results of one backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    verdict: Option<bool>,
    /// Results in a row that speak against the verdict.
    against: u32,
}

impl Tally {
    /// Of a backend that was judged before.
    pub fn judged(healthy: bool) -> Self {
        Self { verdict: Some(healthy), against: 0 }
    }

    /// A check was passed, or not. The verdict, if it is another one now.
    pub fn handle(&mut self, passed: bool, rise: u32, fall: u32) -> Option<bool> {
        if self.verdict == Some(passed) {
            self.against = 0;
            return None;
        }
        // Failures of a backend that was never judged speak against nothing yet, but count.
        self.against += 1;
        let enough = match (self.verdict, passed) {
            (None, true) => 1,
            (Some(_), true) => rise,
            (_, false) => fall,
        };
        if self.against < enough {
            return None;
        }
        *self = Self::judged(passed);
        Some(passed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdicts(results: &[bool]) -> Vec<Option<bool>> {
        let mut tally = Tally::default();
        results.iter().map(|passed| tally.handle(*passed, 2, 3)).collect()
    }

    #[test]
    fn a_verdict_takes_results_in_a_row() {
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(verdicts(&[true, true]), [yes, None], "the first success is enough");
        assert_eq!(verdicts(&[false, false, true]), [None, None, yes]);
        assert_eq!(verdicts(&[false, false, false, true, true]), [None, None, no, None, yes]);
        let flaps = [true, false, false, true, false, false, true];
        assert_eq!(verdicts(&flaps)[1..], [None; 6], "never three in a row");
        let falls = [true, false, false, false, true, false, true, true];
        assert_eq!(verdicts(&falls)[3..], [no, None, None, None, yes]);
    }
}
