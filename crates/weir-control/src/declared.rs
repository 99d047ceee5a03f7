//! Things in the order in which they were declared, each found by its name.
//!
//! Invariants: names are unique; a thing keeps its place when it is replaced; every operation on
//! one thing costs the logarithm of their number; places are the same when it was stored and read.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::{Bound, Deref, DerefMut};

use serde::{Deserialize, Serialize};

/// What a thing is known by.
pub trait Named {
    /// Its name.
    type Name: Ord + Clone;
    /// The name of a list in which the order counts.
    type List: Ord + Clone;

    /// The name of this one.
    fn name(&self) -> Self::Name;

    /// The list that this one is in, if it is in one; things of one name are in one list.
    fn list(&self) -> Option<Self::List>;

    /// The hash of this one's standing right before `next` in a list. It follows from their names.
    fn link(&self, next: &Self) -> u64;
}

/// The things.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(from = "Stored<T>", into = "Stored<T>", bound(serialize = "T: Clone + Serialize"))]
pub struct Declared<T: Named> {
    things: BTreeMap<u64, T>,
    places: BTreeMap<T::Name, u64>,
    /// The places of those that are in a list.
    lists: BTreeSet<(T::List, u64)>,
    /// Sum of the links of all lists.
    order: u64,
    next: u64,
}

/// What is stored: what undoes a change names places, so they stay.
#[derive(Serialize, Deserialize)]
struct Stored<T> {
    next: u64,
    things: Vec<(u64, T)>,
}

impl<T: Named> Declared<T> {
    /// Adds a thing behind all others, or in the place of the one of its name, which is returned.
    pub fn put(&mut self, thing: T) -> Option<T> {
        let place = self.places.get(&thing.name()).copied().unwrap_or(self.next);
        self.put_at(place, thing)
    }

    /// Adds a thing in a place that [`Declared::remove`] told, which is free.
    pub fn put_at(&mut self, place: u64, thing: T) -> Option<T> {
        self.places.insert(thing.name(), place);
        self.next = self.next.max(place + 1);
        let list = thing.list();
        let replaced = self.things.insert(place, thing);
        if let Some(list) = list
            && self.lists.insert((list.clone(), place))
        {
            self.order = self.order.wrapping_add(self.links(&list, place));
        }
        replaced
    }

    /// The same as [`Declared::put`].
    pub fn push(&mut self, thing: T) {
        self.put(thing);
    }

    /// Removes a thing; its place can be used to put it back.
    pub fn remove(&mut self, name: &T::Name) -> Option<(u64, T)> {
        let place = self.places.remove(name)?;
        if let Some(list) = self.things.get(&place)?.list() {
            self.order = self.order.wrapping_sub(self.links(&list, place));
            self.lists.remove(&(list, place));
        }
        self.things.remove(&place).map(|thing| (place, thing))
    }

    /// What the thing in a place of a list, which is there, adds to the order: its links, without
    /// the one that its neighbours would have.
    fn links(&self, list: &T::List, place: u64) -> u64 {
        let at = |place| (list.clone(), place);
        let thing = |(of, place): &(T::List, u64)| {
            if of == list { self.things.get(place) } else { None }
        };
        let before = self.lists.range(..at(place)).next_back().and_then(thing);
        let after = self.lists.range(at(place + 1)..).next().and_then(thing);
        joined(before, self.things.get(&place), after)
    }

    /// A number that tells apart the orders of the things of each list; 0 without lists.
    pub fn order(&self) -> u64 {
        self.order
    }

    /// The thing of that name.
    pub fn get(&self, name: &T::Name) -> Option<&T> {
        self.things.get(self.places.get(name)?)
    }

    /// Where the thing of that name stands: those declared before it have lower numbers.
    pub fn place(&self, name: &T::Name) -> Option<u64> {
        self.places.get(name).copied()
    }

    /// The thing of that name and where it stands.
    pub fn with_place(&self, name: &T::Name) -> Option<(u64, &T)> {
        let place = self.places.get(name)?;
        self.things.get(place).map(|thing| (*place, thing))
    }

    /// All and where they stand, in the order of declaration.
    pub fn places(&self) -> impl Iterator<Item = (u64, &T)> {
        self.things.iter().map(|(place, thing)| (*place, thing))
    }

    /// All, in the order of declaration.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &T> {
        self.things.values()
    }

    /// Those with names from `start` on, in the order of names.
    pub fn from_name<'a>(&'a self, start: &T::Name) -> impl Iterator<Item = &'a T> + use<'a, T> {
        let range = (Bound::Included(start), Bound::Unbounded);
        self.places.range::<T::Name, _>(range).filter_map(|(_, place)| self.things.get(place))
    }

    /// Those declared behind a place, with theirs; all without one.
    pub fn behind(&self, place: Option<u64>) -> impl Iterator<Item = (u64, &T)> {
        let start = place.map_or(Bound::Unbounded, Bound::Excluded);
        self.things.range((start, Bound::Unbounded)).map(|(place, thing)| (*place, thing))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.things.len()
    }

    /// There is none.
    pub fn is_empty(&self) -> bool {
        self.things.is_empty()
    }

    /// The thing at a position, to be changed, its name too.
    ///
    /// # Panics
    /// When there are fewer.
    pub fn edit(&mut self, position: usize) -> Edit<'_, T> {
        let thing = self.iter().nth(position).map(T::name);
        let taken = thing.and_then(|name| self.remove(&name));
        let (place, thing) = taken.expect("there is a thing at this position");
        Edit { all: self, place, thing: Some(thing) }
    }

    /// Changes every thing, its name too.
    pub fn change_all(&mut self, change: impl Fn(&mut T)) {
        let next = self.next;
        for (place, mut thing) in std::mem::take(self).things {
            change(&mut thing);
            self.put_at(place, thing);
        }
        self.next = next;
    }
}

/// A thing that is being changed; it is put back when this goes.
pub struct Edit<'a, T: Named> {
    all: &'a mut Declared<T>,
    place: u64,
    thing: Option<T>,
}

impl<T: Named> Deref for Edit<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.thing.as_ref().expect("it is put back last")
    }
}

impl<T: Named> DerefMut for Edit<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        self.thing.as_mut().expect("it is put back last")
    }
}

impl<T: Named> Drop for Edit<'_, T> {
    fn drop(&mut self) {
        if let Some(thing) = self.thing.take() {
            self.all.put_at(self.place, thing);
        }
    }
}

impl<T: Named> std::ops::Index<usize> for Declared<T> {
    type Output = T;

    /// The thing at a position.
    ///
    /// # Panics
    /// When there are fewer.
    fn index(&self, position: usize) -> &T {
        self.iter().nth(position).expect("there is a thing at this position")
    }
}

impl<T: Named> Default for Declared<T> {
    fn default() -> Self {
        Self {
            things: BTreeMap::new(),
            places: BTreeMap::new(),
            lists: BTreeSet::new(),
            order: 0,
            next: 0,
        }
    }
}

impl<T: Named + PartialEq> PartialEq for Declared<T> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl<T: Named + Eq> Eq for Declared<T> {}

impl<T: Named> From<Vec<T>> for Declared<T> {
    fn from(things: Vec<T>) -> Self {
        things.into_iter().collect()
    }
}

impl<T: Named> FromIterator<T> for Declared<T> {
    fn from_iter<I: IntoIterator<Item = T>>(things: I) -> Self {
        let mut all = Self::default();
        for thing in things {
            all.put(thing);
        }
        all
    }
}

impl<T: Named> From<Stored<T>> for Declared<T> {
    fn from(stored: Stored<T>) -> Self {
        let mut all = Self::default();
        for (place, thing) in stored.things {
            all.put_at(place, thing);
        }
        all.next = all.next.max(stored.next);
        all
    }
}

impl<T: Named> From<Declared<T>> for Stored<T> {
    fn from(all: Declared<T>) -> Self {
        Self { next: all.next, things: all.things.into_iter().collect() }
    }
}

/// How the order of a list moves when `this` comes between two neighbours that it has then.
pub fn joined<T: Named>(before: Option<&T>, this: Option<&T>, after: Option<&T>) -> u64 {
    let link = |one: Option<&T>, next: Option<&T>| match (one, next) {
        (Some(one), Some(next)) => one.link(next),
        _ => 0,
    };
    link(before, this).wrapping_add(link(this, after)).wrapping_sub(link(before, after))
}
