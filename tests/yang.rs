//! The wrapper of libyang: what is served, what is refused, and every trap that is known of the crate below it.

mod datastore_support;

use datastore_support::{SCHEMA, modules};
use fleetbridge::yang::*;

fn node(path: &str) -> NodeId {
    SCHEMA.find(path).unwrap_or_else(|| panic!("{path}"))
}

fn setting(name: &str) -> NodeId {
    node(&format!("/fleetbridge:fleet/device/settings/fleetbridge-profile-test:test/{name}"))
}

fn value(leaf: &str, text: &str) -> Result<Value, ValueError> {
    SCHEMA.canonical(setting(leaf), text)
}

fn bare(text: &str) -> Result<Value, ValueError> {
    Ok(Value::Bare(text.into()))
}

fn text(text: &str) -> Result<Value, ValueError> {
    Ok(Value::Text(text.into()))
}

fn device(content: &str) -> String {
    format!("{{\"fleetbridge:fleet\":{{\"device\":[{{\"name\":\"a\"{content}}}]}}}}")
}

#[test]
fn nodes_know_what_a_walker_asks() {
    let list = node("/fleetbridge:fleet/device");
    let schema = &**SCHEMA;
    assert_eq!(schema[list].kind, Kind::List);
    assert_eq!(schema[list].keys, [node("/fleetbridge:fleet/device/name")]);
    assert!(schema[schema[list].keys[0]].is_key && schema[list].config);
    assert!(!schema[node("/fleetbridge:fleet/last-commit")].config);
    assert_eq!(schema[node("/fleetbridge:fleet/device/group")].kind, Kind::LeafList);
    assert_eq!(schema[node("/fleetbridge:fleet/device/settings")].kind, Kind::Container);
    let admin = &schema[node("/fleetbridge:fleet/device/admin-state")];
    assert_eq!((admin.base, admin.default.as_deref()), (Some(Base::Enumeration), Some("in-service")));

    let profile = schema[setting("interval")].parent.unwrap();
    assert_eq!(schema[profile].kind, Kind::Presence);
    assert_eq!(schema.step(profile), "fleetbridge-profile-test:test");
    assert_eq!(schema.step(setting("interval")), "interval");
    assert_eq!(schema[setting("interval")].units, "seconds");
    assert!(schema[setting("password")].secret && !schema[setting("interval")].secret);
    assert_eq!(schema.module_at(profile).namespace, "urn:fleetbridge:yang:profile:test");
    assert_eq!(
        schema.child(schema[profile].parent, "urn:fleetbridge:yang:profile:test", "test"),
        Some(profile)
    );
    assert_eq!(schema.child(schema[profile].parent, "urn:fleetbridge:yang:fleetbridge", "test"), None);

    let case = |name: &str| {
        schema[node(&format!("/fleetbridge:fleet/device/fleetbridge-profile-test:extra/{name}"))]
            .cases
            .clone()
    };
    assert_eq!(case("two-a"), case("two-b"));
    assert_eq!(case("one")[0].0, case("two-a")[0].0);
    assert_ne!(case("one"), case("two-a"));

    let action = &schema[node("/fleetbridge:fleet/device/retire")];
    assert_eq!((action.kind, action.secret), (Kind::Operation, true), "nacm:default-deny-all");
    assert_eq!(schema[node("/fleetbridge:rollback/input")].kind, Kind::Input);
    assert_eq!(schema[node("/fleetbridge:presence-changed")].kind, Kind::Notification);
    for path in ["", "/", "fleet", "/fleet", "/fleetbridge:fleet/", "/fleetbridge:fleet/nothing", "/no:fleet"]
    {
        assert_eq!(schema.find(path), None, "{path}");
    }
}

#[test]
fn values_are_canonical() {
    assert_eq!(value("interval", "+0060"), bare("60"));
    assert_eq!(value("enabled", "true"), bare("true"));
    assert_eq!(value("flag", ""), Ok(Value::Empty));
    assert_eq!(value("counter", "18446744073709551615"), text("18446744073709551615"));
    assert_eq!(value("colour", "fleetbridge-profile-test:red"), text("fleetbridge-profile-test:red"));
    assert_eq!(value("mixed", "007"), bare("7"), "a union's first member that fits");
    assert_eq!(value("mixed", "700"), text("700"));
    assert!(
        value("interval", "1e3").is_err() && value("interval", "").is_err() && value("flag", "x").is_err()
    );
    assert!(SCHEMA.canonical(node("/fleetbridge:fleet"), "x").is_err(), "no leaf");
}

/// f64 would turn 4.35 into 4.349; 18 digits fit no f64.
#[test]
fn decimals_keep_every_digit() {
    for (given, canonical) in [
        ("4.350", "4.35"),
        ("-0.001", "-0.001"),
        ("+1", "1.0"),
        ("9223372036854775.807", "9223372036854775.807"),
        ("-9223372036854775.808", "-9223372036854775.808"),
    ] {
        assert_eq!(value("calibration", given), text(canonical), "{given}");
    }
    for wrong in ["1.0001", "9223372036854775.808", "1e2", ".", ""] {
        assert!(value("calibration", wrong).is_err(), "{wrong}");
    }
}

/// RFC 7950 14, yang-char.
#[test]
fn characters_that_yang_does_not_allow() {
    for wrong in ["\u{1}", "\u{b}", "\u{fdd0}", "\u{fffe}", "\u{ffff}", "\u{1fffe}", "\u{10ffff}"] {
        assert!(value("mixed", wrong).is_err(), "{wrong:?}");
    }
    for right in ["\t\r\n", "\u{7f}\u{80}", "\u{fffd}", "\u{10fffd}", "é漢🦀"] {
        assert_eq!(value("mixed", right), text(right));
    }
}

#[test]
fn a_refusal_says_why_and_repeats_no_secret() {
    let error = value("interval", "5").unwrap_err();
    assert_eq!(error.app_tag.as_deref(), Some("interval-range"));
    assert_eq!(error.message, "The interval is 10 to 3600 seconds.");
    let error = value("password", "p").unwrap_err();
    assert_eq!(error.message, "not a value of this leaf");
}

#[test]
fn a_tree_is_validated_and_all_its_errors_are_told() {
    assert_eq!(
        SCHEMA.validate("{}", Format::Json),
        Ok(()),
        "no implicit state of ietf-yang-library is missed"
    );
    assert_eq!(SCHEMA.validate(&device(""), Format::Json), Ok(()));
    let wrong = device(
        ",\"fleetbridge-profile-test:extra\":{\"low\":5,\"high\":1,\
         \"port\":[{\"slot\":\"a\",\"number\":1},{\"slot\":\"a\",\"number\":2,\"needed\":\"x\",\"vlan\":[1,2,3]}]}",
    );
    let found = SCHEMA.validate(&wrong, Format::Json).unwrap_err();
    let tags: Vec<_> = found.iter().filter_map(|violation| violation.app_tag.as_deref()).collect();
    assert!(tags.contains(&"must-violation") && tags.contains(&"too-many-elements"), "{found:?}");
    assert!(found.iter().any(|violation| violation.message.contains("needed")), "{found:?}");
    assert!(
        found.iter().all(|violation| violation.path.starts_with("/fleetbridge:fleet/device[name='a']")),
        "{found:?}"
    );
    // The next call starts anew.
    assert_eq!(SCHEMA.validate(&device(""), Format::Json), Ok(()));
    assert!(SCHEMA.validate(&device(",\"number\":1"), Format::Json).is_err(), "state is no configuration");
    assert!(SCHEMA.validate(&device(",\"nothing\":1"), Format::Json).is_err());
}

#[test]
fn trees_become_the_other_format() {
    let json =
        device(",\"group\":[\"x\"],\"settings\":{\"fleetbridge-profile-test:test\":{\"flag\":[null]}}");
    let xml = SCHEMA.convert(&json, Format::Json, Format::Xml).unwrap();
    assert_eq!(
        xml,
        "<fleet xmlns=\"urn:fleetbridge:yang:fleetbridge\"><device><name>a</name><group>x</group>\
         <settings><test xmlns=\"urn:fleetbridge:yang:profile:test\"><flag/></test></settings></device></fleet>"
    );
    assert_eq!(SCHEMA.convert(&xml, Format::Xml, Format::Json).unwrap(), json);
}

#[test]
fn a_nul_is_refused_and_never_cuts_short() {
    assert!(value("password", "ab\0cd").is_err());
    assert!(SCHEMA.validate("{}\0}", Format::Json).is_err());
    assert!(SCHEMA.validate("<fleet xmlns=\"urn:fleetbridge:yang:fleetbridge\"/>\0", Format::Xml).is_err());
    for source in [
        Source::served("a\0b", "2026-11-23", "module a { }"),
        Source::served("a", "2026\0", "module a { }"),
        Source::served("a", "2026-11-23", "module a { }\0"),
    ] {
        assert!(matches!(Schema::load(&[source]), Err(SchemaError::Text(_))));
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = "[".repeat(1_000_000);
    assert!(SCHEMA.validate(&deep, Format::Json).is_err());
    assert!(SCHEMA.validate(&"<a>".repeat(1_000_000), Format::Xml).is_err());
    let text = "\\\"[".repeat(1000);
    let deep_text = device(&format!(",\"alias\":\"{text}\""));
    assert!(
        SCHEMA.validate(&deep_text, Format::Json).unwrap_err()[0].message.contains("length"),
        "brackets in text"
    );
    assert!(SCHEMA.validate(&" ".repeat(17 << 20), Format::Json).is_err());
    assert!(value("mixed", &"x".repeat(65 << 10)).is_err());
}

#[test]
fn modules_come_from_memory_only() {
    let importing =
        Source::served("a", "2026-11-23", "module a { namespace \"a\"; prefix a; import b { prefix b; } }");
    let error = Schema::load(std::slice::from_ref(&importing)).unwrap_err();
    assert!(error.to_string().contains('b'), "{error}");
    let error = Schema::load(&[Source::served("a", "2026-11-23", "module a {")]).unwrap_err();
    assert!(matches!(error, SchemaError::Refused(_)));
    // Another name than the one that was asked for.
    assert!(
        Schema::load(&[Source::served("c", "2026-11-23", "module a { namespace \"a\"; prefix a; }")])
            .is_err()
    );
}

#[test]
fn the_library_lists_every_module() {
    let module = SCHEMA.module("fleetbridge").unwrap();
    assert_eq!((module.revision.as_str(), module.prefix.as_str()), ("2026-11-23", "fb"));
    assert!(module.implemented && module.text.starts_with("module fleetbridge {"));
    let carried = SCHEMA.module("ietf-inet-types").unwrap();
    assert!(!carried.implemented && carried.text.contains("typedef ip-address"), "libyang's own is printed");
    let netconf = SCHEMA.module_of("urn:ietf:params:xml:ns:netconf:base:1.0").unwrap();
    assert!(netconf.features.iter().any(|feature| feature == "candidate"));
    assert!(!netconf.features.iter().any(|feature| feature == "startup"), "not offered");

    let library = SCHEMA.library(&["running", "operational"]);
    assert!(library.contains("<module><name>fleetbridge</name><revision>2026-11-23</revision>"));
    assert!(library.contains("<import-only-module><name>ietf-netconf-acm</name>"));
    assert!(library.contains(">ds:operational</name>"));
    for name in ["yang", "default", "ietf-yang-schema-mount"] {
        assert!(SCHEMA.module(name).is_none(), "libyang's own {name} is not served");
    }
    assert!(SCHEMA.find("/ietf-yang-schema-mount:schema-mounts").is_none());
    assert!(SCHEMA.find("/ietf-yang-library:yang-library").is_some());
    let state = SCHEMA.modules_state();
    assert!(state.contains("<name>ietf-netconf-acm</name><revision>2018-02-14</revision>"));
    assert_eq!(state.matches("<conformance-type>").count(), SCHEMA.modules().len());
    let other = Schema::load(&yang_without_profile()).unwrap();
    assert_ne!(SCHEMA.content_id(), other.content_id());
    assert_eq!(
        SCHEMA.content_id(),
        Schema::load(&modules()).unwrap().content_id(),
        "the same after a restart"
    );
}

#[test]
fn features_and_deviations_are_known() {
    let base = "module base { yang-version 1.1; namespace \"urn:base\"; prefix b; revision 2026-01-01; feature f; feature g;
        container c { leaf f { if-feature f; type string; } leaf g { if-feature g; type string; } leaf h { type string; } } }";
    let deviating =
        "module dev { namespace \"urn:dev\"; prefix d; import base { prefix b; } revision 2026-01-01;
        deviation \"/b:c/b:h\" { deviate not-supported; } }";
    let base = Source { features: &["g"], ..Source::served("base", "2026-01-01", base) };
    let schema = Schema::load(&[base, Source::served("dev", "2026-01-01", deviating)]).unwrap();
    let module = schema.module("base").unwrap();
    assert_eq!(
        (module.features.as_slice(), module.deviations.as_slice()),
        (&["g".to_owned()][..], &["dev".to_owned()][..])
    );
    assert!(schema.find("/base:c/g").is_some());
    assert!(schema.find("/base:c/f").is_none() && schema.find("/base:c/h").is_none());
    assert!(schema.library(&[]).contains("<feature>g</feature><deviation>dev</deviation>"));
    assert!(
        schema
            .modules_state()
            .contains("<deviation><name>dev</name><revision>2026-01-01</revision></deviation>")
    );
}

fn yang_without_profile() -> Vec<Source<'static>> {
    fleetbridge::yang::modules()
}

#[test]
fn threads_share_a_schema() {
    std::thread::scope(|scope| {
        for thread in 0..4 {
            scope.spawn(move || {
                for round in 10..500 {
                    assert_eq!(value("interval", &round.to_string()), bare(&round.to_string()));
                    assert_eq!(
                        value("interval", "1").unwrap_err().app_tag.as_deref(),
                        Some("interval-range")
                    );
                    let alias = device(&format!(",\"alias\":\"{thread}-{round}\""));
                    assert_eq!(SCHEMA.validate(&alias, Format::Json), Ok(()));
                    assert_eq!(
                        SCHEMA.validate(&device(",\"alias\":\"\""), Format::Json).unwrap_err().len(),
                        1
                    );
                }
            });
        }
    });
}

/// yang5 leaks the results of find_xpath, print_bytes and its import callback; none of them is used.
#[test]
fn nothing_leaks() {
    let alone = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "memory_stays"])
        .output()
        .unwrap();
    assert!(alone.status.success(), "{}", String::from_utf8_lossy(&alone.stdout));
}

#[test]
#[ignore = "needs a process of its own, which nothing_leaks gives it"]
fn memory_stays() {
    let round = || {
        for count in 0..200 {
            let _ = value("interval", &count.to_string());
            let _ = value("mixed", &format!("text {count}"));
            let _ = SCHEMA.validate(&device(&format!(",\"alias\":\"{count}\"")), Format::Json);
            let _ = SCHEMA.validate(&device(",\"alias\":\"\",\"nothing\":0"), Format::Json);
            let _ = SCHEMA.convert(&device(",\"site\":\"x\""), Format::Json, Format::Xml);
            let _ = SCHEMA.convert("{\"fleetbridge:fleet\":{\"device\":[{", Format::Json, Format::Xml);
        }
    };
    let load = || drop(Schema::load(&modules()).unwrap());
    (0..20).for_each(|_| round());
    (0..10).for_each(|_| load());
    let before = resident();
    (0..100).for_each(|_| round());
    let between = resident();
    (0..40).for_each(|_| load());
    let after = resident();
    // libyang keeps errors by thread: threads that come and go must leave nothing.
    let threads = || {
        for _ in 0..2000 {
            std::thread::spawn(|| value("interval", "1").unwrap_err()).join().unwrap();
        }
    };
    threads();
    let quiet = resident();
    threads();
    assert!(resident() < quiet + (1 << 20), "{quiet} -> {}", resident());
    // A leaked 100 octets in each of 120,000 calls would be 12 MB; a leaked module text in each load 4 MB.
    assert!(between < before + (2 << 20), "{before} -> {between}");
    assert!(after < between + (3 << 20), "{between} -> {after}");
}

fn resident() -> usize {
    let pages = std::fs::read_to_string("/proc/self/statm").unwrap();
    pages.split(' ').nth(1).unwrap().parse::<usize>().unwrap() * 4096
}
