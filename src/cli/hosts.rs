//! The devices as hosts, as the running bridge streams them: who asks need not hold them all.

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    control::client::{Client, ClientError, Lines},
    kit::Host,
};

/// Each host as it comes; an error is the last.
pub(super) struct Hosts {
    /// Of the answer: what changes later has it or a higher one.
    pub revision: u64,
    lines: Lines,
}

impl Hosts {
    /// `query`: of the route, such as `since=7`; may be empty.
    pub fn ask(client: &Client, query: &str) -> Result<Hosts, ClientError> {
        #[derive(Deserialize)]
        struct Head {
            revision: u64,
        }
        let mut lines = client.lines(&format!("/v1/kit/hosts?{query}"))?;
        let head = lines.next().ok_or_else(|| ClientError::Answer("it is empty".to_owned()))??;
        let Head { revision } = parse(&head)?;
        Ok(Hosts { revision, lines })
    }
}

impl Iterator for Hosts {
    type Item = Result<Host, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.lines.next()?.and_then(|line| parse(&line)))
    }
}

fn parse<T: DeserializeOwned>(line: &str) -> Result<T, ClientError> {
    serde_json::from_str(line).map_err(|error| ClientError::Answer(error.to_string()))
}
