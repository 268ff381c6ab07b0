//! # fleetbridge: the tour
//!
//! fleetbridge puts an IoT fleet into the network management tools that companies already run. Southbound it hears devices
//! over MQTT; northbound the fleet is an SNMP agent and a NETCONF server. In the middle lies one [`fleet`]: a table of devices stored as columns,
//! in blocks of 1,024 consecutive device numbers. The number is the SNMP index, the SQLite rowid and the order of all
//! lists, so GETNEXT and a report are both "seek in a column".
//!
//! ## The way up
//! ```text
//! MQTT message
//!   └▶ southbound::mqtt        receives in batches, acknowledges after the commit
//!       └▶ southbound::codec   Uplink ─▶ Reports: pure, no allocation a message, compiled from profiles
//!           └▶ southbound::ingest   finds the device number; who has none is enrolled (daemon::enrol, store) first
//!               └▶ fleet::absorb    writes the columns of the blocks touched, one short lock each
//!                    ├▶ journal     transitions: lost, returned, ... made durable, then told
//!                    │    └▶ snmp::notify     what each trap target is told; snmp::notifier tells it
//!                    └▶ snmp::agent, report, control   read the same columns in device order
//! ```
//!
//! ## The way down
//! ```text
//! netconf::operations, snmp::set   an edit-config or a SET is staged, a commit made
//!  └▶ datastore                validates the devices touched, writes one transaction (store), tells who listens
//!      └▶ daemon::manage       what a commit means for the fleet
//! Fleet::manage                what a manager says of a device beside its settings: before what it reports
//! Fleet::desire                what a manager wants of a device, as of a commit
//!  └▶ fleet::settings          one state machine a setting; devices with something to send wait in the outbox
//!      └▶ southbound::egress   takes orders at the adapter's pace; has each try written down before it is sent
//!          └▶ southbound::codec     Order ─▶ Downlink: placeholders filled in, escaped
//!              └▶ southbound::mqtt  publishes, tells what the broker has confirmed
//! ```
//! What the device answers comes up as any report and moves the setting on: sent, acked, stored, effective; or drifted,
//! failed, unsupported, which the journal tells.
//!
//! ## Where each thing lives
//! | module | what |
//! |---|---|
//! | [`model`] | plain data: values, profiles, devices, reports, instants |
//! | [`fleet`] | the state of all devices: blocks, names, absorb, presence, walks, settings, what managers say |
//! | [`journal`] | append-only events with cursors |
//! | [`yang`] | the safe wrapper of libyang: schemas, values, small trees; the modules that are served |
//! | [`datastore`] | what managers may change: running, candidate, commits; the one gate for every writer |
//! | [`store`] | SQLite: `config.db` (numbers, names, running, FULL), `state.db` (telemetry and settings, write-behind), and the file `numbers`; the only user of rusqlite |
//! | [`southbound`] | transports (`mqtt`, the embedded `broker`), profile files, codecs, ingest and egress, what nobody understood |
//! | [`snmp`] | BER, messages, agent, MIB tables, users and access control, what administrators make of those by SET (`made`), traps, sockets |
//! | [`netconf`] | framing, messages, subtree filters, the session without I/O, SSH; operations, what is read (`provider`), notifications |
//! | [`report`] | missing, inventory, software; table, CSV, JSON |
//! | [`kit`] | what management tools import, so that each device is a host there: templates and hosts, a file a tool |
//! | [`control`] | the control socket: HTTP and JSON, /metrics |
//! | [`config`], [`file`](mod@file) | the boot file; a TOML reader that names every problem with its line |
//! | [`daemon`] | builds the parts, spawns the tasks, ends them in order |
//! | [`cli`] | one file a subcommand, and the demo |
//! | [`clock`], [`secret`], [`stats`], [`login`] | the only reader of the clock; text that prints nothing; counters; passwords, checked with care |
//!
//! ## Rules that a test checks (`tests/architecture.rs`)
//! `southbound`, `snmp`, `netconf` and `report` never import each other: they meet in `fleet`, `journal` and `datastore`. `model`, `fleet`,
//! `journal`, `datastore`, the codecs and the agent are pure: bytes and `now` in, actions out; they name no socket, clock, task or
//! SQL. `unsafe` stands in `snmp::transport` and `yang` only.
//!
//! ## To add something
//! | what | touches |
//! |---|---|
//! | a device type | one profile file (TOML), no code |
//! | a payload convention | `southbound/codec/x.rs` and one line |
//! | a transport | `southbound/x.rs`: receives, and gives to [`southbound::ingest::Ingest`] |
//! | a MIB | the text in `mibs/`, `snmp/mib/x.rs`, one line; a test holds text against code, column by column |
//! | a YANG module | the text in `yang/`, one line in [`yang::modules`]; its data in `netconf/provider/x.rs`, one line in `PROVIDERS` |
//! | a report | `report/x.rs`, one line in `REPORTS` |
//! | a management tool | `kit/x.rs`, a variant of [`kit::Tool`] |
//!
//! ## What waits for its issue
//! Policies and rollouts will stand between running and [`fleet::Fleet::desire`].

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
pub mod daemon;
pub mod datastore;
pub mod file;
pub mod fleet;
pub mod journal;
pub mod kit;
pub mod login;
pub mod model;
pub mod netconf;
pub mod report;
pub mod secret;
pub mod snmp;
pub mod southbound;
pub mod stats;
pub mod store;
pub mod yang;
