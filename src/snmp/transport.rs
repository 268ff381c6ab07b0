//! UDP: threads that receive a batch of requests with one system call and send the replies with another.
//!
//! ```text
//! listen address --N sockets (SO_REUSEPORT)--> N threads: recvmmsg -> Agent::handle each -> sendmmsg
//! a port a device --a socket each, epoll---> 1 thread:  the same
//! SETs of those who may ask --a queue------> 1 thread:  Agent::set -> sendmsg
//! ```
//! With pools of device addresses a listen address is a wildcard socket: the agent answers only if what was asked is its
//! own or a device's. Each reply leaves from the address that was asked, also on a wildcard socket. The only `unsafe` of the
//! SNMP part is here, in [`socket`] and `interfaces`.

mod interfaces;
pub(super) mod socket;
mod waiting;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

pub use interfaces::own_addresses;
use socket::{Batch, PATIENCE, Socket};
use waiting::Waiting;

use super::{
    addresses::Addresses,
    agent::{Agent, Outcome},
    task::Scratch,
    view::Path,
};
use crate::clock;

/// SETs that wait for the disk; more are dropped, and come again.
const SETS: usize = 256;

#[derive(Debug, thiserror::Error)]
pub enum TransportError {
    #[error("cannot listen on UDP {address}: {source}{}", hint(source))]
    Bind { address: SocketAddr, source: io::Error },
    #[error(
        "cannot listen on UDP {address}, which is a port of [snmp.devices] ports: {source}{}",
        hint(source)
    )]
    Port { address: SocketAddr, source: io::Error },
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
        let addresses = &agent.hosts().addresses;
        let mut sockets = Vec::new();
        for (address, own) in bindings(listen, addresses) {
            let dual = !listen.iter().any(|other| other.is_ipv4() && other.port() == address.port());
            let dual = dual || addresses.has_pools();
            let loopback = addresses.has_pools() && is_loopback(listen, addresses);
            let opened = Socket::open_on(address, dual, threads.max(1), loopback)
                .map_err(|source| TransportError::Bind { address, source })?;
            let port = opened.first().map(|socket| socket.address().port());
            server
                .addresses
                .extend(port.iter().flat_map(|port| own.iter().map(|own| SocketAddr::new(*own, *port))));
            sockets.extend(opened);
        }
        let ports = match addresses.ports() {
            Some(ports) => open_ports(listen, ports)?,
            None => Vec::new(),
        };
        let (sets, waiting) = mpsc::sync_channel(SETS);
        for (number, socket) in sockets.into_iter().enumerate() {
            let (agent, sets, stopping) = (agent.clone(), sets.clone(), server.stopping.clone());
            let serve = move || serve(&Arc::new(socket), Answerer::new(agent, sets), &stopping);
            server.spawn(&format!("snmp-{number}"), serve)?;
        }
        if !ports.is_empty() {
            let ports = Waiting::new(ports).map_err(TransportError::Thread)?;
            let (agent, stopping) = (agent.clone(), server.stopping.clone());
            server.spawn("snmp-ports", move || serve_ports(ports, Answerer::new(agent, sets), &stopping))?;
        }
        let stopping = server.stopping.clone();
        server.spawn("snmp-sets", move || serve_sets(&waiting, &agent, &stopping))?;
        Ok(server)
    }

    fn spawn(&mut self, name: &str, work: impl FnOnce() + Send + 'static) -> Result<(), TransportError> {
        let thread = thread::Builder::new().name(name.to_owned()).spawn(work);
        self.threads.push(thread.map_err(TransportError::Thread)?);
        Ok(())
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

/// What to bind, and for which of the bridge's addresses: with pools a wildcard for each port.
fn bindings(listen: &[SocketAddr], addresses: &Addresses) -> Vec<(SocketAddr, Vec<IpAddr>)> {
    if !addresses.has_pools() {
        return listen.iter().map(|address| (*address, vec![address.ip()])).collect();
    }
    let v6 = addresses.has_v6() || listen.iter().any(SocketAddr::is_ipv6);
    let everywhere: IpAddr = if v6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
    let mut bindings: Vec<(SocketAddr, Vec<IpAddr>)> = Vec::new();
    for address in listen {
        match bindings.iter_mut().find(|(bound, _)| bound.port() == address.port()) {
            Some((_, own)) => own.push(address.ip()),
            None => bindings.push((SocketAddr::new(everywhere, address.port()), vec![address.ip()])),
        }
    }
    bindings
}

/// Whether all that is asked lies on this host.
fn is_loopback(listen: &[SocketAddr], addresses: &Addresses) -> bool {
    listen.iter().all(|address| address.ip().is_loopback())
        && addresses.pools().all(|pool| pool.address().is_loopback())
}

fn open_ports(listen: &[SocketAddr], ports: RangeInclusive<u16>) -> Result<Vec<Socket>, TransportError> {
    let mut own: Vec<IpAddr> = listen.iter().map(SocketAddr::ip).collect();
    own.sort();
    own.dedup();
    let dual = !own.iter().any(IpAddr::is_ipv4);
    let mut sockets = Vec::new();
    for (ip, port) in own.into_iter().flat_map(|ip| ports.clone().map(move |port| (ip, port))) {
        let address = SocketAddr::new(ip, port);
        let opened = Socket::open(address, dual, 1);
        sockets.extend(opened.map_err(|source| TransportError::Port { address, source })?);
    }
    Ok(sockets)
}

/// A SET on its way to the disk.
struct Later {
    socket: Arc<Socket>,
    path: Path,
    request: Vec<u8>,
}

/// What a thread that answers works with.
struct Answerer {
    agent: Arc<Agent>,
    batch: Batch,
    scratch: Scratch,
    sets: mpsc::SyncSender<Later>,
}

impl Answerer {
    fn new(agent: Arc<Agent>, sets: mpsc::SyncSender<Later>) -> Answerer {
        let batch = Batch::new(agent.max_request());
        Answerer { agent, batch, scratch: Scratch::default(), sets }
    }

    /// Answers what the batch has received.
    fn answer(&mut self, socket: &Arc<Socket>, received: usize) {
        let Answerer { agent, batch, scratch, sets } = self;
        let now = clock::now();
        for at in 0..received {
            let (path, request, reply) = batch.slot(at, socket.address());
            let Some(path) = path else {
                reply.clear();
                continue;
            };
            match agent.handle(now, path, request, scratch, reply) {
                Outcome::Reply => {}
                Outcome::Drop => reply.clear(),
                Outcome::Set => {
                    reply.clear();
                    let later = Later { socket: socket.clone(), path, request: request.to_vec() };
                    if sets.try_send(later).is_err() {
                        agent.stats().snmp.sets_dropped.inc();
                    }
                }
            }
        }
        let lost = socket.send(batch, received);
        if lost > 0 {
            agent.stats().snmp.reply_errors.add(lost as u64);
        }
    }
}

fn serve_ports(mut ports: Waiting, mut part: Answerer, stopping: &AtomicBool) {
    while !stopping.load(Ordering::Relaxed) {
        ports.ready(|socket| {
            // A readiness is told once, so all that waits is taken.
            while let Ok(received @ 1..) = socket.receive(&mut part.batch) {
                part.answer(socket, received);
            }
        });
    }
}

fn serve(socket: &Arc<Socket>, mut part: Answerer, stopping: &AtomicBool) {
    while !stopping.load(Ordering::Relaxed) {
        let received = match socket.receive(&mut part.batch) {
            Ok(received) => received,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::Interrupted) => {
                continue;
            }
            Err(error) => {
                // For instance an ICMP error of an earlier reply; a lasting one must not spin.
                tracing::debug!(%error, "SNMP receive");
                thread::sleep(Duration::from_millis(5));
                continue;
            }
        };
        part.answer(socket, received);
    }
}

/// Reads go on while the disk is waited for here.
fn serve_sets(waiting: &mpsc::Receiver<Later>, agent: &Agent, stopping: &AtomicBool) {
    let (mut scratch, mut reply) = (Scratch::default(), Vec::new());
    while !stopping.load(Ordering::Relaxed) {
        let Ok(Later { socket, path, request }) = waiting.recv_timeout(PATIENCE) else { continue };
        if agent.set(clock::now(), path, &request, &mut scratch, &mut reply) == Outcome::Reply
            && socket.reply(path, &reply).is_err()
        {
            agent.stats().snmp.reply_errors.inc();
        }
    }
}
