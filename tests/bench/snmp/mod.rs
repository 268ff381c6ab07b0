//! The agent beside net-snmp's snmpd and a bare echo server: CPU time of each server process for a request, taken
//! in turns in one run, because a figure of one run says nothing about another's.

mod echo;
mod load;
mod mmsg;
mod servers;
mod wire;

use std::{io, net::UdpSocket, time::Duration};

use self::{
    load::{Expect, Load, MOST_IN_FLIGHT},
    servers::Server,
    wire::Request,
};
use crate::measure::{Goal, figure, median};

const SYS_UP_TIME: &[u32] = &[1, 3, 6, 1, 2, 1, 1, 3, 0];
const IF_TABLE: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2];
const IF_OPER_STATUS_1: &[u32] = &[1, 3, 6, 1, 2, 1, 2, 2, 1, 8, 1];

/// The median of so many rounds counts.
const ROUNDS: usize = 3;
const IN_FLIGHT: [usize; 3] = [1, 8, MOST_IN_FLIGHT];

/// Seconds for each of about 60 measurements: `BENCH_SECONDS`, else 1.
fn time() -> Duration {
    let seconds = std::env::var("BENCH_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or(1.0))
}

/// The echo server's process.
pub fn echo() -> io::Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    servers::ready(socket.local_addr()?)?;
    echo::serve(&socket)
}

pub fn compare() -> io::Result<()> {
    let (echo, snmpd) = (Server::ours("echo")?, Server::snmpd()?);
    let load = |server: &Server, requests, expect| Load {
        server: server.address,
        pid: server.pid(),
        requests,
        expect,
    };
    let get = |name: &[u32]| vec![Request::get(name)];
    let compared = [
        load(&echo, get(IF_OPER_STATUS_1), Expect::Echo),
        load(&snmpd, get(SYS_UP_TIME), Expect::Values(1)),
        load(&snmpd, get(IF_OPER_STATUS_1), Expect::Values(1)),
        load(&snmpd, vec![Request::bulk(IF_TABLE, 50)], Expect::Values(50)),
    ];
    for load in &compared {
        for in_flight in IN_FLIGHT {
            let rounds: Result<_, _> = (0..ROUNDS).map(|_| load.run(in_flight, time())).collect();
            figure(&format!("{in_flight} in flight"), median(rounds?), "us", Goal::None);
        }
    }
    Ok(())
}
