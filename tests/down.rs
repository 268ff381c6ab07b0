//! The way down through the whole bridge and a real mosquitto: plugs that obey, refuse, ignore, sleep and say nothing; a
//! broker that restarts; and a bridge that is killed.

mod mqtt_support;
mod plug_support;

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use fleetbridge::{
    datastore::{Face, Owner},
    model::Standing,
};
use mqtt_support::Mosquitto;
use plug_support::*;

const OPEN: &str = "allow_anonymous true\nset_tcp_nodelay true";

#[tokio::test(flavor = "multi_thread")]
async fn plugs_of_all_manners() {
    let broker = Mosquitto::start(OPEN);
    let plugs = Plugs::start(broker.port);
    for (id, manner) in [
        ("obeys", Manner::Obeys),
        ("refuses", Manner::Refuses),
        ("ignores", Manner::Ignores),
        ("silent", Manner::Silent),
        ("sleeps", Manner::Obeys),
    ] {
        plugs.add(id, manner, 300);
    }
    plugs.lwt("sleeps", "down");
    let folder = tempfile::tempdir().unwrap();
    let daemon = bridge(&boot_file(folder.path(), broker.port)).await;
    let fleet = daemon.fleet.clone();
    let mut numbers = HashMap::new();
    for id in ["obeys", "refuses", "ignores", "silent", "sleeps"] {
        let number = device(&fleet, id).await;
        numbers.insert(id, number);
        want(&fleet, number, 60, 1);
    }
    becomes(&fleet, numbers["obeys"], Standing::Effective).await;
    becomes(&fleet, numbers["refuses"], Standing::Failed).await;
    assert_eq!(error(&fleet, numbers["refuses"]), "out of range");
    becomes(&fleet, numbers["ignores"], Standing::Drifted).await;
    assert_eq!(error(&fleet, numbers["ignores"]), "the device keeps another value, tried 2 times");
    becomes(&fleet, numbers["silent"], Standing::Failed).await;
    assert_eq!(error(&fleet, numbers["silent"]), "no answer within 1 s, tried 2 times");
    assert_eq!(standing(&fleet, numbers["sleeps"]), Some(Standing::Pending));
    let written = plugs.written();
    let to = |id: &str| written.iter().filter(|(to, _)| to == id).count();
    assert_eq!((to("obeys"), to("refuses"), to("ignores"), to("silent"), to("sleeps")), (1, 1, 2, 2, 0));

    plugs.lwt("sleeps", "up");
    becomes(&fleet, numbers["sleeps"], Standing::Effective).await;
    assert_eq!((plugs.has("obeys"), plugs.has("sleeps"), plugs.has("ignores")), (60, 60, 300));
    let progress = fleet.commit_progress(1);
    assert_eq!((progress.outstanding, progress.failed), (0, 3));
    drop(fleet);
    daemon.stop().await;
}

/// From the wish to the device's ear, and to its answer. Printed; the bound is wide, because machines are busy.
#[tokio::test(flavor = "multi_thread")]
async fn a_setting_arrives_at_once() {
    let broker = Mosquitto::start(OPEN);
    let plugs = Plugs::start(broker.port);
    plugs.add("one", Manner::Obeys, 0);
    let folder = tempfile::tempdir().unwrap();
    let daemon = bridge(&boot_file(folder.path(), broker.port)).await;
    let fleet = daemon.fleet.clone();
    let one = device(&fleet, "one").await;
    let (mut there, mut effective) = (Vec::new(), Vec::new());
    for value in 1..=200 {
        let start = Instant::now();
        want(&fleet, one, value, value.into());
        let heard = loop {
            let heard = plugs.heard.recv_timeout(Duration::from_secs(10)).unwrap();
            if heard.written == Some(value) {
                break heard;
            }
        };
        there.push(heard.at - start);
        becomes(&fleet, one, Standing::Effective).await;
        effective.push(start.elapsed());
    }
    for (what, times) in [("the device has it", &mut there), ("read back", &mut effective)] {
        times.sort();
        println!("{what}: p50 {:?}, p99 {:?}", times[100], times[198]);
    }
    assert!(there[100] < Duration::from_millis(50), "{:?}", there[100]);
    drop(fleet);
    daemon.stop().await;
}

/// What is on its way when the broker goes is asked for when it is back, and written only if it did not arrive.
#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_restarts() {
    let mut broker = Mosquitto::start(OPEN);
    let folder = tempfile::tempdir().unwrap();
    let plugs = Plugs::start(broker.port);
    plugs.add("one", Manner::Silent, 7);
    let daemon = bridge(&boot_file(folder.path(), broker.port)).await;
    let fleet = daemon.fleet.clone();
    let one = device(&fleet, "one").await;
    want(&fleet, one, 8, 1);
    until("it was written", || plugs.written() == [("one".to_owned(), 8)]).await;
    drop(plugs);
    broker = broker.restart(Duration::from_millis(100), OPEN);
    // The same plug: it had carried out what it never answered to.
    let plugs = Plugs::start(broker.port);
    plugs.add("one", Manner::Obeys, 8);
    becomes(&fleet, one, Standing::Effective).await;
    assert_eq!(plugs.written(), []);
    let attempts = fleet.row(one, |row| row.setting(1).unwrap().attempts());
    assert_eq!(attempts, Some(1));
    drop(fleet);
    daemon.stop().await;
}

/// So many messages wait for the broker's word at a time, and all arrive.
#[tokio::test(flavor = "multi_thread")]
async fn many_devices_at_once() {
    const PLUGS: u32 = 300;
    let broker = Mosquitto::start(&format!("{OPEN}\nmax_queued_messages 0"));
    let plugs = Plugs::start(broker.port);
    let folder = tempfile::tempdir().unwrap();
    let daemon = bridge(&boot_file(folder.path(), broker.port)).await;
    let fleet = daemon.fleet.clone();
    for id in 1..=PLUGS {
        plugs.add(&format!("plug-{id}"), Manner::Silent, 0);
    }
    until("all are known", || fleet.counts().devices() == PLUGS).await;
    let start = Instant::now();
    (1..=PLUGS).for_each(|device| want(&fleet, device, device, 1));
    let mut written = Vec::new();
    while written.len() < PLUGS as usize {
        let heard = plugs.heard.recv_timeout(Duration::from_secs(20)).unwrap();
        written.extend(heard.written.map(|_| heard.id));
    }
    println!("{PLUGS} devices told in {:?}", start.elapsed());
    written.sort();
    written.dedup();
    assert_eq!(written.len(), PLUGS as usize);
    drop(fleet);
    daemon.stop().await;
}

const KILLS: u32 = 40;
const KILLED: u32 = 5;

/// Not a test: a bridge that the next one kills. It is told what is wanted line by line, commits that, says so, and goes on.
#[tokio::test(flavor = "multi_thread")]
async fn helper_steers_until_it_is_killed() {
    let Some(folder) = std::env::var_os("FLEETBRIDGE_TEST_DOWN").map(PathBuf::from) else { return };
    let daemon = bridge(&folder.join("fleetbridge.toml")).await;
    let fleet = daemon.fleet.clone();
    let mut numbers = HashMap::new();
    for id in 0..KILLED {
        let id = format!("plug-{id}");
        numbers.insert(id.clone(), device(&fleet, &id).await);
    }
    let period = ["settings", "fleetbridge-profile-plug:plug", "period"];
    let owner = Owner { session: 0, face: Face::Snmp, user: "test".to_owned(), address: String::new() };
    println!("ready");
    let (sender, mut wishes) = tokio::sync::mpsc::channel(10);
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            let _ = sender.blocking_send(line);
        }
    });
    while let Some(line) = wishes.recv().await {
        if line == "all?" {
            for number in numbers.values() {
                becomes(&fleet, *number, Standing::Effective).await;
            }
            println!("all");
            continue;
        }
        let (id, value) = line.split_once(' ').unwrap();
        let mut set = daemon.datastore.begin(owner.clone()).unwrap();
        set.create(id).unwrap();
        set.set(id, &period, Some(value)).unwrap();
        set.commit(None, fleetbridge::clock::now()).unwrap();
        println!("ok");
    }
}

struct Helper {
    process: Child,
    lines: Box<dyn Iterator<Item = String>>,
}

impl Helper {
    fn start(folder: &Path) -> Helper {
        let mut process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "helper_steers_until_it_is_killed", "--nocapture", "--test-threads=1"])
            .env("FLEETBRIDGE_TEST_DOWN", folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut helper = Helper { process, lines: Box::new(lines) };
        helper.expect("ready");
        helper
    }

    fn tell(&mut self, line: &str, answer: &str) {
        writeln!(self.process.stdin.as_mut().unwrap(), "{line}").unwrap();
        self.expect(answer);
    }

    fn expect(&mut self, answer: &str) {
        assert!(self.lines.any(|line| line.trim_end().ends_with(answer)), "no {answer}");
    }
}

impl Drop for Helper {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

#[test]
fn kill_9_loses_nothing_and_sends_nothing_twice() {
    let broker = Mosquitto::start(OPEN);
    let plugs = Plugs::start(broker.port);
    for id in 0..KILLED {
        plugs.add(&format!("plug-{id}"), Manner::Obeys, 0);
    }
    let folder = tempfile::tempdir().unwrap();
    boot_file(folder.path(), broker.port);
    let mut wanted = HashMap::new();
    for round in 1..=KILLS {
        let mut helper = Helper::start(folder.path());
        let id = format!("plug-{}", round % KILLED);
        helper.tell(&format!("{id} {round}"), "ok");
        wanted.insert(id, round);
        // At all stages of the way: not yet taken, written down, with the broker, answered, read back.
        let pause = [0, 1, 2, 4, 8, 15, 30, 60][round as usize % 8];
        std::thread::sleep(Duration::from_millis(pause));
    }
    let mut helper = Helper::start(folder.path());
    helper.tell("all?", "all");
    for (id, value) in &wanted {
        assert_eq!(plugs.has(id), *value, "{id}");
    }
    let mut written = plugs.written();
    let all = written.len();
    written.sort();
    written.dedup();
    assert_eq!(written.len(), all, "nothing twice");
    println!("{all} messages for {KILLS} wishes and as many kills");
}
