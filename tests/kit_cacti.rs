//! The kit for Cacti: what its import would choke on, and hosts with every awkward text.

use std::collections::{BTreeMap, BTreeSet};

use fleetbridge::{
    kit::{Agent, Facts, File, Host, Tool},
    model::Presence,
};

fn templates() -> BTreeMap<String, String> {
    let files = Tool::Cacti.templates(&Facts::default());
    files.into_iter().map(|File { path, text, .. }| (path, text)).collect()
}

/// `hash_` and 38 digits, wherever they stand.
fn hashes(text: &str) -> impl Iterator<Item = &str> {
    text.match_indices("hash_").filter_map(|(at, _)| text.get(at..at + 43))
}

#[test]
fn every_piece_is_defined_once_and_none_is_missing() {
    let text = &templates()["fleetbridge_templates.xml"];
    let defined: Vec<&str> =
        text.lines().filter_map(|line| line.trim().strip_prefix("<hash_")?.strip_suffix('>')).collect();
    let unique: BTreeSet<&str> = defined.iter().map(|tag| &tag[6..]).collect();
    assert_eq!(unique.len(), defined.len(), "two pieces have one name");
    let known: BTreeSet<String> = defined.iter().map(|tag| format!("hash_{tag}")).collect();
    let missing: BTreeSet<&str> = hashes(text).filter(|hash| !known.contains(*hash)).collect();
    // Two data input methods, four of their fields and a number format, which every Cacti has.
    assert_eq!(missing.len(), 7, "{missing:?}");
    for hash in missing {
        assert!(["03", "07", "06"].contains(&&hash[5..7]), "{hash}");
    }
}

#[test]
fn names_of_data_fit_into_rrd_files() {
    let text = &templates()["fleetbridge_templates.xml"];
    let mut found = 0;
    for line in text.lines() {
        let Some(name) = line.trim().strip_prefix("<data_source_name>") else { continue };
        let name = name.trim_end_matches("</data_source_name>");
        assert!((1..=19).contains(&name.len()), "{name}");
        found += 1;
    }
    assert!(found > 10);
}

#[test]
fn queries_read_objects_that_are_there() {
    for (path, text) in templates().iter().filter(|(path, _)| path.starts_with("resource/snmp_queries/")) {
        let oids: Vec<&str> = text.lines().filter_map(|line| line.trim().strip_prefix("<oid>")).collect();
        assert!(oids.len() > 3, "{path}");
        for oid in oids {
            assert!(oid.starts_with(".1.3.6.1."), "{path}: {oid}");
        }
    }
}

fn host(number: u32, agent: Agent) -> Host {
    Host {
        number,
        name: format!("dev-{number}"),
        alias: "Door, \"north\"".to_owned(),
        profile: "json-sensor".to_owned(),
        class: String::new(),
        manufacturer: String::new(),
        model: String::new(),
        serial: "A\r\nB".to_owned(),
        firmware: String::new(),
        site: "Lübeck".to_owned(),
        location: "=1+1; DROP".to_owned(),
        parent: Some("gw".to_owned()),
        parent_number: None,
        asset_tag: String::new(),
        presence: Presence::Online,
        retired: number == 2,
        agent,
        changed: 1,
    }
}

#[test]
fn hosts_are_lines_of_rfc_4180() {
    let agent = |address: &str| Agent {
        addresses: vec![address.parse().unwrap()],
        port: 1161,
        community: "public@x".to_owned(),
        context: String::new(),
    };
    let facts = Facts { bridge: agent("127.0.0.1"), ..Facts::default() };
    let hosts = [host(1, agent("10.0.0.1")), host(2, agent("fd00::2")), host(3, Agent::default())];
    let mut text = String::new();
    Tool::Cacti.hosts(&facts, &mut hosts.into_iter(), &mut |file| {
        assert_eq!((file.path.as_str(), file.secret), ("hosts.csv", true));
        text.push_str(&file.text);
    });
    let notes = "\"Alias: Door, \"\"north\"\"\nType: json-sensor\nSerial: A\nB\nParent: gw\"";
    let expected = format!(
        "external,retired,template,name,address,port,community,site,location,notes,user,auth,priv,context\n\
         fleetbridge:0,,fleetbridge,fleetbridge,127.0.0.1,1161,public@x,,,,,,,\n\
         fleetbridge:1,,fleetbridge device,dev-1,10.0.0.1,1161,public@x,Lübeck,=1+1; DROP,{notes},,,,\n\
         fleetbridge:2,yes,fleetbridge device,dev-2,[fd00::2],1161,public@x,Lübeck,=1+1; DROP,{notes},,,,\n\
         fleetbridge:3,,fleetbridge device,dev-3,,0,,Lübeck,=1+1; DROP,{notes},,,,\n"
    );
    assert_eq!(text, expected);
}
