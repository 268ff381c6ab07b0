//! NMS kits for a tool that asks by SNMPv3: each tool's words, and that no file holds a secret.

mod support;

use std::collections::BTreeMap;

use fleetbridge::{
    kit::{Agent, Facts, Host, Profile, Tool, User},
    snmp::usm::{AuthProtocol, PrivProtocol},
};
use serde_json::Value;
use support::*;

fn agent(address: &str, context: &str) -> Agent {
    let addresses = vec![address.parse().unwrap()];
    Agent { addresses, port: 1161, context: context.to_owned(), ..Agent::default() }
}

fn facts(auth: AuthProtocol, private: Option<PrivProtocol>) -> Facts {
    Facts {
        version: "1.2.3".to_owned(),
        bridge: agent("192.0.2.1", ""),
        user: Some(User { name: "an\"na$".to_owned(), auth, private }),
        pools: Vec::new(),
        profiles: vec![Profile::of(&sensor())],
    }
}

fn host(number: u32, agent: Agent) -> Host {
    let line = format!(
        r#"{{"number":{number},"name":"th-{number}","alias":"","profile":"sensor","class":"sensor","manufacturer":"","model":"",
        "serial":"","firmware":"","site":"","location":"","parent":null,"asset-tag":"","presence":"online","retired":false,
        "addresses":[],"port":0,"community":"","context":"","changed":1}}"#
    );
    Host { agent, ..serde_json::from_str(&line).unwrap() }
}

/// All files of the tool for a device with an address of its own and one that a context names.
fn files(tool: Tool, facts: &Facts) -> BTreeMap<String, String> {
    let hosts = [host(1, agent("10.0.0.1", "")), host(2, agent("192.0.2.1", "th-2"))];
    let mut hosts = hosts.into_iter().filter(|host| tool.takes(facts, host));
    let mut files = BTreeMap::<String, String>::new();
    let mut put = |path: String, text: &str| files.entry(path).or_default().push_str(text);
    tool.templates(facts).into_iter().for_each(|file| put(file.path, &file.text));
    tool.hosts(facts, &mut hosts, &mut |file| put(file.path, &file.text));
    files
}

#[test]
fn words_of_each_tool() {
    let facts = facts(AuthProtocol::Sha256, Some(PrivProtocol::Aes128));
    for (tool, path, words) in [
        (
            Tool::Cacti,
            "hosts.csv",
            &["th-1,10.0.0.1,1161,,,,\"Type: sensor", "\"an\"\"na$\",SHA256,AES128,\n"][..],
        ),
        (Tool::Cacti, "hosts.csv", &["\"an\"\"na$\",SHA256,AES128,th-2\n"]),
        (
            Tool::Icinga,
            "fleetbridge.conf",
            &[
                "snmp_version = \"3\"",
                "fleetbridge_user = \"an\\\"na$$\"",
                "fleetbridge_level = \"authPriv\"",
                "fleetbridge_auth = \"SHA-256\"",
                "fleetbridge_priv = \"AES\"",
                "fleetbridge_auth_passphrase = FleetbridgeAuthPassphrase.replace(\"$\", \"$$\")",
            ],
        ),
        (Tool::Icinga, "fleetbridge-hosts.conf", &["  vars.fleetbridge_context = \"th-2\""]),
        (
            Tool::Librenms,
            "fleetbridge-hosts.sh",
            &["\nuser 'an\"na$' 'sha-256' 'aes'\nadd '192.0.2.1' 'fleetbridge'", "\nadd '10.0.0.1' 'th-1'"],
        ),
        (
            Tool::Opennms,
            "etc/snmp-config.xml",
            &[
                "version=\"v3\"",
                "security-name=\"an&quot;na$\"",
                "security-level=\"3\"",
                "auth-protocol=\"SHA-256\"",
                "auth-passphrase=\"${SNMP_AUTH_PASSPHRASE}\"",
                "privacy-protocol=\"AES\"",
                "privacy-passphrase=\"${SNMP_PRIV_PASSPHRASE}\"",
            ],
        ),
        (
            Tool::SnmpExporter,
            "snmp.yml",
            &[
                "  fleetbridge: { username: \"an\\\"na$\", security_level: authPriv, auth_protocol: SHA256, password: \
                 \"${SNMP_AUTH_PASSPHRASE}\", priv_protocol: AES, priv_password: \"${SNMP_PRIV_PASSPHRASE}\", version: 3 }",
                "context_name: \"th-2\", version: 3 }",
            ],
        ),
        (
            Tool::SnmpExporter,
            "snmp-0.21.yml",
            &["\n  version: 3\n  auth: { username", "context_name: \"th-2\" } }"],
        ),
        (
            Tool::Telegraf,
            "fleetbridge-devices.conf",
            &[
                "  version = 3\n  sec_name = \"an\\\"na\\u0024\"\n  sec_level = \"authPriv\"\n  auth_protocol = \"SHA256\"\n",
                "  auth_password = \"${SNMP_AUTH_PASSPHRASE}\"\n  priv_protocol = \"AES\"\n",
                "  context_name = \"th-2\"\n",
            ],
        ),
    ] {
        let files = files(tool, &facts);
        for word in words {
            assert!(files[path].contains(word), "{path}: {word}\n{}", files[path]);
        }
    }
    assert!(!files(Tool::Librenms, &facts)["fleetbridge-hosts.sh"].contains("th-2"), "it knows no contexts");
}

#[test]
fn zabbix() {
    for (private, level) in [(Some(PrivProtocol::Aes256C), "AUTHPRIV"), (None, "AUTHNOPRIV")] {
        let files = files(Tool::Zabbix, &facts(AuthProtocol::Sha1, private));
        let hosts = |path: &str| -> Value {
            serde_json::from_str::<Value>(&files[path]).unwrap()["zabbix_export"]["hosts"].clone()
        };
        let asked = |host: &Value| host["interfaces"][0]["details"].clone();
        let (bridge, devices) = (asked(&hosts("bridge-host.json")[0]), hosts("hosts-0001.json"));
        assert_eq!(bridge, asked(&devices[0]), "no context: each address is an engine");
        assert_eq!(
            (&bridge["version"], &bridge["securitylevel"], &bridge["authprotocol"]),
            (&"SNMPV3".into(), &level.into(), &"SHA1".into())
        );
        assert_eq!(bridge["authpassphrase"], "{$SNMP_AUTH_PASSPHRASE}");
        assert_eq!(bridge.get("privprotocol"), private.map(|_| Value::from("AES256C")).as_ref());
        assert_eq!(bridge.get("privpassphrase").is_some(), private.is_some());
        assert_eq!(asked(&devices[1])["contextname"], "th-2");
        assert!(!files["hosts-0001.json"].contains("SNMP_COMMUNITY"));
    }
}

#[test]
fn protocols_that_a_tool_has_not() {
    let user = |auth, private| facts(auth, private).user.unwrap();
    for tool in Tool::ALL {
        for private in PrivProtocol::ALL.map(Some).into_iter().chain([None]) {
            for auth in AuthProtocol::ALL {
                let user = user(auth, private);
                let unknown = user.unknown_to(tool);
                let words = files(tool, &facts(auth, private));
                assert!(!words.values().any(|text| text.contains("password = \"\"")), "{}", tool.name());
                let expected = match (tool, auth, private) {
                    (Tool::Cacti, AuthProtocol::Sha224 | AuthProtocol::Sha384, _) => Some(auth.name()),
                    (Tool::Cacti, _, Some(PrivProtocol::Des | PrivProtocol::Aes128) | None) => None,
                    (Tool::Cacti, _, Some(private)) => Some(private.name()),
                    (Tool::Opennms, AuthProtocol::Sha384, _) => Some("sha-384"),
                    (Tool::Opennms, _, Some(PrivProtocol::Aes192C)) => Some("aes-192-c"),
                    (Tool::Opennms, _, Some(PrivProtocol::Aes256C)) => Some("aes-256-c"),
                    (Tool::Librenms, _, Some(PrivProtocol::Aes192C)) => Some("aes-192-c"),
                    _ => None,
                };
                assert_eq!(unknown, expected, "{} {user:?}", tool.name());
            }
        }
    }
}

/// Between the bridge and the command line the boot file's words are used.
#[test]
fn users_are_told_in_the_words_of_the_boot_file() {
    for (auth, private) in AuthProtocol::ALL.into_iter().zip(PrivProtocol::ALL) {
        let user = facts(auth, Some(private)).user.unwrap();
        let told = serde_json::to_value(&user).unwrap();
        assert_eq!((told["auth"].as_str(), told["priv"].as_str()), (Some(auth.name()), Some(private.name())));
        assert_eq!(serde_json::from_value::<User>(told).unwrap(), user);
    }
}
