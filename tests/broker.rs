//! The embedded broker against mosquitto's clients.

mod mqtt_support;

use std::{
    fs,
    net::SocketAddr,
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
    publish(port, &["-t", "a/kept", "-m", "old", "-r"]);
    let mut link = connected(broker.client("embedded"), &["a/#"]).await;
    assert_eq!(take(&mut link, 1).await, ["!a/kept=old"]);
    assert!(!std::path::Path::new("mqtt_storage").exists());
    broker.stop().await;
    assert!(std::net::TcpStream::connect(("127.0.0.1", port)).is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_will_of_the_killed() {
    let broker = open().await;
    let mut link = connected(broker.client("embedded"), &["tele/+/LWT"]).await;
    let will = ["--will-topic", "tele/plug/LWT", "--will-payload", "Offline", "--will-retain"];
    let mut device = publisher(broker.address().port(), &[&["-t", "tele/plug/LWT"][..], &will].concat());
    use std::io::Write;
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
