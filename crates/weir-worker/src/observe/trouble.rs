//! A shortage that comes and goes, perhaps a thousand times in a second: told once when it begins,
//! and once when there has been none for a while.

use std::time::Duration;

use weir_base::Instant;

/// A shortage is over when it did not come again for that long.
const CALM: Duration = Duration::from_secs(1);

/// One kind of shortage.
pub(super) struct Trouble {
    /// When it began; `FAR` while there is none.
    since: Instant,
    /// Since when there was none; `FAR` while it lasts.
    calm_since: Instant,
}

impl Trouble {
    pub(super) const fn none() -> Self {
        Self { since: Instant::FAR, calm_since: Instant::FAR }
    }

    /// It is there; true when that is new.
    pub(super) fn begins(&mut self, now: Instant) -> bool {
        self.calm_since = Instant::FAR;
        let new = self.since == Instant::FAR;
        if new {
            self.since = now;
        }
        new
    }

    /// It is not there now.
    pub(super) fn pauses(&mut self, now: Instant) {
        if self.since != Instant::FAR {
            self.calm_since = self.calm_since.min(now);
        }
    }

    /// How long it lasted, when it has turned out to be over.
    pub(super) fn poll(&mut self, now: Instant) -> Option<Duration> {
        if self.deadline() > now {
            return None;
        }
        let lasted = self.calm_since.since(self.since);
        *self = Self::none();
        Some(lasted)
    }

    /// When [`Trouble::poll`] has something to tell.
    pub(super) fn deadline(&self) -> Instant {
        self.calm_since + CALM
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    #[test]
    fn it_is_over_when_it_did_not_come_again_for_a_while() {
        let mut trouble = Trouble::none();
        trouble.pauses(at(1));
        assert_eq!(trouble.deadline(), Instant::FAR);
        assert!(trouble.begins(at(10)));
        for again in [20, 900, 1800] {
            trouble.pauses(at(again));
            assert_eq!(trouble.poll(at(again + 100)), None);
            assert!(!trouble.begins(at(again + 200)));
        }
        assert_eq!(trouble.poll(at(10_000)), None, "it lasts");
        trouble.pauses(at(10_010));
        trouble.pauses(at(10_500));
        assert_eq!(trouble.deadline(), at(11_010));
        assert_eq!(trouble.poll(at(11_010)), Some(Duration::from_secs(10)));
        assert!(trouble.begins(at(11_010)));
    }
}
