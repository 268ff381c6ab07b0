//! The binary itself, as people type it.

use std::{
    fs,
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};

use super::control::Bridge;

pub fn fleetbridge(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fleetbridge"));
    command.env_remove("FLEETBRIDGE_CONFIG").args(arguments).output().unwrap()
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap()
}

/// A boot file whose control socket is the bridge's.
pub fn boot_file(bridge: &Bridge) -> String {
    let file = bridge.folder.path().join("fleetbridge.toml");
    fs::write(&file, "[control]\nsocket = \"control.sock\"\n").unwrap();
    file.display().to_string()
}

#[test]
fn exit_codes() {
    assert_eq!(code(&fleetbridge(&["--version"])), 0);
    assert_eq!(stdout(&fleetbridge(&["--version"])), format!("fleetbridge {}\n", env!("CARGO_PKG_VERSION")));
    let help = fleetbridge(&["--help"]);
    assert_eq!(code(&help), 0);
    assert!(stdout(&help).contains("Examples:"));
    for wrong in [&[][..], &["frobnicate"], &["report", "nothing"], &["report", "missing", "--since", "5"]] {
        assert_eq!(code(&fleetbridge(wrong)), 2, "{wrong:?}");
    }
    for command in [
        "demo",
        "serve",
        "check",
        "init",
        "status",
        "device",
        "report",
        "mibs",
        "nms-kit",
        "profile",
        "password",
        "simulate",
        "completions",
        "man",
    ] {
        let help = fleetbridge(&[command, "--help"]);
        assert_eq!(code(&help), 0);
        assert!(stdout(&help).contains("--config"), "{command}");
    }
}

#[test]
fn no_daemon() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("fleetbridge.toml");
    let file = file.to_str().unwrap();
    let absent = fleetbridge(&["--config", file, "status"]);
    assert_eq!(code(&absent), 1);
    assert!(stderr(&absent).contains("--config FILE"), "{}", stderr(&absent));
    fs::write(file, "").unwrap();
    for arguments in
        [&["status"][..], &["device", "list"], &["device", "retire", "x"], &["report", "missing"]]
    {
        let output = fleetbridge(&[&["--config", file], arguments].concat());
        assert_eq!(code(&output), 1);
        let socket = dir.path().join("control.sock");
        let expected = format!(
            "fleetbridge: no fleetbridge daemon answers at {}: start it with `fleetbridge --config {file} serve`\n",
            socket.display()
        );
        assert_eq!(stderr(&output), expected);
    }
}

#[test]
fn live_commands() {
    let bridge = Bridge::start(&["the disk is full"]);
    let file = boot_file(&bridge);
    let run = |arguments: &[&str]| {
        let output = fleetbridge(&[arguments, &["--config", &file]].concat());
        assert_eq!(code(&output), 0, "{arguments:?}: {}", stderr(&output));
        stdout(&output)
    };
    let status = run(&["status"]);
    assert!(status.contains("PROBLEM    the disk is full"), "{status}");
    assert!(status.contains("4: 1 online, 1 lost, 1 unreachable, 1 never seen; 4 of 2097151"), "{status}");
    assert!(status.contains("plant (mqtt, mqtt://127.0.0.1:1883): up since"), "{status}");
    let unknown = run(&["status", "--unknown"]);
    assert!(unknown.contains("         3  no-profile") && unknown.contains("\u{fffd}bell"), "{unknown}");

    let list = run(&["device", "list", "--format", "csv"]);
    assert!(list.starts_with("device,number,profile,"), "{list}");
    assert_eq!(list.lines().count(), 5);
    let show = run(&["device", "show", "plug-1"]);
    assert!(show.contains("temperature") && show.contains("21.5") && !show.contains('\u{1b}'), "{show}");
    let json: serde_json::Value =
        serde_json::from_str(&run(&["device", "show", "plug-1", "--format", "json"])).unwrap();
    assert_eq!(json["device"], "plug-1");

    let missing: serde_json::Value =
        serde_json::from_str(&run(&["report", "missing", "--format", "json"])).unwrap();
    let devices: Vec<_> =
        missing.as_array().unwrap().iter().map(|row| row["device"].as_str().unwrap()).collect();
    assert_eq!(devices, ["gw-1", "child-1"]);
    let site = run(&["report", "inventory", "--site", "plant-1", "--format", "csv"]);
    assert_eq!(site.lines().count(), 2);

    assert_eq!(
        run(&["device", "retire", "plug-2"]),
        "retired plug-2; its number 4 is never given to another device\n"
    );
    let again = fleetbridge(&["--config", &file, "device", "retire", "plug-2"]);
    assert_eq!(code(&again), 1);
    assert!(stderr(&again).contains("is retired"));
}

#[test]
fn the_environment_names_the_boot_file() {
    let bridge = Bridge::start(&[]);
    let mut command = Command::new(env!("CARGO_BIN_EXE_fleetbridge"));
    let output = command.env("FLEETBRIDGE_CONFIG", boot_file(&bridge)).arg("status").output().unwrap();
    assert_eq!(code(&output), 0, "{}", stderr(&output));
}

#[test]
fn init_check_mibs() {
    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("bridge");
    let init = fleetbridge(&["init", folder.to_str().unwrap()]);
    assert_eq!(code(&init), 0, "{}", stderr(&init));
    assert!(folder.join("profiles").is_dir());
    let again = fleetbridge(&["init", folder.to_str().unwrap()]);
    assert_eq!(code(&again), 1);
    assert!(stderr(&again).contains("nothing is ever overwritten"));

    let file = folder.join("fleetbridge.toml").display().to_string();
    let check = fleetbridge(&["check", "--config", &file]);
    assert_eq!(code(&check), 0, "{}", stdout(&check));
    // Somebody else may have the usual ports just now.
    let told = stdout(&check);
    let other =
        told.lines().filter(|line| line.contains("warning") && !line.contains("cannot be listened on"));
    assert_eq!(other.count(), 1, "{told}");
    assert!(told.contains(": 0 errors, ") && told.ends_with(" 0 notes\n"), "{told}");

    fs::write(&file, "[snmp]\nlisen = []\n[[mqtt]]\nname = 'a'\n").unwrap();
    let check = fleetbridge(&["check", "--config", &file]);
    assert_eq!(code(&check), 1);
    let text = stdout(&check);
    assert!(text.contains(":2: unknown key `lisen` in [snmp]; did you mean `listen`?"), "{text}");
    assert!(text.contains(":3: `url` is missing in [[mqtt]]"), "{text}");

    let mibs = dir.path().join("mibs");
    let output = fleetbridge(&["mibs", "--dir", mibs.to_str().unwrap(), "--config", "/nowhere"]);
    assert_eq!(code(&output), 0);
    assert!(stdout(&output).contains("snmptable -v2c -c COMMUNITY -M "), "{}", stdout(&output));
    assert!(Path::new(&mibs).join("FLEETBRIDGE-MIB.txt").is_file());
}

#[test]
fn a_line_for_the_users_file() {
    let run = |arguments: &[&str], input: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fleetbridge"));
        let command = command.arg("password").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        // One that refuses the name ends without reading.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        child.wait_with_output().unwrap()
    };
    let made = run(&["plug-1", "--topics", "tele/plug-1,stat/plug-1"], "secret\n");
    assert_eq!(code(&made), 0, "{}", stderr(&made));
    let line = stdout(&made);
    assert!(line.starts_with("plug-1:$argon2id$") && line.ends_with(":tele/plug-1,stat/plug-1\n"), "{line}");
    assert!(!line.contains("secret"));
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("broker.users");
    fs::OpenOptions::new()
        .create_new(true)
        .write(true)
        .mode(0o600)
        .open(&file)
        .unwrap()
        .write_all(line.as_bytes())
        .unwrap();
    fleetbridge::southbound::broker::Users::read(&file).unwrap();
    assert_eq!(code(&run(&["a:b"], "secret\n")), 1);
    assert_eq!(code(&run(&["a"], "\n")), 1);
}

#[test]
fn profiles() {
    let list = fleetbridge(&["profile", "list", "--config", "/nowhere"]);
    assert_eq!(code(&list), 0);
    assert!(stdout(&list).contains("tasmota"));
    let text = fleetbridge(&["profile", "show", "json-sensor", "--text"]);
    assert!(stdout(&text).contains("[[uplink]]"));
    let dir = tempfile::tempdir().unwrap();
    let (own, payload) = (dir.path().join("own.toml"), dir.path().join("payload"));
    fs::write(&own, stdout(&text).replace("product = 1\n", "")).unwrap();
    assert_eq!(code(&fleetbridge(&["profile", "check", own.to_str().unwrap()])), 0);
    fs::write(&payload, "{\"temperature\": 21.5}").unwrap();
    let payload = payload.to_str().unwrap();
    let tried = ["profile", "try", own.to_str().unwrap(), "--payload", payload, "--topic"];
    let understood = fleetbridge(&[&tried[..], &["sensors/a/telemetry"]].concat());
    assert_eq!(code(&understood), 0, "{}", stderr(&understood));
    assert!(stdout(&understood).contains("21.5"), "{}", stdout(&understood));
    assert_eq!(code(&fleetbridge(&[&tried[..], &["elsewhere"]].concat())), 1);
    let module = fleetbridge(&["profile", "yang", "tasmota"]);
    assert!(stdout(&module).starts_with("module fleetbridge-profile-tasmota {\n"), "{}", stdout(&module));
    let none = fleetbridge(&["profile", "yang", "gateway"]);
    assert_eq!(code(&none), 1);
    assert!(stderr(&none).contains("`gateway` has no settings"), "{}", stderr(&none));
    fs::write(&own, "[profile]\nnam = 3\n").unwrap();
    let wrong = fleetbridge(&["profile", "check", own.to_str().unwrap()]);
    assert_eq!(code(&wrong), 1);
    assert!(stdout(&wrong).contains(":2: unknown key `nam`"), "{}", stdout(&wrong));
}

#[test]
fn completions_and_manual() {
    for shell in ["bash", "zsh", "fish"] {
        assert!(stdout(&fleetbridge(&["completions", shell])).contains("fleetbridge"), "{shell}");
    }
    assert!(stdout(&fleetbridge(&["man"])).contains(".TH fleetbridge 1"));
}
