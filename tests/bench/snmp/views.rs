//! Each device at an address of its own: what that costs beside one address for all, and what a manager's poll costs that
//! takes each device for a host.

use std::{
    io::{self, Error},
    net::{Ipv4Addr, SocketAddrV4, UdpSocket},
    time::Duration,
};

use super::{
    FB_DEVICE_ENTRY, NAME, ROUNDS, cell,
    load::{Expect, Load, MOST_IN_FLIGHT},
    wire::{self, Request},
};
use crate::{
    filled::profile_file,
    measure::{Goal, Random, figure, grouped, median, time},
    servers::{Server, Site, free_tcp},
    store,
};

/// As many addresses as the goal names.
const DEVICES: u32 = 100_000;
/// Of loopback, so that they need no routes.
const POOL: &str = "127.64.0.0/10";
const REPETITIONS: u8 = 25;
const SYS_NAME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 5, 0];

/// What a manager of hosts asks of each one: the tables that LibreNMS polls of any host, without set-up.
const POLLED: [&[u32]; 9] = [
    &[1, 3, 6, 1, 2, 1, 1],
    &[1, 3, 6, 1, 2, 1, 2, 2, 1],
    &[1, 3, 6, 1, 2, 1, 31, 1, 1, 1],
    &[1, 3, 6, 1, 2, 1, 25, 1],
    &[1, 3, 6, 1, 2, 1, 25, 2, 3, 1],
    &[1, 3, 6, 1, 2, 1, 25, 3],
    &[1, 3, 6, 1, 2, 1, 47, 1, 1, 1, 1],
    &[1, 3, 6, 1, 2, 1, 99, 1, 1, 1],
    &[1, 3, 6, 1, 2, 1, 131, 1, 1, 1],
];
/// All that a device's view has.
const WHOLE: &[u32] = &[1, 3, 6, 1];

pub fn measure() -> io::Result<()> {
    let mqtt = free_tcp()?;
    let boot = format!(
        "[control]\nhttp = \"off\"\n[broker]\nlisten = \"{mqtt}\"\n[snmp.devices]\npools = [\"{POOL}\"]\n"
    );
    let site = Site::with(DEVICES, mqtt, &boot, &profile_file())?;
    drop(store::fill(site.folder.path(), DEVICES)?);
    let bridge = Server::bridge(&site)?;
    bridge.settle()?;
    let port = bridge.address.port();
    let load = |requests, expect| Load { server: bridge.address, pid: bridge.pid(), requests, expect };
    let names: Vec<_> = devices().map(|device| Request::get(SYS_NAME).to(address(device, port))).collect();
    let one: Vec<_> = names.iter().map(|_| Request::get(SYS_NAME).to(address(1, port))).collect();
    let rows = devices().map(|device| Request::get(&cell(FB_DEVICE_ENTRY, NAME, &[device]))).collect();
    let whole = walks(port, &[WHOLE])?;
    let polls = walks(port, &POLLED)?;
    let a_walk = whole.len() as f64;
    let a_poll = polls.len() as f64;
    let one_value = Expect::Values(1);
    let loads = [
        load(one, one_value),
        load(names, one_value),
        load(rows, one_value),
        load(everywhere(&whole, port), Expect::Response),
        load(everywhere(&polls, port), Expect::Response),
    ];
    let mut measured = vec![Vec::new(); loads.len()];
    for _ in 0..ROUNDS {
        for (load, measured) in loads.iter().zip(&mut measured) {
            measured.push(load.run(MOST_IN_FLIGHT, time())?);
        }
    }
    let micros = |load: usize| median(measured[load].clone());
    let addresses = grouped(DEVICES);
    figure("GET of sysName at one device's address", micros(0), "us", Goal::None);
    figure(&format!("GET of sysName at {addresses} devices' addresses"), micros(1), "us", Goal::None);
    figure(
        &format!("GET of fbDeviceName of {addresses} devices at the bridge's address"),
        micros(2),
        "us",
        Goal::None,
    );
    // One row that is asked for again and again stays in the processor's cache; what the addresses cost is seen beside the
    // rows of the same devices at one address.
    figure(
        &format!("{addresses} addresses beside one, of as many devices"),
        micros(1) / micros(2),
        "times",
        Goal::AtMost(1.1),
    );
    figure(
        &format!("{addresses} addresses beside one, of one device"),
        micros(1) / micros(0),
        "times",
        Goal::None,
    );
    figure("a device's full walk, a GETBULK x25", micros(3), "us", Goal::AtMost(12.0));
    figure("a device's full walk, requests", a_walk, "", Goal::None);
    let core = micros(4) * a_poll * 10_000.0 / 1e6 / 300.0 * 100.0;
    figure("a manager's poll of 10,000 hosts in 300 s", core, "% of a core", Goal::AtMost(10.0));
    Ok(())
}

/// Devices all over the fleet, each time the same.
fn devices() -> impl Iterator<Item = u32> {
    let mut random = Random::new();
    (0..DEVICES).map(move |_| random.below(DEVICES) + 1)
}

fn address(device: u32, port: u16) -> SocketAddrV4 {
    SocketAddrV4::new(Ipv4Addr::from_bits(Ipv4Addr::new(127, 64, 0, 0).to_bits() + device), port)
}

/// The names that a walk of the first device asks behind, of each of the subtrees.
fn walks(port: u16, subtrees: &[&[u32]]) -> io::Result<Vec<Vec<u32>>> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut names = Vec::new();
    for subtree in subtrees {
        let mut name = subtree.to_vec();
        while name.starts_with(subtree) {
            names.push(name.clone());
            let mut request = Request::bulk(&name, REPETITIONS);
            request.set_id(0x0100_0001);
            socket.send_to(&request.bytes, address(1, port))?;
            let mut reply = [0; 65_536];
            let len = socket.recv(&mut reply)?;
            let Some(reply) = wire::read(&reply[..len]) else { break };
            let next = wire::arcs_of(&reply.name);
            if next <= name {
                return Err(Error::other("the walk does not go on"));
            }
            name = next;
        }
    }
    // The last request of the whole view meets its end, which is an exception and no value.
    if subtrees == [WHOLE] {
        names.pop();
    }
    Ok(names)
}

/// The same walk at devices all over the fleet: their rows of our own tables are theirs, so names there are no use.
fn everywhere(names: &[Vec<u32>], port: u16) -> Vec<Request> {
    let of_device = |device: u32| {
        names
            .iter()
            .map(move |name| Request::bulk(&moved(name, device), REPETITIONS).to(address(device, port)))
    };
    devices().take(2_000).flat_map(of_device).collect()
}

/// A name of the first device's view as it is in another's: in our tables the device's number follows the column.
fn moved(name: &[u32], device: u32) -> Vec<u32> {
    let mut name = name.to_vec();
    if name.starts_with(&[1, 3, 6, 1, 4, 1, 32473, 2, 1])
        && (2..=8).contains(name.get(9).unwrap_or(&0))
        && let Some(index) = name.get_mut(12)
    {
        *index = device;
    }
    name
}
