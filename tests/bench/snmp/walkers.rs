//! Eight managers who walk while the fleet reports: how long the slowest of a thousand requests takes.

use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream, UdpSocket},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use super::{
    FB_DEVICE_ENTRY, NAME, cell,
    wire::{self, Request, arcs_of},
};
use crate::{
    filled::{POINTS, RARE_SITE, devices, name, profile_file},
    measure::{Goal, Random, cpu_of, figure, grouped, percentile, time},
    servers::{Server, Site},
    store,
};

const WALKERS: usize = 8;
const REPETITIONS: u8 = 25;
/// fbDeviceAddress: of the one in a thousand that tells one.
const ADDRESS: u32 = 21;
/// A column, and who walks it.
const KINDS: [(&str, u32); 3] = [("public", NAME), ("public", ADDRESS), (SCOPED, NAME)];
const SCOPED: &str = "hall";
const OBSERVATIONS: u32 = 200_000;
const TICK: Duration = Duration::from_millis(10);
/// Long enough for a sweep and some flushes.
const ROUNDS: u32 = 10;

pub fn measure() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let broker = Server::mosquitto(&folder)?;
    let boot = "[control]\nhttp = \"off\"\n".to_owned();
    let scoped = format!(", {{ name = \"{SCOPED}\", access = \"read\", scope = \"site={RARE_SITE}\" }}");
    let site = Site::with_communities(devices(), broker.address, &boot, &profile_file(), &scoped)?;
    drop(store::fill(site.folder.path(), devices())?);
    let bridge = Server::bridge(&site)?;
    bridge.settle()?;
    let over = AtomicBool::new(false);
    let (took, sent, busy) = thread::scope(|scope| {
        let publisher = scope.spawn(|| publish(broker.address, &over));
        let before = (Instant::now(), cpu_of(bridge.pid()));
        let walkers: Vec<_> = (0..WALKERS)
            .map(|at| {
                let (community, column) = KINDS[at % KINDS.len()];
                scope.spawn(move || walk(bridge.address, community, column))
            })
            .collect();
        let took: io::Result<Vec<Vec<f64>>> = walkers
            .into_iter()
            .map(|walker| walker.join().unwrap_or_else(|_| Err(io::Error::other("a walker"))))
            .collect();
        over.store(true, Ordering::Relaxed);
        let wall = before.0.elapsed().as_secs_f64();
        let busy = (cpu_of(bridge.pid()) - before.1).as_secs_f64() / wall;
        let sent = publisher.join().unwrap_or_else(|_| Err(io::Error::other("the publisher")))?;
        io::Result::Ok((took?, sent as f64 / wall, busy))
    })?;
    let all: Vec<f64> = took.concat();
    let fleet = grouped(devices());
    figure("eight walkers: observations in the meantime", sent * f64::from(POINTS) / 1e3, "k/s", Goal::None);
    figure(
        "eight walkers: requests in the meantime",
        all.len() as f64 / (ROUNDS as f64 * time().as_secs_f64()) / 1e3,
        "k/s",
        Goal::None,
    );
    figure("eight walkers: the bridge, of one core", busy * 100.0, "%", Goal::None);
    for (at, what) in
        ["a dense column", "a column of one in 1,000", "a view of one in 1,000"].iter().enumerate()
    {
        let of_kind: Vec<f64> = took.iter().skip(at).step_by(KINDS.len()).flatten().copied().collect();
        let what = format!("eight walkers over {fleet} devices: {what}, p99.9");
        figure(&what, percentile(of_kind, 99.9), "ms", Goal::None);
    }
    figure(
        &format!("eight walkers over {fleet} devices while they report, p99.9"),
        percentile(all, 99.9),
        "ms",
        Goal::AtMost(5.0),
    );
    Ok(())
}

/// Walks a column again and again, from different places; milliseconds of each request.
fn walk(server: SocketAddr, community: &str, column: u32) -> io::Result<Vec<f64>> {
    let socket = UdpSocket::bind((server.ip(), 0))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    let column = cell(FB_DEVICE_ENTRY, column, &[]);
    let mut random = Random::new();
    let (mut at, mut took, mut reply) = (column.clone(), Vec::new(), vec![0; 65_536]);
    let end = Instant::now() + time() * ROUNDS;
    while Instant::now() < end {
        let mut request = Request::bulk_by(community, &at, REPETITIONS);
        request.set_id(0x0100_0000 + took.len() as u32);
        let start = Instant::now();
        socket.send(&request.bytes)?;
        let len = socket.recv(&mut reply)?;
        took.push(start.elapsed().as_secs_f64() * 1e3);
        let next = wire::read(&reply[..len]).map(|reply| arcs_of(&reply.name));
        at = match next {
            Some(next) if next.starts_with(&column) => next,
            // At the end of the column, or of the tree.
            _ => [&column[..], &[random.below(devices())]].concat(),
        };
    }
    Ok(took)
}

/// Has devices send all their points, so many a second; how many messages were sent.
fn publish(broker: SocketAddr, over: &AtomicBool) -> io::Result<u64> {
    let mut stream = TcpStream::connect(broker)?;
    // MQTT 3.1.1: CONNECT with a clean session, keep-alive off, client "b".
    stream.write_all(&[0x10, 13, 0, 4, b'M', b'Q', b'T', b'T', 4, 2, 0, 0, 0, 1, b'b'])?;
    stream.read_exact(&mut [0; 4])?;
    let mut random = Random::new();
    let each = (f64::from(OBSERVATIONS / u32::from(POINTS)) * TICK.as_secs_f64()) as u32;
    let (mut sent, mut due, mut out) = (0, Instant::now(), Vec::new());
    while !over.load(Ordering::Relaxed) {
        out.clear();
        for _ in 0..each {
            let topic = format!("bench/{}", name(random.below(devices()) + 1));
            let value = random.below(1000);
            let mut payload = String::from("{");
            for point in 1..POINTS {
                payload += &format!("\"point-{point}\":{value},");
            }
            payload += "\"point-8\":\"moving\"}";
            let len = 2 + topic.len() + payload.len();
            out.extend([0x30, (len % 128) as u8 | 0x80, (len / 128) as u8, 0, topic.len() as u8]);
            out.extend_from_slice(topic.as_bytes());
            out.extend_from_slice(payload.as_bytes());
        }
        stream.write_all(&out)?;
        sent += u64::from(each);
        due += TICK;
        thread::sleep(due.saturating_duration_since(Instant::now()));
    }
    Ok(sent)
}
