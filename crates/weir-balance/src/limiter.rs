//! A limit for each of many: the buckets of one rate by key, and what this holder of the limit
//! tells the others who hold it too.
//!
//! Must not know: what a key stands for, who the others are.
//!
//! Every holder lets through a whole burst; the speed is divided. As long as a holder has not been
//! told of a key, it is alone with it and has all of the speed. What it takes of it is
//! [told](Limiter::report) from time to time, and the answer ([`Limiter::share`]) says what all
//! have taken; each then has its [part](part_of).
//!
//! Taking a token of a known key costs some 125 instructions (callgrind, release build).
//!
//! Invariants: at most [`Limiter::KEYS`] keys are remembered. When there is no place for another,
//! the one that has most left is forgotten: what is wrong then lets through and never refuses.

use std::time::Duration;

use weir_base::Instant;

use crate::rate::{Bucket, Empty, Rate, WHOLE};

/// Keys that share a few places.
const WAYS: usize = 8;

/// How much of the speed is divided evenly, whoever takes how much: one of so many parts. Who has
/// taken nothing can begin with it, though nobody tells of what others take any more.
const EVENLY: u32 = 16;

/// The buckets of one rate.
#[derive(Debug)]
pub struct Limiter {
    rate: Rate,
    /// [`WAYS`] places for each set of keys; made when there is a first one.
    places: Vec<Place>,
    sets: usize,
    /// Places of which something was taken.
    taken: Vec<u32>,
}

/// A key and its bucket.
#[derive(Clone, Copy, Debug)]
struct Place {
    /// 0: nobody's.
    key: u64,
    bucket: Bucket,
    /// What was asked for lately; half of it is forgotten with each report.
    asked: u32,
    /// Of [`WHOLE`]; 0: nothing was told.
    part: u16,
    /// It is among those of which something was taken.
    listed: bool,
}

impl Place {
    fn new(key: u64, rate: &Rate, now: Instant) -> Self {
        Self { key, bucket: Bucket::new(rate, now), asked: 0, part: 0, listed: false }
    }

    fn rate(&self, rate: &Rate) -> Rate {
        if self.part == 0 { *rate } else { rate.part(self.part) }
    }
}

impl Limiter {
    /// Keys that are remembered, at most.
    pub const KEYS: usize = 1 << 13;
    /// One that tells keys apart, or one with a single bucket for all.
    pub fn new(rate: Rate, by_key: bool) -> Self {
        Self { rate, places: Vec::new(), sets: sets(by_key), taken: Vec::new() }
    }

    /// The most memory of one.
    pub fn bytes(by_key: bool) -> usize {
        // The vector of places of which something was taken may have twice the room it needs.
        size_of::<Self>() + sets(by_key) * WAYS * (size_of::<Place>() + 2 * size_of::<u32>())
    }

    /// Takes one token of a key.
    ///
    /// # Errors
    /// When there is none.
    pub fn take(&mut self, key: u64, now: Instant) -> Result<(), Empty> {
        let at = self.place(key, now);
        let Some(place) = self.places.get_mut(at) else { return Ok(()) };
        place.asked = place.asked.saturating_add(1);
        if !std::mem::replace(&mut place.listed, true) {
            self.taken.push(at as u32);
        }
        place.bucket.take(&place.rate(&self.rate), 1, now)
    }

    /// What was taken lately of keys that others should know of, at most `most`: where they were
    /// told of by others, or so much that all `holders` together could come to more than the rate.
    /// To be called once in each `interval`.
    pub fn report(
        &mut self,
        holders: u16,
        interval: Duration,
        most: usize,
        mut tell: impl FnMut(u64, u32),
    ) {
        // What is asked for at the same speed all the time stands at twice that of one interval.
        let enough = 2 * self.rate.tokens_in(interval) / u64::from(holders.max(1));
        let (mut told, mut kept) = (0, 0);
        for index in 0..self.taken.len() {
            let at = self.taken[index];
            let Some(place) = self.places.get_mut(at as usize) else { continue };
            // Who is alone tells nobody, and has all of it.
            let alone = holders <= 1;
            if alone {
                place.part = 0;
            }
            if alone || told < most {
                if !alone && (place.part > 0 || u64::from(place.asked) > enough) {
                    tell(place.key, place.asked);
                    told += 1;
                }
                place.asked /= 2;
            }
            place.listed = place.asked > 0;
            if place.listed {
                self.taken[kept] = at;
                kept += 1;
            }
        }
        self.taken.truncate(kept);
        // Those that were not told of come first the next time.
        let rotation = told.min(kept);
        self.taken.rotate_left(rotation);
    }

    /// Of a key, all holders have taken `all`, this one `mine`.
    pub fn share(&mut self, key: u64, mine: u32, all: u32, holders: u16) {
        let set = self.set(key);
        let place = self.places.get_mut(set).into_iter().flatten().find(|place| place.key == key);
        if let Some(place) = place {
            place.part = part_of(mine, all, holders);
        }
    }

    /// Something is to be reported.
    pub fn has_taken(&self) -> bool {
        !self.taken.is_empty()
    }

    fn set(&self, key: u64) -> std::ops::Range<usize> {
        let set = (key >> 32) as usize % self.sets;
        set * WAYS..(set + 1) * WAYS
    }

    /// Where the bucket of a key is; it is made if there is none.
    fn place(&mut self, key: u64, now: Instant) -> usize {
        if self.places.is_empty() {
            self.places = vec![Place::new(0, &self.rate, now); self.sets * WAYS];
        }
        let set = self.set(key);
        if let Some(at) = self.places[set.clone()].iter().position(|place| place.key == key) {
            return set.start + at;
        }
        let left = |at: &usize| {
            let place = &self.places[*at];
            match place.key {
                0 => u64::MAX,
                _ => place.bucket.tokens(&place.rate(&self.rate), now).into(),
            }
        };
        // The first of those that have as much.
        let at = set.clone().rev().max_by_key(left).unwrap_or(set.start);
        let place = &mut self.places[at];
        *place = Place { listed: place.listed, ..Place::new(key, &self.rate, now) };
        at
    }
}

fn sets(by_key: bool) -> usize {
    if by_key { Limiter::KEYS / WAYS } else { 1 }
}

/// The part of the speed that one of several holders has, of [`WHOLE`]: as much as its part of what
/// all have taken, and a little of the whole even if it has taken nothing.
///
/// All parts of those who have taken something come to the whole at most. Of those who have not,
/// all together come to a sixteenth of it.
pub fn part_of(mine: u32, all: u32, holders: u16) -> u16 {
    if mine >= all {
        return WHOLE;
    }
    let whole = u32::from(WHOLE);
    let evenly = whole / EVENLY / u32::from(holders.max(1));
    let rest = u64::from(whole - whole / EVENLY) * u64::from(mine) / u64::from(all);
    u16::try_from(u64::from(evenly) + rest).unwrap_or(WHOLE)
}

#[cfg(test)]
mod tests;
