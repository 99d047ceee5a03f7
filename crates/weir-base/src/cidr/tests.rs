use std::hint::black_box;

use proptest::prelude::*;

use super::*;

fn block(text: &str) -> Cidr {
    text.parse().expect("a block")
}

fn set(blocks: &[&str]) -> CidrSet {
    blocks.iter().map(|text| block(text)).collect()
}

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn a_block_is_written_as_usual() {
    for text in ["192.0.2.0/24", "0.0.0.0/0", "192.0.2.1/32", "2001:db8::/32", "::/0", "::1/128"] {
        assert_eq!(block(text).to_string(), text);
    }
    assert_eq!(block("192.0.2.1").to_string(), "192.0.2.1/32");
    assert_eq!(block("2001:db8::1").to_string(), "2001:db8::1/128");
}

#[test]
fn what_is_not_a_block_says_why() {
    let refused = |text: &str| text.parse::<Cidr>().expect_err("refused");
    for text in ["", "/8", "192.0.2/24", "example.org/24", "192.0.2.0 /24"] {
        assert_eq!(refused(text), CidrError::Address, "{text}");
    }
    for text in ["192.0.2.0/", "192.0.2.0/33", "::/129", "::/+8", "::/8/8", "::/999", "::/-1"] {
        assert_eq!(refused(text), CidrError::Len, "{text}");
    }
    assert_eq!(refused("192.0.2.1/24"), CidrError::HostBits(block("192.0.2.0/24")));
    assert!(refused("2001:db8::1/64").to_string().contains("write 2001:db8::/64"));
}

#[test]
fn a_set_holds_what_its_blocks_hold() {
    let set = set(&["10.0.0.0/8", "192.0.2.128/25", "2001:db8::/32", "192.0.2.7"]);
    for inside in ["10.0.0.0", "10.255.255.255", "192.0.2.128", "192.0.2.7", "2001:db8:ffff::1"] {
        assert!(set.contains(ip(inside)), "{inside}");
    }
    for outside in ["9.255.255.255", "11.0.0.0", "192.0.2.127", "2001:db9::", "::", "0.0.0.0"] {
        assert!(!set.contains(ip(outside)), "{outside}");
    }
    assert!(!CidrSet::default().contains(ip("::")) && CidrSet::default().is_empty());
}

#[test]
fn ipv4_in_ipv6_is_ipv4() {
    let set = set(&["10.0.0.0/8", "::ffff:192.0.2.0/120"]);
    assert!(set.contains(ip("::ffff:10.1.2.3")) && set.contains(ip("192.0.2.9")));
    assert!(!set.contains(ip("::ffff:11.1.2.3")));
}

#[test]
fn a_block_can_hold_everything() {
    let all = set(&["0.0.0.0/0", "255.255.255.255", "10.0.0.0/8", "::/0", "ffff::/16"]);
    for address in ["0.0.0.0", "255.255.255.255", "::", "ffff:ffff::ffff"] {
        assert!(all.contains(ip(address)));
    }
}

#[test]
fn a_removed_block_leaves_those_within_it_and_around_it() {
    let mut set = set(&["10.0.0.0/8", "10.1.0.0/16", "10.1.1.0/24"]);
    assert!(set.remove(block("10.1.0.0/16")) && !set.remove(block("10.1.0.0/16")));
    assert!(set.contains(ip("10.1.2.3")));
    assert!(set.remove(block("10.0.0.0/8")));
    assert!(set.contains(ip("10.1.1.1")) && !set.contains(ip("10.1.2.3")));
    assert!(!set.remove(block("10.1.1.0/25")) && !set.insert(block("10.1.1.0/24")));
    assert!(set.remove(block("10.1.1.0/24")) && set.is_empty());
}

fn any_block() -> impl Strategy<Value = Cidr> {
    // Few distinct addresses, so that blocks meet.
    let v4 = (0..1024_u32, 20..=32_u8).prop_map(|(ip, len)| {
        let (first, _) = range_v4((ip << 2).into(), len);
        Cidr { address: IpAddr::V4(first.into()), len }
    });
    let v6 = (0..1024_u128, 116..=128_u8).prop_map(|(ip, len)| {
        let (first, _) = range_v6((ip << 2).into(), len);
        Cidr { address: IpAddr::V6(first.into()), len }
    });
    prop_oneof![v4, v6]
}

proptest! {
    #[test]
    fn a_set_agrees_with_a_list(
        blocks in prop::collection::vec(any_block(), 0..40),
        probes in prop::collection::vec(0..4200_u32, 50),
    ) {
        let set: CidrSet = blocks.iter().copied().collect();
        let most: usize = blocks.iter().map(CidrSet::bytes_of).sum();
        // A vector begins with room for four.
        prop_assert!(set.bytes() <= most + 256, "{} of {most}", set.bytes());
        for probe in probes {
            let holds = |address: IpAddr| blocks.iter().any(|block| match (block.address, address) {
                (IpAddr::V4(ip), IpAddr::V4(probe)) => {
                    let (first, last) = range_v4(ip, block.len);
                    (first..=last).contains(&probe.into())
                }
                (IpAddr::V6(ip), IpAddr::V6(probe)) => {
                    let (first, last) = range_v6(ip, block.len);
                    (first..=last).contains(&probe.into())
                }
                _ => false,
            });
            for address in [IpAddr::V4(probe.into()), IpAddr::V6(u128::from(probe).into())] {
                prop_assert_eq!(set.contains(address), holds(address), "{}", address);
            }
        }
    }

    #[test]
    fn a_set_that_changes_agrees_with_a_new_one(
        steps in prop::collection::vec((any_block(), any::<bool>()), 1..80),
        probes in prop::collection::vec(0..4200_u32, 50),
    ) {
        let (mut set, mut blocks) = (CidrSet::default(), std::collections::BTreeSet::new());
        for (block, added) in steps {
            match added {
                true => prop_assert_eq!(set.insert(block), blocks.insert(block)),
                false => prop_assert_eq!(set.remove(block), blocks.remove(&block)),
            }
        }
        let new: CidrSet = blocks.iter().copied().collect();
        for probe in probes {
            for address in [IpAddr::V4(probe.into()), IpAddr::V6(u128::from(probe).into())] {
                prop_assert_eq!(set.contains(address), new.contains(address), "{}", address);
            }
        }
        prop_assert_eq!(set.v4.in_use(), new.v4.in_use());
        prop_assert_eq!(set.v6.in_use(), new.v6.in_use());
        prop_assert!(set.v4.in_use() + set.v6.in_use() <= 2 * blocks.len());
        for block in &blocks {
            prop_assert!(set.remove(*block));
        }
        prop_assert!(set.is_empty());
    }

    #[test]
    fn what_is_written_is_read(block in any_block()) {
        prop_assert_eq!(block.to_string().parse(), Ok(block));
    }
}

/// So many blocks, at most 100 000, that neither overlap nor touch.
fn many(v6: bool, size: u32) -> Vec<Cidr> {
    let block = |at: u32| {
        let at = at.wrapping_mul(42_949) & !0xff;
        match v6 {
            false => Cidr { address: IpAddr::V4(at.into()), len: 24 },
            true => Cidr { address: IpAddr::V6((u128::from(at) << 90).into()), len: 48 },
        }
    };
    (0..size).map(block).collect()
}

#[test]
fn a_large_set_has_the_edges_of_its_blocks() {
    for (v6, size) in [(false, 16), (false, 17), (true, 256), (true, 257), (true, 5_000)] {
        let blocks = many(v6, size);
        let set: CidrSet = blocks.iter().copied().collect();
        for block in blocks {
            let (first, last) = range(block);
            let address = |number: u128| match v6 {
                false => IpAddr::V4((number as u32).into()),
                true => IpAddr::V6(number.into()),
            };
            assert!(set.contains(address(first)) && set.contains(address(last)), "{block}");
            assert!(!set.contains(address(last + 1)), "{block}");
            assert!(first == 0 || !set.contains(address(first - 1)), "{block}");
        }
    }
}

#[test]
#[ignore = "it measures: run it with --release --nocapture"]
fn speed() {
    use std::time::Instant;
    for v6 in [false, true] {
        let mut blocks = many(v6, 100_000);
        let begun = Instant::now();
        let set: CidrSet = blocks.iter().copied().collect();
        println!("v6 {v6}: {:?} to make it, {} bytes", begun.elapsed(), set.bytes());
        blocks.sort_by_key(|block| {
            let first = range(*block).0;
            crate::mix((first >> 64) as u64 ^ first as u64)
        });
        let begun = Instant::now();
        let mut set: CidrSet = blocks.iter().copied().collect();
        println!("v6 {v6}: {:?} to make it from an unsorted list", begun.elapsed());
        let begun = Instant::now();
        for block in &blocks[..1_000] {
            assert!(set.remove(*block) && set.insert(*block));
        }
        println!("v6 {v6}: {:?} to change one block", begun.elapsed() / 2_000);
        let probes: Vec<IpAddr> = blocks.iter().map(|block| block.address).collect();
        let mut times: Vec<_> = probes
            .chunks(1_000)
            .cycle()
            .take(3_000)
            .map(|probes| {
                let begun = Instant::now();
                probes.iter().for_each(|probe| assert!(set.contains(black_box(*probe))));
                begun.elapsed() / 1_000
            })
            .collect();
        times.sort();
        println!("v6 {v6}: a look-up {:?} (a tenth of them {:?})", times[1_500], times[300]);
    }
}

fn range(block: Cidr) -> (u128, u128) {
    match block.address {
        IpAddr::V4(ip) => {
            let (first, last) = range_v4(ip, block.len);
            (first.into(), last.into())
        }
        IpAddr::V6(ip) => range_v6(ip, block.len),
    }
}
