//! What several tenants share: a part of it is guaranteed to some, the rest is for whoever comes
//! first, and a tenant may have a ceiling.
//!
//! Must not know: what the places are, how many there are, and what is free: it asks.
//!
//! What is guaranteed and not in use is *owed*. A tenant that goes beyond its own guarantee gets
//! in only where everything that is owed to others stays free.
//!
//! Invariants: what is owed is the sum of what tenants lack of their guarantees, whatever the order
//! in which they come, go and change; a tenant never has more places than its ceiling by entering.

use std::ops::AddAssign;

/// Places, and the space that goes with them: both are bounded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// How many are in.
    pub places: u64,
    /// What they take.
    pub space: u64,
}

impl Amount {
    /// What one takes.
    pub fn one(space: u64) -> Self {
        Self { places: 1, space }
    }

    /// What is more than another amount.
    fn beyond(self, other: Self) -> Self {
        Self {
            places: self.places.saturating_sub(other.places),
            space: self.space.saturating_sub(other.space),
        }
    }

    /// Both are there.
    pub fn fits(self, room: Self) -> bool {
        self.places <= room.places && self.space <= room.space
    }
}

impl AddAssign for Amount {
    fn add_assign(&mut self, other: Self) {
        self.places += other.places;
        self.space += other.space;
    }
}

/// What a tenant has a right to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Nobody else takes this.
    pub guaranteed: Amount,
    /// Places that it may have.
    pub ceiling: u64,
}

impl Default for Terms {
    /// No more than anybody.
    fn default() -> Self {
        Self { guaranteed: Amount::default(), ceiling: u64::MAX }
    }
}

/// One of those who share.
#[derive(Debug, Default)]
pub struct Tenant {
    terms: Terms,
    taken: Amount,
}

impl Tenant {
    /// What it has.
    pub fn taken(&self) -> Amount {
        self.taken
    }

    fn owed(&self) -> Amount {
        self.terms.guaranteed.beyond(self.taken)
    }
}

/// Why nobody more is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Full {
    /// The tenant has as many places as it may.
    #[error("as many sessions of this cluster are under way as may be: try again later")]
    Ceiling,
    /// The rest is owed to others.
    #[error("there is no room but what is kept for others: try again later")]
    Commons,
}

/// All tenants together.
#[derive(Debug, Default)]
pub struct Commons {
    owed: Amount,
    /// Tenants with terms of their own.
    special: usize,
}

impl Commons {
    /// Nobody has terms: everybody may enter.
    pub fn is_empty(&self) -> bool {
        self.special == 0
    }

    /// What tenants lack of their guarantees.
    pub fn owed(&self) -> Amount {
        self.owed
    }

    /// A tenant has other terms from now on; who is in stays. One that goes has none first.
    pub fn set(&mut self, tenant: &mut Tenant, terms: Terms) {
        let is_special = |terms: &Terms| usize::from(*terms != Terms::default());
        self.special = self.special + is_special(&terms) - is_special(&tenant.terms);
        self.change(tenant, |tenant| tenant.terms = terms);
    }

    /// Lets one more in. Beyond the guarantee, `has_room` is asked whether so much would stay free
    /// when it is in.
    ///
    /// # Errors
    /// When it stays out.
    pub fn enter(
        &mut self,
        tenant: &mut Tenant,
        space: u64,
        has_room: impl FnOnce(Amount) -> bool,
    ) -> Result<(), Full> {
        if tenant.taken.places >= tenant.terms.ceiling {
            return Err(Full::Ceiling);
        }
        self.adopt(tenant, space);
        if tenant.taken.fits(tenant.terms.guaranteed) || has_room(self.owed) {
            return Ok(());
        }
        self.leave(tenant, space);
        Err(Full::Commons)
    }

    /// One more is in, whatever may be.
    pub fn adopt(&mut self, tenant: &mut Tenant, space: u64) {
        self.change(tenant, |tenant| tenant.taken += Amount::one(space));
    }

    /// One that took so much is gone.
    pub fn leave(&mut self, tenant: &mut Tenant, space: u64) {
        self.change(tenant, |tenant| tenant.taken = tenant.taken.beyond(Amount::one(space)));
    }

    fn change(&mut self, tenant: &mut Tenant, change: impl FnOnce(&mut Tenant)) {
        self.owed = self.owed.beyond(tenant.owed());
        change(tenant);
        self.owed += tenant.owed();
    }
}

#[cfg(test)]
mod tests;
