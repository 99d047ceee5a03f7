//! Hashes that are the same in every process, on every machine and in every version: two proxies
//! that place by them agree.
//!
//! Must not know: what is placed. Not for tables that a peer fills: without a secret seed, a peer
//! can make collisions.
//!
//! FNV-1a (draft-eastlake-fnv, 64 bits), whose last bytes hardly reach the high bits, and behind it
//! the finaliser of SplitMix64 (Steele, Lea, Flood 2014), which lets every bit reach every other.

use std::net::{IpAddr, SocketAddr};

const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
const PRIME: u64 = 0x0000_0100_0000_01b3;

/// Hash of `bytes`; each `seed` is another function.
pub fn stable_hash(bytes: &[u8], seed: u64) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(PRIME);
    mix(bytes.iter().fold(OFFSET ^ mix(seed), fold))
}

/// Hash of an address and port: the same for an IPv4 address and what it is mapped to in IPv6.
pub fn address_hash(address: SocketAddr, seed: u64) -> u64 {
    let ip = match address.ip() {
        IpAddr::V4(ip) => ip.to_ipv6_mapped(),
        IpAddr::V6(ip) => ip,
    };
    let mut bytes = [0; 18];
    bytes[..16].copy_from_slice(&ip.octets());
    bytes[16..].copy_from_slice(&address.port().to_be_bytes());
    stable_hash(&bytes, seed)
}

/// A one-to-one map of integers in which every bit of the result depends on every bit of `value`.
pub const fn mix(value: u64) -> u64 {
    let value = value.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_values_are_those_of_every_version() {
        // The first outputs of SplitMix64 seeded with 1234567, as its authors publish them.
        assert_eq!(mix(1_234_567), 6_457_827_717_110_365_317);
        assert_eq!(
            mix(1_234_567_u64.wrapping_add(0x9e37_79b9_7f4a_7c15)),
            3_203_168_211_198_807_973
        );
        assert_eq!(stable_hash(b"", 0), 6_566_800_829_925_814_604);
        assert_eq!(stable_hash(b"a", 0), 3_051_820_978_105_488_553);
        assert_eq!(stable_hash(b"a", 1), 6_126_940_768_119_162_515);
    }

    #[test]
    fn an_address_is_the_same_in_both_families() {
        let hash = |text: &str| address_hash(text.parse().expect("an address"), 1);
        assert_eq!(hash("192.0.2.1:53"), hash("[::ffff:192.0.2.1]:53"));
        assert_ne!(hash("192.0.2.1:53"), hash("192.0.2.1:54"));
    }

    #[test]
    fn one_bit_changes_half_of_them() {
        let mut changed = 0;
        for bit in 0..64 {
            let bytes = (1_u64 << bit).to_be_bytes();
            changed += (stable_hash(&bytes, 7) ^ stable_hash(&[0; 8], 7)).count_ones();
        }
        assert!(changed.abs_diff(64 * 32) < 200, "{changed} of 4096");
    }
}
