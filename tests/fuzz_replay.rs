//! The fuzz targets without a fuzzer: every seed in `tests/fuzz/corpus`, among them all that was ever found, and mutations
//! of them that are the same in each run. `tests/fuzz/run` searches further.

#[path = "fuzz/targets/mod.rs"]
mod targets;

use std::{
    fmt::Write as _,
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    path::Path,
};

use targets::Target;

const MUTATIONS: usize = 20_000;
const LONGEST: usize = 4096;

macro_rules! replay {
    ($($name:ident),*) => {$(
        #[test]
        fn $name() {
            replay(stringify!($name), targets::$name);
        }
    )*
        #[test]
        fn no_target_is_left_out() {
            let replayed = [$(stringify!($name)),*];
            assert_eq!(targets::TARGETS.map(|(name, _)| name), replayed);
        }
    };
}

replay!(agent, ber, boot, codec, edit_config, framing, profile, receiver, row, session, user);

fn replay(name: &str, target: Target) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz/corpus").join(name);
    let mut paths: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let seeds: Vec<_> = paths.iter().map(|path| fs::read(path).unwrap()).collect();
    assert!(!seeds.is_empty(), "{name} has no seeds");
    for (path, seed) in paths.iter().zip(&seeds) {
        run(target, seed, &path.display().to_string());
    }
    let mut mutator = Mutator { seed: 0x9e37_79b9_7f4a_7c15, seeds: &seeds };
    for count in 0..MUTATIONS {
        let input = mutator.next();
        run(target, &input, &format!("mutation {count} of {name}"));
    }
}

fn run(target: Target, input: &[u8], what: &str) {
    if catch_unwind(AssertUnwindSafe(|| target(input))).is_err() {
        let mut hex = String::new();
        for octet in input {
            let _ = write!(hex, "{octet:02x}");
        }
        panic!("{what}, {} octets: {hex}", input.len());
    }
}

/// Bends seeds the way protocols break: lengths and counts at their edges, pieces swapped, doubled and cut off.
struct Mutator<'a> {
    seed: u64,
    seeds: &'a [Vec<u8>],
}

impl Mutator<'_> {
    fn next(&mut self) -> Vec<u8> {
        let mut input = self.seeds[self.below(self.seeds.len())].clone();
        for _ in 0..=self.below(4) {
            self.bend(&mut input);
        }
        input.truncate(LONGEST);
        input
    }

    fn bend(&mut self, input: &mut Vec<u8>) {
        if input.is_empty() {
            input.push(self.below(256) as u8);
            return;
        }
        let at = self.below(input.len());
        let end = (at + 1 + self.below(16)).min(input.len());
        match self.below(9) {
            0 => input[at] ^= 1 << self.below(8),
            1 => {
                input[at] = [0, 1, 0x7f, 0x80, 0x81, 0x82, 0x84, 0xfe, 0xff, b'"', b'{', b'9'][self.below(12)]
            }
            2 => input[at] = input[at].wrapping_add(1).wrapping_sub(2 * self.below(2) as u8),
            3 => input.truncate(at),
            4 => drop(input.drain(at..end)),
            5 => {
                let piece = input[at..end].to_vec();
                let to = self.below(input.len());
                input.splice(to..to, piece);
            }
            6 => {
                let other = &self.seeds[self.below(self.seeds.len())];
                let from = self.below(other.len() + 1);
                input.splice(at.., other[from..].iter().copied());
            }
            7 => {
                let words: [&[u8]; 8] = [
                    &[0x7f, 0xff, 0xff, 0xff],
                    &[0x80, 0, 0, 0],
                    &[0xff; 8],
                    &[0x84, 0xff, 0xff, 0xff, 0xff],
                    &[0x8f, 0xff, 0xff, 0xff, 0x7f],
                    b"18446744073709551616",
                    b"-1e-999999999",
                    "\u{1F980}\u{0}".as_bytes(),
                ];
                input.splice(at..end, words[self.below(words.len())].iter().copied());
            }
            _ => {
                let octet = input[at];
                input.splice(at..at, std::iter::repeat_n(octet, 1 << self.below(9)));
            }
        }
    }

    /// xorshift64*.
    fn below(&mut self, limit: usize) -> usize {
        self.seed ^= self.seed << 13;
        self.seed ^= self.seed >> 7;
        self.seed ^= self.seed << 17;
        (self.seed.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit.max(1)
    }
}
