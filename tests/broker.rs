//! The embedded broker against mosquitto's clients.

mod mqtt_support;

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use fleetbridge::{
    login::Hash,
    southbound::{
        broker::{self, Broker, BrokerError, Config},
        mqtt::{self, Update},
    },
};
use mqtt_support::*;

fn hash(password: &str) -> String {
    Hash::of(password).unwrap().as_str().to_owned()
}

fn local(port: u16) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, 1], port))
}

async fn open() -> Broker {
    broker::start(Config::new(local(0)), Arc::default()).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn mosquitto_clients_of_both_versions() {
    let broker = open().await;
    let port = broker.address().port();
    for protocol in BOTH {
        let config = mqtt::Config { protocol, ..broker.client("embedded") };
        let mut link = connected(config, &["a/#", "tele/+/LWT"]).await;
        for version in ["mqttv311", "mqttv5"] {
            for qos in ["0", "1", "2"] {
                publish(port, &["-V", version, "-t", "a/b", "-m", qos, "-q", qos]);
            }
            assert_eq!(take(&mut link, 3).await, ["a/b=0", "a/b=1", "a/b=2"]);
        }
        link.close().await;
    }
    // Acknowledged, so that the broker has it before anybody subscribes.
    publish(port, &["-t", "a/kept", "-m", "old", "-r", "-q", "1"]);
    let mut link = connected(broker.client("embedded"), &["a/#"]).await;
    assert_eq!(take(&mut link, 1).await, ["!a/kept=old"]);
    assert!(!std::path::Path::new("mqtt_storage").exists());
    broker.stop().await;
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

/// An MQTT 5 packet.
fn packet(head: u8, body: &[u8]) -> Vec<u8> {
    let (mut packet, mut left) = (vec![head], body.len());
    while left > 0x7f {
        packet.push(left as u8 | 0x80);
        left >>= 7;
    }
    packet.push(left as u8);
    [&packet, body].concat()
}

fn text(text: &str) -> Vec<u8> {
    [&(text.len() as u16).to_be_bytes(), text.as_bytes()].concat()
}

/// A client that does what mosquitto's do not.
fn raw(port: u16, client_id: &str) -> TcpStream {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let connect = [text("MQTT"), vec![5, 2, 0, 60, 0], text(client_id)].concat();
    stream.write_all(&packet(0x10, &connect)).unwrap();
    let mut head = [0; 2];
    stream.read_exact(&mut head).unwrap();
    let mut answer = vec![0; usize::from(head[1])];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!((head[0], answer[1]), (0x20, 0), "CONNACK, success");
    stream
}

fn publication(topic: &str, qos: u8, id: u16, octets: usize) -> Vec<u8> {
    packet(0x30 | qos << 1, &[text(topic), id.to_be_bytes().to_vec(), vec![0; 1 + octets]].concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_as_long_as_the_broker_takes_reaches_the_bridge() {
    let broker = open().await;
    let mut link = connected(broker.client("embedded"), &["a/#"]).await;
    let octets = 256 * 1024 + 70_000 - 12;
    // What it adds to the packet is larger the longer the sender's name is.
    let mut device = raw(broker.address().port(), &"long-name-".repeat(6));
    device.write_all(&publication("a/b", 1, 1, octets)).unwrap();
    assert_eq!(next(&mut link).await, Update::Messages);
    assert_eq!(link.messages()[0].payload().len(), octets);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_kept_is_passed_on() {
    let stats = Arc::new(fleetbridge::stats::Stats::default());
    // More than come at a time: the broker takes a moment to see that one has gone.
    let config = Config { max_clients: 3, ..Config::new(local(0)) };
    let broker = broker::start(config, stats.clone()).await.unwrap();
    let port = broker.address().port();
    let mut link = connected(broker.client("embedded"), &["a/#"]).await;
    for n in 0..32 {
        publish(port, &["-t", &format!("a/{n}"), "-m", "x", "-r", "-q", &(1 + n % 2).to_string()]);
    }
    assert_eq!(take(&mut link, 32).await.len(), 32);
    assert_eq!(stats.broker.unretained.value(), 2);
    link.close().await;
    publish(port, &["-t", "a/0", "-n", "-r"]);
    publish(port, &["-t", "a/31", "-m", "x", "-r"]);
    let mut link = connected(broker.client("embedded"), &["a/#"]).await;
    let kept = take(&mut link, 30).await;
    assert!(kept.contains(&"!a/31=x".to_owned()) && !kept.contains(&"!a/0=x".to_owned()), "{kept:?}");
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_that_never_come_stall_nobody() {
    let broker = open().await;
    let port = broker.address().port();
    let mut link = connected(broker.client("embedded"), &["a/#"]).await;
    // More than there is room for, and never released (QoS 2).
    let hoarders: Vec<_> = (0..8)
        .map(|n| {
            std::thread::spawn(move || {
                let mut hoarder = raw(port, &format!("hoarder-{n}"));
                for id in 1..=20 {
                    hoarder.write_all(&publication("a/hoard", 2, id, 250_000)).unwrap();
                }
                hoarder
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let honest = std::thread::spawn(move || publish(port, &["-t", "a/b", "-m", "x", "-q", "1"]));
    let begun = Instant::now();
    assert_eq!(take(&mut link, 1).await, ["a/b=x"]);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    honest.join().unwrap();
    for hoarder in hoarders {
        drop(hoarder.join().unwrap());
    }
    broker.stop().await;
}

/// More messages than the broker's queue for a client holds, to a connection of the bridge that stands still while
/// another one has nothing to do.
#[tokio::test(flavor = "multi_thread")]
async fn an_idle_connection_lets_no_message_of_another_be_lost() {
    let messages: u16 = 12_000;
    let broker = open().await;
    let port = broker.address().port();
    let mut still = connected(broker.client("still"), &["a/#"]).await;
    let mut idle = connected(broker.client("idle"), &["b/#"]).await;
    let idle = tokio::spawn(async move { next(&mut idle).await });
    let publisher = std::thread::spawn(move || {
        let mut device = raw(port, "device");
        for id in 1..=messages {
            device.write_all(&publication("a/b", 1, id, 4096)).unwrap();
        }
        device
    });
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert!(!publisher.is_finished(), "the publisher waits");
    let mut heard = 0;
    while heard < usize::from(messages) {
        assert_eq!(next(&mut still).await, Update::Messages, "{heard}");
        heard += still.messages().len();
        still.done();
    }
    drop(publisher.join().unwrap());
    idle.abort();
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_will_of_the_killed() {
    let broker = open().await;
    let mut link = connected(broker.client("embedded"), &["tele/+/LWT"]).await;
    let will = ["--will-topic", "tele/plug/LWT", "--will-payload", "Offline", "--will-retain"];
    let mut device = publisher(broker.address().port(), &[&["-t", "tele/plug/LWT"][..], &will].concat());
    writeln!(device.stdin.as_mut().unwrap(), "Online").unwrap();
    assert_eq!(take(&mut link, 1).await, ["tele/plug/LWT=Online"]);
    let killed = Instant::now();
    device.kill().unwrap();
    device.wait().unwrap();
    assert_eq!(take(&mut link, 1).await, ["tele/plug/LWT=Offline"]);
    assert!(killed.elapsed() < Duration::from_secs(2), "{:?}", killed.elapsed());
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn users_and_their_topics() {
    let dir = tempfile::tempdir().unwrap();
    let users_file = dir.path().join("users");
    let line = format!("plug:{}:tele/plug\nall:{}\n", hash("p"), hash("a"));
    fs::write(&users_file, line).unwrap();
    fs::set_permissions(&users_file, fs::Permissions::from_mode(0o644)).unwrap();
    let config = Config { users_file: Some(users_file.clone()), ..Config::new(local(0)) };
    let Err(BrokerError::Users(error)) = broker::start(config.clone(), Arc::default()).await else {
        panic!()
    };
    assert!(error.to_string().contains("chmod 600"), "{error}");
    fs::set_permissions(&users_file, fs::Permissions::from_mode(0o600)).unwrap();
    let broker = broker::start(config, Arc::default()).await.unwrap();
    let port = broker.address().port();

    let mut link = connected(broker.client("embedded"), &["#"]).await;
    let attempt = |args: &[&str]| {
        let port = port.to_string();
        let args = [&["-p", &port, "-q", "1", "-m", "x"][..], args].concat();
        Command::new("mosquitto_pub").args(args).stderr(Stdio::null()).status().unwrap().success()
    };
    for version in ["mqttv311", "mqttv5"] {
        assert!(!attempt(&["-V", version, "-t", "tele/plug/STATE"]));
        assert!(!attempt(&["-V", version, "-u", "plug", "-P", "wrong", "-t", "tele/plug/STATE"]));
        assert!(!attempt(&["-V", version, "-u", "$fleetbridge", "-P", "wrong", "-t", "tele/plug/STATE"]));
        attempt(&["-V", version, "-u", "plug", "-P", "p", "-t", "tele/other/STATE"]);
        assert!(attempt(&["-V", version, "-u", "plug", "-P", "p", "-t", "tele/plug/STATE"]));
        assert!(attempt(&["-V", version, "-u", "all", "-P", "a", "-t", "tele/other/STATE"]));
        assert_eq!(take(&mut link, 2).await, ["tele/other/STATE=x", "tele/plug/STATE=x"]);
    }

    let mut config = broker.client("plug");
    config.user = Some("plug".to_owned());
    config.password = Some(fleetbridge::secret::Secret::new("p".to_owned()));
    let mut link = mqtt::Link::new(config, vec!["tele/+/STATE".to_owned(), "tele/plug/#".to_owned()]);
    match next(&mut link).await {
        Update::Trouble(text) => {
            assert!(text.contains("refused the subscription to tele/+/STATE: not authorised"), "{text}");
        }
        update => panic!("{update:?}"),
    }
    assert_eq!(next(&mut link).await, Update::Connected);

    fs::write(&users_file, format!("new:{}\n", hash("n"))).unwrap();
    broker.reload().unwrap();
    assert!(!attempt(&["-u", "all", "-P", "a", "-t", "a"]));
    assert!(attempt(&["-u", "new", "-P", "n", "-t", "a"]));
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_limited_but_not_for_the_bridge() {
    let broker =
        broker::start(Config { max_clients: 3, ..Config::new(local(0)) }, Arc::default()).await.unwrap();
    let port = broker.address().port();
    let mut devices: Vec<_> = (0..4).map(|_| publisher(port, &["-t", "a"])).collect();
    let start = Instant::now();
    while broker.clients() < 4 && start.elapsed() < Duration::from_secs(3) {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let refused =
        Command::new("mosquitto_pub").args(["-p", &port.to_string(), "-t", "a", "-m", "x"]).output();
    assert!(!refused.unwrap().status.success());
    connected(broker.client("embedded"), &["#"]).await.close().await;
    for device in &mut devices {
        device.kill().unwrap();
        device.wait().unwrap();
    }
    broker.stop().await;
}

/// What the broker acknowledges the bridge gets, also from who came before its own connections had subscribed.
#[tokio::test(flavor = "multi_thread")]
async fn devices_are_let_in_after_the_bridge() {
    let awaited = vec!["one".to_owned(), "other".to_owned()];
    let broker = broker::start(Config { awaited, ..Config::new(local(0)) }, Arc::default()).await.unwrap();
    let port = broker.address().port().to_string();
    let early = ["-p", &port, "-q", "1", "-t", "a/b", "-m", "early"];
    let mut device = Command::new("mosquitto_pub").args(early).spawn().unwrap();
    let mut one = connected(broker.client("one"), &["a/#"]).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert!(device.try_wait().unwrap().is_none(), "it waits");
    let other = connected(broker.client("other"), &["b/#"]).await;
    assert_eq!(take(&mut one, 1).await, ["a/b=early"]);
    assert!(device.wait().unwrap().success());
    one.close().await;
    other.close().await;
    publish(broker.address().port(), &["-q", "1", "-t", "a/b", "-m", "x"]);
    broker.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_are_checked() {
    let broker = open().await;
    let Err(error) = broker::start(Config::new(broker.address()), Arc::default()).await else { panic!() };
    assert_eq!(error.to_string(), format!("{} is taken by another process", broker.address()));
    let Err(error) = broker::start(Config::new("0.0.0.0:0".parse().unwrap()), Arc::default()).await else {
        panic!()
    };
    assert!(error.to_string().contains("set users-file"), "{error}");
    let Err(error) = broker::start(Config::new("127.0.0.1:1".parse().unwrap()), Arc::default()).await else {
        return;
    };
    assert!(error.to_string().contains("127.0.0.1:1"), "{error}");
    broker.stop().await;
}
