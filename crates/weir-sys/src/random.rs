//! Randomness from the kernel.

use std::io;

use rustix::rand::{GetRandomFlags, getrandom};

/// Fills `bytes`.
///
/// # Errors
/// Of `getrandom(2)`.
pub fn fill(mut bytes: &mut [u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        let n = getrandom(&mut *bytes, GetRandomFlags::empty())?;
        bytes = &mut bytes[n..];
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_filled_and_never_twice_alike() {
        let (mut first, mut second) = (vec![0; 100_000], vec![0; 100_000]);
        fill(&mut first).expect("fill");
        fill(&mut second).expect("fill");
        for (a, b) in first.chunks(50).zip(second.chunks(50)) {
            assert!(a != b && a != [0; 50]);
        }
        fill(&mut []).expect("nothing to fill");
    }

    #[test]
    fn signals_do_not_leave_a_part_unfilled() {
        let bytes = crate::testing::interrupted(|| {
            let mut bytes = vec![0; 4 << 20];
            fill(&mut bytes).map(|()| bytes)
        });
        assert!(bytes.expect("fill").chunks(64).all(|part| part != [0; 64]));
    }
}
