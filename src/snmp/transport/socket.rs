//! Sockets and the two system calls that socket2 does not have.

use std::{
    io,
    mem::{self, MaybeUninit},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    os::fd::{AsRawFd, RawFd},
    ptr,
    time::Duration,
};

use libc::{c_int, c_uint, c_void};
use socket2::{Domain, Protocol, Type};

use crate::snmp::view::Path;

/// Messages a system call.
const BATCH: usize = 64;

/// How long a thread sleeps at most before it sees that it should stop.
pub(super) const PATIENCE: Duration = Duration::from_millis(200);

/// Bursts wait here; the system may grant less.
const RECEIVE_BUFFER: usize = 4 << 20;

/// Room for the one control message that tells the destination address.
const CONTROL: usize = 64;

/// IPV6_FREEBIND of linux/in6.h.
const IPV6_FREEBIND: c_int = 78;

#[derive(Debug)]
pub struct Socket {
    socket: UdpSocket,
    address: SocketAddr,
}

impl Socket {
    /// Opens `count` sockets on one address; with more than one they share the port, and the kernel spreads the peers
    /// over them. `dual`: an IPv6 wildcard hears IPv4 too.
    pub fn open(address: SocketAddr, dual: bool, count: usize) -> io::Result<Vec<Socket>> {
        Socket::open_on(address, dual, count, false)
    }

    /// As [`open`](Socket::open); `loopback`: nothing that comes from outside this host is heard.
    pub fn open_on(address: SocketAddr, dual: bool, count: usize, loopback: bool) -> io::Result<Vec<Socket>> {
        let new_socket = |address, dual| {
            let socket = new_socket(address, dual)?;
            if loopback {
                socket.bind_device(Some(b"lo"))?;
            }
            io::Result::Ok(socket)
        };
        // A second socket with SO_REUSEPORT would join another program of ours silently: a plain one may not.
        let probe = new_socket(address, dual)?;
        probe.bind(&address.into())?;
        let bound = probe.local_addr()?.as_socket().unwrap_or(address);
        if count == 1 {
            return Ok(vec![Socket::new(probe, bound)?]);
        }
        drop(probe);
        (0..count)
            .map(|_| {
                let socket = new_socket(bound, dual)?;
                socket.set_reuse_port(true)?;
                socket.bind(&bound.into())?;
                Socket::new(socket, bound)
            })
            .collect()
    }

    fn new(socket: socket2::Socket, address: SocketAddr) -> io::Result<Socket> {
        socket.set_read_timeout(Some(PATIENCE))?;
        // Best effort: the system's limit stands above it.
        let _ = socket.set_recv_buffer_size(RECEIVE_BUFFER);
        if address.ip().is_unspecified() {
            tell_destinations(&socket, address)?;
        }
        Ok(Socket { socket: socket.into(), address })
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// For who waits for many at once.
    pub fn set_nonblocking(&self) -> io::Result<()> {
        self.socket.set_nonblocking(true)
    }

    /// Waits for requests; returns how many there are.
    pub fn receive(&self, batch: &mut Batch) -> io::Result<usize> {
        batch.prepare();
        let flags = libc::MSG_WAITFORONE;
        // SAFETY: every header points into buffers of the batch, which live and stay in place during the call.
        let count = unsafe {
            libc::recvmmsg(
                self.socket.as_raw_fd(),
                batch.headers.as_mut_ptr(),
                BATCH as c_uint,
                flags,
                ptr::null_mut(),
            )
        };
        usize::try_from(count).map_err(|_| io::Error::last_os_error())
    }

    /// Sends a reply from where its request went to.
    pub fn reply(&self, path: Path, reply: &[u8]) -> io::Result<()> {
        if !self.address.ip().is_unspecified() {
            return self.socket.send_to(reply, path.peer).map(drop);
        }
        let source = match (path.peer, path.local.ip()) {
            (SocketAddr::V6(_), IpAddr::V4(own)) => own.to_ipv6_mapped().into(),
            (_, own) => own,
        };
        send_from(&self.socket, source, path.peer, reply)
    }

    /// Sends the replies of the first `count` slots that have one; returns how many the system did not take.
    pub fn send(&self, batch: &mut Batch, count: usize) -> usize {
        let mut left = batch.gather(count);
        let mut lost = 0;
        let mut first = 0;
        while left > 0 {
            // SAFETY: as in `receive`; `gather` has pointed the first headers at replies of the batch.
            let sent = unsafe {
                libc::sendmmsg(
                    self.socket.as_raw_fd(),
                    batch.headers.as_mut_ptr().add(first),
                    left as c_uint,
                    0,
                )
            };
            let passed = match usize::try_from(sent) {
                Ok(sent) => sent.clamp(1, left),
                Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => 0,
                // An error is about the first message: pass over it.
                Err(_) => {
                    lost += 1;
                    1
                }
            };
            first += passed;
            left -= passed;
        }
        lost
    }
}

fn new_socket(address: SocketAddr, dual: bool) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(!(dual && address.ip().is_unspecified()))?;
    }
    Ok(socket)
}

/// Has the kernel say which address each request was sent to.
fn tell_destinations(socket: &socket2::Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv4() {
        return set_option(socket, libc::IPPROTO_IP, libc::IP_PKTINFO);
    }
    set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO)?;
    // Replies from addresses that are only routed here; old kernels have no such option, and need none otherwise.
    let _ = set_option(socket, libc::IPPROTO_IPV6, IPV6_FREEBIND);
    Ok(())
}

fn set_option(socket: &socket2::Socket, level: c_int, name: c_int) -> io::Result<()> {
    let on: c_int = 1;
    // SAFETY: the value is an int, as all these options want it.
    let result = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            level,
            name,
            (&raw const on).cast::<c_void>(),
            mem::size_of::<c_int>() as libc::socklen_t,
        )
    };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

impl AsRawFd for Socket {
    fn as_raw_fd(&self) -> RawFd {
        self.socket.as_raw_fd()
    }
}

/// Requests and their replies, with all that the system calls need; allocated once a thread.
pub struct Batch {
    headers: Box<[libc::mmsghdr]>,
    vectors: Box<[libc::iovec]>,
    slots: Box<[Slot]>,
}

struct Slot {
    /// One octet more than a request may have, so that a longer one is seen to be so.
    request: Box<[u8]>,
    received: usize,
    reply: Vec<u8>,
    peer: libc::sockaddr_storage,
    peer_len: libc::socklen_t,
    control: Control,
    control_len: usize,
}

#[repr(C, align(8))]
struct Control([u8; CONTROL]);

impl Batch {
    /// `max_request`: octets.
    pub fn new(max_request: usize) -> Self {
        // SAFETY: headers, vectors and socket addresses are plain data for which all zeros are valid.
        let (header, vector, peer): (libc::mmsghdr, libc::iovec, libc::sockaddr_storage) =
            unsafe { (zeroed(), zeroed(), zeroed()) };
        let slot = || Slot {
            request: vec![0; max_request + 1].into(),
            received: 0,
            reply: Vec::new(),
            peer,
            peer_len: 0,
            control: Control([0; CONTROL]),
            control_len: 0,
        };
        Batch {
            headers: vec![header; BATCH].into(),
            vectors: vec![vector; BATCH].into(),
            slots: (0..BATCH).map(|_| slot()).collect(),
        }
    }

    /// Both ends, request and room for the reply; no ends if the peer's address is of no known family. `bound`: the
    /// socket's own address.
    pub fn slot(&mut self, at: usize, bound: SocketAddr) -> (Option<Path>, &[u8], &mut Vec<u8>) {
        let header = &self.headers[at];
        let slot = &mut self.slots[at];
        slot.received = (header.msg_len as usize).min(slot.request.len());
        slot.peer_len = header.msg_hdr.msg_namelen;
        slot.control_len = header.msg_hdr.msg_controllen;
        let local = match destination(&header.msg_hdr) {
            Some(ip) if slot.control_len > 0 => SocketAddr::new(ip, bound.port()),
            _ => bound,
        };
        let path = peer(&slot.peer, slot.peer_len).map(|peer| Path { peer, local });
        (path, &slot.request[..slot.received], &mut slot.reply)
    }

    /// Points all headers at the buffers of their slots.
    fn prepare(&mut self) {
        for ((header, vector), slot) in self.headers.iter_mut().zip(&mut self.vectors).zip(&mut self.slots) {
            vector.iov_base = slot.request.as_mut_ptr().cast();
            vector.iov_len = slot.request.len();
            header.msg_len = 0;
            header.msg_hdr.msg_name = (&raw mut slot.peer).cast();
            header.msg_hdr.msg_namelen = mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = slot.control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = CONTROL;
            header.msg_hdr.msg_flags = 0;
        }
    }

    /// Points the first headers at the replies there are; returns their number.
    fn gather(&mut self, count: usize) -> usize {
        let mut used = 0;
        for slot in self.slots[..count].iter_mut().filter(|slot| !slot.reply.is_empty()) {
            let (header, vector) = (&mut self.headers[used], &mut self.vectors[used]);
            vector.iov_base = slot.reply.as_mut_ptr().cast();
            vector.iov_len = slot.reply.len();
            header.msg_hdr.msg_name = (&raw mut slot.peer).cast();
            header.msg_hdr.msg_namelen = slot.peer_len;
            header.msg_hdr.msg_iov = vector;
            header.msg_hdr.msg_iovlen = 1;
            header.msg_hdr.msg_control = slot.control.0.as_mut_ptr().cast();
            header.msg_hdr.msg_controllen = slot.control_len;
            header.msg_hdr.msg_flags = 0;
            if slot.control_len > 0 && !source_is_destination(&mut header.msg_hdr) {
                header.msg_hdr.msg_control = ptr::null_mut();
                header.msg_hdr.msg_controllen = 0;
            }
            used += 1;
        }
        used
    }
}

/// A socket that sends from addresses of this host that it is not bound to.
pub fn new_sender(v6: bool) -> io::Result<UdpSocket> {
    let own: SocketAddr = match v6 {
        true => (Ipv6Addr::UNSPECIFIED, 0).into(),
        false => (Ipv4Addr::UNSPECIFIED, 0).into(),
    };
    let socket = new_socket(own, false)?;
    if v6 {
        let _ = set_option(&socket, libc::IPPROTO_IPV6, IPV6_FREEBIND);
    }
    socket.bind(&own.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket.into())
}

/// Sends a datagram that comes from `source`, which is of the target's family.
pub fn send_from(
    socket: &impl AsRawFd,
    source: IpAddr,
    target: SocketAddr,
    message: &[u8],
) -> io::Result<()> {
    let target = socket2::SockAddr::from(target);
    let mut vector = libc::iovec { iov_base: message.as_ptr().cast_mut().cast(), iov_len: message.len() };
    let mut control = Control([0; CONTROL]);
    // SAFETY: all zeros are valid for a header; what it points to outlives the call, which only reads it. The control
    // buffer is aligned and has room for the one message that is written to it.
    let sent = unsafe {
        let mut header: libc::msghdr = zeroed();
        header.msg_name = target.as_ptr().cast_mut().cast();
        header.msg_namelen = target.len();
        header.msg_iov = &raw mut vector;
        header.msg_iovlen = 1;
        header.msg_control = control.0.as_mut_ptr().cast();
        header.msg_controllen = CONTROL;
        let control = libc::CMSG_FIRSTHDR(&raw const header);
        let size = match source {
            IpAddr::V4(source) => {
                let info = libc::in_pktinfo {
                    ipi_ifindex: 0,
                    ipi_spec_dst: libc::in_addr { s_addr: u32::from_ne_bytes(source.octets()) },
                    ipi_addr: libc::in_addr { s_addr: 0 },
                };
                write_control(control, libc::IPPROTO_IP, libc::IP_PKTINFO, info)
            }
            IpAddr::V6(source) => {
                let info = libc::in6_pktinfo {
                    ipi6_addr: libc::in6_addr { s6_addr: source.octets() },
                    ipi6_ifindex: 0,
                };
                write_control(control, libc::IPPROTO_IPV6, libc::IPV6_PKTINFO, info)
            }
        };
        header.msg_controllen = size;
        libc::sendmsg(socket.as_raw_fd(), &raw const header, 0)
    };
    if sent < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Fills in a control message; returns the octets that it takes. `at` has room for it.
unsafe fn write_control<T>(at: *mut libc::cmsghdr, level: c_int, kind: c_int, data: T) -> usize {
    let size = mem::size_of::<T>() as c_uint;
    // SAFETY: as the caller says.
    unsafe {
        (*at).cmsg_level = level;
        (*at).cmsg_type = kind;
        (*at).cmsg_len = libc::CMSG_LEN(size) as usize;
        libc::CMSG_DATA(at).cast::<T>().write_unaligned(data);
        libc::CMSG_SPACE(size) as usize
    }
}

/// The address that a request was sent to, if the kernel has told it.
fn destination(header: &libc::msghdr) -> Option<IpAddr> {
    // SAFETY: the kernel has written control messages of `msg_controllen` octets to the aligned buffer of the slot.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(header).as_ref()?;
        match (message.cmsg_level, message.cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                let info = &*libc::CMSG_DATA(message).cast::<libc::in_pktinfo>();
                Some(Ipv4Addr::from(info.ipi_addr.s_addr.to_ne_bytes()).into())
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let info = &*libc::CMSG_DATA(message).cast::<libc::in6_pktinfo>();
                Some(Ipv6Addr::from(info.ipi6_addr.s6_addr).into())
            }
            _ => None,
        }
    }
}

/// Turns the control message that told a destination into one that asks for this source address, on whatever interface
/// the route leads to. False if there is no such message.
fn source_is_destination(header: &mut libc::msghdr) -> bool {
    // SAFETY: the kernel has written control messages of `msg_controllen` octets to the aligned buffer of the slot.
    unsafe {
        let message = libc::CMSG_FIRSTHDR(header);
        if message.is_null() {
            return false;
        }
        match ((*message).cmsg_level, (*message).cmsg_type) {
            (libc::IPPROTO_IP, libc::IP_PKTINFO) => {
                let info = libc::CMSG_DATA(message).cast::<libc::in_pktinfo>();
                // `ipi_spec_dst` is the address that was asked, or for a broadcast one of our own.
                (*info).ipi_ifindex = 0;
                true
            }
            (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) => {
                let info = libc::CMSG_DATA(message).cast::<libc::in6_pktinfo>();
                // A link-local address means nothing without its interface.
                let [first, second, ..] = (*info).ipi6_addr.s6_addr;
                if first == 0xff {
                    // No reply leaves from a multicast address.
                    return false;
                }
                if [first, second] != [0xfe, 0x80] {
                    (*info).ipi6_ifindex = 0;
                }
                true
            }
            _ => false,
        }
    }
}

fn peer(storage: &libc::sockaddr_storage, len: libc::socklen_t) -> Option<SocketAddr> {
    let at = &raw const *storage;
    match (c_int::from(storage.ss_family), len as usize) {
        (libc::AF_INET, len) if len >= mem::size_of::<libc::sockaddr_in>() => {
            // SAFETY: the kernel has written an address of this family and length.
            let address = unsafe { &*at.cast::<libc::sockaddr_in>() };
            let ip = Ipv4Addr::from(address.sin_addr.s_addr.to_ne_bytes());
            Some(SocketAddr::from((ip, u16::from_be(address.sin_port))))
        }
        (libc::AF_INET6, len) if len >= mem::size_of::<libc::sockaddr_in6>() => {
            // SAFETY: as above.
            let address = unsafe { &*at.cast::<libc::sockaddr_in6>() };
            let ip = Ipv6Addr::from(address.sin6_addr.s6_addr);
            Some(SocketAddr::from((ip, u16::from_be(address.sin6_port))))
        }
        _ => None,
    }
}

unsafe fn zeroed<T>() -> T {
    // SAFETY: as the caller says.
    unsafe { MaybeUninit::zeroed().assume_init() }
}
