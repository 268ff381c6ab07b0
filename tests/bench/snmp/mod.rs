//! The bridge beside net-snmp's snmpd and a bare echo server: CPU time of each server process for a request, taken in
//! turns in one run, because a figure of one run says nothing about another's.

mod echo;
mod load;
mod mmsg;
mod users;
mod views;
mod walkers;
pub mod wire;

use std::{
    io::{self, BufRead, BufReader, Error},
    net::UdpSocket,
    process::{Command, Stdio},
};

use self::{
    load::{Expect, Load, MOST_IN_FLIGHT},
    wire::Request,
};
pub use users::measure as users;
pub use views::measure as views;
pub use walkers::measure as walkers;

use crate::{
    filled::{POINTS, devices},
    measure::{Goal, Random, cpu_of, figure, grouped, median, time},
    servers::{self, SCOPED, SYS_UP_TIME, Server, Site},
};

const IF_TABLE: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2];
const IF_OPER_STATUS_1: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1, 8, 1];
const FB_DEVICE_ENTRY: [u32; 10] = [1, 3, 6, 1, 4, 1, 32473, 2, 1, 2];
const FB_POINT_ENTRY: [u32; 10] = [1, 3, 6, 1, 4, 1, 32473, 2, 1, 3];
const NAME: u32 = 2;
const PRESENCE: u32 = 15;
const VALUE: u32 = 4;

const REPETITIONS: u8 = 50;
/// Different requests of a kind: the bridge shall not find its answers in the processor's cache.
const REQUESTS: usize = 4096;
/// The median of so many rounds counts.
const ROUNDS: usize = 3;
const IN_FLIGHT: [usize; 3] = [1, 8, MOST_IN_FLIGHT];

/// Places in the list of loads.
const ECHO: usize = 0;
/// What, and the places of the bridge and of snmpd, whose nearest to our points is its ifTable, too.
const COMPARED: [(&str, usize, usize); 4] = [
    ("GET of sysUpTime", 1, 5),
    ("GET of a table cell", 2, 6),
    ("GETBULK x50 of a column", 3, 7),
    ("GETBULK x50 of point values", 4, 7),
];

pub fn compare(site: &Site) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let (echo, bridge, snmpd) = (Server::echo()?, Server::bridge(site)?, Server::snmpd(&folder)?);
    let load = |server: &Server, requests, expect| Load {
        server: server.address,
        pid: server.pid(),
        requests,
        expect,
    };
    let (one, all) = (Expect::Values(1), Expect::Values(REPETITIONS.into()));
    let bulk = |name: &[u32]| Request::bulk(name, REPETITIONS);
    let loads = [
        load(&echo, vec![Request::get(IF_OPER_STATUS_1)], Expect::Echo),
        load(&bridge, vec![Request::get(SYS_UP_TIME)], one),
        load(&bridge, anywhere(|device| Request::get(&cell(FB_DEVICE_ENTRY, PRESENCE, &[device]))), one),
        load(&bridge, anywhere(|device| bulk(&cell(FB_DEVICE_ENTRY, NAME, &[device]))), all),
        load(
            &bridge,
            anywhere(|device| bulk(&cell(FB_POINT_ENTRY, VALUE, &[device, u32::from(POINTS)]))),
            all,
        ),
        load(&snmpd, vec![Request::get(SYS_UP_TIME)], one),
        load(&snmpd, vec![Request::get(IF_OPER_STATUS_1)], one),
        load(&snmpd, vec![bulk(IF_TABLE)], all),
    ];
    bridge.settle()?;
    let mut measured = vec![[const { Vec::new() }; IN_FLIGHT.len()]; loads.len()];
    for _ in 0..ROUNDS {
        for (at, in_flight) in IN_FLIGHT.into_iter().enumerate() {
            for (load, measured) in loads.iter().zip(&mut measured) {
                measured[at].push(load.run(in_flight, time())?);
            }
        }
    }
    let micros = |load: usize, at: usize| median(measured[load][at].clone());
    for (at, in_flight) in IN_FLIGHT.into_iter().enumerate() {
        figure(&format!("UDP echo, {in_flight} in flight"), micros(ECHO, at), "us", Goal::None);
        for (what, ours, theirs) in COMPARED {
            figure(&format!("{what}, {in_flight} in flight"), micros(ours, at), "us", Goal::None);
            figure(&format!("snmpd: {what}, {in_flight} in flight"), micros(theirs, at), "us", Goal::None);
        }
    }
    let at = IN_FLIGHT.len() - 1;
    for (what, ours, theirs) in COMPARED {
        let is_get = what.starts_with("GET ");
        let times = Goal::AtLeast(if is_get { 5.0 } else { 10.0 });
        let name = format!("{what}, {MOST_IN_FLIGHT} in flight");
        figure(&format!("{name}, less than snmpd"), micros(theirs, at) / micros(ours, at), "times", times);
        if is_get {
            let above = micros(ours, at) - micros(ECHO, at);
            figure(&format!("{name}, above the echo"), above, "us", Goal::AtMost(1.5));
        }
    }
    Ok(())
}

/// The same by who sees only devices of a scope, in which all of them are.
pub fn scoped(site: &Site) -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let (bridge, snmpd) = (Server::bridge(site)?, Server::snmpd(&folder)?);
    bridge.settle()?;
    let get = |device| Request::get_by(SCOPED, &cell(FB_DEVICE_ENTRY, PRESENCE, &[device]));
    let bulk = |device| {
        let name = cell(FB_POINT_ENTRY, VALUE, &[device, u32::from(POINTS)]);
        Request::bulk_by(SCOPED, &name, REPETITIONS)
    };
    let load = |server: &Server, requests, values| Load {
        server: server.address,
        pid: server.pid(),
        requests,
        expect: Expect::Values(values),
    };
    let many = usize::from(REPETITIONS);
    for (what, times, ours, theirs) in [
        (
            "GET of a table cell",
            6.0,
            load(&bridge, anywhere(get), 1),
            load(&snmpd, vec![Request::get(IF_OPER_STATUS_1)], 1),
        ),
        (
            "GETBULK x50 of point values",
            14.0,
            load(&bridge, anywhere(bulk), many),
            load(&snmpd, vec![Request::bulk(IF_TABLE, REPETITIONS)], many),
        ),
    ] {
        let (mut own, mut other) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            own.push(ours.run(MOST_IN_FLIGHT, time())?);
            other.push(theirs.run(MOST_IN_FLIGHT, time())?);
        }
        let name = format!("with a scope: {what}, {MOST_IN_FLIGHT} in flight");
        let (own, other) = (median(own), median(other));
        figure(&name, own, "us", Goal::None);
        figure(&format!("{name}, less than snmpd"), other / own, "times", Goal::AtLeast(times));
    }
    Ok(())
}

/// One whole column by net-snmp's own walker.
pub fn walk(site: &Site) -> io::Result<()> {
    let bridge = Server::bridge(site)?;
    bridge.settle()?;
    let column: Vec<_> = cell(FB_DEVICE_ENTRY, NAME, &[]).iter().map(u32::to_string).collect();
    let before = cpu_of(bridge.pid());
    let mut command = Command::new("snmpbulkwalk");
    command.args(["-v2c", "-cpublic", "-m", "", "-On", "-Oq", "-Cr50", &bridge.address.to_string()]);
    let mut walker = command.arg(column.join(".")).stdout(Stdio::piped()).spawn()?;
    let output = walker.stdout.take().ok_or_else(|| Error::other("no output"))?;
    let count = BufReader::with_capacity(1 << 20, output).lines().count();
    walker.wait()?;
    let spent = (cpu_of(bridge.pid()) - before).as_secs_f64();
    if count != devices() as usize {
        return Err(Error::other(format!("snmpbulkwalk saw {count} devices")));
    }
    let seconds = spent * 1e6 / count as f64;
    let what = format!("snmpbulkwalk -Cr50 of {} varbinds, server CPU for 1,000,000", grouped(devices()));
    figure(&what, seconds, "s", Goal::AtMost(0.5));
    Ok(())
}

/// The echo server's process.
pub fn echo() -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    servers::tell_parent(socket.local_addr()?)?;
    echo::serve(&socket)
}

/// Requests all over the fleet, but for the last devices, behind which there are not fifty more.
fn anywhere(request: impl Fn(u32) -> Request) -> Vec<Request> {
    somewhere().map(request).collect()
}

/// The names of such requests.
fn anywhere_names(name: impl Fn(u32) -> Vec<u32>) -> Vec<Vec<u32>> {
    somewhere().map(name).collect()
}

fn somewhere() -> impl Iterator<Item = u32> {
    let mut random = Random::new();
    let last = devices().saturating_sub(u32::from(REPETITIONS)).max(1);
    (0..REQUESTS).map(move |_| random.below(last) + 1)
}

fn cell(table: [u32; 10], column: u32, index: &[u32]) -> Vec<u32> {
    [&table[..], &[1, column], index].concat()
}
