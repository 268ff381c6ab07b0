//! How devices are heard and told: profiles say what a payload means, a [`Codec`] turns payloads into reports and orders
//! into messages.

pub mod broker;
pub mod codec;
pub mod egress;
pub mod flow;
pub mod ingest;
pub mod mqtt;
pub mod profile;
pub mod unknown;

use crate::{
    fleet::Order,
    model::{Reports, Time},
};

/// One family of device conventions. Pure: bytes in, reports out; orders in, messages out.
pub trait Codec: Send + Sync {
    /// The MQTT topic filters to subscribe to.
    fn topics(&self) -> &[String];

    /// Appends what the message says; on an error nothing is appended.
    ///
    /// # Errors
    /// The reason why the message says nothing, as an operator may read it.
    fn decode(&self, uplink: &Uplink<'_>, out: &mut Reports) -> Result<(), DecodeError>;

    /// The message that tells or asks a device what is ordered.
    ///
    /// # Errors
    /// Why the device cannot be told, as an operator may read it.
    fn encode(&self, order: &Order) -> Result<Downlink, EncodeError>;
}

/// A message on its way down. It may hold a secret: never log the payload.
#[derive(Clone, PartialEq, Eq)]
pub struct Downlink {
    pub topic: String,
    pub payload: String,
    /// 0 or 1.
    pub qos: u8,
    pub retain: bool,
}

impl std::fmt::Debug for Downlink {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Downlink({}, {} bytes)", self.topic, self.payload.len())
    }
}

/// Why there is no message for an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    #[error("the profile has no way to write it")]
    NoWrite,
    #[error("the profile has no way to read it")]
    NoRead,
    #[error(
        "the topic to send to cannot be made: its parts may not be empty or have `/`, `+`, `#` or control characters"
    )]
    Topic,
    #[error("the value is longer than 4096 bytes")]
    TooLong,
}

/// A message on its way up.
#[derive(Clone, Copy, Debug)]
pub struct Uplink<'a> {
    pub topic: &'a str,
    pub payload: &'a [u8],
    /// The broker kept it from before our subscription.
    pub retained: bool,
    pub now: Time,
}

/// Why a message was not understood; counted by reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[repr(u8)]
pub enum DecodeError {
    #[error("no profile has an uplink for this topic")]
    UnknownTopic,
    #[error("the device's id is empty, longer than 128 bytes or has control characters")]
    BadDevice,
    #[error("the payload is larger than limits.payload")]
    TooLarge,
    #[error("the JSON is nested deeper than limits.json-depth")]
    TooDeep,
    #[error("the payload is not valid JSON")]
    NotJson,
    #[error("the payload is not UTF-8 text")]
    NotText,
    #[error("the payload is empty")]
    Empty,
    #[error("the payload has none of the fields that the profile knows")]
    NoValues,
    #[error("the payload is none of the words that the profile knows")]
    UnknownWord,
}

impl DecodeError {
    pub const ALL: [DecodeError; 9] = [
        DecodeError::UnknownTopic,
        DecodeError::BadDevice,
        DecodeError::TooLarge,
        DecodeError::TooDeep,
        DecodeError::NotJson,
        DecodeError::NotText,
        DecodeError::Empty,
        DecodeError::NoValues,
        DecodeError::UnknownWord,
    ];

    /// The name under which it is counted.
    pub fn as_str(self) -> &'static str {
        match self {
            DecodeError::UnknownTopic => "unknown-topic",
            DecodeError::BadDevice => "bad-device",
            DecodeError::TooLarge => "too-large",
            DecodeError::TooDeep => "too-deep",
            DecodeError::NotJson => "not-json",
            DecodeError::NotText => "not-text",
            DecodeError::Empty => "empty",
            DecodeError::NoValues => "no-values",
            DecodeError::UnknownWord => "unknown-word",
        }
    }
}

/// What no device may exceed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes.
    pub payload: usize,
    /// Objects and lists inside each other.
    pub json_depth: u8,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { payload: 256 * 1024, json_depth: 32 }
    }
}
