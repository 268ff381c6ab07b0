//! A reader that stands still, and a publisher that does not: the memory stays bounded. Alone in its process, because
//! it looks at the memory of the whole process.

mod mqtt_support;

use std::{fs, time::Duration};

use fleetbridge::southbound::mqtt::{Protocol, Update};
use mqtt_support::*;

const MESSAGES: usize = 150_000;
const OCTETS: usize = 1024;

/// Far below the 150 MB of the flood.
const MOST_KIB: u64 = 40 * 1024;

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_stops_at_a_reader_that_stands_still() {
    for qos in ["0", "1"] {
        for protocol in BOTH {
            flood(qos, protocol).await;
        }
    }
}

async fn flood(qos: &str, protocol: Protocol) {
    let broker = Mosquitto::start("allow_anonymous true\nmax_queued_messages 0");
    let mut link = connected(broker.config(protocol), &["a/#"]).await;
    let before = resident_kib();
    let mut publisher = publisher(broker.port, &["-t", "a/b", "-q", qos]);
    let publisher_id = publisher.id();
    let line = "x".repeat(OCTETS);
    let writer = std::thread::spawn(move || {
        write_lines(&mut publisher, MESSAGES, |_| line.clone());
        publisher.wait().unwrap()
    });
    // One message, which is not done: nothing is taken from the connection any more.
    assert_eq!(next(&mut link).await, Update::Messages);
    let mut highest = 0;
    for _ in 0..30 {
        tokio::time::sleep(Duration::from_millis(100)).await;
        highest = highest.max(resident_kib().saturating_sub(before));
    }
    println!("QoS {qos}, {protocol:?}: {highest} KiB more while standing still");
    assert!(highest < MOST_KIB, "{highest} KiB");
    link.done();
    drop(link);
    // It would wait for a broker to come back.
    let _ = std::process::Command::new("kill").args(["-KILL", &publisher_id.to_string()]).output();
    writer.join().unwrap();
    drop(broker);
}

fn resident_kib() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}
