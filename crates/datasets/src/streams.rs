//! Named random streams: every use of randomness in the workspace names its stream.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};
use sha2::{Digest, Sha256};

/// Separates these keys from every other use of SHA-256 and from later versions of this derivation.
const DOMAIN: &[u8] = b"morphnet streams 1\0";

/// The random streams of one run, all derived from its seed.
///
/// Equal (seed, name, indices) give an equal stream on every platform; any difference gives an unrelated one. So adding
/// a stream changes no other, and a stream can be recreated at any point of a run. A name says what is drawn
/// (`"batches/order"`), the indices say which one (the epoch).
///
/// ```
/// use datasets::Streams;
/// use rand::RngExt;
///
/// let streams = Streams::new(7);
/// let first: u32 = streams.indexed("batches/order", &[3]).random();
/// let again: u32 = Streams::new(7).indexed("batches/order", &[3]).random();
/// assert_eq!(first, again);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
}

impl Streams {
    /// The streams of `seed`.
    pub fn new(seed: u64) -> Self {
        Self { seed }
    }

    /// The seed that these streams are derived from.
    pub fn seed(self) -> u64 {
        self.seed
    }

    /// Streams of a part of the work, such as one of several training runs: they share no stream with these.
    pub fn derive(self, name: &str) -> Self {
        Self::new(self.stream(name).next_u64())
    }

    /// The stream called `name`, from its beginning; the same as [`Streams::indexed`] with no indices.
    pub fn stream(self, name: &str) -> ChaCha8Rng {
        self.indexed(name, &[])
    }

    /// The stream called `name` for `indices`, from its beginning.
    ///
    /// Its key is the SHA-256 of the domain, the seed, the name and the indices, each with its length, all
    /// numbers as 64-bit little-endian.
    pub fn indexed(self, name: &str, indices: &[u64]) -> ChaCha8Rng {
        let mut hash = Sha256::new();
        hash.update(DOMAIN);
        hash.update(self.seed.to_le_bytes());
        hash.update((name.len() as u64).to_le_bytes());
        hash.update(name.as_bytes());
        hash.update((indices.len() as u64).to_le_bytes());
        for index in indices {
            hash.update(index.to_le_bytes());
        }
        ChaCha8Rng::from_seed(hash.finalize().into())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use rand::RngExt;

    use super::*;

    #[test]
    fn any_difference_in_seed_name_or_indices_gives_another_stream() {
        let mut streams = Vec::new();
        for seed in [0, 1, u64::MAX] {
            for name in ["", "a", "b", "ab", "a\0"] {
                for indices in [&[][..], &[0], &[1], &[0, 0], &[0, 1], &[97]] {
                    streams.push(Streams::new(seed).indexed(name, indices).random::<u128>());
                }
            }
        }
        let distinct: BTreeSet<_> = streams.iter().collect();
        assert_eq!(distinct.len(), streams.len());
    }

    #[test]
    fn a_stream_without_indices_is_the_plain_stream() {
        let streams = Streams::new(5);
        assert_eq!(
            streams.stream("init").random::<u128>(),
            streams.indexed("init", &[]).random::<u128>()
        );
        assert_eq!(streams.seed(), 5);
    }

    /// Key of seed 1, name "batches/order", index 2, by
    /// `hashlib.sha256(b"morphnet streams 1\0" + struct.pack("<QQ13sQQ", 1, 13, b"batches/order", 1, 2))`, first
    /// and last eight bytes.
    #[test]
    fn the_key_is_the_documented_hash() {
        let key = Streams::new(1).indexed("batches/order", &[2]).get_seed();
        assert_eq!(key[..8], [0x3d, 0xad, 0xfd, 0xec, 0x75, 0x85, 0xee, 0x15]);
        assert_eq!(key[24..], [0x45, 0x6d, 0x9b, 0x31, 0xe2, 0x5e, 0xc5, 0x5e]);
    }
}
