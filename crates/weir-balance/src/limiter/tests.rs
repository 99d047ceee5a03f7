use std::num::NonZeroU32;

use super::*;
use crate::ledger::{Held, INTERVAL, Ledger};

fn rate(tokens: u32, burst: u32) -> Rate {
    let number = |number| NonZeroU32::new(number).expect("not zero");
    Rate::new(number(tokens), Duration::from_secs(1), number(burst))
}

fn at(millis: u64) -> Instant {
    Instant::from_micros(millis * 1000)
}

/// Keys whose sets differ and keys whose sets are the same.
fn key(set: u64, number: u64) -> u64 {
    (set << 32) + number + 1
}

fn take(limiter: &mut Limiter, key: u64, count: u32) {
    for _ in 0..count {
        let _ = limiter.take(key, at(0));
    }
}

#[test]
fn every_key_has_a_bucket_of_its_own() {
    let mut limiter = Limiter::new(rate(1, 2), true);
    for number in 0..100 {
        let key = key(number, number);
        let taken = [(); 3].map(|()| limiter.take(key, at(0)).is_ok());
        assert_eq!(taken, [true, true, false]);
    }
    assert_eq!(limiter.take(key(3, 3), at(0)), Err(Empty::For(Duration::from_secs(1))));
    assert!(limiter.take(key(3, 3), at(1000)).is_ok());
}

#[test]
fn who_has_most_left_is_forgotten_when_there_is_no_place() {
    let mut limiter = Limiter::new(rate(1, 9), true);
    for number in 0..WAYS as u64 {
        take(&mut limiter, key(5, number), 1 + number as u32);
    }
    assert!(limiter.take(key(5, 99), at(0)).is_ok());
    let left = |limiter: &mut Limiter, number| {
        (0..99).take_while(|_| limiter.take(key(5, number), at(0)).is_ok()).count()
    };
    assert_eq!(left(&mut limiter, 7), 1, "eight were taken of nine, and that is remembered");
    assert_eq!(left(&mut limiter, 0), 9, "one was taken, and that was forgotten");
}

#[test]
fn what_all_together_can_do_without_is_not_told() {
    let mut limiter = Limiter::new(rate(80, 100), true);
    let report = |limiter: &mut Limiter, most| {
        let mut told = Vec::new();
        limiter.report(4, INTERVAL, most, |key, asked| told.push((key, asked)));
        told
    };
    // Twenty come in an interval: five for each of the four.
    let (few, many) = (key(1, 1), key(2, 2));
    take(&mut limiter, few, 10);
    take(&mut limiter, many, 11);
    assert_eq!(report(&mut limiter, 9), [(many, 11)]);
    limiter.share(few, 0, 7, 4);
    assert_eq!(report(&mut limiter, 9), [(few, 5)], "others have told of it");
    while limiter.has_taken() {
        report(&mut limiter, 9);
    }
    for number in 0..5 {
        take(&mut limiter, key(number, number), 50);
    }
    let mut all: Vec<u64> = (0..3).flat_map(|_| report(&mut limiter, 2)).map(|t| t.0).collect();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), 5, "everybody's turn comes");
}

#[test]
fn the_places_of_what_was_taken_are_bounded() {
    let mut limiter = Limiter::new(rate(1, 1), true);
    for number in 0..1_000 {
        let _ = limiter.take(key(1, number), at(number));
    }
    assert_eq!(limiter.taken.len(), WAYS);
}

#[test]
fn parts_come_to_the_whole() {
    for amounts in [vec![1], vec![1, 1], vec![5, 0, 90, 5], vec![u32::MAX / 3; 3], vec![0, 0, 9]] {
        let (all, holders) = (amounts.iter().sum::<u32>(), amounts.len() as u16);
        let parts = amounts.iter().map(|mine| u32::from(part_of(*mine, all, holders)));
        let parts: Vec<u32> = parts.collect();
        let of_takers = parts.iter().zip(&amounts).filter(|(_, mine)| **mine > 0);
        assert!(of_takers.map(|(part, _)| part).sum::<u32>() <= u32::from(WHOLE), "{amounts:?}");
        let sum = parts.iter().sum::<u32>();
        assert!((31_000..=32_768 + 2_048).contains(&sum), "{amounts:?}: {sum}");
        assert!(parts.iter().all(|part| *part > 0));
    }
}

/// Holders of one limit, what is asked of each in a millisecond, and the ledger between them.
struct Proxy {
    holders: Vec<Limiter>,
    ledger: Ledger,
    rng: fastrand::Rng,
    passed: u64,
    asked: u64,
}

const KEY: u64 = 1 << 40;

impl Proxy {
    fn new(count: usize, rate: Rate, seed: u64) -> Self {
        let holders = (0..count).map(|_| Limiter::new(rate, true)).collect();
        let rng = fastrand::Rng::with_seed(seed);
        Self { holders, ledger: Ledger::default(), rng, passed: 0, asked: 0 }
    }

    /// A millisecond passes, in which each holder is asked as often as `demand` says on average.
    fn step(&mut self, millis: u64, demand: &[f64]) {
        for (number, holder) in self.holders.iter_mut().enumerate() {
            let mut left = demand[number];
            while left > 0.0 && (left >= 1.0 || self.rng.f64() < left) {
                self.passed += u64::from(holder.take(KEY, at(millis)).is_ok());
                self.asked += 1;
                left -= 1.0;
            }
        }
        let count = self.holders.len() as u16;
        let interval = INTERVAL.as_millis() as u64;
        for (number, holder) in self.holders.iter_mut().enumerate() {
            // Each at a moment of its own.
            if millis % interval == 17 * number as u64 {
                holder.report(count, INTERVAL, 99, |key, amount| {
                    self.ledger.note(number as u32, &Held { limit: 0, key, amount });
                });
            }
        }
        if millis % interval == interval / 2 {
            for (number, holder) in self.holders.iter_mut().enumerate() {
                for sum in self.ledger.sums(number as u32) {
                    holder.share(sum.key, sum.mine, sum.all, count);
                }
            }
            self.ledger.close_round();
        }
    }
}

/// What is let through at most: a burst of each holder, what comes at the rate, a sixteenth of it
/// that holders have which were not asked, and what comes to each alone until all have been told,
/// two intervals.
fn bound(holders: usize, rate: (u32, u32), millis: u64) -> u64 {
    let (tokens, burst) = (u64::from(rate.0), u64::from(rate.1));
    let holders = holders as u64;
    let come = tokens * millis / 1000;
    let late = holders * tokens * 2 * INTERVAL.as_millis() as u64 / 1000;
    holders * burst + come + come / 16 + late
}

#[test]
fn all_together_let_through_the_rate_however_clients_are_spread() {
    for seed in 0..40 {
        let mut rng = fastrand::Rng::with_seed(seed);
        let holders = rng.usize(1..9);
        let rates = (rng.u32(4..400), rng.u32(1..50));
        let mut proxy = Proxy::new(holders, rate(rates.0, rates.1), seed);
        // Who is asked most changes every few seconds; far more is asked than there is.
        let mut demand = vec![0.0; holders];
        let mut before = (0, 0);
        for millis in 0..60_000_u64 {
            if millis % 3_000 == 0 {
                demand.fill_with(|| 0.0);
                let busy = rng.usize(1..=holders);
                for _ in 0..busy {
                    demand[rng.usize(..holders)] = f64::from(rates.0) * 3.0 / 1000.0;
                }
            }
            proxy.step(millis, &demand);
            if millis % 10_000 == 9_999 {
                let most = bound(holders, rates, millis + 1);
                assert!(proxy.passed <= most, "seed {seed}: {} of {most}", proxy.passed);
                let gained = proxy.passed - before.0;
                let least = u64::from(rates.0) * 10 * 2 / 3;
                assert!(gained >= least, "seed {seed}: only {gained} of {least} in ten seconds");
                before = (proxy.passed, millis);
            }
        }
    }
}

#[test]
fn who_keeps_to_the_rate_is_hardly_refused_whichever_holder_is_asked() {
    for seed in 0..20 {
        let holders = 4;
        let mut proxy = Proxy::new(holders, rate(100, 50), seed);
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut demand = vec![0.0; holders];
        for millis in 0..60_000_u64 {
            if millis % 5_000 == 0 {
                demand.fill(0.0);
                demand[rng.usize(..holders)] = 0.09;
            }
            proxy.step(millis, &demand);
        }
        let refused = proxy.asked - proxy.passed;
        assert!(refused * 50 <= proxy.asked, "seed {seed}: {refused} of {}", proxy.asked);
    }
}

#[test]
fn who_is_left_alone_has_the_whole_rate_again() {
    let mut limiter = Limiter::new(rate(1000, 1), true);
    let _ = limiter.take(KEY, at(0));
    limiter.share(KEY, 1, 4, 4);
    limiter.report(1, INTERVAL, 99, |key, _| panic!("nobody is told of {key}"));
    let passed = (1..=1_000).filter(|millis| limiter.take(KEY, at(*millis)).is_ok()).count();
    assert_eq!(passed, 1_000);
}

#[test]
fn without_answers_each_goes_on_with_what_it_was_told_last() {
    let mut limiter = Limiter::new(rate(1000, 1), true);
    let _ = limiter.take(KEY, at(0));
    limiter.share(KEY, 1, 4, 4);
    let passed = (0..10_000).filter(|millis| limiter.take(KEY, at(*millis)).is_ok()).count();
    assert!((2_300..2_700).contains(&passed), "a quarter: {passed}");
}
