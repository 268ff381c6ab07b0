//! Profile files: what is wrong with them is said with its line, and the shipped ones are good.

use std::collections::HashSet;

use fleetbridge::{
    file::Severity,
    model::Profiles,
    southbound::{
        Codec, Limits,
        profile::{Library, Ownership, SHIPPED, compile, is_identifier, parse},
    },
};

/// A good file; each wrong one differs from it in one place.
const GOOD: &str = r#"
[profile]
name = "acme-th2"
revision = "2026-11-22"
class = "sensor"
manufacturer = "ACME"
model = "TH-2"

[[uplink]]
topic = "acme/{device}/telemetry"
decode = "json"

[[uplink]]
topic = "acme/{device}/status"
presence = { online = "up", lost = "down" }

[identity]
serial = "/sn"
firmware = "fw"

[[point]]
name = "temperature"
from = "/t"
type = "decimal"
unit = "celsius"
digits = 1
kind = "gauge"
alarm = { high = 60.0, clear = 58.0, severity = "major", text = "too hot" }

[[setting]]
name = "report-interval"
type = "uint32"
range = "10..3600"
unit = "seconds"
default = 300
reported = { topic = "acme/{device}/state", path = "/cfg/interval" }
read = { topic = "acme/{device}/get", payload = "interval" }
write = { topic = "acme/{device}/cmd", payload = '{"interval": {value}}' }
timeout = "10s"
retries = 3

[presence]
interval = "5m"
missed = 3

[software.firmware]
version = "/fw"
update = { topic = "acme/{device}/ota", payload = '{"url": "{url}", "sha256": "{sha256}"}' }
"#;

#[test]
fn a_good_file_reads() {
    let (file, problems) = parse("acme.toml", GOOD, Ownership::Own).unwrap();
    assert_eq!(file.profile.name, "acme-th2");
    assert_eq!(file.profile.points.len(), 1);
    assert_eq!(file.profile.settings[0].name, "report-interval");
    assert_eq!(file.profile.software[0].component, "firmware");
    assert_eq!((file.profile.presence.interval, file.profile.presence.missed), (300_000, 3));
    let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
    assert_eq!(
        lines,
        ["acme.toml:1: note: alarms (1), software (1) are valid and kept; this version does not act on \
          them yet"]
    );
}

#[test]
fn what_a_file_says_is_its_fingerprint() {
    let fingerprint = |text: &str| parse("x", text, Ownership::Own).unwrap().0.fingerprint;
    let commented = GOOD.replace(
        "name = \"acme-th2\"\nrevision = \"2026-11-22\"",
        "revision='2026-11-22' # x\nname = 'acme-th2'",
    );
    assert_ne!(commented, GOOD);
    assert_eq!(fingerprint(&commented), fingerprint(GOOD));
    assert_ne!(fingerprint(&GOOD.replace("digits = 1", "digits = 2")), fingerprint(GOOD));
}

/// `(what is replaced, by what, how a line of the answer begins after the line number, what it contains)`.
const WRONG: &[(&str, &str, &str, &str)] = &[
    ("name = \"acme-th2\"", "name = \"2 fast\"", "3: `name` must be a name of letters", "room-temp"),
    ("name = \"acme-th2\"\n", "", "2: `name` is missing in [profile]", "example: name = "),
    ("revision = \"2026-11-22\"", "revision = 5", "4: `revision` must be a date", "found the integer 5"),
    (
        "class = \"sensor\"",
        "clas = \"sensor\"",
        "5: unknown key `clas` in [profile]",
        "did you mean `class`?",
    ),
    ("[profile]", "[profil]", "2: unknown key `profil`", "did you mean `profile`?"),
    (
        "[profile]",
        "profile = 3\n[other]",
        "2: `profile` must be a table, written [profile]",
        "found the integer 3",
    ),
    (
        "acme/{device}/telemetry",
        "acme/x/telemetry",
        "10: the topic does not say which device it is",
        "{device}",
    ),
    ("acme/{device}/telemetry", "acme/#", "10: the topic \"acme/#\" is wrong", "`#` is not allowed"),
    ("acme/{device}/telemetry", "acme/{divice}/telemetry", "10: the topic", "unknown placeholder {divice}"),
    ("acme/{device}/telemetry", "{parent}/{device}/telemetry", "10: {parent} in a topic needs", "[parent]"),
    (
        "acme/{device}/telemetry",
        "acme/{device}/status",
        "9: the topic \"acme/{device}/status\" stands in a second",
        "line 13",
    ),
    (
        "decode = \"json\"",
        "decode = \"jsn\"",
        "11: `decode` cannot be \"jsn\"",
        "did you mean `json`? allowed: json, text, none",
    ),
    (
        "decode = \"json\"",
        "device-id = \"{x}\"",
        "11: the template \"{x}\" is wrong",
        "{x} is not in the topic",
    ),
    ("decode = \"json\"", "device-id = \"/*/id\"", "11: `device-id` must be one place", "`*`"),
    (
        "decode = \"json\"",
        "time = { from = \"/ts\", format = \"unixms\" }",
        "11: `format` cannot be \"unixms\"",
        "did you mean `unix-ms`?",
    ),
    (
        "online = \"up\"",
        "onlin = \"up\"",
        "15: unknown key `onlin` in [uplink.presence]",
        "did you mean `online`?",
    ),
    ("lost = \"down\"", "lost = \"up\"", "15: the word \"up\" has two meanings", "once"),
    (
        "{ online = \"up\", lost = \"down\" }",
        "{ path = \"/s\", online = \"up\" }\ndecode = \"text\"",
        "15: `presence` of a text payload has no `path`",
        "json",
    ),
    ("{ online = \"up\", lost = \"down\" }", "{}", "15: `presence` has no words", "example"),
    (
        "serial = \"/sn\"",
        "serail = \"/sn\"",
        "18: unknown key `serail` in [identity]",
        "did you mean `serial`?",
    ),
    (
        "serial = \"/sn\"",
        "serial = \"a..b\"",
        "18: `serial` must be a path such as",
        "found the text \"a..b\"",
    ),
    (
        "serial = \"/sn\"",
        "serial = { from = \"/sn\", topic = \"acme/{device}/telemetri\" }",
        "18: no [[uplink]] has the topic",
        "did you mean \"acme/{device}/telemetry\"?",
    ),
    ("name = \"temperature\"\n", "", "21: `name` is missing in [[point]]", "example"),
    ("from = \"/t\"\n", "", "21: `from` is missing in [[point]]", "example: from ="),
    (
        "from = \"/t\"",
        "from = \"/t\"\ntopic = \"acme/{device}/status\"",
        "23: a text payload has no paths",
        "leave out `from`",
    ),
    (
        "type = \"decimal\"",
        "type = \"desimal\"",
        "24: `type` cannot be \"desimal\"",
        "did you mean `decimal`?",
    ),
    ("type = \"decimal\"", "type = \"integer\"", "26: only a decimal has `digits`", "decimal"),
    ("digits = 1", "digits = 12", "26: `digits` must be an integer from -9 to 9", "found the integer 12"),
    ("digits = 1", "scale = 0", "26: `scale` cannot be 0", "value = raw * scale + offset"),
    ("digits = 1", "map = { low = \"x\" }", "26: `low` must be a number", "found the text \"x\""),
    (
        "unit = \"celsius\"",
        "unit = \"lux\"\nrole = \"battery-temperature\"",
        "25: a point in \"lux\" cannot be \"battery-temperature\"",
        "celsius, fahrenheit, kelvin",
    ),
    (
        "unit = \"celsius\"",
        "unit = \"mAh\"\nrole = \"memory-used\"",
        "25: a point in \"mAh\" cannot be \"memory-used\"",
        "KiB (1024) and so on; or percent",
    ),
    (
        "unit = \"celsius\"",
        "role = \"battery-voltage\"",
        "25: a point without a `unit` cannot be \"battery-voltage\"",
        "millivolts, mV",
    ),
    ("kind = \"gauge\"", "kind = \"gage\"", "27: `kind` cannot be \"gage\"", "did you mean `gauge`?"),
    (
        "type = \"decimal\"\nunit = \"celsius\"\ndigits = 1",
        "type = \"counter\"",
        "25: a counter has kind = \"counter\"",
        "integer",
    ),
    (
        "severity = \"major\"",
        "severity = \"majr\"",
        "28: `severity` cannot be \"majr\"",
        "did you mean `major`?",
    ),
    ("clear = 58.0", "clear = 61.0", "28: `clear` must not be above `high`", "raised"),
    ("high = 60.0, clear = 58.0, ", "", "28: an alarm needs one of", "high = 60.0"),
    ("type = \"uint32\"", "type = \"unit32\"", "32: `type` cannot be \"unit32\"", "did you mean `uint32`?"),
    ("range = \"10..3600\"", "range = \"3600..10\"", "33: `range` must be a range within uint32", "10..3600"),
    (
        "range = \"10..3600\"",
        "range = \"10..99999999999\"",
        "33: `range` must be a range within uint32",
        "10..3600",
    ),
    ("default = 300", "default = 5", "35: `default` is outside of `range`", "found the integer 5"),
    (
        "default = 300",
        "default = \"300\"",
        "35: `default` must be an integer from 0 to 4294967295",
        "found the text",
    ),
    ("{\"interval\": {value}}", "{\"interval\": 1}", "38: neither topic nor payload has {value}", "example"),
    (
        "{\"interval\": {value}}",
        "{\"interval\": {vale}}",
        "38: unknown placeholder {vale} in `payload`",
        "did you mean {value}?",
    ),
    ("acme/{device}/cmd", "acme/cmd", "38: the topic does not say which device it is for", "{device}"),
    ("timeout = \"10s\"", "timeout = \"10\"", "39: `timeout` must be a duration", "units are ms, s, m, h, d"),
    ("timeout = \"10s\"", "timeout = \"10d\"", "39: `timeout` must be a duration from 1s to 1d", "10d"),
    ("retries = 3", "retries = -1", "40: `retries` must be an integer from 0 to 100", "found the integer -1"),
    ("interval = \"5m\"", "interval = 5", "43: `interval` must be a duration", "found the integer 5"),
    (
        "missed = 3",
        "mised = 3",
        "44: unknown key `mised` in [presence]",
        "did you mean `missed`? allowed: interval, missed",
    ),
    ("version = \"/fw\"", "versoin = \"/fw\"", "47: unknown key `versoin`", "did you mean `version`?"),
    ("{sha256}", "{sha265}", "48: unknown placeholder {sha265} in `payload`", "did you mean {sha256}?"),
    (
        "[presence]",
        "[[point]]\nname = \"temperature\"\nfrom = \"/x\"\ntype = \"text\"\n[presence]",
        "21: the point `temperature` is defined a second time at line 42",
        "rename",
    ),
    ("missed = 3", "missed = = 3", "44: not TOML", ""),
    ("missed = 3", "missed = 3\nmissed = 4", "45: not TOML", ""),
];

#[test]
fn wrong_files_are_explained() {
    for (replaced, by, begins, contains) in WRONG {
        assert_eq!(GOOD.matches(replaced).count().min(1), 1, "{replaced} is in the good file");
        let text = GOOD.replacen(replaced, by, 1);
        let problems = parse("a.toml", &text, Ownership::Own).err().unwrap_or_default();
        let lines: Vec<String> = problems.iter().map(ToString::to_string).collect();
        let expected = format!("a.toml:{begins}");
        assert!(
            lines.iter().any(|line| line.starts_with(&expected) && line.contains(contains)),
            "{by}\nexpected: {expected} ... {contains}\nfound: {lines:#?}"
        );
    }
}

#[test]
fn a_share_without_a_unit_is_said_to_be_a_ratio() {
    let notes = |by: &str| {
        let (file, problems) =
            parse("a.toml", &GOOD.replace("unit = \"celsius\"", by), Ownership::Own).unwrap();
        assert_eq!(file.profile.points[0].role, Some(fleetbridge::model::Role::BatteryCharge));
        problems.iter().filter(|problem| problem.to_string().contains("is a ratio from 0 to 1")).count()
    };
    assert_eq!(notes("role = \"battery-charge\""), 1);
    assert_eq!(notes("role = \"battery-charge\"\nunit = \"ratio\""), 0);
    assert_eq!(notes("role = \"battery-charge\"\nunit = \"percent\""), 0);
}

#[test]
fn one_run_shows_all_problems() {
    let text =
        GOOD.replace("decode", "decod").replace("kind", "knd").replace("missed", "mised").replace("5m", "5");
    let problems = parse("a.toml", &text, Ownership::Own).unwrap_err();
    let lines: Vec<u32> = problems
        .iter()
        .filter(|problem| problem.severity == Severity::Error)
        .map(|problem| problem.line)
        .collect();
    assert_eq!(lines, [11, 27, 43, 44]);
}

#[test]
fn an_empty_file_is_explained() {
    let lines: Vec<String> =
        parse("a.toml", "", Ownership::Own).unwrap_err().iter().map(ToString::to_string).collect();
    assert!(lines[0].starts_with("a.toml:1: the section [profile] is missing"), "{lines:?}");
    assert!(lines[1].starts_with("a.toml:1: a profile needs at least one [[uplink]]"), "{lines:?}");
}

#[test]
fn shipped_profiles_are_good() {
    let mut products = HashSet::new();
    for (name, text) in SHIPPED {
        let (file, problems) =
            parse(name, text, Ownership::Shipped).unwrap_or_else(|problems| panic!("{problems:#?}"));
        assert!(problems.iter().all(|problem| problem.severity == Severity::Note), "{problems:?}");
        assert_eq!(format!("{}.toml", file.profile.name), name);
        let product = file.profile.product.expect("a shipped profile has a product number");
        assert!(products.insert(product), "{name}: product {product} is taken");
        assert!(file.profile.points.iter().all(|point| is_identifier(&point.name)));
        assert!(file.profile.presence.interval > 0, "{name} says how often its devices speak");
    }
    // Once released, a number never changes.
    let library = Library::load(None).unwrap();
    for (name, product) in
        [("json-sensor", 1), ("tasmota", 2), ("rfid-reader", 3), ("gateway", 4), ("gateway-child", 5)]
    {
        assert_eq!(library.find(name).unwrap().file.profile.product, Some(product));
    }
}

#[test]
fn own_profiles_stand_beside_and_before_shipped_ones() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("acme.toml"), GOOD).unwrap();
    std::fs::write(folder.path().join("tasmota.toml"), GOOD.replace("acme-th2", "tasmota")).unwrap();
    std::fs::write(folder.path().join("notes.txt"), "no profile").unwrap();
    let library = Library::load(Some(folder.path())).unwrap();
    assert_eq!(library.shelf.len(), SHIPPED.len() + 1);
    assert_eq!(library.find("tasmota").unwrap().file.profile.manufacturer, "ACME");
    assert!(library.notes.iter().any(|note| note.message.contains("takes the place of the shipped one")));

    std::fs::write(folder.path().join("b.toml"), GOOD).unwrap();
    let problems = Library::load(Some(folder.path())).unwrap_err();
    assert!(problems[0].to_string().contains("is also defined in"), "{problems:?}");
    let orphan = GOOD.replace("acme-th2", "orphan") + "\n[parent]\nprofile = \"gatewey\"\n";
    std::fs::write(folder.path().join("b.toml"), orphan).unwrap();
    let problems = Library::load(Some(folder.path())).unwrap_err();
    assert!(problems[0].to_string().contains("did you mean `gateway`?"), "{problems:?}");
    assert!(Library::load(Some(&folder.path().join("none"))).is_ok(), "the folder need not exist");
}

#[test]
fn an_adapter_subscribes_to_each_topic_once() {
    let library = Library::load(None).unwrap();
    let profiles = Profiles::new(library.shelf.iter().map(|shelved| shelved.file.profile.clone()).collect());
    let files: Vec<_> = library.shelf.iter().map(|shelved| &shelved.file).collect();
    let decoder = compile(&profiles, &files, Limits::default()).unwrap();
    let topics: HashSet<&String> = decoder.topics().iter().collect();
    assert_eq!(topics.len(), decoder.topics().len());
    for topic in ["tele/+/SENSOR", "sensors/+/telemetry", "gateway/+/+/telemetry", "+/MGMT/clients/event/+"] {
        assert!(topics.contains(&topic.to_owned()), "{topic}");
    }
}

mod subcommands {
    use std::path::Path;

    use fleetbridge::{
        cli::profile::{ProfileError, Trial, attempt, check, list, show},
        model::Time,
    };

    use super::GOOD;

    fn tried(profile: &str, topic: &str, payload: &str) -> (bool, String) {
        let mut out = Vec::new();
        let now = Time::from_secs(1_795_400_000);
        let trial = Trial { topic, payload: payload.as_bytes(), retained: false, now };
        let understood = attempt(None, profile, &trial, &mut out).unwrap();
        (understood, String::from_utf8(out).unwrap())
    }

    #[test]
    fn list_names_all() {
        let mut out = Vec::new();
        list(None, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for name in ["json-sensor", "tasmota", "rfid-reader", "gateway", "gateway-child"] {
            assert!(text.lines().any(|line| line.starts_with(&format!("{name} "))), "{text}");
        }
    }

    #[test]
    fn show_tells_and_guesses() {
        let mut out = Vec::new();
        show(None, "tasmota", false, &mut out).unwrap();
        let text = String::from_utf8(out).unwrap();
        for part in [
            "tele/{device}/LWT  (text, presence)",
            "late after 7m30s",
            "energy: decimal, gauge, 3 digits, kWh",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(text.contains("web-password: string 2..32, secret"), "{text}");
        let Err(ProfileError::Unknown(why)) = show(None, "tasmoto", false, &mut Vec::new()) else { panic!() };
        assert!(why.contains("did you mean `tasmota`?"), "{why}");
        let mut out = Vec::new();
        show(None, "gateway", true, &mut out).unwrap();
        assert!(String::from_utf8(out).unwrap().contains("[[uplink]]"));
    }

    #[test]
    fn check_says_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("acme.toml");
        std::fs::write(&path, GOOD).unwrap();
        let mut out = Vec::new();
        assert!(check(&path, &mut out).unwrap());
        assert!(
            String::from_utf8(out)
                .unwrap()
                .contains("good: profile acme-th2, 2 topics, 1 points, 1 settings")
        );
        std::fs::write(&path, GOOD.replace("digits = 1", "digit = 1")).unwrap();
        let mut out = Vec::new();
        assert!(!check(&path, &mut out).unwrap());
        assert!(
            String::from_utf8(out)
                .unwrap()
                .contains("acme.toml:26: unknown key `digit` in [[point]]; did you mean `digits`?")
        );
        assert!(check(Path::new("/none.toml"), &mut Vec::new()).is_err());
    }

    #[test]
    fn try_shows_what_comes_out_and_what_is_ignored() {
        let (understood, text) = tried(
            "json-sensor",
            "sensors/a/telemetry",
            r#"{"temperature":21.5,"humidty":40,"deep":{"er":[1]}}"#,
        );
        assert!(understood);
        assert_eq!(
            text,
            "device a (json-sensor)\n  temperature = 21.50 celsius\nignored, because no rule takes them:\n  \
             /deep/er/0 = 1\n  /humidty = 40  (the profile knows `humidity`)\n"
        );
        let (_, text) = tried("gateway-child", "gateway/g/7/telemetry", r#"{"contact":"open"}"#);
        assert_eq!(text, "device g:7 (gateway-child)\n  parent g (gateway)\n  contact = false\n");
    }

    #[test]
    fn try_explains_what_is_not_understood() {
        for (topic, payload, part) in [
            ("sensor/a/telemetry", "{}", "the profile listens to:\n  sensors/{device}/telemetry"),
            ("sensors/a/telemetry", "{\"temp\":1}", "/temp = 1"),
            ("sensors/a/telemetry", "{\"temp\":1", "hint: EOF while parsing an object at line 1 column 9"),
            ("sensors/a/status", "onlin", "hint: presence words of this profile are: online, up"),
            ("sensors/a/telemetry", "", "the payload is empty (empty)"),
        ] {
            let (understood, text) = tried("json-sensor", topic, payload);
            assert!(!understood);
            assert!(text.contains(part), "{part}\n{text}");
        }
    }
}
