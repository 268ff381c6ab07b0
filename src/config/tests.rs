use std::{fs, os::unix::fs::PermissionsExt};

use super::*;
use crate::login::Role;
use crate::snmp::{
    community::Pattern,
    notify::{Kind, Wire},
    usm::Level,
};

fn lines(text: &str) -> Vec<String> {
    let outcome = parse(Path::new("/b/fleetbridge.toml"), text);
    outcome.problems.iter().map(|problem| problem.to_string().replace("/b/fleetbridge.toml:", "")).collect()
}

fn good(text: &str) -> Config {
    let (config, problems) = parse(Path::new("/b/fleetbridge.toml"), text).into_result().unwrap();
    assert!(problems.iter().all(|problem| problem.severity != Severity::Error));
    config
}

#[test]
fn an_empty_file_is_all_defaults() {
    let config = good("");
    assert_eq!(config.store, Path::new("/b"));
    assert_eq!(config.control.socket, Path::new("/b/control.sock"));
    assert_eq!(config.control.http, Some(([127, 0, 0, 1], 9116).into()));
    assert!(!config.control.http_required);
    assert_eq!(config.profiles, Path::new("/b/profiles"));
    assert_eq!(config.snmp.listen, [([127, 0, 0, 1], 1161).into()]);
    assert!(config.snmp.communities.is_empty() && config.broker.is_none());
    assert_eq!(
        lines(""),
        ["1: note: the bridge hears nothing; add a [[mqtt]] with name and url of a broker, or a [broker]"]
    );
}

/// The boot file of the design, whole.
const WHOLE: &str = r#"
[store]
path = "."
[control]
socket = "control.sock"
http = "127.0.0.1:9116"
[profiles]
dir = "profiles"
[log]
level = "info"
format = "text"
[broker]
listen = "127.0.0.1:1883"
max-clients = 1000
[limits]
payload = "256KiB"
json-depth = 32
new-devices-a-minute = 1000
[[mqtt]]
name = "plant"
url = "mqtt://127.0.0.1:1883"
protocol = "5"
profiles = ["tasmota", "json-sensor"]
adopt = "auto"
[snmp]
listen = ["127.0.0.1:1161"]
communities = [{ name = "public", access = "read", sources = ["127.0.0.0/8"] }]
traps = [{ target = "127.0.0.1:1162", version = "2c", community = "public" }]
allow-weak = false
authen-traps = true
[snmp.devices]
pools = ["127.1.0.0/16"]
communities = ["{community}@{device}", "{community}-{device}"]
ports = "20000-20999"
[netconf]
ssh = ["127.0.0.1:1830"]
host-keys = ["host_ed25519"]
[[user]]
name = "admin"
role = "administer"
ssh-keys = ["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIEExlD0I+WZcf2AFd/AZR8uxMYDf9Q73T7pqWSlq0ZR8 test"]
password-file = "admin.argon2"
snmp = { auth = "sha-256", auth-password-file = "admin.auth", priv = "aes-128", priv-password-file = "admin.priv" }
"#;

#[test]
fn the_whole_shape_is_read() {
    let config = good(WHOLE);
    assert_eq!(config.mqtt[0].address.to_string(), "mqtt://127.0.0.1:1883");
    assert_eq!(
        config.mqtt[0].profiles.as_ref().unwrap()[1],
        ProfileName { name: "json-sensor".into(), line: 23 }
    );
    assert_eq!(config.snmp.communities[0].name.expose(), "public");
    assert!(config.snmp.communities[0].sources[0].contains("127.1.2.3".parse().unwrap()));
    assert_eq!(config.snmp.traps[0].address, ([127, 0, 0, 1], 1162).into());
    let trap = &config.snmp.traps[0];
    assert_eq!((trap.key().as_str(), trap.inform, trap.rate), ("127.0.0.1:1162 2c", false, 50));
    assert!(trap.kinds.has(Kind::SettingFailed) && !trap.kinds.has(Kind::ConfigChange));
    assert!(config.snmp.authen_traps && !trap.kinds.has(Kind::AuthenticationFailure));
    assert_eq!(config.broker.unwrap().max_clients, 1000);
    let notes: Vec<_> = lines(WHOLE).into_iter().filter(|line| line.contains(": note: ")).collect();
    assert_eq!(notes, [""; 0]);
    let devices = &config.snmp.devices;
    assert_eq!(devices.pools, ["127.1.0.0/16".parse().unwrap()]);
    assert_eq!((devices.ports.clone(), devices.communities.len()), (Some(20_000..=20_999), 2));
    assert_eq!((config.netconf.unwrap().ssh[0].port(), config.users[0].role), (1830, Role::Administer));
    let known = ["tasmota", "json-sensors"];
    let problems = good(WHOLE).check_profiles(&known);
    assert_eq!(
        problems[0].to_string(),
        "/b/fleetbridge.toml:23: there is no profile \"json-sensor\"; did you mean `json-sensors`? \
         known: tasmota, json-sensors; own ones go into /b/profiles"
    );
}

#[test]
fn how_many_devices_a_commit_may_change() {
    let most = |text: &str| good(text).netconf.unwrap().max_devices_per_commit;
    assert_eq!((most("[netconf]"), most("[netconf]\nmax-devices-per-commit = 100")), (None, Some(100)));
    let wrong = lines("[netconf]\nmax-devices-per-commit = 0");
    let told = "2: `max-devices-per-commit` must be an integer from 1 to";
    assert!(wrong.iter().any(|line| line.starts_with(told)), "{wrong:?}");
}

#[test]
fn everything_wrong_is_said_at_once() {
    let text = r#"
[contrl]
socket = "x"
[control]
http = "9116"
[[mqtt]]
name = "a"
url = "mqtt://me:geheim@broker"
[[mqtt]]
name = "a"
url = "broker:1883"
protocol = "4"
password-env = "FLEETBRIDGE_TEST_NO_SUCH"
[[mqtt]]
name = "b"
url = "mqtt://broker"
ca-file = "ca.pem"
profiles = []
[[mqtt]]
name = "b"
url = "mqtt://broker"
[snmp]
listen = ["127.0.0.1:1161", "0.0.0.0:1161", "0.0.0.0:1162"]
communities = [
  { name = "public", access = "read" },
  { name = "public-x", access = "write" },
  { name = "public" , sources = ["10.0.0.1/8"] }, { name = "public@", access = "read" },
]
traps = [{ target = "nms", community = "a b" }]
[broker]
listen = "127.0.0.1:1883"
max-clients = 0
[netconf]
ssh = ["127.0.0.1:1883"]
[[mqtt]]
name = "c"
url = "x"
profiles = ["tasmotta"]
"#;
    let found = lines(text);
    let expected = [
        "2: unknown key `contrl`; did you mean `control`? allowed: broker, control, limits, log, mqtt, netconf, profiles, snmp, store, user",
        "5: `http` must be an IP address and a port, for example \"127.0.0.1:9116\"; found the text \"9116\"",
        "8: `url` holds credentials; write `user` and `password-file` or `password-env` instead",
        "11: `url` must be a broker's address, for example \"mqtt://127.0.0.1:1883\"; found the text \"broker:1883\"; it is mqtt:// (port 1883) or mqtts:// (TLS, port 8883), a host and a port, nothing behind; IPv6 in brackets",
        "12: `protocol` cannot be \"4\"; allowed: 5, 3.1.1",
        "13: `password-env` without `user`; a broker takes a password only with a user",
        "13: the environment variable FLEETBRIDGE_TEST_NO_SUCH is not set; set it, or use `password-file`",
        "17: `ca-file` with a url of mqtt://; TLS is mqtts://",
        "17: there is no file /b/ca.pem; PEM is expected",
        "18: `profiles` is empty: nothing would be heard; name profiles, or leave the key out for all",
        "20: `name` \"b\" is taken already, in line 15; give each [[mqtt]] a name of its own",
        "23: an item of `listen` 0.0.0.0:1161 is taken already, by 127.0.0.1:1161 in line 23; give each listener a port of its own",
        "25: warning: the community \"public\", which everybody tries first, reads from everywhere; choose another name, or add sources = [\"10.0.0.0/8\"]",
        "26: a community that writes is open to whoever hears it, from everywhere; add sources = [\"10.0.0.5\"], or better: a [[user]] with snmp",
        "26: the communities \"public-x\" and \"public\" (line 25) cannot be told apart; by `[snmp.devices] communities` one of them names a device: choose another name",
        "27: an item of `sources` must be an address or a network with no bit behind its prefix, for example \"10.0.0.0/8\"; found the text \"10.0.0.1/8\"",
        "27: the communities \"public@\" and \"public\" (line 25) cannot be told apart; by `[snmp.devices] communities` one of them names a device: choose another name",
        "27: the community \"public\" stands already in line 25; remove one of them",
        "29: `target` must be an IP address, with a port or not, for example \"192.0.2.1:162\"; found the text \"nms\"",
        "29: `community` must be a text of 1 to 64 characters without blanks; found the text \"a b\"",
        "32: `max-clients` must be an integer from 1 to 100000; found the integer 0",
        "34: an item of `ssh` 127.0.0.1:1883 is taken already, by 127.0.0.1:1883 in line 31; give each listener a port of its own",
    ];
    for line in expected {
        assert!(found.iter().any(|found| found == line), "missing: {line}\nfound:\n{}", found.join("\n"));
    }
    let config = parse(Path::new("f"), text).value.unwrap();
    let names = config.check_profiles(&["tasmota"]);
    assert!(
        names[0].to_string().starts_with("f:38: there is no profile \"tasmotta\"; did you mean `tasmota`?")
    );
    assert!(!found.join("\n").contains("geheim"), "a password is never repeated");
}

#[test]
fn where_devices_may_answer() {
    let text = r#"
[snmp]
listen = ["127.0.0.1:1161", "[::1]:1161"]
[snmp.devices]
pools = ["127.0.0.0/16", "127.1.0.0/16", "127.1.2.0/24", "10.0.0.1/8", "224.0.0.0/8", "fe80::/64"]
communities = ["{device}"]
ports = "1000-1200"
silent = ["lost", "gone"]
"#;
    let found = lines(text);
    let pool = "name a network of hosts, for example \"127.1.0.0/16\" or \"fd00:1::/64\"";
    let expected = [
        "5: the pool 127.0.0.0/16 holds 127.0.0.1, where the bridge itself answers; choose a pool beside the addresses of `listen`",
        "5: the pools 127.1.2.0/24 and 127.1.0.0/16 overlap; an address is that of one device",
        "5: an item of `pools` must be a network with no bit behind its prefix, for example \"127.1.0.0/16\" or \"fd00:1::/64\"; found the text \"10.0.0.1/8\"",
        &format!("5: no device can have an address of 224.0.0.0/8; {pool}"),
        &format!("5: no device can have an address of fe80::/64; {pool}"),
        "6: an item of `communities` must be a pattern with {community} and {device} and something between them, for example \"{community}@{device}\"; found the text \"{device}\"",
        "7: `ports` 127.0.0.1:1161 is taken already, by 127.0.0.1:1161 in line 3; give each listener a port of its own",
        "8: an item of `silent` cannot be \"gone\"; allowed: late, lost, sleeping, unreachable, never-seen",
    ];
    for line in expected {
        assert!(found.iter().any(|found| found == line), "missing: {line}\nfound:\n{}", found.join("\n"));
    }
    assert_eq!(good("").snmp.devices.communities, Pattern::defaults());
    assert_eq!(good("[snmp.devices]\nsilent = []\n").snmp.devices.silent, []);
}

#[test]
fn secrets_come_from_closed_files() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("fleetbridge.toml");
    let text = "[[mqtt]]\nname = 'a'\nurl = 'mqtt://127.0.0.1'\nuser = 'u'\npassword-file = 'pw'\n";
    fs::write(&file, text).unwrap();
    fs::write(dir.path().join("pw"), "secret\n").unwrap();
    fs::set_permissions(dir.path().join("pw"), fs::Permissions::from_mode(0o644)).unwrap();
    let problems = load(&file).into_result().unwrap_err();
    assert!(
        problems[0].to_string().contains("mode 0644 lets others read it; run: chmod 600 "),
        "{problems:?}"
    );
    fs::set_permissions(dir.path().join("pw"), fs::Permissions::from_mode(0o600)).unwrap();
    let (config, _) = load(&file).into_result().unwrap();
    assert_eq!(config.mqtt[0].password.as_ref().unwrap().expose(), "secret");
    assert!(!format!("{config:?}").contains("secret"));
}

#[test]
fn the_socket_is_found_in_a_file_with_errors() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("fleetbridge.toml");
    fs::write(&file, "nonsense = 3\n[control]\nsocket = 's'\nhttp = 3\n").unwrap();
    assert_eq!(
        glance(&file).unwrap(),
        Glance { socket: dir.path().join("s"), profiles: dir.path().join("profiles") }
    );
    fs::write(&file, "nonsense = \n").unwrap();
    assert!(glance(&file).is_err());
}

#[test]
fn trap_targets() {
    let config = good(
        "[snmp]\ntraps = [\n{ target = '192.0.2.1', version = '1', community = 'a', rate = 1 },\n\
         { target = '[::1]:1162', community = 'b', inform = true, timeout = '500ms', retries = 0, sites = ['x'], \
         kinds = ['device-lost', 'config-change'] },\n]\n",
    );
    let [one, two] = &config.snmp.traps[..] else { panic!("two targets") };
    assert_eq!((one.key().as_str(), one.rate, one.sites.is_empty()), ("192.0.2.1:162 1", 1, true));
    assert_eq!(
        (two.timeout, two.retries, two.inform, two.sites.as_slice()),
        (500, 0, true, &["x".to_owned()][..])
    );
    assert!(two.kinds.has(Kind::ConfigChange) && !two.kinds.has(Kind::DeviceReturned));

    let found = lines(
        "[snmp]\ntraps = [\n{ target = '192.0.2.1', version = '1', community = 'a', inform = true },\n\
         { target = '192.0.2.1:162', community = 'b', timeout = '1h', kinds = ['device-loss'] },\n\
         { target = '192.0.2.3', community = 'b', rate = 0, sites = [], kinds = [] },\n\
         { target = '192.0.2.4', community = 'b', kinds = ['authentication-failure'] },\n]\n",
    );
    let expected = [
        "3: `inform` with version = \"1\"; v1 has traps only; use version = \"2c\" or \"3\"",
        "4: an item of `kinds` cannot be \"device-loss\"; did you mean `device-lost`? allowed: start, device-lost, \
         device-returned, adapter-down, adapter-up, setting-failed, setting-applied, config-change, authentication-failure",
        "4: warning: `timeout` without inform = true; nobody acknowledges a trap: it is tried again only if it could not be sent",
        "4: `timeout` must be a duration from 100ms to 1m; found the text \"1h\"",
        "4: `target` 192.0.2.1:162 stands already in line 3; each target is told once",
        "5: `rate` must be an integer from 1 to 10000; found the integer 0",
        "5: `sites` names no site; name sites, or leave the key out for all",
        "6: warning: \"authentication-failure\" in `kinds` is never told; allow it by `[snmp] authen-traps = true`",
    ];
    for line in expected {
        assert!(found.iter().any(|found| found == line), "missing: {line}\nfound:\n{}", found.join("\n"));
    }
}

#[test]
fn trap_targets_of_users() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("fleetbridge.toml");
    let password = dir.path().join("pw");
    fs::write(&password, "password-1\n").unwrap();
    fs::set_permissions(&password, fs::Permissions::from_mode(0o600)).unwrap();
    let auth = "auth = 'sha-256', auth-password-file = 'pw'";
    let users = format!(
        "[[user]]\nname = 'anna'\nrole = 'read'\nsnmp = {{ {auth}, priv = 'aes-128', priv-password-file = 'pw' }}\n\
         [[user]]\nname = 'otto'\nrole = 'read'\nsnmp = {{ {auth} }}\n[[user]]\nname = 'nora'\nrole = 'read'\n"
    );
    let targets = |list: &str| {
        let targets =
            list.lines().zip(1..).map(|(more, n)| format!("{{ target = '192.0.2.{n}', {more} }},\n"));
        parse(&file, &format!("[snmp]\ntraps = [\n{}]\n{users}", targets.collect::<String>()))
    };
    let good = targets(
        "version = '3', user = 'anna', inform = true\nversion = '3', user = 'anna', level = 'auth-no-priv'\n\
         version = '3', user = 'otto'\nversion = '3', user = 'nora'",
    );
    let levels: Vec<_> = good.value.unwrap().snmp.traps.iter().map(|target| target.wire.clone()).collect();
    let of = |user: &str, level| Wire::V3 { user: user.into(), level };
    let (plain, private) = (Level::AuthNoPriv, Level::AuthPriv);
    assert_eq!(levels, [of("anna", private), of("anna", plain), of("otto", plain), of("nora", plain)]);
    let found: Vec<_> = good.problems.iter().map(Diagnostic::to_string).collect();
    let nora = concat!(
        ":6: warning: the user \"nora\" has no SNMPv3 that can be used: this target is told nothing; ",
        "give it snmp = { auth = \"sha-256\", auth-password-file = \"...\" }"
    );
    assert!(found.iter().any(|found| found.ends_with(nora)), "{found:?}");
    let bad = targets(
        "version = '3', user = 'ana'\nversion = '3', user = 'anna', community = 'a'\nversion = '3'\n\
         user = 'anna'\nversion = '2c', community = 'a', level = 'auth-priv'\n\
         version = '3', user = 'otto', level = 'auth-priv'\nversion = '3', user = 'anna', level = 'priv'\n\
         version = '4', community = 'a'",
    );
    let found: Vec<_> = bad.problems.iter().map(Diagnostic::to_string).collect();
    for expected in [
        "3: there is no user \"ana\"; did you mean `anna`? it is the name of a [[user]] that has `snmp`",
        "4: `community` with version = \"3\"; v3 has users: name one of [[user]] by `user`, and remove `community`",
        "5: `user` is missing in [snmp.traps]; example: user = \"anna\"",
        "6: `user` with version = \"2c\"; users are SNMPv3's: use version = \"3\"",
        "7: `level` with version = \"2c\"; users are SNMPv3's: use version = \"3\"",
        "8: `level` \"auth-priv\", and the user \"otto\" has no `priv`; give the user `priv` and `priv-password-file`, or ask for \"auth-no-priv\"",
        "9: `level` cannot be \"priv\"; allowed: auth-no-priv, auth-priv",
        "10: `version` cannot be \"4\"; allowed: 1, 2c, 3",
    ] {
        assert!(
            found.iter().any(|found| found.ends_with(expected)),
            "missing: {expected}\nfound:\n{}",
            found.join("\n")
        );
    }
}
