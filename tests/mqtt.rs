//! The MQTT adapter against a real mosquitto.

mod mqtt_support;

use std::{fs, os::unix::fs::PermissionsExt, time::Duration};

use fleetbridge::{
    secret::Secret,
    southbound::mqtt::{Config, Link, Protocol, Update},
};
use mqtt_support::*;

const OPEN: &str = "allow_anonymous true";

#[tokio::test(flavor = "multi_thread")]
async fn both_protocols_hear_all_qualities() {
    let broker = Mosquitto::start(OPEN);
    broker.publish(&["-t", "a/kept", "-m", "old", "-r"]);
    for protocol in BOTH {
        let mut link = connected(broker.config(protocol), &["a/+", "b/#"]).await;
        assert_eq!(take(&mut link, 1).await, ["!a/kept=old"]);
        broker.publish(&["-t", "a/x", "-m", "0", "-q", "0"]);
        broker.publish(&["-t", "b/x/y", "-m", "1", "-q", "1"]);
        broker.publish(&["-t", "b", "-m", "2", "-q", "2"]);
        broker.publish(&["-t", "c", "-m", "3", "-q", "2"]);
        assert_eq!(take(&mut link, 3).await, ["a/x=0", "b/x/y=1", "b=2"]);
        // Retained now, but sent because it was published: not marked.
        broker.publish(&["-t", "a/kept", "-m", "old", "-r"]);
        assert_eq!(take(&mut link, 1).await, ["a/kept=old"]);
        link.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_messages_come_in_batches_and_are_acknowledged() {
    let broker = Mosquitto::start(&format!("{OPEN}\nmax_queued_messages 0"));
    for protocol in BOTH {
        let mut link = connected(broker.config(protocol), &["a/#"]).await;
        let mut publisher = publisher(broker.port, &["-t", "a/b", "-q", "1"]);
        write_lines(&mut publisher, 5000, |at| at.to_string());
        let (mut count, mut batches) = (0, 0);
        while count < 5000 {
            assert_eq!(next(&mut link).await, Update::Messages);
            assert!(link.messages().len() <= 1024);
            for (message, expected) in link.messages().iter().zip(count..) {
                assert_eq!(message.payload(), expected.to_string().as_bytes());
            }
            count += link.messages().len();
            batches += 1;
            link.done();
        }
        assert!(batches < 5000);
        publisher.wait().unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn shared_subscriptions_take_turns() {
    let broker = Mosquitto::start(OPEN);
    for protocol in BOTH {
        let config = Config { share_group: Some("bridges".to_owned()), ..broker.config(protocol) };
        let mut one = connected(config.clone(), &["a/#"]).await;
        let mut two = connected(config, &["a/#"]).await;
        for at in 0..10 {
            broker.publish(&["-t", "a/b", "-m", &at.to_string()]);
        }
        let (one, two) = (rest(&mut one).await, rest(&mut two).await);
        assert_eq!(one.len() + two.len(), 10, "{one:?} {two:?}");
        assert!(!one.is_empty() && !two.is_empty() && one.iter().all(|message| !two.contains(message)));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn failures_say_what_to_do() {
    let port = free_port();
    let config = Config::new("test", address(port, false));
    assert_eq!(
        failure(config).await,
        format!("connection refused by 127.0.0.1:{port}: is the broker running?")
    );

    let dir = tempfile::tempdir().unwrap();
    let users = dir.path().join("users");
    let made = std::process::Command::new("mosquitto_passwd")
        .args(["-c", "-b", users.to_str().unwrap(), "me", "right"])
        .status()
        .unwrap();
    assert!(made.success());
    fs::set_permissions(&users, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(dir.path().join("acl"), "user me\ntopic read a/#\n").unwrap();
    let settings = "allow_anonymous false\npassword_file DIR/users\nacl_file DIR/acl";
    let broker = Mosquitto::start_in(dir, free_port(), settings);
    for protocol in BOTH {
        let peer = format!("127.0.0.1:{}", broker.port);
        let mut config = broker.config(protocol);
        let text = failure(config.clone()).await;
        assert_eq!(text, format!("not authorised by {peer}: it wants a user; set user and password-file"));
        config.user = Some("me".to_owned());
        config.password = Some(Secret::new("wrong".to_owned()));
        let text = failure(config.clone()).await;
        assert_eq!(text, format!("not authorised by {peer}: check user and password-file"));
        config.password = Some(Secret::new("right".to_owned()));
        connected(config, &["a/#"]).await.close().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_is_verified_both_ways() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    let settings = "allow_anonymous true\ncafile DIR/ca.pem\ncertfile DIR/server.pem\nkeyfile DIR/server.key\n\
                    require_certificate true";
    let broker = Mosquitto::start_in(dir, free_port(), settings);
    let file = |name: &str| Some(broker.dir.path().join(name));
    for protocol in BOTH {
        let plain = broker.config(protocol);
        let mut config = Config { address: address(broker.port, true), ..plain.clone() };
        config.ca_file = file("ca.pem");
        config.cert_file = file("client.pem");
        config.key_file = file("client.key");
        let mut link = connected(config.clone(), &["a/#"]).await;
        let secure: Vec<_> = ["ca.pem", "client.pem", "client.key"].map(|name| file(name).unwrap()).into();
        let secure: Vec<_> = secure.iter().map(|path| path.to_str().unwrap()).collect();
        broker.publish(&[
            "-h",
            "127.0.0.1",
            "--cafile",
            secure[0],
            "--cert",
            secure[1],
            "--key",
            secure[2],
            "-t",
            "a/b",
            "-m",
            "x",
        ]);
        assert_eq!(take(&mut link, 1).await, ["a/b=x"]);

        let stranger = Config { ca_file: file("other.pem"), ..config.clone() };
        let text = failure(stranger).await;
        assert!(text.contains("has an unknown issuer: is ca-file the authority"), "{text}");
        let misnamed = Config { address: address(broker.port, true), ..config.clone() };
        let misnamed = Config {
            address: fleetbridge::southbound::mqtt::Address {
                host: "localhost".to_owned(),
                ..misnamed.address
            },
            ..misnamed
        };
        let text = failure(misnamed).await;
        assert!(text.contains("is not for localhost: use the name that is in it"), "{text}");
        let bare = Config { cert_file: None, key_file: None, ..config.clone() };
        let text = failure(bare).await;
        assert!(text.contains("wants a client certificate: set cert-file and key-file"), "{text}");
        let half = Config { key_file: None, ..config.clone() };
        assert_eq!(failure(half).await, "cert-file needs key-file");
        let missing = Config { ca_file: file("none.pem"), ..config };
        let text = failure(missing).await;
        assert!(text.contains("none.pem"), "{text}");
        let text = failure(plain).await;
        assert!(text.contains("at once: if it wants TLS, write mqtts://"), "{text}");
    }
    let open = Mosquitto::start(OPEN);
    let config =
        Config { address: address(open.port, true), ca_file: file("ca.pem"), ..open.config(Protocol::V5) };
    let text = failure(config).await;
    assert!(text.contains("127.0.0.1"), "{text}");
}

/// What was not acknowledged comes again, also after the broker was away and the bridge was started anew.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_unacknowledged_is_lost() {
    let settings = "allow_anonymous true\npersistence true\npersistence_location DIR/";
    for protocol in BOTH {
        let mut broker = Mosquitto::start(settings);
        let config = Config { client_id: Some("bridge".to_owned()), ..broker.config(protocol) };
        let mut link = connected(config.clone(), &["a/#"]).await;
        broker.publish(&["-t", "a/1", "-m", "safe", "-q", "1"]);
        assert_eq!(take(&mut link, 1).await, ["a/1=safe"]);
        broker.publish(&["-t", "a/2", "-m", "seen", "-q", "1"]);
        assert_eq!(next(&mut link).await, Update::Messages);
        assert_eq!(shown(&link), ["a/2=seen"]);

        // Not done: as if the bridge were killed now. The broker goes away too.
        drop(link);
        broker = broker.restart(Duration::from_millis(100), settings);
        broker.publish(&["-t", "a/3", "-m", "missed", "-q", "1"]);
        let mut link = Link::new(config, vec!["a/#".to_owned()]);
        // A resumed session speaks before the subscription is answered.
        let (mut taken, mut up) = (Vec::new(), false);
        while taken.len() < 2 || !up {
            match next(&mut link).await {
                Update::Messages => taken.extend(shown(&link)),
                update => up = update == Update::Connected,
            }
            link.done();
        }
        assert_eq!(taken, ["a/2=seen", "a/3=missed"]);

        // The broker alone goes away: the link comes back by itself and is subscribed.
        broker = broker.restart(Duration::from_millis(1500), settings);
        let mut updates = Vec::new();
        loop {
            match next(&mut link).await {
                Update::Connected => break,
                // An acknowledgement that the broker did not read any more: it sends the message again.
                Update::Messages => link.done(),
                update => updates.push(update),
            }
        }
        assert!(
            !updates.is_empty() && updates.iter().all(|update| matches!(update, Update::Disconnected(_)))
        );
        broker.publish(&["-t", "a/4", "-m", "again", "-q", "0"]);
        while take(&mut link, 1).await != ["a/4=again"] {}
        link.close().await;
    }
}

/// Messages of a connection that has ended are not acknowledged on the next one.
#[tokio::test(flavor = "multi_thread")]
async fn late_acknowledgements_go_nowhere() {
    let broker = Mosquitto::start(OPEN);
    let mut link = connected(broker.config(Protocol::V311), &["a/#"]).await;
    broker.publish(&["-t", "a/1", "-m", "x", "-q", "1"]);
    assert_eq!(next(&mut link).await, Update::Messages);
    let broker = broker.restart(Duration::ZERO, OPEN);
    tokio::time::sleep(Duration::from_millis(200)).await;
    link.done();
    assert!(matches!(next(&mut link).await, Update::Disconnected(_)));
    assert_eq!(next(&mut link).await, Update::Connected);
    broker.publish(&["-t", "a/2", "-m", "y", "-q", "1"]);
    assert_eq!(take(&mut link, 1).await, ["a/2=y"]);
}

/// A retained message longer than anything that the bridge reads is passed over, not a reason to connect for ever.
#[tokio::test(flavor = "multi_thread")]
async fn a_huge_retained_message_is_passed_over() {
    let broker = Mosquitto::start("allow_anonymous true");
    let folder = tempfile::tempdir().unwrap();
    let huge = folder.path().join("huge");
    std::fs::write(&huge, vec![b'x'; 20 << 20]).unwrap();
    broker.publish(&["-t", "a/huge", "-f", huge.to_str().unwrap(), "-r", "-q", "1"]);
    let config = broker.config(Protocol::V311);
    let mut link = connected(config.clone(), &["a/#"]).await;
    assert_eq!(next(&mut link).await, Update::Messages);
    let lengths: Vec<_> = link.messages().iter().map(|message| message.payload().len()).collect();
    assert_eq!(lengths, [config.payload_limit + 1], "enough to be refused as too large");
    link.done();
    broker.publish(&["-t", "a/1", "-m", "next", "-q", "1"]);
    assert_eq!(take(&mut link, 1).await, ["a/1=next"]);
    // MQTT 5 has a word for it: the broker keeps it away.
    let mut link = connected(broker.config(Protocol::V5), &["a/#"]).await;
    broker.publish(&["-t", "a/2", "-m", "only", "-q", "1"]);
    assert_eq!(take(&mut link, 1).await, ["a/2=only"]);
}
