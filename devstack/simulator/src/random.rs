//! Identifiers: bare random UUIDs (FACTS 1), from a seed so that a run can be repeated.

use std::hash::{BuildHasher, RandomState};

use uuid::Builder;

/// SplitMix64: small, and good enough for names of things.
#[derive(Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// A generator from `seed`, or from the process's own entropy.
    pub(crate) fn new(seed: Option<u64>) -> Self {
        Self(seed.unwrap_or_else(|| RandomState::new().hash_one("simulator")))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number in `low..high`.
    pub(crate) fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.next() % (high - low)
    }

    /// A new SID.
    pub(crate) fn sid(&mut self) -> String {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&self.next().to_be_bytes());
        bytes[8..].copy_from_slice(&self.next().to_be_bytes());
        Builder::from_random_bytes(bytes).into_uuid().to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_the_same_sids() {
        let (mut a, mut b) = (Random::new(Some(7)), Random::new(Some(7)));
        let first = a.sid();
        assert_eq!(first, b.sid());
        assert_ne!(first, a.sid());
        assert_eq!(first.len(), 36);
        assert_eq!(&first[14..15], "4");
    }
}
