//! The kit for Zabbix: what an import would refuse, what hosts depend on, and all of it against `tests/golden/kits`
//! (`GOLDEN=write` records it anew). `tests/interop` imports one.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use fleetbridge::{
    kit::{Agent, Facts, File, Host, Profile, Tool},
    model::Presence,
};
use serde_json::Value;
use support::*;

fn agent(community: &str) -> Agent {
    Agent {
        addresses: vec!["192.0.2.1".parse().unwrap()],
        port: 1161,
        community: community.to_owned(),
        ..Agent::default()
    }
}

fn facts() -> Facts {
    Facts {
        version: "1.2.3".into(),
        bridge: agent("word"),
        user: None,
        pools: Vec::new(),
        profiles: vec![Profile::of(&sensor())],
    }
}

fn host(number: u32, name: &str, parent: Option<&str>) -> Host {
    Host {
        number,
        name: name.to_owned(),
        alias: String::new(),
        profile: "sensor".to_owned(),
        class: "sensor".to_owned(),
        manufacturer: String::new(),
        model: String::new(),
        serial: String::new(),
        firmware: String::new(),
        site: " Lübeck//Hall\n{$1}/ ".to_owned(),
        location: String::new(),
        parent: parent.map(str::to_owned),
        parent_number: None,
        asset_tag: String::new(),
        presence: Presence::Online,
        retired: false,
        agent: agent(&format!("word@{name}")),
        changed: 0,
    }
}

fn files(hosts: Vec<Host>) -> BTreeMap<String, File> {
    let mut files = BTreeMap::<String, File>::new();
    Tool::Zabbix.hosts(&facts(), &mut hosts.into_iter(), &mut |file| match files.get_mut(&file.path) {
        Some(known) => known.text.push_str(&file.text),
        None => drop(files.insert(file.path.clone(), file)),
    });
    files
}

fn export(file: &File) -> Value {
    let value: Value = serde_json::from_str(&file.text).unwrap();
    value["zabbix_export"].clone()
}

/// What is asked for and when it is a problem: word by word, since Zabbix takes a wrong number as well.
#[test]
fn golden() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/kits/zabbix");
    let hosts = vec![host(1, "gw:1", None), host(2, "th-1", Some("gw:1")), host(3, "th-2", Some("th-1"))];
    let mut files = files(hosts);
    files.extend(Tool::Zabbix.templates(&facts()).into_iter().map(|file| (file.path.clone(), file)));
    for (path, file) in files.iter().filter(|(path, _)| path.ends_with(".json")) {
        let golden = folder.join(path);
        if std::env::var_os("GOLDEN").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&golden, &file.text).unwrap();
        }
        assert_eq!(file.text, fs::read_to_string(&golden).unwrap(), "{}", golden.display());
    }
}

/// All values of the fields of that name, at any depth.
fn fields<'a>(value: &'a Value, name: &str, found: &mut Vec<&'a Value>) {
    match value {
        Value::Object(map) => {
            found.extend(map.get(name));
            map.values().for_each(|value| fields(value, name, found));
        }
        Value::Array(list) => list.iter().for_each(|value| fields(value, name, found)),
        _ => {}
    }
}

fn texts(value: &Value, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    fields(value, name, &mut found);
    found.into_iter().filter_map(|value| value.as_str().map(str::to_owned)).collect()
}

#[test]
fn templates_are_whole() {
    let files = Tool::Zabbix.templates(&facts());
    let [bridge, host, devices] = ["bridge-template.json", "bridge-host.json", "device-templates.json"]
        .map(|path| files.iter().find(|file| file.path == path).unwrap());
    assert!(host.secret && host.text.contains("word") && !bridge.text.contains("word"));
    for file in [bridge, devices] {
        is_whole(&export(file));
    }
}

fn is_whole(export: &Value) {
    let uuids = texts(export, "uuid");
    assert_eq!(uuids.iter().collect::<BTreeSet<_>>().len(), uuids.len(), "each thing has its own");
    assert!(
        uuids.iter().all(|uuid| uuid.len() == 32 && &uuid[12..13] == "4" && "89ab".contains(&uuid[16..17]))
    );
    for oid in texts(export, "snmp_oid") {
        let columns = oid.strip_prefix("discovery[").map_or(vec![oid.as_str()], |rest| {
            rest.trim_end_matches(']').split(',').filter(|part| !part.starts_with("{#")).collect()
        });
        assert!(columns.iter().all(|column| column.starts_with("1.3.6.1.")), "{oid}");
    }
    let mut of_objects =
        texts(export, "expression").into_iter().filter(|expression| expression.contains("fb["));
    assert!(of_objects.all(|expression| !expression.ends_with("=0")), "each label has a number");
    for template in export["templates"].as_array().unwrap() {
        let name = template["name"].as_str().unwrap();
        let inventory = texts(&template["items"], "inventory_link");
        assert_eq!(
            inventory.iter().collect::<BTreeSet<_>>().len(),
            inventory.len(),
            "{name}: one item a field"
        );
        let mut maps = Vec::new();
        fields(template, "valuemap", &mut maps);
        let known = template["valuemaps"].as_array().unwrap();
        for map in maps {
            assert!(known.iter().any(|known| known["name"] == map["name"]), "{name} has no {map}");
        }
        assert!(known.iter().all(|map| !map["mappings"].as_array().unwrap().is_empty()), "{name}");
    }
}

#[test]
fn hosts_come_after_what_they_hang_on_and_in_files_of_a_size_for_php() {
    let mut hosts = vec![
        host(1, "a:1", Some("gw")),
        host(2, "loop-1", Some("loop-2")),
        host(3, "loop-2", Some("loop-1")),
    ];
    hosts.extend((4..300).map(|number| host(number, &format!("th-{number}"), Some("elsewhere"))));
    hosts.push(host(300, "gw", None));
    hosts.push(host(301, "fleetbridge", None));
    hosts.push(Host { retired: true, ..host(302, "b:2", None) });
    let files = files(hosts);
    assert_eq!(files["hosts.txt"].text, "# In this order.\nhosts-0001.json\nhosts-0002.json\n");
    assert_eq!(files["retired.txt"].text, "# To be disabled or deleted.\nb-2 302\n");
    let (first, second) = (export(&files["hosts-0001.json"]), export(&files["hosts-0002.json"]));
    assert!(files["hosts-0001.json"].secret);
    let names: Vec<String> =
        [&first, &second].iter().flat_map(|export| texts(&export["hosts"], "host")).collect();
    assert_eq!(names.len(), 301);
    assert_eq!(names[..3], ["gw", "fleetbridge 301", "a-1 1"]);
    assert_eq!(first["hosts"].as_array().unwrap().len(), 250);
    assert_eq!(first["groups"][0]["name"], "fleetbridge/Lübeck/Hall ($1)");
    let triggers = first["triggers"].as_array().unwrap();
    assert_eq!(triggers.len(), 1, "only one has its parent here");
    assert_eq!(
        triggers[0]["expression"],
        "max(/a-1 1/zabbix[host,snmp,available],#3)=0 or \
         count(/a-1 1/fb[fbSelfPresence.0],#3,\"regexp\",\"^(4|6)$\")=3",
        "silent, or so it says itself"
    );
    let behind = triggers[0]["dependencies"][0]["expression"].as_str().unwrap();
    assert_eq!(
        behind,
        "(last(/gw/zabbix[host,snmp,available])=0 or last(/gw/fb[fbSelfPresence.0])=4 or \
         last(/gw/fb[fbSelfPresence.0])=6) and \"{$FB.PARENT}\"=\"\""
    );
}

/// Technical names as Zabbix takes them, and visible names; it refuses a whole import that has one twice.
#[test]
fn no_name_is_that_of_another() {
    let names = [
        "a:b",
        "a-b",
        "a-b.1",
        "a-b:1",
        "a:b:1",
        "A:b",
        "a-b-1",
        "fleetbridge",
        "fleetbridge.8",
        "Fleetbridge",
    ];
    let live = (1..).zip(names).map(|(number, name)| host(number, name, None));
    let files = files(live.chain([Host { retired: true, ..host(20, "a:b-1", None) }]).collect());
    let hosts = export(&files["hosts-0001.json"])["hosts"].as_array().unwrap().clone();
    let technical: Vec<&str> = hosts.iter().map(|host| host["host"].as_str().unwrap()).collect();
    assert_eq!(
        technical,
        [
            "a-b 1",
            "a-b",
            "a-b.1",
            "a-b-1 4",
            "a-b-1 5",
            "A-b 6",
            "a-b-1",
            "fleetbridge 8",
            "fleetbridge.8",
            "Fleetbridge"
        ]
    );
    let visible = hosts.iter().map(|host| host.get("name").unwrap_or(&host["host"]).as_str().unwrap());
    let visible: Vec<&str> = visible.chain(["fleetbridge"]).collect();
    assert_eq!(visible[..8], ["a:b", "a-b", "a-b.1", "a-b:1", "a:b:1", "A:b", "a-b-1", "fleetbridge 8"]);
    for all in [[technical, vec!["fleetbridge"]].concat(), visible] {
        assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), names.len() + 1, "{all:?}");
    }
    let retired = files["retired.txt"].text.lines().last().unwrap();
    assert!(!hosts.iter().any(|host| host["host"] == retired), "{retired} would be disabled");
}

/// Zabbix changes no trigger while one that it depends on is a problem: the value that would end it has to come again.
#[test]
fn what_came_while_a_cause_was_told_comes_again() {
    let files = Tool::Zabbix.templates(&facts());
    let mut held_back = 0;
    for file in files.iter().filter(|file| file.path.contains("template")) {
        for lists in [("items", "triggers"), ("item_prototypes", "trigger_prototypes")] {
            let export = export(file);
            let mut items = Vec::new();
            fields(&export, lists.0, &mut items);
            for item in items.into_iter().filter_map(Value::as_array).flatten() {
                let triggers = item.get(lists.1).and_then(Value::as_array).into_iter().flatten();
                if triggers.filter(|trigger| trigger.get("dependencies").is_some()).count() > 0 {
                    let steps = texts(&item["preprocessing"], "type");
                    assert!(!steps.iter().any(|step| step.contains("DISCARD_UNCHANGED")), "{}", item["key"]);
                    held_back += 1;
                }
            }
        }
    }
    assert_eq!(held_back, 10);
}

#[test]
fn points_are_fed_by_one_item_that_leaves_out_what_is_not_fresh() {
    let files = Tool::Zabbix.templates(&facts());
    let devices = export(files.iter().find(|file| file.path == "device-templates.json").unwrap());
    let of_type = devices["templates"]
        .as_array()
        .unwrap()
        .iter()
        .find(|one| one["name"] == "fleetbridge device sensor");
    let items = of_type.unwrap()["items"].as_array().unwrap();
    let (asked, fed): (Vec<_>, Vec<_>) = items.iter().partition(|item| item["type"] != "DEPENDENT");
    assert_eq!((asked.len(), fed.len()), (1, sensor().points.len() + 1));
    assert_eq!((&asked[0]["key"], &asked[0]["history"]), (&"fb.points".into(), &"0".into()));
    let paths: BTreeSet<&str> = fed
        .iter()
        .inspect(|item| {
            assert_eq!((&item["master_item"]["key"], &item["delay"]), (&"fb.points".into(), &"0".into()))
        })
        .filter_map(|item| item["preprocessing"][0]["parameters"][0].as_str())
        .collect();
    assert_eq!(paths, BTreeSet::from(["$.['1']", "$.['2']", "$.['4']", "$.['7']", "$.doubtful"]));
    let triggers: Vec<_> = fed.iter().filter_map(|item| item.get("triggers")).collect();
    assert_eq!(triggers.len(), 1);
    let behind = texts(&triggers[0][0]["dependencies"], "name");
    assert_eq!(behind, ["Device is lost", "Bridge is deaf"], "one cause, one alarm");
}

#[test]
fn no_host_leaves_nothing_of_a_former_run() {
    let files = files(Vec::new());
    assert_eq!(files.len(), 2);
    assert!(files.values().all(|file| file.text.lines().all(|line| line.starts_with('#')) && !file.secret));
}
