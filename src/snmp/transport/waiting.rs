//! Many sockets, one thread that waits for them.

use std::{io, os::fd::AsRawFd, sync::Arc};

use mio::{Events, Interest, Poll, Token, unix::SourceFd};

use super::socket::{PATIENCE, Socket};

const EVENTS: usize = 64;

pub struct Waiting {
    poll: Poll,
    events: Events,
    sockets: Vec<Arc<Socket>>,
}

impl Waiting {
    pub fn new(sockets: Vec<Socket>) -> io::Result<Self> {
        let poll = Poll::new()?;
        for (at, socket) in sockets.iter().enumerate() {
            socket.set_nonblocking()?;
            poll.registry().register(&mut SourceFd(&socket.as_raw_fd()), Token(at), Interest::READABLE)?;
        }
        let sockets = sockets.into_iter().map(Arc::new).collect();
        Ok(Waiting { poll, events: Events::with_capacity(EVENTS), sockets })
    }

    /// Hands over the sockets on which something has come since the last time; waits a fifth of a second at most.
    pub fn ready(&mut self, mut take: impl FnMut(&Arc<Socket>)) {
        if let Err(error) = self.poll.poll(&mut self.events, Some(PATIENCE)) {
            tracing::debug!(%error, "SNMP poll");
        }
        for event in &self.events {
            take(&self.sockets[event.token().0]);
        }
    }
}
