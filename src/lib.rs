// What may not be in the product; tests may. The reasons of further rules are in .clippy.toml.
#![cfg_attr(
    not(test),
    deny(
        clippy::unwrap_used,
        clippy::expect_used,
        clippy::panic,
        clippy::todo,
        clippy::unimplemented,
        clippy::unreachable,
        clippy::exit,
        clippy::dbg_macro
    )
)]

pub mod cli;
pub mod clock;
pub mod config;
pub mod control;
pub mod file;
pub mod fleet;
pub mod journal;
pub mod model;
pub mod report;
pub mod secret;
pub mod southbound;
pub mod stats;
pub mod store;
