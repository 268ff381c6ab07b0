//! NMS kits: what each tool's must keep to, Telegraf's files against `tests/golden/kits` (`GOLDEN=write` records them
//! anew), filters, and which devices changed since when.

mod support;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::ControlFlow,
    path::Path,
};

use fleetbridge::{
    fleet::{Fleet, Row, Which},
    journal::{Event, EventKind},
    kit::{Agent, Facts, File, Filter, Host, Profile, Tool, objects},
    model::*,
    snmp::{mib, oid::Dotted},
    store::row,
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
    let sensor = fleetbridge::model::Profile { product: Some(1), ..sensor() };
    let mut point = point(9, "presence", PointType::Decimal, -2);
    point.unit = "watt".to_owned();
    let own = fleetbridge::model::Profile { stored_id: 7, ..profile("meter", vec![point], 60, 3) };
    Facts {
        version: "1.2.3".to_owned(),
        bridge: agent("192.0.2.1", "bridge-word"),
        user: None,
        pools: Vec::new(),
        profiles: vec![Profile::of(&own), Profile::of(&sensor)],
    }
}

fn host(number: u32, name: &str, profile: &str) -> Host {
    Host {
        number,
        name: name.to_owned(),
        alias: String::new(),
        profile: profile.to_owned(),
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
        agent: agent("192.0.2.1", &format!("bridge-word@{name}")),
        changed: 1_795_392_000,
    }
}

/// One of each kind: with and without an address, of an unknown type, below a parent, with texts that want to break out.
fn hosts() -> Vec<Host> {
    let nasty = "a\"b'c\\d\ne\r<f>&amp;]]>\u{1b}[2J ü,;:{{x}} ${y} $(z) `w` %n # - !";
    vec![
        host(1, "th-1", "sensor"),
        Host { parent: Some("th-1".into()), ..host(2, "meter-1", "meter") },
        Host {
            agent: Agent {
                addresses: vec!["10.0.0.3".parse().unwrap(), "fd00::3".parse().unwrap()],
                ..agent("::1", "bridge-word")
            },
            ..host(3, "00:11:22", "sensor")
        },
        Host { agent: agent("fd00::4", "bridge-word"), site: String::new(), ..host(4, "x", "-") },
        Host {
            alias: nasty.to_owned(),
            serial: nasty.to_owned(),
            site: nasty.to_owned(),
            location: nasty.to_owned(),
            asset_tag: nasty.to_owned(),
            manufacturer: nasty.to_owned(),
            parent: Some("never-seen-gw".into()),
            ..host(5, "nasty", "sensor")
        },
    ]
}

/// The files of a tool, whole.
fn write(tool: Tool, hosts: Vec<Host>) -> BTreeMap<String, File> {
    let mut files: BTreeMap<String, File> = BTreeMap::new();
    tool.hosts(&facts(), &mut hosts.into_iter(), &mut |piece| match files.get_mut(&piece.path) {
        Some(file) => {
            assert_eq!(file.secret, piece.secret, "{}: all pieces are of one file", piece.path);
            file.text.push_str(&piece.text);
        }
        None => {
            files.insert(piece.path.clone(), piece);
        }
    });
    files
}

#[test]
fn every_tool_keeps_to_the_rules() {
    for tool in Tool::ALL {
        assert!(Tool::ALL.iter().filter(|other| other.name() == tool.name()).count() == 1);
        let templates = tool.templates(&facts());
        assert!(!templates.is_empty(), "{}", tool.name());
        let (empty, full) = (write(tool, Vec::new()), write(tool, hosts()));
        assert!(
            empty.keys().all(|path| full.contains_key(path)),
            "{}: an empty run gives the same files",
            tool.name()
        );
        assert!(!empty.is_empty(), "{}: what an earlier run left must go", tool.name());
        for file in templates.iter().chain(full.values()) {
            let path = Path::new(&file.path);
            let plain = path.components().all(|part| matches!(part, std::path::Component::Normal(_)));
            assert!(plain && !file.path.is_empty(), "{:?}", file.path);
            assert!(file.text.ends_with('\n'), "{} has its last line's end", file.path);
            assert!(file.secret || !file.text.contains("bridge-word"), "{} holds a community", file.path);
            assert!(!file.text.contains('\u{1b}'), "{}: no control characters", file.path);
        }
        let retired = vec![Host { retired: true, presence: Presence::Retired, ..host(1, "th-1", "sensor") }];
        write(tool, retired);
    }
}

#[test]
fn telegraf() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/kits/telegraf");
    let mut files = write(Tool::Telegraf, hosts());
    files.extend(Tool::Telegraf.templates(&facts()).into_iter().map(|file| (file.path.clone(), file)));
    let mut asked = 0;
    for (path, file) in files {
        let golden = folder.join(&path);
        if std::env::var_os("GOLDEN").is_some() {
            fs::create_dir_all(&folder).unwrap();
            fs::write(&golden, &file.text).unwrap();
        }
        assert_eq!(file.text, fs::read_to_string(&golden).unwrap(), "{}", golden.display());
        assert!(!file.text.contains('$'), "Telegraf puts its environment in there");
        let table: toml::Table = file.text.parse().unwrap();
        for input in table["inputs"]["snmp"].as_array().unwrap() {
            asked += oids(input);
        }
    }
    assert!(asked > 40, "{asked}");
}

/// A name that is there twice would be one value of two.
#[test]
fn no_point_takes_the_name_of_another_field_or_tag_of_telegraf() {
    let names = ["site", "uptime", "temperature_quality", "temperature", "point_temperature", "x", "host"];
    let points = names.map(|name| point(0, name, PointType::Decimal, 0));
    let points = (1..).zip(points).map(|(number, point)| PointDef { number, ..point }).collect();
    let own = fleetbridge::model::Profile { stored_id: 7, ..profile("meter", points, 60, 3) };
    let facts = Facts { profiles: vec![Profile::of(&own)], ..facts() };
    let mut text = String::new();
    let mut hosts = [host(1, "m", "meter")].into_iter();
    Tool::Telegraf.hosts(&facts, &mut hosts, &mut |file| text.push_str(&file.text));
    let table: toml::Table = text.parse().unwrap();
    let input = &table["inputs"]["snmp"].as_array().unwrap()[0];
    let fields = input["field"].as_array().unwrap();
    let fields: Vec<&str> = fields.iter().map(|field| field["name"].as_str().unwrap()).collect();
    let mut all: Vec<&str> = fields.iter().copied().chain(["agent_host", "host"]).collect();
    all.extend(input["tags"].as_table().unwrap().keys().map(String::as_str));
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len(), "{all:?}");
    let values = fields.iter().skip(5).step_by(2).copied().collect::<Vec<_>>();
    assert_eq!(
        values,
        [
            "point_site",
            "point_uptime",
            "temperature_quality",
            "point_temperature",
            "point_point_temperature",
            "x",
            "point_host"
        ]
    );
}

#[test]
fn opennms_knows_whom_to_ask_before_a_device_comes() {
    let pool = |first: &str, last: &str| first.parse().unwrap()..=last.parse().unwrap();
    let pools = vec![pool("10.0.0.1", "10.0.255.254"), pool("fd00::1", "fd00::1f:ffff")];
    let facts = Facts { pools, ..facts() };
    let templates = Tool::Opennms.templates(&facts);
    let asked = templates.iter().find(|file| file.path == "etc/snmp-config.xml").unwrap();
    assert!(asked.secret);
    let lines: Vec<&str> = asked.text.lines().map(str::trim).collect();
    assert_eq!(
        lines[1..5],
        [
            "<definition version=\"v2c\" port=\"1161\" read-community=\"bridge-word\">",
            "<range begin=\"10.0.0.1\" end=\"10.0.255.254\"/>",
            "<range begin=\"fd00::1\" end=\"fd00::1f:ffff\"/>",
            "<specific>192.0.2.1</specific>"
        ]
    );
    let files = write(Tool::Opennms, hosts());
    assert!(!files.contains_key("etc/snmp-config.xml"), "no run of the devices changes it");
}

#[test]
fn opennms_knows_parents_by_their_numbers() {
    let own = |number, name| Host { agent: agent("10.0.0.7", "bridge-word"), ..host(number, name, "sensor") };
    let child = Host { parent: Some("fleetbridge".into()), parent_number: Some(7), ..own(8, "child") };
    let files = write(Tool::Opennms, vec![own(7, "fleetbridge"), child]);
    let text = &files["requisition.xml"].text;
    let node = text.lines().find(|line| line.contains("foreign-id=\"8\"")).unwrap();
    assert!(node.contains("parent-foreign-source=\"fleetbridge\" parent-foreign-id=\"7\""), "{node}");
    assert!(!text.contains("parent-node-label"), "the bridge's node is called fleetbridge too");
}

/// Every `oid` of an input is an object of the agent; a field's has an instance behind it, a column's has none.
fn oids(input: &toml::Value) -> usize {
    let served: Vec<String> = mib::all()
        .iter()
        .flat_map(|subtree| subtree.objects())
        .filter(|object| object.column.access.readable())
        .map(|object| format!(".{}", Dotted(&object.oid)))
        .collect();
    let list = |value: &toml::Value, key| {
        value.get(key).and_then(|list| list.as_array().cloned()).unwrap_or_default()
    };
    let of = |field: &toml::Value| field["oid"].as_str().unwrap().to_owned();
    let mut asked = 0;
    for oid in list(input, "field").iter().map(of) {
        assert!(
            served.iter().any(|object| oid.strip_prefix(object).is_some_and(|rest| rest.starts_with('.'))),
            "{oid}"
        );
        asked += 1;
    }
    for oid in list(input, "table").iter().flat_map(|table| list(table, "field")).map(|field| of(&field)) {
        assert!(served.contains(&oid), "{oid}");
        asked += 1;
    }
    asked
}

#[test]
fn objects_by_name() {
    assert_eq!(objects::scalar("sysName"), "1.3.6.1.2.1.1.5.0");
    assert_eq!(objects::oid("fbPointInteger"), "1.3.6.1.4.1.32473.2.1.3.1.5");
    assert_eq!(objects::oid("nonesuch"), "");
    assert_eq!(objects::labels("fbSelfPresence")[1], ("online", 2));
    assert!(objects::labels("sysName").is_empty());
    let fleet: Vec<_> = objects::siblings("fbFleetLost").map(|object| object.column.name).collect();
    assert!(fleet.len() == 15 && fleet.iter().all(|name| name.starts_with("fbFleet")), "{fleet:?}");
    let facts = facts();
    assert_eq!(facts.profile("sensor").unwrap().object_id, "1.3.6.1.4.1.32473.1.2.1");
    assert_eq!(facts.profile("meter").unwrap().object_id, "1.3.6.1.4.1.32473.1.3.7");
    assert_eq!(facts.profile("meter").unwrap().title, "ACME TH-2");
    assert_eq!(facts.bridge.endpoint().unwrap().to_string(), "192.0.2.1:1161");
}

#[test]
fn hosts_survive_the_socket() {
    for host in hosts() {
        let line = serde_json::to_string(&host).unwrap();
        assert!(!line.contains('\n'));
        assert_eq!(serde_json::from_str::<Host>(&line).unwrap(), host);
    }
}

#[test]
fn filters() {
    let takes = |text: &str, name: &str| {
        let filter = Filter::parse(text).unwrap();
        assert_eq!(Filter::parse(&filter.to_string()), Ok(filter.clone()));
        filter.takes("plant 1, hall \\2", "tasmota", "plug", Presence::Lost, name)
    };
    for (text, name) in [
        ("", "plug-1"),
        ("   ", "plug-1"),
        ("site=plant 1\\, hall \\\\2", "plug-1"),
        ("profile=tasmota, class=plug,presence=lost", "plug-1"),
        ("name=plug-*", "plug-"),
        ("name=*-?", "plug-1"),
        ("name=**u*g*1", "plug-1"),
        ("name=plug-1", "plug-1"),
    ] {
        assert!(takes(text, name), "{text}");
    }
    for (text, name) in [
        ("site=plant 1", "plug-1"),
        ("profile=tasmota,class=sensor", "plug-1"),
        ("presence=online", "plug-1"),
        ("name=plug-?", "plug-12"),
        ("name=", "plug-1"),
        ("name=*a*", "plug-1"),
    ] {
        assert!(!takes(text, name), "{text}");
    }
    let gone = Filter::parse("presence=online,profile=tasmota").unwrap();
    assert!(gone.takes("", "tasmota", "", Presence::Retired, "x"), "it has to be taken out of the tool");
    assert!(!gone.takes("", "gateway", "", Presence::Retired, "x"));
    let stars = "*a".repeat(200);
    assert!(!takes(&format!("name={stars}b"), &"a".repeat(64)), "in no long time");
    for (text, problem) in [
        (
            "site",
            "\"site\" is no condition: write KEY=VALUE, with the keys site, profile, class, presence, name",
        ),
        (
            "site=a,",
            "\"\" is no condition: write KEY=VALUE, with the keys site, profile, class, presence, name",
        ),
        (
            "sites=a",
            "\"sites\" is no key of a filter; did you mean `site`? known: site, profile, class, presence, name",
        ),
        ("site=a,site=b", "site stands twice: a device has one"),
        (
            "presence=gone",
            "\"gone\" is no presence; known: never-seen, online, late, lost, sleeping, unreachable",
        ),
        (
            "presence=retired",
            "\"retired\" is no presence; known: never-seen, online, late, lost, sleeping, unreachable",
        ),
    ] {
        assert_eq!(Filter::parse(text).unwrap_err().to_string(), problem);
    }
}

/// The names of what changed in revision `since` or later; of retired devices with a `-` before.
fn changed(fleet: &Fleet, since: u32) -> Vec<String> {
    let mut names = Vec::new();
    fleet.rows(0, Which::Given, |row: Row<'_>| {
        if row.changed() >= since {
            let gone = if row.presence() == Presence::Retired { "-" } else { "" };
            names.push(format!("{gone}{}", row.name()));
        }
        ControlFlow::Continue(())
    });
    names
}

fn attribute(fleet: &Fleet, device: u32, attribute: Attribute, text: &str, now: Time) {
    let mut reports = Reports::default();
    reports.begin(SENSOR, "ignored", false);
    let text = reports.text(text);
    reports.push(Fact::Attribute { attribute, text });
    let resolved = fleetbridge::fleet::Resolved { device, report: 0, parent: 0 };
    fleet.absorb(&reports, &mut [resolved], now);
}

#[test]
fn what_changes_a_host_and_what_does_not() {
    let fleet = fleet();
    let (a, b) = (learn(&fleet, SENSOR, "a"), learn(&fleet, SENSOR, "b"));
    let mut now = START;
    let mut run = |what: &str, change: &dyn Fn(Time), expected: &[&str]| {
        let since = fleet.revision(now);
        now = now.plus_millis(1000);
        change(now);
        let since = if since == START.secs() as u32 { since + 1 } else { since };
        assert_eq!(changed(&fleet, since.max(fleet.revision(now))), expected, "{what}");
    };
    run("nothing", &|_| (), &[]);
    run("telemetry", &|now| report(&fleet, a, false, &[value(0, 5)], now), &[]);
    run("presence", &|now| report(&fleet, a, false, &[Fact::Availability(Availability::Lost)], now), &[]);
    run("uptime", &|now| report(&fleet, a, false, &[ran_for(5)], now), &[]);
    run("serial", &|now| attribute(&fleet, a, Attribute::Serial, "S", now), &["a"]);
    run("the same serial", &|now| attribute(&fleet, a, Attribute::Serial, "S", now), &[]);
    run("an address by DHCP", &|now| attribute(&fleet, a, Attribute::Address, "10.0.0.7", now), &[]);
    for what in [Attribute::Alias, Attribute::Site, Attribute::Location, Attribute::AssetTag] {
        run("reported", &|now| attribute(&fleet, b, what, "x", now), &["b"]);
        run("said", &|now| fleet.manage(a, ManagedFact::Text(what, "y"), now), &["a"]);
        run("said again", &|now| fleet.manage(a, ManagedFact::Text(what, "y"), now), &[]);
    }
    run("owner", &|now| fleet.manage(a, ManagedFact::AssetOwner("me"), now), &[]);
    run("parent reported", &|now| report_child(&fleet, a, b, false, &[value(0, 5)], now), &["a"]);
    run("parent again", &|now| report_child(&fleet, a, b, false, &[value(0, 5)], now), &[]);
    run("parent said", &|now| fleet.manage(b, ManagedFact::Parent("gw"), now), &["b"]);
    run("nothing said any more", &|now| fleet.unmanage(b, now), &["b"]);
    run("a new device", &|now| fleet.insert(&fleet.draft(&[identity(GATEWAY, "gw")], now).unwrap()), &["gw"]);
    run("retired", &|now| assert!(fleet.retire(a, now)), &["-a"]);
    run("once", &|_| (), &[]);
    run("revived", &|now| assert!(fleet.revive(a, now)), &["a"]);
}

#[test]
fn a_parent_that_comes_or_goes_changes_its_children() {
    let fleet = fleet();
    let (gateway, child) = (learn(&fleet, GATEWAY, "gw"), learn(&fleet, SENSOR, "child"));
    let other = learn(&fleet, SENSOR, "other");
    report_child(&fleet, child, gateway, false, &[value(0, 5)], START);
    fleet.manage(other, ManagedFact::Parent("late"), START);
    let mut now = START;
    let mut run = |change: &dyn Fn(Time), expected: &[&str]| {
        now = now.plus_millis(1000);
        let since = fleet.revision(now);
        change(now);
        assert_eq!(changed(&fleet, since), expected);
    };
    let parent =
        |device| fleet.row(device, |row| row.live_parent(|parent| parent.name().to_owned())).unwrap();
    assert_eq!((parent(child).as_deref(), parent(other)), (Some("gw"), None));
    run(&|now| assert!(fleet.retire(gateway, now)), &["-gw", "child"]);
    assert_eq!(parent(child), None, "the number of a retired device is nobody's parent");
    run(&|now| assert!(fleet.revive(gateway, now)), &["gw", "child"]);
    assert_eq!(parent(child).as_deref(), Some("gw"));
    let learned = |now| fleet.insert(&fleet.draft(&[identity(GATEWAY, "late")], now).unwrap());
    run(&learned, &["other", "late"]);
    assert_eq!(parent(other).as_deref(), Some("late"));
}

#[test]
fn what_changes_is_announced_once_and_only_if_it_is_followed() {
    let fleet = fleet();
    let (a, b) = (learn(&fleet, SENSOR, "a"), learn(&fleet, SENSOR, "b"));
    fleet.journal().set_durable(u64::MAX);
    let mut cursor = fleet.journal().told();
    let mut run = |at: u64, change: &dyn Fn(Time), expected: &[u32]| {
        change(after(at));
        fleet.rescope();
        fleet.announce_changes(after(at));
        fleet.journal().set_durable(u64::MAX);
        let mut events = Vec::new();
        fleet.journal().read(&mut cursor, 100, &mut events).unwrap();
        let changed = |event: Event| match event.kind {
            EventKind::DeviceChanged { device } => Some(device),
            _ => None,
        };
        let changed: Vec<_> = events.into_iter().filter_map(changed).collect();
        assert_eq!(changed, expected, "at {at}");
    };
    let serial = |device, text: &str, now| attribute(&fleet, device, Attribute::Serial, text, now);
    run(1, &|now| serial(a, "before", now), &[]);
    run(2, &|_| fleet.follow_changes(true), &[]);
    run(3, &|_| (), &[]);
    run(4, &|now| [b, a, b].into_iter().for_each(|device| serial(device, "then", now)), &[a, b]);
    run(5, &|now| report(&fleet, a, false, &[value(0, 5)], now), &[]);
    run(6, &|now| fleet.insert(&fleet.draft(&[identity(GATEWAY, "gw")], now).unwrap()), &[]);
    run(7, &|now| assert!(fleet.retire(b, now)), &[]);
    run(8, &|now| assert!(fleet.revive(b, now)), &[b]);
    run(9, &|now| (fleet.follow_changes(false), serial(a, "after", now)).1, &[]);
    run(10, &|_| fleet.follow_changes(true), &[]);
}

#[test]
fn a_clock_that_is_set_back_hides_nothing() {
    let fleet = fleet();
    let a = learn(&fleet, SENSOR, "a");
    let told = fleet.revision(after(3600));
    attribute(&fleet, a, Attribute::Serial, "S", after(10));
    assert_eq!(changed(&fleet, told), ["a"]);
    assert_eq!(fleet.revision(after(20)), told);
}

/// The same devices after a restart at `now`, under profiles of this revision, with what the store kept of `kept`.
fn restarted(former: &Fleet, kept: &[u32], revision: &str, retired: &[u32], now: Time) -> Fleet {
    let profiles = former
        .profiles()
        .iter()
        .map(|(_, profile)| fleetbridge::model::Profile { revision: revision.to_owned(), ..profile.clone() });
    let fleet = Fleet::new(Profiles::new(profiles.collect()), 0);
    fleet.revision(now);
    let mut rows = Vec::new();
    former.rows(0, Which::Given, |row| {
        let record = DeviceRecord {
            number: row.number(),
            name: row.name().to_owned(),
            profile: row.profile_id(),
            adapter: row.adapter(),
            southbound_id: row.southbound_id().to_owned(),
            learned: row.learned(),
            retired: row.presence() == Presence::Retired || retired.contains(&row.number()),
        };
        let mut bytes = Vec::new();
        row::encode(&row, &mut bytes);
        rows.push((record, bytes));
        ControlFlow::Continue(())
    });
    for (record, bytes) in &rows {
        fleet.insert(std::slice::from_ref(record));
        if kept.contains(&record.number) {
            fleet.restore(record.number, &row::decode(bytes).unwrap());
        }
    }
    fleet.restored();
    fleet
}

#[test]
fn a_restart_tells_what_changed_and_nothing_else() {
    let first = fleet();
    let revision = sensor().revision;
    let (a, b) = (learn(&first, SENSOR, "a"), learn(&first, SENSOR, "b"));
    learn(&first, SENSOR, "c");
    attribute(&first, a, Attribute::Site, "plant-1", after(10));
    attribute(&first, b, Attribute::Site, "plant-2", after(10));
    assert!(first.retire(b, after(20)));
    let since = first.revision(after(30));
    let again = restarted(&first, &[1, 2, 3], &revision, &[], after(100));
    assert_eq!(changed(&again, since), [""; 0]);
    assert_eq!(changed(&again, after(10).secs() as u32), ["a", "-b"]);
    let mut written = 0;
    again.take_dirty(&mut 0, 10, |_| written += 1);
    assert_eq!(written, 0, "nothing to write for it");

    let lost = restarted(&first, &[], &revision, &[], after(100));
    assert_eq!(changed(&lost, since), ["a", "-b", "c"], "without state.db all have changed");
    let again = restarted(&lost, &[1, 2, 3], &revision, &[], after(200));
    assert_eq!(changed(&again, after(101).secs() as u32), [""; 0], "but once");
    let killed = restarted(&first, &[1, 2, 3], &revision, &[3], after(100));
    assert_eq!(changed(&killed, since), ["-c"], "retired, and killed before state.db was written");
    let edited = restarted(&first, &[1, 2, 3], "2027-01-01", &[], after(100));
    assert_eq!(changed(&edited, since), ["a", "c"], "their points may be others");

    let orphans = fleet();
    let (gateway, child) = (learn(&orphans, GATEWAY, "gw"), learn(&orphans, SENSOR, "child"));
    report_child(&orphans, child, gateway, false, &[value(0, 5)], START);
    let since = orphans.revision(after(30));
    let again = restarted(&orphans, &[1, 2], &revision, &[], after(100));
    assert_eq!(changed(&again, since), [""; 0]);
    let killed = restarted(&orphans, &[1, 2], &revision, &[gateway], after(100));
    assert_eq!(changed(&killed, since), ["-gw", "child"], "what hangs on it is shown otherwise");
}

#[test]
fn addresses_are_shown() {
    let first = fleet();
    learn(&first, SENSOR, "a");
    let mut bytes = Vec::new();
    first.row(1, |row| row::encode(&row, &mut bytes)).unwrap();
    for (words, expected) in [("127.1.0.0/16", &["a"][..]), ("", &[])] {
        let again = fleet();
        again.revision(after(100));
        if !words.is_empty() {
            again.asked_by(words);
        }
        learn(&again, SENSOR, "a");
        again.restore(1, &row::decode(&bytes).unwrap());
        again.restored();
        assert_eq!(changed(&again, after(50).secs() as u32), expected);
    }
}

/// Numbers that a copy of config.db had passed over leave blocks without devices.
#[test]
fn behind_a_gap() {
    let fleet = fleet();
    learn(&fleet, SENSOR, "a");
    fleet.reserve(5000);
    let far = learn(&fleet, SENSOR, "far");
    assert_eq!(far, 5001);
    assert_eq!(changed(&fleet, 0), ["a", "far"]);
    let mut written = Vec::new();
    fleet.take_dirty(&mut 0, 10, |row| written.push(row.number()));
    assert_eq!(written, [1, 5001]);
}
