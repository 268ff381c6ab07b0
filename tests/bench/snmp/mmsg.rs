//! Many datagrams in one system call, for the echo server and the load.

use std::{io, net::SocketAddrV4, os::fd::AsRawFd};

/// Room for datagrams and where they came from, reused from call to call.
pub struct Batch {
    buffers: Vec<Vec<u8>>,
    addresses: Vec<libc::sockaddr_in>,
    vectors: Vec<libc::iovec>,
    headers: Vec<libc::mmsghdr>,
}

/// Enough for a reply over loopback.
const ROOM: usize = 65_536;

impl Batch {
    pub fn new(count: usize) -> Self {
        // SAFETY: all-zero is valid for these plain C structures.
        let (address, header) = unsafe { (std::mem::zeroed(), std::mem::zeroed()) };
        Batch {
            buffers: vec![vec![0; ROOM]; count],
            addresses: vec![address; count],
            vectors: vec![libc::iovec { iov_base: std::ptr::null_mut(), iov_len: 0 }; count],
            headers: vec![header; count],
        }
    }

    /// Waits for at least one datagram, and takes those that are there.
    pub fn receive(&mut self, socket: &impl AsRawFd) -> io::Result<usize> {
        for at in 0..self.buffers.len() {
            self.point(at, ROOM);
        }
        let (fd, count) = (socket.as_raw_fd(), self.headers.len() as libc::c_uint);
        // SAFETY: `point` has set all headers to live buffers of the lengths given.
        let got = unsafe {
            libc::recvmmsg(
                fd,
                self.headers.as_mut_ptr(),
                count,
                libc::MSG_WAITFORONE as _,
                std::ptr::null_mut(),
            )
        };
        usize::try_from(got).map_err(|_| io::Error::last_os_error())
    }

    /// The datagram at `at` of the last [`receive`](Batch::receive).
    pub fn datagram(&self, at: usize) -> &[u8] {
        &self.buffers[at][..self.headers[at].msg_len as usize]
    }

    /// Sends the first `count` datagrams of the last [`receive`](Batch::receive) back to where they came from.
    pub fn send_back(&mut self, socket: &impl AsRawFd, count: usize) -> io::Result<()> {
        for at in 0..count {
            let len = self.headers[at].msg_len as usize;
            self.point(at, len);
        }
        self.send(socket, count)
    }

    /// Sends to where each datagram says, else to the peer that the socket is connected to.
    pub fn send_all<'a>(
        &mut self,
        socket: &impl AsRawFd,
        datagrams: impl Iterator<Item = (&'a [u8], Option<SocketAddrV4>)>,
    ) -> io::Result<()> {
        let mut count = 0;
        for (datagram, to) in datagrams {
            self.buffers[count][..datagram.len()].copy_from_slice(datagram);
            self.point(count, datagram.len());
            match to {
                Some(to) => {
                    let address = &mut self.addresses[count];
                    address.sin_family = libc::AF_INET as libc::sa_family_t;
                    address.sin_port = to.port().to_be();
                    address.sin_addr.s_addr = u32::from_ne_bytes(to.ip().octets());
                }
                None => {
                    self.headers[count].msg_hdr.msg_name = std::ptr::null_mut();
                    self.headers[count].msg_hdr.msg_namelen = 0;
                }
            }
            count += 1;
        }
        self.send(socket, count)
    }

    fn send(&mut self, socket: &impl AsRawFd, count: usize) -> io::Result<()> {
        let mut sent = 0;
        while sent < count {
            let rest = &mut self.headers[sent..count];
            // SAFETY: the headers point to live buffers, as `point` has set them.
            let done = unsafe {
                libc::sendmmsg(socket.as_raw_fd(), rest.as_mut_ptr(), rest.len() as libc::c_uint, 0)
            };
            sent += usize::try_from(done).map_err(|_| io::Error::last_os_error())?;
        }
        Ok(())
    }

    fn point(&mut self, at: usize, len: usize) {
        self.vectors[at] = libc::iovec { iov_base: self.buffers[at].as_mut_ptr().cast(), iov_len: len };
        let header = &mut self.headers[at].msg_hdr;
        header.msg_iov = &mut self.vectors[at];
        header.msg_iovlen = 1;
        header.msg_name = (&raw mut self.addresses[at]).cast();
        header.msg_namelen = size_of::<libc::sockaddr_in>() as libc::socklen_t;
    }
}
