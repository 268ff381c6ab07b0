//! UDP: threads that receive a batch of requests with one system call and send the replies with another.
//!
//! ```text
//! listen address --N sockets (SO_REUSEPORT)--> N threads: recvmmsg -> Agent::handle each -> sendmmsg
//! ```
//! Each reply leaves from the address that was asked, also on a wildcard socket. The only `unsafe` of the
//! SNMP part is here, in [`socket`].

mod socket;

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{self, JoinHandle},
};

use socket::{Batch, Socket};

use super::agent::{Agent, Outcome, Scratch};
use crate::clock;

#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error("cannot listen on UDP {address}: {source}{}", hint(source))]
    Bind { address: SocketAddr, source: io::Error },
    #[error("cannot start a thread: {0}")]
    Thread(io::Error),
}

fn hint(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => ". Another program has this port",
        io::ErrorKind::PermissionDenied => {
            ". Ports below 1024 need the right to: setcap cap_net_bind_service=+ep, or a port above"
        }
        io::ErrorKind::AddrNotAvailable => ". This host does not have that address",
        _ => "",
    }
}

/// The running threads.
#[derive(Debug)]
pub struct Server {
    addresses: Vec<SocketAddr>,
    stopping: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Opens `threads` sockets, at least one, on each address and serves them; returns once all are bound.
    ///
    /// # Errors
    /// An address cannot be bound, for instance because its port is taken.
    pub fn start(listen: &[SocketAddr], threads: usize, agent: Arc<Agent>) -> Result<Server, TransportError> {
        let mut server = Server { addresses: Vec::new(), stopping: Arc::default(), threads: Vec::new() };
        let mut sockets = Vec::new();
        for &address in listen {
            let dual = !listen.iter().any(|other| other.is_ipv4() && other.port() == address.port());
            let opened = Socket::open(address, dual, threads.max(1))
                .map_err(|source| TransportError::Bind { address, source })?;
            server.addresses.extend(opened.first().map(Socket::address));
            sockets.extend(opened);
        }
        for (number, socket) in sockets.into_iter().enumerate() {
            let (agent, stopping) = (agent.clone(), server.stopping.clone());
            let thread = thread::Builder::new()
                .name(format!("snmp-{number}"))
                .spawn(move || serve(&socket, &agent, &stopping))
                .map_err(TransportError::Thread)?;
            server.threads.push(thread);
        }
        Ok(server)
    }

    /// What is listened on, with the port that was chosen where 0 was asked for.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Ends all threads; takes a fifth of a second at most.
    pub fn stop(mut self) {
        self.join();
    }

    fn join(&mut self) {
        self.stopping.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            if thread.join().is_err() {
                tracing::error!("an SNMP thread has panicked");
            }
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.join();
    }
}

fn serve(socket: &Socket, agent: &Agent, stopping: &AtomicBool) {
    let mut batch = Batch::new(agent.max_request());
    let mut scratch = Scratch::default();
    while !stopping.load(Ordering::Relaxed) {
        let received = match socket.receive(&mut batch) {
            Ok(received) => received,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                continue;
            }
            Err(error) => {
                // For instance an ICMP error of an earlier reply; a lasting one must not spin.
                tracing::debug!(%error, "SNMP receive");
                thread::sleep(std::time::Duration::from_millis(5));
                continue;
            }
        };
        let now = clock::now();
        for at in 0..received {
            let (peer, request, reply) = batch.slot(at);
            let outcome = match peer {
                Some(peer) => agent.handle(now, peer, request, &mut scratch, reply),
                None => Outcome::Drop,
            };
            if outcome == Outcome::Drop {
                reply.clear();
            }
        }
        let lost = socket.send(&mut batch, received);
        if lost > 0 {
            agent.stats().snmp.reply_errors.add(lost as u64);
        }
    }
}
