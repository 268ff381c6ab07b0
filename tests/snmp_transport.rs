//! The agent and the notifier behind real sockets.

mod snmp_support;
mod support;

use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use fleetbridge::{
    journal::EventKind,
    model::*,
    secret::Secret,
    snmp::{
        mib,
        notifier::{self, Targets},
        notify::{Kinds, Target, Wire},
        transport::{Server, TransportError},
    },
};
use rasn_snmp::{
    v2::{Trap, VarBindValue},
    v2c::Message,
};
use snmp_support::*;
use support::*;

fn client(address: &str) -> UdpSocket {
    let socket = UdpSocket::bind(address).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
    socket
}

#[test]
fn replies_leave_from_the_address_that_was_asked() {
    let mut manager = Manager::new(fleet(), mib::all());
    let wildcards = ["0.0.0.0:0", "[::]:0"].map(|address| address.parse::<SocketAddr>().unwrap());
    for wildcard in wildcards {
        let server = Server::start(&[wildcard], 2, manager.agent.clone()).unwrap();
        let port = server.addresses()[0].port();
        assert_ne!(port, 0);
        for asked in ["127.0.0.1", "127.1.2.3", "::1"] {
            let asked: IpAddr = asked.parse().unwrap();
            if asked.is_ipv6() && wildcard.is_ipv4() {
                continue;
            }
            let socket = client(if asked.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" });
            let request = manager.request(V2C, "public", Kind::Get, &["1.3.6.1.2.1.1.1.0"]);
            socket.send_to(&request, (asked, port)).unwrap();
            let mut buffer = [0; 2000];
            let (len, from) = socket.recv_from(&mut buffer).unwrap();
            assert_eq!(from, SocketAddr::from((asked, port)));
            assert!(len > request.len());
        }
        let before = Instant::now();
        server.stop();
        assert!(before.elapsed() < Duration::from_secs(1));
    }
}

#[test]
fn many_requests_on_many_sockets_all_get_their_own_answer() {
    let mut manager = Manager::new(fleet(), mib::all());
    let server = Server::start(&["127.0.0.1:0".parse().unwrap()], 3, manager.agent.clone()).unwrap();
    let sockets: Vec<_> = (0..8).map(|_| client("127.0.0.1:0")).collect();
    for round in 0..50 {
        let mut expected = Vec::new();
        for socket in &sockets {
            let request = manager.request(V2C, "public", Kind::GetNext, &["1.3.6.1.2.1.1.3"]);
            socket.send_to(&request, server.addresses()[0]).unwrap();
            expected.push(request);
        }
        for (socket, request) in sockets.iter().zip(&expected) {
            let mut buffer = [0; 2000];
            let len = socket.recv(&mut buffer).unwrap();
            let reply: Message<rasn_snmp::v2::Response> = rasn::ber::decode(&buffer[..len]).unwrap();
            let asked: Message<rasn_snmp::v2::GetNextRequest> = rasn::ber::decode(request).unwrap();
            assert_eq!(reply.data.0.request_id, asked.data.0.request_id, "round {round}");
        }
    }
    let stats = &manager.agent.stats().snmp;
    assert_eq!((stats.in_pkts.value(), stats.out_pkts.value(), stats.reply_errors.value()), (400, 400, 0));
}

#[test]
fn a_taken_port_is_an_error() {
    let manager = Manager::new(fleet(), mib::all());
    let first = Server::start(&["127.0.0.1:0".parse().unwrap()], 2, manager.agent.clone()).unwrap();
    let address = first.addresses()[0];
    for threads in [1, 2] {
        let error = Server::start(&[address], threads, manager.agent.clone()).unwrap_err();
        assert!(matches!(error, TransportError::Bind { .. }));
        assert!(error.to_string().contains(&address.to_string()), "{error}");
        assert!(error.to_string().contains("Another program has this port"), "{error}");
    }
    first.stop();
    Server::start(&[address], 2, manager.agent.clone()).unwrap().stop();
}

#[test]
fn traps_tell_what_happened() {
    let fleet = fleet();
    let device = learn(&fleet, SENSOR, "plug-1");
    let mut reports = Reports::default();
    reports.begin(SENSOR, "plug-1", false);
    let text = reports.text("192.0.2.77");
    reports.push(Fact::Attribute { attribute: Attribute::Address, text });
    let resolved = fleetbridge::fleet::Resolved { device, report: 0, parent: 0 };
    fleet.absorb(&reports, &mut [resolved], after(1));
    fleet.journal().set_durable(u64::MAX);
    let cursor = fleet.journal().last();
    fleet.journal().append(after(2), EventKind::Started { cold: true });
    report(&fleet, device, false, &[Fact::Availability(Availability::Lost)], after(61));
    report(&fleet, device, false, &[Fact::Availability(Availability::Online)], after(62));
    let adapter = fleet.adapters().find(1).unwrap();
    fleet.adapter_down(&adapter, "connection refused", after(63));
    fleet.adapter_up(&adapter, after(64));
    fleet.journal().append(after(65), EventKind::DeviceLearned { device });
    let last = fleet.journal().last();
    fleet.journal().set_durable(u64::MAX);

    let manager = Manager::new(fleet, mib::all());
    let receiver = client("127.0.0.1:0");
    let target = |address, community: &str| Target {
        address,
        wire: Wire::V2c { community: Secret::new(community.into()) },
        inform: false,
        timeout: 1000,
        retries: 3,
        rate: 50,
        kinds: Kinds::default(),
        sites: Vec::new(),
    };
    let targets =
        vec![target(receiver.local_addr().unwrap(), "traps"), target("[::1]:9".parse().unwrap(), "x")];
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(notifier::run(
        manager.agent.clone(),
        Arc::new(Targets::new(targets, &[], cursor, &manager.agent)),
        Arc::new(|_, _| Vec::new()),
        async {},
    ));

    let mut told = Vec::new();
    for _ in 0..5 {
        let mut buffer = [0; 2000];
        let len = receiver.recv(&mut buffer).unwrap();
        let message: Message<Trap> = rasn::ber::decode(&buffer[..len]).unwrap();
        assert_eq!((message.version, &message.community[..]), (1.into(), &b"traps"[..]));
        let bindings: Vec<_> =
            message.data.0.variable_bindings.into_iter().map(|one| (dotted(&one.name), one.value)).collect();
        told.push(bindings);
    }
    let names =
        |bindings: &[(String, VarBindValue)]| bindings.iter().map(|one| one.0.clone()).collect::<Vec<_>>();
    let kind = |bindings: &[(String, VarBindValue)]| format!("{:?}", bindings[1].1);
    let device_column = |number: u32| format!("1.3.6.1.4.1.32473.2.1.2.1.{number}.{device}");
    let event = ["1.3.6.1.4.1.32473.2.1.14.1.0".to_owned()];
    let head = ["1.3.6.1.2.1.1.3.0".to_owned(), "1.3.6.1.6.3.1.1.4.1.0".to_owned()];

    assert_eq!(names(&told[0]), [&head[..], &event].concat());
    assert_eq!(number(&told[0][0].1), 200, "hundredths of a second at the time of the event");
    let of_device = [2, 15, 18, 11, 20, 21].map(device_column).to_vec();
    let trap_address = ["1.3.6.1.6.3.18.1.3.0".to_owned()];
    for (at, presence) in [(1, 4), (2, 2)] {
        let expected = [&head[..], &event, &of_device, &trap_address].concat();
        assert_eq!(names(&told[at]), expected);
        assert_eq!(text_of(&told[at][3].1), "plug-1");
        assert_eq!(number(&told[at][4].1), presence);
        assert_eq!(number(&told[at][7].1), 1);
        assert!(format!("{:?}", told[at][9].1).contains("Address"), "{:?}", told[at][9].1);
    }
    let adapter_column = |number: u32| format!("1.3.6.1.4.1.32473.2.1.8.1.{number}.1");
    for (at, state) in [(3, 3), (4, 2)] {
        let expected = [&head[..], &event, &[2, 5, 4, 9].map(adapter_column)].concat();
        assert_eq!(names(&told[at]), expected);
        assert_eq!((text_of(&told[at][3].1).as_str(), number(&told[at][4].1)), ("plant", state));
        assert_eq!(text_of(&told[at][6].1), "connection refused");
    }
    let numbers: Vec<_> = told.iter().map(|bindings| number(&bindings[2].1)).collect();
    assert_eq!(numbers.last(), Some(&(last - 1)), "DeviceLearned is told to nobody");
    assert!(numbers.is_sorted());
    let kinds: Vec<_> = told.iter().map(|bindings| kind(bindings)).collect();
    for (kind, end) in kinds.iter().zip([
        "[1, 3, 6, 1, 6, 3, 1, 1, 5, 1]",
        "32473, 2, 0, 1]",
        "32473, 2, 0, 2]",
        "32473, 2, 0, 3]",
        "32473, 2, 0, 4]",
    ]) {
        assert!(kind.contains(end), "{kind} {end}");
    }
    let stats = &manager.agent.stats().snmp;
    assert!(stats.out_traps.value() >= 5);
}

fn text_of(value: &VarBindValue) -> String {
    text(value)
}

/// Any octets, also on a wildcard socket, leave the agent alive.
#[test]
fn noise_is_survived() {
    let mut manager = Manager::new(fleet(), mib::all());
    let server = Server::start(&["0.0.0.0:0".parse().unwrap()], 1, manager.agent.clone()).unwrap();
    let address = SocketAddr::from(([127, 0, 0, 1], server.addresses()[0].port()));
    let socket = client("127.0.0.1:0");
    let seed = Arc::new(AtomicU64::new(1));
    let random = || {
        let next = seed.load(Ordering::Relaxed).wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        seed.store(next, Ordering::Relaxed);
        (next >> 33) as usize
    };
    for _ in 0..2000 {
        let mut message = manager.request(V2C, "public", Kind::Bulk(0, 20), &["1.3.6.1.2.1", "1.3.6.1.4"]);
        for _ in 0..random() % 4 {
            let at = random() % message.len();
            message[at] = random() as u8;
        }
        message.truncate(message.len() - random() % 3 * (random() % message.len()) / 4);
        socket.send_to(&message, address).unwrap();
    }
    socket.send_to(&vec![0x30; 9000], address).unwrap();
    socket.send_to(&[], address).unwrap();
    socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 65_536];
    let end = Instant::now() + Duration::from_secs(10);
    while Instant::now() < end {
        let request = manager.request(V2C, "public", Kind::Get, &["1.3.6.1.2.1.11.1.0"]);
        socket.send_to(&request, address).unwrap();
        std::thread::sleep(Duration::from_millis(20));
        while let Ok(len) = socket.recv(&mut buffer) {
            let reply = rasn::ber::decode::<Message<rasn_snmp::v2::Response>>(&buffer[..len]);
            let asked: Message<rasn_snmp::v2::GetRequest> = rasn::ber::decode(&request).unwrap();
            if reply.is_ok_and(|reply| reply.data.0.request_id == asked.data.0.request_id) {
                return;
            }
        }
    }
    panic!("no answer after the noise");
}
