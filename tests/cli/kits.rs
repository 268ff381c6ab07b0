//! `nms-kit` against a control socket.

use std::{fs, os::unix::fs::PermissionsExt, path::Path, sync::Arc};

use super::{
    commands::{boot_file, code, fleetbridge, stderr, stdout},
    control::Bridge,
    *,
};

/// What `nms-kit telegraf` and these arguments give: exit code, standard output, standard error.
fn kit(bridge: &Bridge, arguments: &[&str]) -> (i32, String, String) {
    let file = boot_file(bridge);
    let output = fleetbridge(&[&["--config", &file, "nms-kit", "telegraf"], arguments].concat());
    (code(&output), stdout(&output), stderr(&output))
}

/// The inputs of a Telegraf configuration.
fn inputs(text: &str) -> Vec<toml::Value> {
    let value: toml::Table = text.parse().unwrap();
    value.get("inputs").map_or_else(Vec::new, |inputs| inputs["snmp"].as_array().unwrap().clone())
}

#[test]
fn templates_and_hosts() {
    let bridge = Bridge::start(&[]);
    let (status, template, _) = kit(&bridge, &[]);
    assert_eq!((status, inputs(&template).len()), (0, 1));
    let (status, hosts, told) = kit(&bridge, &["--hosts"]);
    assert_eq!(status, 0, "{told}");
    assert!(told.starts_with("4 hosts; revision ") && told.contains("next time: --since "), "{told}");
    let hosts = inputs(&hosts);
    assert_eq!(hosts.len(), 4);
    let communities: Vec<_> = hosts.iter().map(|host| host["community"].as_str().unwrap()).collect();
    assert_eq!(communities, ["public@plug-1", "public", "public@child-1", "public"]);
    assert_eq!(hosts[1]["agents"][0].as_str(), Some("udp://127.1.0.2:1161"));
    assert_eq!(hosts[0]["tags"]["site"].as_str(), Some("plant-1"));

    for (filter, count) in [("site=plant-1", 1), ("name=plug-?,profile=sensor", 2), ("presence=lost", 1)] {
        let (status, hosts, told) = kit(&bridge, &["--hosts", "--filter", filter]);
        assert_eq!((status, inputs(&hosts).len()), (0, count), "{filter}: {told}");
    }
    let (status, _, told) = kit(&bridge, &["--hosts", "--filter", "profile=sensors"]);
    assert!(status == 1 && told.contains("did you mean `sensor`?"), "{told}");
    let (status, _, told) = kit(&bridge, &["--hosts", "--filter", "place=x"]);
    assert!(status == 2 && told.contains("known: site, profile, class, presence, name"), "{told}");
    for garbage in ["yesterday", "", "-1"] {
        let (status, _, told) = kit(&bridge, &["--hosts", &format!("--since={garbage}")]);
        assert!(status == 2 && told.contains("is no revision"), "{told}");
    }
    let (status, _, told) = kit(&bridge, &["--hosts", "--since", "99999999999"]);
    assert!(status == 1 && told.contains("lies ahead") && told.contains("without --since"), "{told}");
    assert_eq!(kit(&bridge, &["--since", "1"]).0, 2, "only with --hosts");
}

#[test]
fn files_and_what_changed() {
    let fleet = Arc::new(small_fleet());
    let bridge = Bridge::of(fleet.clone(), &[]);
    let dir = bridge.folder.path().join("kits/telegraf");
    let out = dir.to_str().unwrap().to_owned();
    let (status, told, error) = kit(&bridge, &["--hosts", "--out", &out]);
    assert_eq!(status, 0, "{error}");
    assert!(told.contains("4 hosts; revision "), "{told}");
    let devices = dir.join("fleetbridge-devices.conf");
    assert_eq!(fs::metadata(&devices).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(files(&dir), ["fleetbridge-devices.conf", "telegraf.revision"]);
    let revision = fs::read_to_string(dir.join("telegraf.revision")).unwrap().trim().to_owned();
    let (_, told, _) = kit(&bridge, &["--hosts", "--out", &out, "--since", &revision]);
    assert!(told.starts_with(&format!("nothing changed since {revision}")), "{told}");

    // Behind the second of the run before.
    let later = Time::from_secs(revision.parse::<u64>().unwrap() + 1);
    fleet.retire(fleet.find("plug-2").unwrap(), later);
    let (status, told, error) = kit(&bridge, &["--hosts", "--out", &out, "--since", &revision]);
    assert_eq!(status, 0, "{error}");
    assert!(told.contains("3 hosts; revision "), "all that are left, since Telegraf's file is one: {told}");
    assert_eq!(inputs(&fs::read_to_string(&devices).unwrap()).len(), 3);
    assert_eq!(files(&dir), ["fleetbridge-devices.conf", "telegraf.revision"]);

    let (status, told, error) = kit(&bridge, &["--out", &out]);
    assert_eq!(status, 0, "{error}");
    assert!(told.contains("fleetbridge.conf"), "{told}");
    fs::create_dir(dir.join("taken")).unwrap();
    let (status, _, error) = kit(&bridge, &["--out", dir.join("telegraf.revision").to_str().unwrap()]);
    assert!(status == 1 && error.contains("cannot write"), "{error}");
}

#[test]
fn users_of_snmpv3() {
    let bridge = Bridge::start(&[]);
    let (status, template, told) = kit(&bridge, &["--user", "anna"]);
    assert_eq!((status, inputs(&template)[0]["sec_name"].as_str()), (0, Some("anna")), "{told}");
    let (status, hosts, told) = kit(&bridge, &["--hosts", "--user", "anna"]);
    assert_eq!(status, 0, "{told}");
    assert!(!hosts.contains("public"), "no community");
    let contexts: Vec<_> = inputs(&hosts).iter().map(|host| host.get("context_name").cloned()).collect();
    assert_eq!(contexts, [Some("plug-1".into()), None, Some("child-1".into()), None]);
    let (status, hosts, told) = kit(&bridge, &["--hosts", "--user", "bob"]);
    assert_eq!((status, inputs(&hosts).len()), (0, 1), "one is in bob's scope: {told}");

    for (user, expected) in [("ana", "did you mean `anna`? known: anna, bob"), ("zaphod", "known: anna, bob")]
    {
        for what in [&["--user", user][..], &["--hosts", "--user", user]] {
            let (status, _, told) = kit(&bridge, what);
            assert!(status == 1 && told.contains(expected) && told.contains("asks by SNMPv3"), "{told}");
        }
    }
    let file = boot_file(&bridge);
    let output = fleetbridge(&["--config", &file, "nms-kit", "cacti", "--user", "anna"]);
    assert_eq!(code(&output), 1);
    assert!(stderr(&output).contains("cacti has no sha-384"), "{}", stderr(&output));
}

fn files(dir: &Path) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().map(|entry| entry.unwrap());
    let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

/// One that has no address of its own is found at the bridge's.
#[test]
fn devices_in_lists_of_hosts() {
    let bridge = Bridge::start(&[]);
    let file = boot_file(&bridge);
    let print = |arguments: &[&str]| {
        let output = fleetbridge(&[&["--config", &file, "addresses"], arguments].concat());
        assert_eq!(code(&output), 0, "{}", stderr(&output));
        stdout(&output)
    };
    let hosts = print(&["hosts"]);
    let lines: Vec<_> = hosts.lines().collect();
    assert_eq!(lines[..2], ["127.0.0.1 plug-1 device-1", "127.1.0.2 gw-1 device-2"], "{hosts}");
    let zone = print(&["zone"]);
    assert!(zone.contains("\ndevice-1 IN A 127.0.0.1\nplug-1 IN A 127.0.0.1\n"), "{zone}");
    for what in ["routes", "nftables"] {
        let output = fleetbridge(&["--config", &file, "addresses", what]);
        assert_eq!(code(&output), 1);
        assert!(stderr(&output).contains("[snmp.devices] pools names no network"), "{}", stderr(&output));
    }
}
