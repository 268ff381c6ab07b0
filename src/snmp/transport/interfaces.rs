//! The addresses that this machine has.

use std::{
    ffi::CStr,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    ptr,
};

/// Names of interfaces and their addresses, without those of the loopback interface: it may have been given those of
/// devices.
///
/// # Errors
/// The system does not tell.
pub fn own_addresses() -> io::Result<Vec<(String, IpAddr)>> {
    let mut first: *mut libc::ifaddrs = ptr::null_mut();
    // SAFETY: `first` is where the list is to begin.
    if unsafe { libc::getifaddrs(&mut first) } != 0 {
        return Err(io::Error::last_os_error());
    }
    let (mut found, mut next) = (Vec::new(), first);
    // SAFETY: the list is whole until `freeifaddrs`, and ends with a null pointer.
    while let Some(entry) = unsafe { next.as_ref() } {
        next = entry.ifa_next;
        let is_loopback = entry.ifa_flags & libc::IFF_LOOPBACK as u32 != 0;
        if let Some(address) = address(entry.ifa_addr).filter(|_| !is_loopback) {
            // SAFETY: each entry has a name that ends with a zero octet.
            let name = unsafe { CStr::from_ptr(entry.ifa_name) };
            found.push((name.to_string_lossy().into_owned(), address));
        }
    }
    // SAFETY: it came from `getifaddrs`, and nothing borrows from it any more.
    unsafe { libc::freeifaddrs(first) };
    Ok(found)
}

fn address(of: *const libc::sockaddr) -> Option<IpAddr> {
    // SAFETY: null, or a socket address of the size that its family says.
    match i32::from(unsafe { of.as_ref() }?.sa_family) {
        libc::AF_INET => {
            // SAFETY: that is its family; the list is aligned for every one.
            let v4 = unsafe { &*of.cast::<libc::sockaddr_in>() };
            Some(Ipv4Addr::from_bits(u32::from_be(v4.sin_addr.s_addr)).into())
        }
        libc::AF_INET6 => {
            // SAFETY: as above.
            let v6 = unsafe { &*of.cast::<libc::sockaddr_in6>() };
            Some(Ipv6Addr::from(v6.sin6_addr.s6_addr).into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_system_has() {
        let own = own_addresses().unwrap();
        assert!(own.iter().all(|(name, address)| !name.is_empty() && !address.is_loopback()), "{own:?}");
    }
}
