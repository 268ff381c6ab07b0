//! Any bytes on any topic: never a panic, never half a report, always within the limits.

use std::sync::OnceLock;

use fleetbridge::{
    model::{Profiles, Reports, Time},
    southbound::{
        Codec, DecodeError, Limits, Uplink,
        codec::Decoder,
        profile::{Library, Ownership, SHIPPED, compile, parse, write_reports},
    },
};
use proptest::prelude::*;

const NOW: Time = Time::from_secs(1_795_400_000);

/// A profile with every kind of rule.
const WIDE: &str = r#"
[profile]
name = "wide"
revision = "2026-11-23"
[parent]
profile = "gateway"
id = "/gw"
[[uplink]]
topic = "w/{site}/+/json"
device-id = ["/id", "/sn"]
presence = { path = "/up", online = true, lost = [false, "no"] }
time = ["/ts", "/*/ts"]
[[uplink]]
topic = "w/{parent}/x-{device}-y"
decode = "text"
device-id = "{device}@{parent}"
[[uplink]]
topic = "w/{device}"
decode = "none"
[identity]
model = { value = "M" }
serial = ["/sn", "/*/sn"]
[uptime]
from = ["/boot", "/*/boot"]
[[point]]
name = "whole"
topic = "w/{parent}/x-{device}-y"
type = "text"
[[point]]
name = "b"
from = "/b"
type = "boolean"
[[point]]
name = "i"
from = ["/i", "/*/i", "/*/*/i"]
type = "integer"
scale = 0.001
offset = -273.15
time = { from = "/its", format = "unix-ms" }
[[point]]
name = "d"
from = "/d"
type = "decimal"
digits = -9
map = { low = 1000000000 }
[[point]]
name = "c"
from = "/c/0"
type = "counter"
[[point]]
name = "t"
from = "/t"
type = "text"
map = { "1" = "one" }
"#;

fn decoder() -> &'static (Profiles, Decoder) {
    static DECODER: OnceLock<(Profiles, Decoder)> = OnceLock::new();
    DECODER.get_or_init(|| {
        let library = Library::load(None).unwrap();
        let wide = parse("wide.toml", WIDE, Ownership::Own).unwrap().0;
        let files: Vec<_> = library.shelf.iter().map(|shelved| &shelved.file).chain([&wide]).collect();
        let profiles = Profiles::new(files.iter().map(|file| file.profile.clone()).collect());
        let decoder = compile(&profiles, &files, Limits { payload: 4096, json_depth: 8 }).unwrap();
        (profiles, decoder)
    })
}

fn decode(topic: &str, payload: &[u8]) -> (Result<(), DecodeError>, String) {
    let (profiles, decoder) = decoder();
    let mut reports = Reports::default();
    reports.begin(Default::default(), "before", false);
    let result = decoder.decode(&Uplink { topic, payload, retained: false, now: NOW }, &mut reports);
    assert_eq!(reports.len(), 1 + usize::from(result.is_ok()), "one report or none");
    let mut text = String::new();
    write_reports(&reports, profiles, &mut text);
    (result, text)
}

fn topic() -> impl Strategy<Value = String> {
    prop_oneof![
        Just("sensors/d/telemetry".to_owned()),
        Just("sensors/d/status".to_owned()),
        Just("tele/d/SENSOR".to_owned()),
        Just("w/s/z/json".to_owned()),
        Just("w/d".to_owned()),
        "w/[a-z]{0,2}/x-[a-zä\u{1}]{0,3}-y",
        "(sensors|tele|stat|gateway|w|\\$SYS|)/[a-z/+#{}ä]{0,12}",
        any::<String>(),
    ]
}

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        Just("null".to_owned()),
        Just("true".to_owned()),
        any::<i64>().prop_map(|number| number.to_string()),
        any::<u64>().prop_map(|number| number.to_string()),
        any::<f64>()
            .prop_filter("finite", |number| number.is_finite())
            .prop_map(|number| format!("{number:e}")),
        "-?[1-9][0-9]{0,40}\\.[0-9]{1,40}",
        any::<String>().prop_map(|text| serde_json::to_string(&text).unwrap()),
        "\"([0-9T:. -]|\\\\u[0-9a-fA-F]{4}){0,20}\"",
    ];
    leaf.prop_recursive(6, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(
                ("(i|d|b|c|t|id|sn|gw|ts|its|up|boot|temperature|[a-z]{0,2})", inner),
                0..6
            )
            .prop_map(|members| {
                let members: Vec<String> =
                    members.into_iter().map(|(key, value)| format!("\"{key}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_bytes(topic in topic(), payload in prop::collection::vec(any::<u8>(), 0..200)) {
        drop(decode(&topic, &payload));
    }

    #[test]
    fn any_json(topic in topic(), payload in json()) {
        let (result, _) = decode(&topic, payload.as_bytes());
        prop_assert_ne!(result, Err(DecodeError::NotJson));
    }

    #[test]
    fn any_cut_of_json(topic in topic(), payload in json(), cut in any::<prop::sample::Index>()) {
        drop(decode(&topic, &payload.as_bytes()[..cut.index(payload.len() + 1)]));
    }

    /// A shipped profile with some bytes changed: read or refused with words.
    #[test]
    fn any_profile_file(which in 0..SHIPPED.len(), at in any::<prop::sample::Index>(), by in "[\\[\\]{}=\"'a-z0-9.\\n# *]{0,6}", cut in 0usize..20) {
        let text = SHIPPED[which].1;
        let mut start = at.index(text.len());
        while !text.is_char_boundary(start) { start -= 1 }
        let mut end = (start + cut).min(text.len());
        while !text.is_char_boundary(end) { end -= 1 }
        let changed = format!("{}{by}{}", &text[..start], &text[end.max(start)..]);
        if let Err(problems) = parse("x.toml", &changed, Ownership::Own) {
            prop_assert!(!problems.is_empty());
        }
    }

    #[test]
    fn any_text_as_profile_file(text in any::<String>()) {
        prop_assert!(parse("x.toml", &text, Ownership::Own).is_err());
    }
}

#[test]
fn limits_hold() {
    let long = format!("{{\"temperature\":1,\"x\":\"{}\"}}", "y".repeat(4096));
    assert_eq!(decode("sensors/d/telemetry", long.as_bytes()).0, Err(DecodeError::TooLarge));
    let deep = format!("{{\"temperature\":1,\"x\":{}{}}}", "[".repeat(8), "]".repeat(8));
    assert_eq!(decode("sensors/d/telemetry", deep.as_bytes()).0, Err(DecodeError::TooDeep));
    let id = "x".repeat(129);
    assert_eq!(
        decode(&format!("sensors/{id}/telemetry"), b"{\"temperature\":1}").0,
        Err(DecodeError::BadDevice)
    );
    assert_eq!(decode("sensors/d/status", b"\xff").0, Err(DecodeError::NotText));
    assert_eq!(decode("sensors/d/telemetry", b"{\"a\":\"\xff\"}").0, Err(DecodeError::NotJson));
}

#[test]
fn every_kind_of_rule() {
    let payload = br#"{"id":"d1","gw":"g1","up":true,"ts":1795398917,"sn":"S","boot":"0T00:01:00","b":"off",
        "i":300000,"its":1795398917250,"d":"low","c":[18446744073709551615],"t":1}"#;
    assert_eq!(
        decode("w/north/any/json", payload).1.lines().skip(1).collect::<Vec<_>>(),
        [
            "device d1 (wide)",
            "  parent g1 (gateway)",
            "  site north",
            "  model M",
            "  presence online",
            "  serial S",
            "  uptime 60 seconds",
            "  b = false at 2026-11-23T01:55:17Z",
            "  i = 27 at 2026-11-23T01:55:17Z",
            "  d = 1000000000 at 2026-11-23T01:55:17Z",
            "  c = 18446744073709551615 at 2026-11-23T01:55:17Z",
            "  t = one at 2026-11-23T01:55:17Z",
        ]
    );
    assert_eq!(
        decode("w/g7/x-42-y", b"hello\n").1.lines().skip(1).collect::<Vec<_>>(),
        ["device 42@g7 (wide)", "  parent g7 (gateway)", "  model M", "  whole = hello"]
    );
    assert_eq!(decode("w/d9", b"\xff\x00").1.lines().nth(1), Some("device d9 (wide)"));
    assert_eq!(decode("w/north/any/json", b"{\"b\":true}").0, Err(DecodeError::BadDevice));
}

/// Two profiles know the topic: the first that knows the payload has it.
#[test]
fn the_first_profile_that_recognises_wins() {
    let file = |name: &str, field: &str| {
        let text = format!(
            "[profile]\nname = '{name}'\nrevision = '2026-11-23'\n[[uplink]]\ntopic = 'x/{{device}}'\n[[point]]\nname = 'v'\n\
             from = '/{field}'\ntype = 'integer'\n"
        );
        parse(name, &text, Ownership::Own).unwrap().0
    };
    let files = [file("first", "a"), file("second", "b")];
    let profiles = Profiles::new(files.iter().map(|file| file.profile.clone()).collect());
    let decode = |order: [usize; 2], payload: &str| {
        let files = order.map(|at| &files[at]);
        let decoder = compile(&profiles, &files, Limits::default()).unwrap();
        let mut reports = Reports::default();
        let uplink = Uplink { topic: "x/d", payload: payload.as_bytes(), retained: false, now: NOW };
        decoder.decode(&uplink, &mut reports).map(|()| {
            let report = reports.report(0).unwrap();
            profiles[report.profile].name.clone()
        })
    };
    assert_eq!(decode([0, 1], r#"{"a":1,"b":1}"#).as_deref(), Ok("first"));
    assert_eq!(decode([1, 0], r#"{"a":1,"b":1}"#).as_deref(), Ok("second"));
    assert_eq!(decode([0, 1], r#"{"b":1}"#).as_deref(), Ok("second"));
    assert_eq!(decode([0, 1], r#"{"c":1}"#), Err(DecodeError::NoValues));
}
