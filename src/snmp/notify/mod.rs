//! The notification originator (RFC 3413 section 3.3) without input or output: what is told to whom, when, and how often.
//!
//! ```text
//! journal ─▶ Originator ──▶ request id, What ─▶ content::describe ─▶ Session::write ─▶ octets
//!              ▲ filter, rate, storm, informs under way, told states      ▲ Receiver: its engine and time, by v3
//!              └── acknowledgements, and whether it was sent ─────────────┴──────────── octets
//! ```
//! There is one [`Originator`] and one [`Session`] a [`Target`]. What it has told outlives the process as a
//! [`Bookmark`](crate::journal::Bookmark): a position in the journal and which devices the target knows as lost. So a target is told what it has not been told (at least once), and ends with
//! the true state of every device, whatever was withheld from it.

pub mod content;
mod kind;
mod originator;
mod pass;
mod receiver;
mod session;
mod summary;
mod target;
mod told;
mod wire;

pub use content::What;
pub use kind::{Kind, Kinds};
pub use originator::{Counts, Originator, Sent, World};
pub use session::{Heard, Sender, Session, Step, Unable, in_words};
pub use summary::Summary;
pub use target::Target;
pub use wire::{Notification, Wire};
