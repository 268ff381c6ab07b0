//! The devices as hosts, as the running bridge streams them: who asks need not hold them all.

use std::{
    io::{self, Write},
    net::IpAddr,
};

use serde::{Deserialize, de::DeserializeOwned};

use crate::{
    control::client::{Client, ClientError, Lines},
    kit::{Agent, Host},
};

/// Each host as it comes; an error is the last.
pub(super) struct Hosts {
    /// Of the answer: what changes later has it or a higher one.
    pub revision: u64,
    lines: Lines,
    reach: Reach,
}

impl Hosts {
    /// `query`: of the route, such as `since=7`; may be empty.
    pub fn ask(client: &Client, query: &str, reach: Reach) -> Result<Hosts, ClientError> {
        #[derive(Deserialize)]
        struct Head {
            revision: u64,
        }
        let mut lines = client.lines(&format!("/v1/kit/hosts?{query}"))?;
        let head = lines.next().ok_or_else(|| ClientError::Answer("it is empty".to_owned()))??;
        let Head { revision } = parse(&head)?;
        Ok(Hosts { revision, lines, reach })
    }
}

impl Iterator for Hosts {
    type Item = Result<Host, ClientError>;

    fn next(&mut self) -> Option<Self::Item> {
        let host = self.lines.next()?.and_then(|line| parse::<Host>(&line));
        Some(host.map(|mut host| {
            self.reach.apply(&mut host.agent);
            host
        }))
    }
}

/// The address that stands for every address of the bridge's machine.
#[derive(Clone)]
pub(super) struct Reach {
    address: Option<IpAddr>,
    told: bool,
}

impl Reach {
    pub fn by(address: Option<IpAddr>) -> Reach {
        Reach { address, told: address.is_some() }
    }

    pub fn apply(&mut self, agent: &mut Agent) {
        for address in agent.addresses.iter_mut().filter(|address| address.is_unspecified()) {
            *address = self.address.unwrap_or(IpAddr::from([127, 0, 0, 1]));
            if !std::mem::replace(&mut self.told, true) {
                let _ = writeln!(
                    io::stderr(),
                    "note: the agent listens at every address of its machine, and this says 127.0.0.1: \
                     for who is elsewhere give --address ADDRESS"
                );
            }
        }
        agent.addresses.dedup();
    }
}

fn parse<T: DeserializeOwned>(line: &str) -> Result<T, ClientError> {
    serde_json::from_str(line).map_err(|error| ClientError::Answer(error.to_string()))
}
