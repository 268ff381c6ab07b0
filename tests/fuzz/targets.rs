//! What is fuzzed: every place where octets of others come in. A target panics if something is wrong; `fuzz.rs` feeds it
//! from libFuzzer, `tests/fuzz_replay.rs` from the corpus.

use std::path::Path;

use fleetbridge::{config, store::row};

pub type Target = fn(&[u8]);

pub const TARGETS: [(&str, Target); 2] = [("boot", boot), ("row", row)];

/// The boot file: any text is read to its end, and each problem names a line of it.
pub fn boot(data: &[u8]) {
    let Ok(text) = str::from_utf8(data) else { return };
    let outcome = config::parse(Path::new("/nowhere/fleetbridge.toml"), text);
    // The end of the text counts as a line.
    let lines = text.lines().count() as u32 + 1;
    for problem in &outcome.problems {
        assert!(problem.line <= lines, "there is no such line: {problem}");
        assert!(!problem.message.is_empty());
    }
    if let Ok((config, _)) = outcome.into_result() {
        config.check_profiles(&["tasmota", "json-sensor"]);
    }
}

/// A row of state.db: what can be read is written the same.
pub fn row(data: &[u8]) {
    let Ok(state) = row::decode(data) else { return };
    let mut once = Vec::new();
    row::encode_state(&state, &mut once);
    let again = row::decode(&once).expect("our own row");
    let mut twice = Vec::new();
    row::encode_state(&again, &mut twice);
    assert_eq!(once, twice);
}
