use proptest::prelude::*;

use super::*;

const TENANTS: usize = 4;
/// Of places and of space, which is enough for all that may be guaranteed below.
const CAPACITY: Amount = Amount { places: 40, space: 160 };

#[derive(Clone, Debug)]
enum Event {
    Enter(usize, u64),
    Leave(usize),
    Set(usize, Terms),
}

fn event() -> impl Strategy<Value = Event> {
    let tenant = || 0..TENANTS;
    let terms = (0..10_u64, 0..40_u64, prop_oneof![Just(u64::MAX), 0..20_u64]);
    let terms = terms.prop_map(|(places, space, ceiling)| Terms {
        guaranteed: Amount { places, space },
        ceiling,
    });
    prop_oneof![
        6 => (tenant(), 1..8_u64).prop_map(|(who, space)| Event::Enter(who, space)),
        4 => tenant().prop_map(Event::Leave),
        1 => (tenant(), terms).prop_map(|(who, terms)| Event::Set(who, terms)),
    ]
}

/// Tenants and who is in.
#[derive(Default)]
struct World {
    commons: Commons,
    tenants: [Tenant; TENANTS],
    inside: [Vec<u64>; TENANTS],
}

impl World {
    fn taken(&self) -> Amount {
        let mut all = Amount::default();
        self.tenants.iter().for_each(|tenant| all += tenant.taken());
        all
    }

    fn enter(&mut self, who: usize, space: u64) -> Result<(), Full> {
        let mut with = self.taken();
        with += Amount::one(space);
        let has_room = |mut owed: Amount| {
            owed += with;
            owed.fits(CAPACITY)
        };
        self.commons.enter(&mut self.tenants[who], space, has_room)?;
        self.inside[who].push(space);
        Ok(())
    }

    fn leave(&mut self, who: usize) {
        if let Some(space) = self.inside[who].pop() {
            self.commons.leave(&mut self.tenants[who], space);
        }
    }

    fn owed(&self) -> Amount {
        let mut owed = Amount::default();
        self.tenants.iter().for_each(|tenant| owed += tenant.owed());
        owed
    }
}

proptest! {
    #[test]
    fn guarantees_are_kept_and_counts_are_right(
        terms in prop::collection::vec((0..10_u64, 0..40_u64), TENANTS),
        events in prop::collection::vec(event(), 1..300)
    ) {
        let mut world = World::default();
        for (tenant, (places, space)) in world.tenants.iter_mut().zip(terms) {
            let guaranteed = Amount { places, space };
            world.commons.set(tenant, Terms { guaranteed, ceiling: u64::MAX });
        }
        for event in events {
            match event {
                Event::Enter(who, space) => {
                    let before = &world.tenants[who];
                    let mut after = before.taken;
                    after += Amount::one(space);
                    let (terms, had) = (before.terms, before.taken);
                    let entered = world.enter(who, space);
                    if had.places >= terms.ceiling {
                        prop_assert_eq!(entered, Err(Full::Ceiling));
                    } else if after.fits(terms.guaranteed) {
                        prop_assert_eq!(entered, Ok(()));
                    }
                    // Whoever is let in beyond a guarantee leaves what is owed.
                    if entered.is_ok() && !after.fits(terms.guaranteed) {
                        let mut all = world.taken();
                        all += world.owed();
                        prop_assert!(all.fits(CAPACITY));
                    }
                }
                Event::Leave(who) => world.leave(who),
                Event::Set(who, terms) => world.commons.set(&mut world.tenants[who], terms),
            }
            prop_assert_eq!(world.commons.owed(), world.owed());
            let special = world.tenants.iter().any(|t| t.terms != Terms::default());
            prop_assert_eq!(world.commons.is_empty(), !special);
        }
        for who in 0..TENANTS {
            while !world.inside[who].is_empty() {
                world.leave(who);
            }
            prop_assert_eq!(world.tenants[who].taken(), Amount::default());
            world.commons.set(&mut world.tenants[who], Terms::default());
        }
        prop_assert!(world.commons.is_empty());
        prop_assert_eq!(world.commons.owed(), Amount::default());
    }

    #[test]
    fn nothing_is_ever_taken_of_what_does_not_change(
        events in prop::collection::vec((0..TENANTS, any::<bool>(), 1..8_u64), 1..300)
    ) {
        let mut world = World::default();
        for (who, places) in [(0, 10), (1, 5)] {
            let guaranteed = Amount { places, space: places * 4 };
            world.commons.set(&mut world.tenants[who], Terms { guaranteed, ceiling: 12 });
        }
        for (who, enters, space) in events {
            match enters {
                true => drop(world.enter(who, space)),
                false => world.leave(who),
            }
            let mut all = world.taken();
            all += world.commons.owed();
            prop_assert!(all.fits(CAPACITY), "what is owed is there at any time: {all:?}");
            prop_assert!(world.inside[0].len() <= 12 && world.inside[1].len() <= 12);
        }
    }
}

#[test]
fn a_flood_leaves_what_is_guaranteed() {
    let mut world = World::default();
    let guaranteed = Amount { places: 10, space: 40 };
    world.commons.set(&mut world.tenants[0], Terms { guaranteed, ceiling: 20 });
    while world.enter(1, 4).is_ok() {}
    assert_eq!(world.inside[1].len(), 30);
    assert!((0..10).all(|_| world.enter(0, 4).is_ok()));
    assert_eq!(world.enter(0, 4), Err(Full::Commons));
    for _ in 0..20 {
        world.leave(1);
    }
    assert!((0..10).all(|_| world.enter(0, 4).is_ok()));
    assert_eq!(world.enter(0, 4), Err(Full::Ceiling));
    assert!(world.enter(1, 4).is_ok());
}
