//! How many connections clients may have, where their cluster says nothing else.
//!
//! Beside the state: what a client of the control socket sets is not stored.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// Connections to each cluster, in all workers together; 0 is any number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClientLimits {
    /// Of one address.
    pub per_ip: u64,
    /// Of the addresses that share their first bits.
    pub per_subnet: u64,
    /// How many bits these are with IPv4, at most 32.
    pub v4_prefix: u8,
    /// And with IPv6, at most 128.
    pub v6_prefix: u8,
}

impl Default for ClientLimits {
    fn default() -> Self {
        Self { per_ip: 0, per_subnet: 0, v4_prefix: 32, v6_prefix: 128 }
    }
}

impl ClientLimits {
    /// The first address of the subnet of another one.
    pub fn subnet(&self, address: IpAddr) -> IpAddr {
        match address.to_canonical() {
            IpAddr::V4(ip) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.v4_prefix.min(32)));
                IpAddr::V4((ip.to_bits() & mask.unwrap_or(0)).into())
            }
            IpAddr::V6(ip) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.v6_prefix.min(128)));
                IpAddr::V6((ip.to_bits() & mask.unwrap_or(0)).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_is_the_first_bits() {
        let subnet = |v4_prefix, v6_prefix, address: &str| {
            let limits = ClientLimits { v4_prefix, v6_prefix, ..ClientLimits::default() };
            limits.subnet(address.parse().expect("an address")).to_string()
        };
        assert_eq!(subnet(24, 64, "192.0.2.77"), "192.0.2.0");
        assert_eq!(subnet(24, 64, "::ffff:192.0.2.77"), "192.0.2.0");
        assert_eq!(subnet(24, 64, "2001:db8:1:2:3::4"), "2001:db8:1:2::");
        assert_eq!(
            [subnet(32, 0, "192.0.2.77"), subnet(0, 0, "192.0.2.77")],
            ["192.0.2.77", "0.0.0.0"]
        );
        assert_eq!([subnet(0, 128, "::1"), subnet(0, 0, "::1")], ["::1", "::"]);
    }
}
