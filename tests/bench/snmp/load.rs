//! Keeps a number of requests in flight from one socket, and looks at each reply.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use socket2::SockRef;

use super::{
    mmsg::Batch,
    wire::{self, Request},
};
use crate::measure::{cpu_of, nanos};

pub const MOST_IN_FLIGHT: usize = 64;
const WARM_UP: Duration = Duration::from_millis(100);

/// What a reply has to be.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Expect {
    /// A response without error, with so many values.
    Values(usize),
    /// A response without error.
    Response,
    /// The request itself.
    Echo,
}

pub struct Load {
    pub server: SocketAddr,
    /// The server's process.
    pub pid: u32,
    /// Sent in turn.
    pub requests: Vec<Request>,
    pub expect: Expect,
}

impl Load {
    /// Microseconds of the server's CPU for a request, measured over `time`.
    pub fn run(&self, in_flight: usize, time: Duration) -> io::Result<f64> {
        let socket = UdpSocket::bind((self.server.ip(), 0))?;
        if self.requests.iter().all(|request| request.to.is_none()) {
            socket.connect(self.server)?;
        }
        socket.set_read_timeout(Some(Duration::from_secs(2)))?;
        SockRef::from(&socket).set_recv_buffer_size(4 << 20)?;
        let mut flight = Flight {
            load: self,
            socket,
            receiving: Batch::new(MOST_IN_FLIGHT),
            sending: Batch::new(MOST_IN_FLIGHT),
            sent: vec![self.requests[0].clone(); in_flight],
            ids: vec![0; in_flight],
            next: 0,
        };
        flight.send(&(0..in_flight).collect::<Vec<_>>())?;
        flight.answered(WARM_UP)?;
        let before = cpu_of(self.pid);
        let answered = flight.answered(time)?;
        Ok(nanos(cpu_of(self.pid) - before, answered) / 1e3)
    }
}

struct Flight<'a> {
    load: &'a Load,
    socket: UdpSocket,
    receiving: Batch,
    sending: Batch,
    /// What is in flight in each place.
    sent: Vec<Request>,
    /// The id in flight in each place; the place is its low octet.
    ids: Vec<u32>,
    next: usize,
}

impl Flight<'_> {
    /// Goes on for `time`; returns how many requests were answered.
    fn answered(&mut self, time: Duration) -> io::Result<u64> {
        let end = Instant::now() + time;
        let mut answered = 0;
        let mut places = Vec::with_capacity(MOST_IN_FLIGHT);
        while Instant::now() < end {
            let count = self.receiving.receive(&self.socket)?;
            places.clear();
            for at in 0..count {
                places.push(self.place(self.receiving.datagram(at))?);
            }
            answered += count as u64;
            self.send(&places)?;
        }
        Ok(answered)
    }

    /// Which of those in flight this answers.
    fn place(&self, reply: &[u8]) -> io::Result<usize> {
        let place = match self.load.expect {
            Expect::Echo => self.sent.iter().position(|sent| sent.bytes == reply),
            Expect::Values(_) | Expect::Response => wire::read(reply)
                .filter(|read| !matches!(self.load.expect, Expect::Values(values) if values != read.bindings))
                .map(|read| (usize::from(read.id as u8), read.id))
                .filter(|&(place, id)| self.ids.get(place) == Some(&id))
                .map(|(place, _)| place),
        };
        place.ok_or_else(|| io::Error::other(format!("not what was asked for: {reply:02x?}")))
    }

    fn send(&mut self, places: &[usize]) -> io::Result<()> {
        for &place in places {
            let mut request = self.load.requests[self.next % self.load.requests.len()].clone();
            self.next += 1;
            let id = 0x0100_0000 | (self.next as u32 & 0xffff) << 8 | place as u32;
            request.set_id(id);
            (self.ids[place], self.sent[place]) = (id, request);
        }
        self.sending.send_all(
            &self.socket,
            places.iter().map(|&place| (&self.sent[place].bytes[..], self.sent[place].to)),
        )
    }
}
