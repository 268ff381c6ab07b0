//! Bitmaps over the 1,024 devices of a block and over the 2,048 blocks of a fleet.

use std::sync::atomic::{AtomicU64, Ordering};

/// Devices of a block: one bit each.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Bits([u64; 16]);

impl Bits {
    pub fn get(&self, at: usize) -> bool {
        self.0[at / 64] >> (at % 64) & 1 == 1
    }

    pub fn set(&mut self, at: usize, on: bool) {
        let bit = 1 << (at % 64);
        if on {
            self.0[at / 64] |= bit;
        } else {
            self.0[at / 64] &= !bit;
        }
    }

    pub fn is_empty(&self) -> bool {
        self.0.iter().all(|&word| word == 0)
    }

    /// The lowest set bit at or above `from`.
    pub fn next(&self, from: usize) -> Option<usize> {
        next_in(from, self.0.len(), |word| self.0[word])
    }

    pub fn iter(&self) -> impl Iterator<Item = usize> {
        let mut from = 0;
        std::iter::from_fn(move || {
            let at = self.next(from)?;
            from = at + 1;
            Some(at)
        })
    }
}

/// Blocks that have at least one such device. Written under the block's lock, read without.
#[derive(Debug)]
pub(super) struct BlockBits([AtomicU64; 32]);

impl Default for BlockBits {
    fn default() -> Self {
        BlockBits(std::array::from_fn(|_| AtomicU64::new(0)))
    }
}

impl BlockBits {
    pub fn set(&self, block: usize, on: bool) {
        let bit = 1 << (block % 64);
        if on {
            self.0[block / 64].fetch_or(bit, Ordering::AcqRel);
        } else {
            self.0[block / 64].fetch_and(!bit, Ordering::AcqRel);
        }
    }

    /// The lowest such block at or above `from`.
    pub fn next(&self, from: usize) -> Option<usize> {
        next_in(from, self.0.len(), |word| self.0[word].load(Ordering::Acquire))
    }
}

pub(super) fn next_in(from: usize, words: usize, word_at: impl Fn(usize) -> u64) -> Option<usize> {
    let mut index = from / 64;
    if index >= words {
        return None;
    }
    let mut word = word_at(index) & (u64::MAX << (from % 64));
    while word == 0 {
        index += 1;
        if index == words {
            return None;
        }
        word = word_at(index);
    }
    Some(index * 64 + word.trailing_zeros() as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_set_bit() {
        let mut bits = Bits::default();
        for at in [0, 63, 64, 1023] {
            bits.set(at, true);
        }
        assert_eq!(bits.iter().collect::<Vec<_>>(), [0, 63, 64, 1023]);
        assert_eq!(bits.next(1024), None);
        bits.set(1023, false);
        assert_eq!(bits.next(65), None);
        let blocks = BlockBits::default();
        blocks.set(2047, true);
        assert_eq!(blocks.next(0), Some(2047));
        assert_eq!(blocks.next(2048), None);
    }
}
