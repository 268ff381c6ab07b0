//! The kits for Icinga and snmp_exporter, against `tests/golden/kits` (`GOLDEN=write` records them anew).

mod support;

use std::{collections::BTreeMap, fs, path::Path};

use fleetbridge::{
    kit::{Agent, Facts, File, Host, Profile, Tool},
    model::{PointType, Presence},
    snmp::{mib, oid::Dotted},
};
use support::*;

fn agent(address: &str, community: &str) -> Agent {
    Agent {
        addresses: vec![address.parse().unwrap()],
        port: 1161,
        community: community.to_owned(),
        ..Agent::default()
    }
}

fn facts() -> Facts {
    let mut sensor = fleetbridge::model::Profile { product: Some(1), ..sensor() };
    sensor.points[0].unit = "$/h, a|\"b\"'".to_owned();
    Facts {
        version: "1.2.3".to_owned(),
        bridge: agent("192.0.2.1", "pub$lic"),
        user: None,
        pools: Vec::new(),
        profiles: vec![Profile::of(&sensor)],
    }
}

fn host(number: u32, name: &str, agent: Agent) -> Host {
    Host {
        number,
        name: name.to_owned(),
        alias: String::new(),
        profile: "sensor".to_owned(),
        class: "sensor".to_owned(),
        manufacturer: "ACME".to_owned(),
        model: "TH-2".to_owned(),
        serial: format!("SN-{number}"),
        firmware: "1.2".to_owned(),
        site: "plant-1".to_owned(),
        location: String::new(),
        parent: None,
        parent_number: None,
        asset_tag: String::new(),
        presence: Presence::Online,
        retired: false,
        agent,
        changed: 1_795_392_000,
    }
}

/// With an address of either family, with none, of an unknown type, of a port of its own, with text that wants to break
/// out, retired.
fn hosts() -> Vec<Host> {
    let nasty = "a\"b'c\\d\ne ü,;:{{x}} ${y} $z$ # - !";
    vec![
        host(1, "th-1", agent("10.0.0.1", "pub$lic")),
        host(2, "th-2", agent("fd00::2", "pub$lic")),
        Host { parent: Some("th-1".into()), ..host(3, "00:11:22", agent("192.0.2.1", "pub$lic@00:11:22")) },
        Host {
            profile: "-".into(),
            class: String::new(),
            site: String::new(),
            ..host(4, "x", Agent { port: 20_003, ..agent("192.0.2.1", "pub$lic") })
        },
        Host {
            alias: nasty.into(),
            site: nasty.into(),
            location: nasty.into(),
            parent: Some("nobody".into()),
            ..host(5, "nasty", agent("10.0.0.5", "pub$lic"))
        },
        Host { retired: true, presence: Presence::Retired, ..host(6, "gone", agent("10.0.0.6", "pub$lic")) },
    ]
}

/// Templates and hosts, whole.
fn files(tool: Tool, hosts: Vec<Host>) -> BTreeMap<String, File> {
    let mut files = BTreeMap::new();
    let mut put = |piece: File| match files.get_mut(&piece.path) {
        Some(File { text, .. }) => text.push_str(&piece.text),
        None => {
            files.insert(piece.path.clone(), piece);
        }
    };
    tool.templates(&facts()).into_iter().for_each(&mut put);
    tool.hosts(&facts(), &mut hosts.into_iter(), &mut put);
    files
}

fn against_golden(tool: Tool) -> BTreeMap<String, File> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/kits").join(tool.name());
    let files = files(tool, hosts());
    for (path, file) in &files {
        let golden = folder.join(path);
        if std::env::var_os("GOLDEN").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&golden, &file.text).unwrap();
        }
        assert_eq!(file.text, fs::read_to_string(&golden).unwrap(), "{}", golden.display());
        assert!(!file.text.contains("\"gone\""), "{path}: a retired device");
        assert!(file.secret || !file.text.contains("pub"), "{path} holds a community");
    }
    files
}

/// Every dotted identifier in the text is that of an object of the agent, or of an instance.
fn asks_only_what_is_served(text: &str) -> usize {
    let served: Vec<String> = mib::all()
        .iter()
        .flat_map(|subtree| subtree.objects())
        .filter(|object| object.column.access.readable())
        .map(|object| Dotted(&object.oid).to_string())
        .collect();
    let words =
        text.split(|c: char| !(c.is_ascii_digit() || c == '.')).filter(|word| word.starts_with("1.3."));
    words
        .inspect(|word| {
            let object = word.strip_suffix(".0").unwrap_or(word);
            assert!(served.iter().any(|served| served == object), "{word}");
        })
        .count()
}

#[test]
fn icinga() {
    let files = against_golden(Tool::Icinga);
    assert_eq!(asks_only_what_is_served(&files["fleetbridge.conf"].text), 8);
    let hosts = &files["fleetbridge-hosts.conf"].text;
    assert_eq!(hosts.matches("\nobject Host ").count(), 5);
    assert_eq!(hosts.matches("\nobject HostGroup ").count(), 2);
    let unit = "unit = \"$$/h; a|b\"";
    assert!(files["fleetbridge.conf"].text.contains(unit), "neither a macro nor the end of a unit");
}

/// A service that is there twice breaks the whole configuration; names are told apart by case.
#[test]
fn no_point_of_icinga_is_a_service_that_each_device_has() {
    let points = ["Health", "Settings", "Uptime", "health"];
    let points = points.map(|name| point(1, name, PointType::Decimal, 0)).to_vec();
    let odd = Profile::of(&profile("odd", points, 60, 3));
    let facts = Facts { profiles: vec![odd], ..facts() };
    let templates = Tool::Icinga.templates(&facts);
    let text = &templates[0].text;
    for service in ["point Health", "point Settings", "point Uptime", "health"] {
        assert!(text.contains(&format!("\n    \"{service}\" = {{ number = 1,")), "{service}");
        assert!(!text.contains(&format!("\napply Service \"{service}\"")), "{service}");
    }
    let applied = text.matches("\napply Service \"").count();
    assert_eq!(applied, 5, "Broker and Missing of the bridge; is the new one in SERVICES?");
}

#[test]
fn snmp_exporter() {
    let files = against_golden(Tool::SnmpExporter);
    for modules in ["snmp.yml", "snmp-0.21.yml"] {
        let text = &files[modules].text;
        assert!(asks_only_what_is_served(text) > 100, "{modules}");
        assert!(!text.contains("oid: \n") && !text.contains("oid: ,"), "{modules} names an unknown object");
    }
    let targets: serde_json::Value = serde_json::from_str(&files["targets.json"].text).unwrap();
    let targets: BTreeMap<_, _> = targets
        .as_array()
        .unwrap()
        .iter()
        .map(|target| (target["labels"]["name"].as_str(), target))
        .collect();
    assert_eq!(targets.len(), 5);
    assert_eq!(targets[&Some("th-2")]["targets"][0], "[fd00::2]:1161");
    assert_eq!(targets[&Some("00:11:22")]["labels"]["__context"], "device-00:11:22");
    assert_eq!(targets[&Some("x")]["targets"][0], "192.0.2.1:20003");
    assert_eq!(targets[&Some("nasty")]["labels"]["parent"], "nobody");
}

#[test]
fn nothing_is_a_file_as_well() {
    let empty = files(Tool::SnmpExporter, Vec::new());
    assert_eq!(serde_json::from_str::<Vec<()>>(&empty["targets.json"].text).unwrap(), []);
    assert!(empty["snmp.yml"].text.contains("\nmodules:\n"));
    assert!(!files(Tool::Icinga, Vec::new())["fleetbridge-hosts.conf"].text.contains("object"));
}
