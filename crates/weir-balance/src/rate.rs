//! A token bucket: how much may pass in a while, and how much at once.
//!
//! Must not know: what passes, requests, bytes or connections.
//!
//! A [`Rate`] is shared, a [`Bucket`] is the state of one of those it is for: two words, plain
//! data. A bucket counts in parts of a token so small that nothing is rounded: whatever the
//! pattern of takes, in any time `t` at most `burst + t / per × tokens` are taken. It may fill with
//! a [part](Rate::part) of the speed, when others fill with the rest.
//!
//! Invariant: a bucket never holds more than the burst; it does not run backwards if time does.

use std::num::NonZeroU32;
use std::time::Duration;

use weir_base::Instant;

/// How fast a bucket fills and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    tokens: NonZeroU32,
    /// 1 to [`LONGEST`] microseconds; the parts that one token has.
    per: u64,
    burst: NonZeroU32,
    /// Of [`WHOLE`].
    part: u16,
}

/// All of a rate, in the parts that it can be divided into.
pub const WHOLE: u16 = 1 << 15;

/// An hour, in microseconds: with it a full bucket of any size fits 64 bits.
const LONGEST: u64 = 3_600_000_000;

/// Why there are no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Empty {
    /// There will be enough after this time, if nobody takes any.
    For(Duration),
    /// The bucket never holds so many.
    Forever,
}

impl Rate {
    /// So many tokens in so long, from a microsecond to an hour, and so many at once.
    pub fn new(tokens: NonZeroU32, per: Duration, burst: NonZeroU32) -> Self {
        let per = u64::try_from(per.as_micros()).unwrap_or(LONGEST).clamp(1, LONGEST);
        Self { tokens, per, burst, part: WHOLE }
    }

    /// The same burst, and only so many of [`WHOLE`] of the speed; at least one.
    #[must_use]
    pub fn part(self, part: u16) -> Self {
        Self { part: part.clamp(1, WHOLE), ..self }
    }

    /// So many tokens in a second and as many at once.
    pub fn per_second(tokens: NonZeroU32) -> Self {
        Self::new(tokens, Duration::from_secs(1), tokens)
    }

    /// Parts in a full bucket.
    fn full(&self) -> u64 {
        u64::from(self.burst.get()) * self.per
    }

    /// Tokens that come in so long, rounded down.
    pub fn tokens_in(&self, time: Duration) -> u64 {
        let micros = u64::try_from(time.as_micros()).unwrap_or(u64::MAX);
        self.parts_in(micros) / self.per
    }

    /// Parts of tokens that come in so many microseconds.
    fn parts_in(&self, micros: u64) -> u64 {
        let parts = u128::from(micros) * self.speed() / u128::from(WHOLE);
        u64::try_from(parts).unwrap_or(u64::MAX)
    }

    /// Parts of tokens that come in a microsecond, times [`WHOLE`].
    fn speed(&self) -> u128 {
        u128::from(self.tokens.get()) * u128::from(self.part)
    }

    /// How long so many parts of tokens take to come.
    fn time_for(&self, parts: u64) -> Duration {
        let micros = (u128::from(parts) * u128::from(WHOLE)).div_ceil(self.speed());
        Duration::from_micros(u64::try_from(micros).unwrap_or(u64::MAX))
    }
}

/// What is left, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bucket {
    parts: u64,
    at: Instant,
}

impl Bucket {
    /// A full bucket.
    pub fn new(rate: &Rate, now: Instant) -> Self {
        Self { parts: rate.full(), at: now }
    }

    /// Takes `count` tokens, or none.
    pub fn take(&mut self, rate: &Rate, count: u32, now: Instant) -> Result<(), Empty> {
        self.fill(rate, now);
        match self.missing(rate, count) {
            0 => {
                self.parts -= u64::from(count) * rate.per;
                Ok(())
            }
            _ if count > rate.burst.get() => Err(Empty::Forever),
            missing => Err(Empty::For(rate.time_for(missing))),
        }
    }

    /// Whole tokens that are there.
    pub fn tokens(&self, rate: &Rate, now: Instant) -> u32 {
        let mut filled = *self;
        filled.fill(rate, now);
        u32::try_from(filled.parts / rate.per).unwrap_or(u32::MAX)
    }

    /// True if it holds all it can: it need not be remembered, a new one is the same.
    pub fn is_full(&self, rate: &Rate, now: Instant) -> bool {
        self.tokens(rate, now) == rate.burst.get()
    }

    fn fill(&mut self, rate: &Rate, now: Instant) {
        let elapsed = now.as_micros().saturating_sub(self.at.as_micros());
        self.parts = self.parts.saturating_add(rate.parts_in(elapsed)).min(rate.full());
        self.at = self.at.max(now);
    }

    /// Parts that are missing to `count` tokens.
    fn missing(&self, rate: &Rate, count: u32) -> u64 {
        (u64::from(count) * rate.per).saturating_sub(self.parts)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rate(tokens: u32, per: Duration, burst: u32) -> Rate {
        let number = |number| NonZeroU32::new(number).expect("not zero");
        Rate::new(number(tokens), per, number(burst))
    }

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1000)
    }

    #[test]
    fn a_burst_and_then_as_fast_as_tokens_come() {
        let rate = rate(10, Duration::from_secs(1), 3);
        let mut bucket = Bucket::new(&rate, at(0));
        let mut passed = Vec::new();
        for millis in 0..1_000 {
            if bucket.take(&rate, 1, at(millis)).is_ok() {
                passed.push(millis);
            }
        }
        assert_eq!(passed, [0, 1, 2, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
    }

    #[test]
    fn it_says_how_long_until_there_are_enough() {
        let rate = rate(10, Duration::from_secs(1), 5);
        let mut bucket = Bucket::new(&rate, at(0));
        assert_eq!(bucket.take(&rate, 5, at(0)), Ok(()));
        assert_eq!(bucket.take(&rate, 2, at(50)), Err(Empty::For(Duration::from_millis(150))));
        assert_eq!(bucket.take(&rate, 6, at(50)), Err(Empty::Forever));
        assert_eq!(bucket.take(&rate, 0, at(50)), Ok(()));
        assert_eq!(bucket.take(&rate, 2, at(200)), Ok(()));
        assert_eq!((bucket.tokens(&rate, at(450)), bucket.is_full(&rate, at(699))), (2, false));
        assert!(bucket.is_full(&rate, at(700)));
    }

    #[test]
    fn slow_rates_lose_nothing_to_rounding() {
        let rate = rate(7, Duration::from_secs(3600), 1);
        let mut bucket = Bucket::new(&rate, at(0));
        let millis = (0..36_000_000).step_by(997);
        let passed = millis.filter(|millis| bucket.take(&rate, 1, at(*millis)).is_ok()).count();
        assert_eq!(passed, 70);
    }

    #[test]
    fn two_parts_make_up_the_whole() {
        let rate = rate(10, Duration::from_secs(1), 1);
        let parts = [rate.part(WHOLE / 4), rate.part(WHOLE - WHOLE / 4)];
        let passed = parts.map(|part| {
            let mut bucket = Bucket::new(&part, at(0));
            (0..10_000).filter(|millis| bucket.take(&part, 1, at(*millis)).is_ok()).count()
        });
        assert_eq!(passed, [25, 75]);
        assert_eq!(rate.part(WHOLE / 4).tokens_in(Duration::from_secs(2)), 5);
        assert_eq!(rate.part(0).tokens_in(Duration::from_secs(3600)), 1, "never nothing");
    }

    #[test]
    fn extreme_numbers_do_not_overflow() {
        let most = rate(u32::MAX, Duration::MAX, u32::MAX);
        let mut bucket = Bucket::new(&most, at(0));
        assert_eq!(bucket.take(&most, u32::MAX, Instant::FAR), Ok(()));
        let fast = rate(u32::MAX, Duration::ZERO, 1);
        assert_eq!(bucket.take(&fast, 2, Instant::FAR), Err(Empty::Forever));
        assert_eq!(bucket.take(&fast, 1, at(0)), Err(Empty::For(Duration::from_micros(1))));
    }

    proptest! {
        #[test]
        fn nobody_gets_more_than_the_rate_and_a_wait_is_exact(
            tokens in 1..50_u32,
            per in 1..5_000_u64,
            burst in 1..20_u32,
            steps in prop::collection::vec((0..2_000_u64, 1..5_u32), 1..100),
        ) {
            let rate = rate(tokens, Duration::from_millis(per), burst);
            let mut bucket = Bucket::new(&rate, at(0));
            let (mut now, mut taken) = (at(0), 0_u64);
            for (wait, count) in steps {
                now = now + Duration::from_millis(wait);
                let mut before = bucket;
                match bucket.take(&rate, count, now) {
                    Ok(()) => taken += u64::from(count),
                    Err(Empty::Forever) => prop_assert!(count > burst),
                    Err(Empty::For(wait)) => {
                        let then = now + wait;
                        let early = Instant::from_micros(then.as_micros() - 1);
                        prop_assert!(before.take(&rate, count, early).is_err());
                        prop_assert_eq!(before.take(&rate, count, then), Ok(()));
                    }
                }
                let come = now.as_micros() * u64::from(tokens) / (per * 1000);
                prop_assert!(taken <= u64::from(burst) + come);
            }
        }
    }
}
