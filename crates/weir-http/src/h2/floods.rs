//! What a peer may do so often and no more: frames that cost us more than they cost it.
//!
//! Counts of a window of one second are halved when the next one begins, so that a burst at the
//! border of two is seen. Must not know: frames.

use weir_base::Instant;

/// Bounds of one connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// RST_STREAM received in a window.
    pub resets: u32,
    /// RST_STREAM received in all.
    pub resets_in_all: u64,
    /// RST_STREAM received before a response began, in all ("rapid reset").
    pub abusive_resets: u64,
    /// RST_STREAM that the peer made us send, in all ("made you reset").
    pub provoked_resets: u64,
    /// PING in a window.
    pub pings: u32,
    /// SETTINGS in a window.
    pub settings: u32,
    /// Empty DATA that does not end its stream, in a window.
    pub empty_data: u32,
    /// WINDOW_UPDATE by a few bytes in a window, as many for each open stream and one more time;
    /// two for each DATA frame that we sent are not counted.
    pub window_updates: u32,
    /// CONTINUATION frames of one block.
    pub continuations: u32,
    /// Other frames without use in a window: unknown ones, PRIORITY, those on closed streams.
    pub glitches: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            resets: 100,
            resets_in_all: 10_000,
            abusive_resets: 50,
            provoked_resets: 500,
            pings: 100,
            settings: 50,
            empty_data: 100,
            window_updates: 100,
            continuations: 20,
            glitches: 100,
        }
    }
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "see `Limits`")]
pub enum Flood {
    Resets,
    ResetsInAll,
    AbusiveResets,
    ProvokedResets,
    Pings,
    Settings,
    EmptyData,
    WindowUpdates,
    Continuations,
    BlockBytes,
    Glitches,
}

/// The counts of one connection.
#[derive(Debug)]
pub struct Floods {
    limits: Limits,
    window: Instant,
    resets: u32,
    resets_in_all: u64,
    abusive: u64,
    provoked: u64,
    pings: u32,
    settings: u32,
    empty_data: u32,
    window_updates: u32,
    /// DATA frames that we sent.
    sent: u32,
    glitches: u32,
}

impl Floods {
    /// Nothing has happened.
    pub fn new(limits: Limits, now: Instant) -> Self {
        Self {
            limits,
            window: now,
            resets: 0,
            resets_in_all: 0,
            abusive: 0,
            provoked: 0,
            pings: 0,
            settings: 0,
            empty_data: 0,
            window_updates: 0,
            sent: 0,
            glitches: 0,
        }
    }

    /// What counts for the life of a connection, as another process goes on with it.
    pub fn totals(&self) -> [u64; 3] {
        [self.resets_in_all, self.abusive, self.provoked]
    }

    /// Goes on with [`Floods::totals`].
    pub fn resume(limits: Limits, totals: [u64; 3], now: Instant) -> Self {
        let [resets_in_all, abusive, provoked] = totals;
        Self { resets_in_all, abusive, provoked, ..Self::new(limits, now) }
    }

    /// A DATA frame was sent: a simple reader gives it back at once, to the stream and to the
    /// connection.
    pub fn sent_data(&mut self) {
        self.sent = self.sent.saturating_add(1);
    }

    /// CONTINUATION frames that one block may have.
    pub fn continuations(&self) -> u32 {
        self.limits.continuations
    }

    /// Counts one, with `streams` open.
    ///
    /// # Errors
    /// When it is one too many.
    pub fn count(&mut self, what: Flood, streams: usize, now: Instant) -> Result<(), Flood> {
        self.turn(now);
        let limits = &self.limits;
        let over = match what {
            Flood::Resets => {
                self.resets_in_all += 1;
                if self.resets_in_all > limits.resets_in_all {
                    return Err(Flood::ResetsInAll);
                }
                add(&mut self.resets) > limits.resets
            }
            Flood::AbusiveResets => {
                self.abusive += 1;
                self.abusive > limits.abusive_resets
            }
            Flood::ProvokedResets => {
                self.provoked += 1;
                self.provoked > limits.provoked_resets
            }
            Flood::Pings => add(&mut self.pings) > limits.pings,
            Flood::Settings => add(&mut self.settings) > limits.settings,
            Flood::EmptyData => add(&mut self.empty_data) > limits.empty_data,
            Flood::WindowUpdates => {
                let useless = limits.window_updates.saturating_mul(1 + streams as u32);
                let answers = self.sent.saturating_mul(2);
                add(&mut self.window_updates) > useless.saturating_add(answers)
            }
            Flood::ResetsInAll | Flood::Continuations | Flood::BlockBytes => true,
            Flood::Glitches => add(&mut self.glitches) > limits.glitches,
        };
        if over { Err(what) } else { Ok(()) }
    }

    fn turn(&mut self, now: Instant) {
        const WINDOW: std::time::Duration = std::time::Duration::from_secs(1);
        let mut windows = 0;
        while self.window + WINDOW <= now && windows < 32 {
            self.window = self.window + WINDOW;
            windows += 1;
        }
        if windows == 32 {
            self.window = now;
        }
        let counts = [
            &mut self.resets,
            &mut self.pings,
            &mut self.settings,
            &mut self.empty_data,
            &mut self.window_updates,
            &mut self.sent,
            &mut self.glitches,
        ];
        for count in counts {
            *count = count.checked_shr(windows).unwrap_or(0);
        }
    }
}

fn add(count: &mut u32) -> u32 {
    *count += 1;
    *count
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn window_updates_that_answer_data_are_no_flood() {
        let limits = Limits { window_updates: 1, ..Limits::default() };
        let mut floods = Floods::new(limits, Instant::default());
        floods.sent_data();
        let counts = [(); 5].map(|()| floods.count(Flood::WindowUpdates, 1, Instant::default()));
        assert_eq!(counts.iter().position(Result::is_err), Some(4), "two, and two useless ones");
    }

    #[test]
    fn a_window_forgets_half_and_a_life_nothing() {
        let limits = Limits { pings: 4, abusive_resets: 2, ..Limits::default() };
        let start = Instant::default();
        let mut floods = Floods::new(limits, start);
        for _ in 0..4 {
            floods.count(Flood::Pings, 1, start).unwrap();
        }
        assert_eq!(floods.count(Flood::Pings, 1, start), Err(Flood::Pings));
        let later = start + Duration::from_secs(1);
        assert_eq!(floods.count(Flood::Pings, 1, later), Ok(()), "5 / 2 + 1");
        let much_later = start + Duration::from_secs(1_000);
        for at in [start, later, much_later] {
            let wanted = if at == much_later { Err(Flood::AbusiveResets) } else { Ok(()) };
            assert_eq!(floods.count(Flood::AbusiveResets, 1, at), wanted);
        }
    }
}
