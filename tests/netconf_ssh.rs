//! The SSH server against OpenSSH's client.

mod netconf_support;

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use fleetbridge::{
    login::{Hash, Role},
    netconf::{
        capabilities::Capabilities,
        conversation::Conversation,
        error::{RpcError, Tag},
        message::Operation,
        session::Limits,
        sessions::Sessions,
        ssh::{Config, HostKey, KeyError, Server, User, UserKey},
    },
    stats::Stats,
};
use netconf_support::*;

/// A server with the users `admin`, who has a key and a password, and `guest`, who may read and has a key.
struct World {
    dir: tempfile::TempDir,
    server: Server,
    stats: Arc<Stats>,
}

/// Pieces of 100 kB that a `<get-config>` answers with.
const PIECES: usize = 300;

async fn handle(mut conversation: Conversation, sessions: Arc<Sessions>) {
    while let Some(operation) = conversation.next().await {
        match operation {
            Operation::Get { .. } => {
                conversation.begin();
                let _ = conversation.write(format!("<data xmlns='{NC}'/>").as_bytes()).await;
                conversation.end();
            }
            Operation::GetConfig { .. } => {
                let piece = "x".repeat(100_000);
                conversation.begin();
                for _ in 0..PIECES {
                    if conversation.write(piece.as_bytes()).await.is_err() {
                        return;
                    }
                }
                conversation.end();
            }
            Operation::KillSession { session_id } if sessions.kill(session_id, conversation.info().id) => {
                conversation.ok();
            }
            Operation::KillSession { .. } => {
                conversation.error(RpcError::protocol(Tag::InvalidValue, "no such session"));
            }
            _ => conversation.ok(),
        }
    }
}

fn ssh_keygen(dir: &Path, name: &str, kind: &[&str]) -> PathBuf {
    let file = dir.join(name);
    let made =
        Command::new("ssh-keygen").args(["-q", "-N", "", "-f"]).arg(&file).arg("-t").args(kind).status();
    assert!(made.unwrap().success());
    file
}

impl World {
    async fn new(max_sessions: usize, login_grace: Duration) -> World {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        let key = |name: &str, kind: &[&str]| {
            let public = ssh_keygen(path, name, kind).with_extension("pub");
            UserKey::parse(&fs::read_to_string(public).unwrap()).unwrap()
        };
        let admin = User {
            name: "admin".into(),
            role: Role::Administer,
            keys: vec![key("ed25519", &["ed25519"]), key("ecdsa", &["ecdsa", "-b", "384"])],
            password: Some(Hash::of("right").unwrap()),
        };
        let guest = User {
            name: "guest".into(),
            role: Role::Read,
            keys: vec![admin.keys[0].clone()],
            password: None,
        };
        let host_key = |(name, kind): (&str, &[&str])| loop {
            match HostKey::read(&ssh_keygen(path, name, kind)) {
                Err(KeyError::Short) => fs::remove_file(path.join(name)).unwrap(),
                key => break key.unwrap(),
            }
        };
        let host_keys = [("host_ed25519", &["ed25519"][..]), ("host_ecdsa", &["ecdsa", "-b", "256"])];
        let config = Config {
            listen: vec!["127.0.0.1:0".parse().unwrap(), "[::1]:0".parse().unwrap()],
            host_keys: host_keys.map(host_key).into(),
            users: vec![admin, guest],
            login_grace,
            capabilities: Arc::new(Capabilities::new(["candidate:1.0"].map(Capabilities::uri))),
            limits: Limits::default(),
        };
        let (sessions, stats) = (Sessions::new(max_sessions), Arc::<Stats>::default());
        let of_handler = sessions.clone();
        let handler = move |conversation| handle(conversation, of_handler.clone());
        let server = Server::start(config, sessions, stats.clone(), handler).await.unwrap();
        World { dir, server, stats }
    }

    fn address(&self) -> SocketAddr {
        self.server.addresses()[0]
    }

    /// `ssh` with options of its own, which come before the others and so win; `target` is what follows them.
    fn ssh(&self, key: Option<&str>, options: &[&str], target: &[&str]) -> Command {
        let known_hosts = self.dir.path().join("known_hosts");
        let mut command = Command::new("ssh");
        command.args(["-F", "/dev/null", "-o", "StrictHostKeyChecking=accept-new", "-o", "LogLevel=ERROR"]);
        command.args([
            "-o",
            "IdentitiesOnly=yes",
            "-o",
            &format!("UserKnownHostsFile={}", known_hosts.display()),
        ]);
        command.args(options);
        match key {
            Some(key) => command.arg("-i").arg(self.dir.path().join(key)).args(["-o", "BatchMode=yes"]),
            None => command.args(["-o", "PubkeyAuthentication=no", "-o", "NumberOfPasswordPrompts=1"]),
        };
        command.args(["-p", &self.address().port().to_string()]).args(target);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn subsystem(&self, key: Option<&str>, user: &str) -> Command {
        self.ssh(key, &["-s"], &[&format!("{user}@127.0.0.1"), "netconf"])
    }

    /// With a password instead of a key.
    fn with_password(&self, password: &str) -> Command {
        let askpass = self.dir.path().join("askpass");
        fs::write(&askpass, format!("#!/bin/sh\necho {password}\n")).unwrap();
        fs::set_permissions(&askpass, fs::Permissions::from_mode(0o700)).unwrap();
        let mut command = self.subsystem(None, "admin");
        command.env("SSH_ASKPASS", askpass).env("SSH_ASKPASS_REQUIRE", "force");
        command
    }
}

/// Says all this and waits for the end.
async fn talk(mut command: Command, requests: &[&str]) -> Output {
    let mut bytes = hello(&["1.0"]);
    for request in requests {
        bytes.extend(end_of_message(request));
    }
    tokio::task::spawn_blocking(move || {
        let mut child = command.spawn().unwrap();
        // One that is refused does not read.
        let _ = child.stdin.take().unwrap().write_all(&bytes);
        child.wait_with_output().unwrap()
    })
    .await
    .unwrap()
}

/// The messages that came, the server's hello left out.
fn messages(output: &Output) -> Vec<String> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.split("]]>]]>").skip(1).filter(|message| !message.is_empty()).map(str::to_owned).collect()
}

fn end(id: u32) -> String {
    rpc(id, "<close-session/>")
}

#[tokio::test(flavor = "multi_thread")]
async fn keys_passwords_and_exit_status() {
    let world = World::new(10, Duration::from_secs(30)).await;
    let data = reply(1, &format!("<data xmlns='{NC}'/>"));
    for (name, command) in [
        ("ed25519", world.subsystem(Some("ed25519"), "admin")),
        ("ecdsa", world.subsystem(Some("ecdsa"), "admin")),
        ("password", world.with_password("right")),
        ("password again", world.with_password("right")),
        ("pty", world.ssh(Some("ed25519"), &["-tt", "-s"], &["admin@127.0.0.1", "netconf"])),
    ] {
        let output = talk(command, &[&rpc(1, "<get/>"), &end(2)]).await;
        let said = messages(&output);
        assert_eq!(said, [data.clone(), reply(2, "<ok/>")], "{name}: {output:?}");
        assert_eq!(output.status.code(), Some(0), "{name}");
    }
    let output = talk(world.subsystem(Some("ed25519"), "admin"), &[&rpc(1, "<get/>")]).await;
    assert_eq!((messages(&output).len(), output.status.code()), (1, Some(0)), "its client hangs up");
    for (name, command) in [
        ("password", world.with_password("wrong")),
        ("user", world.subsystem(Some("ed25519"), "nobody")),
        ("key", world.subsystem(Some("ecdsa"), "guest")),
    ] {
        let output = talk(command, &[]).await;
        assert_eq!(output.status.code(), Some(255), "{name}");
        assert!(String::from_utf8_lossy(&output.stderr).contains("Permission denied"), "{name}: {output:?}");
    }
    world.server.stop().await;
}

/// Two wrong passwords, or two keys that do not fit, leave room for the right password; six wrong ones do not for a
/// seventh.
#[tokio::test(flavor = "multi_thread")]
async fn six_tries_a_connection() {
    let world = World::new(10, Duration::from_secs(30)).await;
    let typed = |wrong: usize, options: &[&str]| {
        let (count, askpass) = (world.dir.path().join("asked"), world.dir.path().join("askpass"));
        let _ = fs::remove_file(&count);
        let mut command = world.ssh(None, &[options, &["-s"]].concat(), &["admin@127.0.0.1", "netconf"]);
        let asked = count.display();
        let script = format!(
            "#!/bin/sh\necho >> {asked}\n[ $(wc -l < {asked}) -gt {wrong} ] && echo right || echo wrong\n"
        );
        fs::write(&askpass, script).unwrap();
        fs::set_permissions(&askpass, fs::Permissions::from_mode(0o700)).unwrap();
        command.env("SSH_ASKPASS", askpass).env("SSH_ASKPASS_REQUIRE", "force");
        command
    };
    let asked = || fs::read_to_string(world.dir.path().join("asked")).unwrap().len();
    let output = talk(typed(2, &["-o", "NumberOfPasswordPrompts=3"]), &[&end(1)]).await;
    assert_eq!((output.status.code(), asked()), (Some(0), 3), "{output:?}");

    let strange = ["one", "two"].map(|name| ssh_keygen(world.dir.path(), name, &["ed25519"]));
    let keys: Vec<_> = strange.iter().flat_map(|file| ["-i", file.to_str().unwrap()]).collect();
    let options =
        [&["-o", "PubkeyAuthentication=yes", "-o", "NumberOfPasswordPrompts=9"], &keys[..]].concat();
    let output = talk(typed(3, &options), &[&end(1)]).await;
    assert_eq!((output.status.code(), asked()), (Some(0), 4), "{output:?}");
    let output = talk(typed(4, &options), &[&end(1)]).await;
    assert_eq!((output.status.code(), asked()), (Some(255), 5), "{output:?}");
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn only_the_subsystem_is_there() {
    let world = World::new(10, Duration::from_secs(30)).await;
    for target in [&["admin@127.0.0.1"][..], &["admin@127.0.0.1", "ls"]] {
        let output = talk(world.ssh(Some("ed25519"), &["-T"], target), &[]).await;
        assert_eq!(output.status.code(), Some(1));
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(said.contains("ssh -s -p PORT USER@HOST netconf"), "{said}");
    }
    let output = talk(world.ssh(Some("ed25519"), &["-s"], &["admin@127.0.0.1", "sftp"]), &[]).await;
    assert_eq!(output.status.code(), Some(255));
    let output = talk(
        world.ssh(
            Some("ed25519"),
            &["-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:x:1"],
            &["admin@127.0.0.1"],
        ),
        &[],
    )
    .await;
    assert_eq!(output.status.code(), Some(255), "no forwarding");
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn roles() {
    let world = World::new(10, Duration::from_secs(30)).await;
    let requests =
        ["<get/>", "<discard-changes/>", "<kill-session><session-id>9</session-id></kill-session>"];
    let requests: Vec<_> = requests.iter().map(|operation| rpc(1, operation)).collect();
    let requests: Vec<&str> = requests.iter().map(String::as_str).collect();
    let denied = |output: &Output| {
        messages(output).iter().map(|reply| reply.contains("<error-tag>access-denied<")).collect::<Vec<_>>()
    };
    let guest = talk(world.subsystem(Some("ed25519"), "guest"), &requests).await;
    assert_eq!(denied(&guest), [false, true, true]);
    let admin = talk(world.subsystem(Some("ed25519"), "admin"), &requests).await;
    assert_eq!(denied(&admin), [false; 3]);
    world.server.stop().await;
}

/// A session that says nothing after its hello.
fn quiet(world: &World) -> Child {
    let mut child = world.subsystem(Some("ed25519"), "admin").spawn().unwrap();
    child.stdin.as_mut().unwrap().write_all(&hello(&["1.0"])).unwrap();
    let mut first = [0; 100];
    child.stdout.as_mut().unwrap().read_exact(&mut first).unwrap();
    child
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_limited_listed_and_killed() {
    let world = World::new(2, Duration::from_secs(30)).await;
    let mut first = quiet(&world);
    let listed = world.server.sessions().list();
    assert_eq!((listed.len(), listed[0].id, &*listed[0].user), (1, 1, "admin"));
    let mut second = quiet(&world);
    let third = talk(world.subsystem(Some("ed25519"), "admin"), &[&rpc(1, "<get/>")]).await;
    assert_eq!(third.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&third.stderr).contains("too many NETCONF sessions"), "{third:?}");

    let kill = rpc(1, "<kill-session><session-id>1</session-id></kill-session>");
    second.stdin.as_mut().unwrap().write_all(&end_of_message(&kill)).unwrap();
    // Waiting for a child closes its input, and a client that hangs up would be no client that is killed.
    while world.server.sessions().len() > 1 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    assert_eq!(first.wait().unwrap().code(), Some(1));
    let after = talk(world.subsystem(Some("ed25519"), "admin"), &[&end(1)]).await;
    assert_eq!(after.status.code(), Some(0), "its place is free again");
    let stopping = Instant::now();
    world.server.stop().await;
    assert_eq!(second.wait().unwrap().code(), Some(1), "it is told");
    assert!(stopping.elapsed() < Duration::from_secs(5));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_stalls_gets_all_in_the_end() {
    let world = World::new(10, Duration::from_secs(1)).await;
    let mut child = world.subsystem(Some("ed25519"), "admin").spawn().unwrap();
    let mut bytes = hello(&["1.0"]);
    for id in 1..=3 {
        bytes.extend(end_of_message(&rpc(id, "<get-config><source><running/></source></get-config>")));
    }
    bytes.extend(end_of_message(&end(4)));
    child.stdin.as_mut().unwrap().write_all(&bytes).unwrap();
    // Longer than the grace for a log-in.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(world.server.sessions().len(), 1);
    let output = tokio::task::spawn_blocking(|| child.wait_with_output().unwrap()).await.unwrap();
    assert_eq!(output.status.code(), Some(0));
    let lengths: Vec<_> = messages(&output).iter().map(String::len).collect();
    let whole = reply(1, "").len() + PIECES * 100_000;
    assert_eq!(lengths, [whole, whole, whole, reply(4, "<ok/>").len()]);
    world.server.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_log_in_is_cut_off() {
    let world = World::new(10, Duration::from_millis(500)).await;
    let address = world.address();
    let lasts = move |says: &'static str| {
        let begun = Instant::now();
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.write_all(says.as_bytes()).unwrap();
        let _ = stream.read_to_end(&mut Vec::new());
        begun.elapsed()
    };
    for says in ["", "SSH-2.0-x\r\n", "SSH-2.0-x"] {
        let lasted = tokio::task::spawn_blocking(move || lasts(says)).await.unwrap();
        assert!((400..3000).contains(&lasted.as_millis()), "{says:?} lasted {lasted:?}");
    }
    // No more strangers of one address at a time than 64; they are gone when their time is over.
    let flood: Vec<_> = (0..200).filter_map(|_| TcpStream::connect(address).ok()).collect();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(world.stats.netconf.refused.value() > 100);
    let output = talk(world.subsystem(Some("ed25519"), "admin"), &[&end(1)]).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    drop(flood);
    world.server.stop().await;
}

/// Both kinds of host key, both address families, and users that are replaced.
#[tokio::test(flavor = "multi_thread")]
async fn host_keys_and_new_users() {
    let world = World::new(10, Duration::from_secs(30)).await;
    for kind in ["ssh-ed25519", "ecdsa-sha2-nistp256"] {
        let port = world.server.addresses()[1].port().to_string();
        let options = ["-s", "-o", &format!("HostKeyAlgorithms={kind}"), "-p", &port, "-o", "HostKeyAlias=x"];
        let _ = fs::remove_file(world.dir.path().join("known_hosts"));
        let command = world.ssh(Some("ed25519"), &options, &["admin@::1", "netconf"]);
        let output = talk(command, &[&end(1)]).await;
        assert_eq!(output.status.code(), Some(0), "{kind}: {output:?}");
    }
    world.server.replace_users(Vec::new());
    let output = talk(world.with_password("right"), &[]).await;
    assert_eq!(output.status.code(), Some(255));
    assert!(
        String::from_utf8_lossy(&output.stderr).contains("(publickey)"),
        "nobody has a password: {output:?}"
    );
    world.server.stop().await;
}
