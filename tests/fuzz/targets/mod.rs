//! What is fuzzed: every place where octets of others come in. A target panics if something is wrong; `fuzz.rs` feeds it
//! from libFuzzer, `tests/fuzz_replay.rs` from the corpus.

mod codec;
mod datastore;
#[path = "../../datastore_support/mod.rs"]
mod datastore_support;
mod files;
mod netconf;
mod receiver;
mod snmp;
#[path = "../../snmp_support/mod.rs"]
mod snmp_support;
#[path = "../../support/mod.rs"]
mod support;
mod user;

pub use codec::codec;
pub use datastore::edit_config;
pub use files::{boot, profile, row};
pub use netconf::{framing, session};
pub use receiver::receiver;
pub use snmp::{agent, ber};
pub use user::user;

pub type Target = fn(&[u8]);

pub const TARGETS: [(&str, Target); 11] = [
    ("agent", agent),
    ("ber", ber),
    ("boot", boot),
    ("codec", codec),
    ("edit_config", edit_config),
    ("framing", framing),
    ("profile", profile),
    ("receiver", receiver),
    ("row", row),
    ("session", session),
    ("user", user),
];
