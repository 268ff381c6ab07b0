//! As what a target knows the devices: two bits each, in blocks that are there only where a bit is set.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::{AdapterId, DeviceNumber, MAX_DEVICE_NUMBER};

/// What a target was told last of a device or adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// That it is there, or nothing.
    Here,
    /// That it is lost, or down.
    Gone,
    /// It was told something and did not acknowledge it.
    Doubtful,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    blocks: BTreeMap<u16, Box<Block>>,
    /// Adapters that it knows as down, or that are in doubt.
    adapters: BTreeMap<AdapterId, bool>,
}

/// 1,024 devices: those that are lost, those in doubt.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Block([[u64; WORDS]; 2]);

const WORDS: usize = 16;
const DEVICES: u32 = 64 * WORDS as u32;
const GONE: usize = 0;
const DOUBTFUL: usize = 1;

impl Told {
    pub fn of_device(&self, device: DeviceNumber) -> State {
        let (block, word, bit) = place(device);
        let Some(Block(sets)) = self.blocks.get(&block).map(|block| &**block) else { return State::Here };
        let has = |set: usize| sets[set][word] & bit != 0;
        match (has(DOUBTFUL), has(GONE)) {
            (true, _) => State::Doubtful,
            (false, true) => State::Gone,
            (false, false) => State::Here,
        }
    }

    pub fn set_device(&mut self, device: DeviceNumber, state: State) {
        let (at, word, bit) = place(device);
        if state == State::Here && !self.blocks.contains_key(&at) {
            return;
        }
        let block = self.blocks.entry(at).or_default();
        for (set, on) in [(GONE, state == State::Gone), (DOUBTFUL, state == State::Doubtful)] {
            let word = &mut block.0[set][word];
            *word = if on { *word | bit } else { *word & !bit };
        }
        if block.0.as_flattened().iter().all(|word| *word == 0) {
            self.blocks.remove(&at);
        }
    }

    /// The first device from this number on that is not simply there.
    pub fn next_device(&self, from: DeviceNumber) -> Option<DeviceNumber> {
        let (first, word, bit) = place(from);
        for (at, Block(sets)) in self.blocks.range(first..).map(|(at, block)| (*at, &**block)) {
            let start = if at == first { word } else { 0 };
            for (index, (gone, doubtful)) in sets[GONE].iter().zip(&sets[DOUBTFUL]).enumerate().skip(start) {
                let mut set = gone | doubtful;
                if at == first && index == word {
                    set &= !(bit - 1);
                }
                if set != 0 {
                    return Some(u32::from(at) * DEVICES + index as u32 * 64 + set.trailing_zeros());
                }
            }
        }
        None
    }

    pub fn of_adapter(&self, adapter: AdapterId) -> State {
        match self.adapters.get(&adapter) {
            None => State::Here,
            Some(true) => State::Doubtful,
            Some(false) => State::Gone,
        }
    }

    pub fn set_adapter(&mut self, adapter: AdapterId, state: State) {
        match state {
            State::Here => self.adapters.remove(&adapter),
            State::Gone => self.adapters.insert(adapter, false),
            State::Doubtful => self.adapters.insert(adapter, true),
        };
    }

    /// Forgets adapters that are configured no more.
    pub fn keep_adapters(&mut self, configured: &BTreeSet<AdapterId>) {
        self.adapters.retain(|adapter, _| configured.contains(adapter));
    }

    /// For the store: the number of adapters (2 octets), three octets each, then 258 for each block; numbers are
    /// big-endian.
    pub fn encode(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(2 + 3 * self.adapters.len() + 258 * self.blocks.len());
        out.extend_from_slice(&(self.adapters.len() as u16).to_be_bytes());
        for (adapter, doubtful) in &self.adapters {
            out.extend_from_slice(&adapter.to_be_bytes());
            out.push((*doubtful).into());
        }
        for (at, block) in &self.blocks {
            out.extend_from_slice(&at.to_be_bytes());
            block.0.as_flattened().iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
        }
        out
    }

    /// `None`: not what [`encode`](Told::encode) writes.
    pub fn decode(octets: &[u8]) -> Option<Told> {
        let mut told = Told::default();
        let (count, rest) = octets.split_first_chunk()?;
        let (adapters, blocks) = rest.split_at_checked(usize::from(u16::from_be_bytes(*count)) * 3)?;
        for adapter in adapters.chunks_exact(3) {
            told.adapters.insert(u16::from_be_bytes([adapter[0], adapter[1]]), adapter[2] != 0);
        }
        let blocks = blocks.chunks(2 + 16 * WORDS);
        for block in blocks {
            let (at, words) = block.split_first_chunk()?;
            let at = u16::from_be_bytes(*at);
            if words.len() != 16 * WORDS || u32::from(at) > MAX_DEVICE_NUMBER / DEVICES {
                return None;
            }
            let mut block = Block::default();
            for (word, octets) in block.0.as_flattened_mut().iter_mut().zip(words.chunks_exact(8)) {
                *word = u64::from_be_bytes(octets.try_into().ok()?);
            }
            told.blocks.insert(at, Box::new(block));
        }
        Some(told)
    }
}

/// Block, word and bit.
fn place(device: DeviceNumber) -> (u16, usize, u64) {
    ((device / DEVICES) as u16, (device % DEVICES / 64) as usize, 1 << (device % 64))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_kept_of_who_is_here() {
        let mut told = Told::default();
        told.set_device(5000, State::Gone);
        told.set_device(5000, State::Doubtful);
        told.set_device(MAX_DEVICE_NUMBER, State::Gone);
        assert_eq!(told.of_device(5000), State::Doubtful);
        assert_eq!(told.next_device(1), Some(5000));
        assert_eq!(told.next_device(5001), Some(MAX_DEVICE_NUMBER));
        told.set_device(5000, State::Here);
        told.set_device(MAX_DEVICE_NUMBER, State::Here);
        assert_eq!(told, Told::default());
        assert_eq!(told.next_device(1), None);
    }

    fn states() -> impl Strategy<Value = State> {
        prop_oneof![Just(State::Here), Just(State::Gone), Just(State::Doubtful)]
    }

    proptest! {
        #[test]
        fn as_a_plain_map(
            changes in prop::collection::vec((1u32..4000, states()), 0..200),
            adapters in prop::collection::vec((1u16.., states()), 0..9),
        ) {
            let (mut told, mut plain) = (Told::default(), BTreeMap::new());
            for (device, state) in changes {
                told.set_device(device, state);
                plain.insert(device, state);
            }
            for (adapter, state) in adapters {
                told.set_adapter(adapter, state);
            }
            plain.retain(|_, state| *state != State::Here);
            let mut found = Vec::new();
            let mut from = 1;
            while let Some(device) = told.next_device(from) {
                found.push((device, told.of_device(device)));
                from = device + 1;
            }
            prop_assert_eq!(found, plain.into_iter().collect::<Vec<_>>());
            prop_assert_eq!(Told::decode(&told.encode()), Some(told));
        }

        #[test]
        fn any_octets_are_survived(octets in prop::collection::vec(any::<u8>(), 0..600)) {
            let _ = Told::decode(&octets);
        }
    }
}
