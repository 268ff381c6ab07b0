//! Edits as RFC 6241 and RFC 7950 have them, on running and candidate; locks; reading.

mod datastore_support;

use std::sync::Arc;

use datastore_support::*;
use fleetbridge::datastore::*;

const EXTRA: &str = "xmlns=\"urn:fleetbridge:yang:profile:test\"";

const A: &str = "\"alias\":\"first\",\"group\":[\"x\",\"y\"],\"label\":[{\"name\":\"k\",\"value\":\"v\"}],\
                 \"settings\":{\"fleetbridge-profile-test:test\":{\"interval\":60,\"password\":\"geheim\"}}";

#[test]
fn a_device_is_written_and_read() {
    let bench = filled();
    assert_eq!(bench.row("a").unwrap(), A);
    assert_eq!(bench.row("b"), None);
    let row = bench.datastore.read("a", Source::Running).unwrap().unwrap();
    let mut xml = Vec::new();
    bench.datastore.write_xml(&row, |_| true, &mut xml).unwrap();
    assert_eq!(
        String::from_utf8(xml).unwrap(),
        "<device><name>a</name><alias>first</alias><group>x</group><group>y</group>\
         <label><name>k</name><value>v</value></label>\
         <settings><test xmlns=\"urn:fleetbridge:yang:profile:test\"><interval>60</interval><password>geheim</password></test></settings></device>"
    );
    let schema = bench.datastore.schema().clone();
    let mut xml = Vec::new();
    bench.datastore.write_xml(&row, |node| schema[node].name == "label", &mut xml).unwrap();
    assert_eq!(xml, b"<device><name>a</name><label><name>k</name></label></device>", "keys are always there");
}

#[test]
fn values_of_every_encoding_survive() {
    let bench = Bench::new();
    let content = "<t:calibration>1.50</t:calibration><t:counter>18446744073709551615</t:counter><t:enabled>true</t:enabled>\
        <t:flag/><t:colour>t:red</t:colour><t:mixed>9</t:mixed><t:password>&lt;&amp;&#x22;\\&#13;é</t:password>";
    bench.edit(&device("a", &settings(content))).unwrap();
    assert_eq!(
        bench.row("a").unwrap(),
        "\"settings\":{\"fleetbridge-profile-test:test\":{\"calibration\":\"1.5\",\"counter\":\"18446744073709551615\",\"enabled\":true,\
         \"flag\":[null],\"colour\":\"fleetbridge-profile-test:red\",\"mixed\":9,\"password\":\"<&\\\"\\\\\\u000dé\"}}"
    );
    // What is printed is read back as the same.
    let row = bench.datastore.read("a", Source::Running).unwrap().unwrap();
    let mut xml = Vec::new();
    bench.datastore.write_xml(&row, |_| true, &mut xml).unwrap();
    let xml = String::from_utf8(xml).unwrap();
    assert!(xml.contains("<colour xmlns:fleetbridge-profile-test=\"urn:fleetbridge:yang:profile:test\">fleetbridge-profile-test:red<"));
    let again = Bench::new();
    again.edit(&xml).unwrap();
    assert_eq!(again.row("a"), bench.row("a"));
}

#[test]
fn white_space_comments_and_instructions_say_nothing() {
    let bench = Bench::new();
    let nothing = "<!-- <x> --><?pi <x> ?>&#13;\n<![CDATA[ ]]>&#x20;";
    let written = bench.edit(&format!(
        "{nothing}<device>{nothing}<name>a</name>{nothing}<site><!-- --><![CDATA[<]]><?pi?>&#62;\u{fc}&lt;</site>\
         {nothing}</device>{nothing}"
    ));
    written.unwrap();
    assert_eq!(bench.row("a").unwrap(), "\"site\":\"<>ü<\"");
    let (tag, _, _) = first(bench.edit("&#65;"));
    assert_eq!(tag, Tag::BadElement);
}

#[test]
fn an_error_path_names_its_modules() {
    let bench = filled();
    let (_, path, _) = first(bench.edit(&device("a", &settings("<t:interval>5</t:interval>"))));
    let declared = path::namespaces(bench.datastore.schema(), &path);
    assert_eq!(
        declared,
        [
            ("fleetbridge", "urn:fleetbridge:yang:fleetbridge"),
            ("fleetbridge-profile-test", "urn:fleetbridge:yang:profile:test")
        ]
    );
    let quoted = "/fleetbridge:fleet[fleetbridge:x='ietf-netconf:y/']";
    assert_eq!(path::namespaces(bench.datastore.schema(), quoted).len(), 1, "what is quoted is no prefix");
}

/// Each edit of device `a`, and the row after it or the error's tag and path.
#[test]
fn operations_on_nodes() {
    let a = "/fleetbridge:fleet/fleetbridge:device[fleetbridge:name='a']";
    let below = |steps: &str| format!("{a}/fleetbridge:{}", steps.replace('/', "/fleetbridge:"));
    let label = |key: &str| below(&format!("label[fleetbridge:name={key}]"));
    let set = |from: &str, to: &str| -> Result<String, (Tag, String)> { Ok(A.replace(from, to)) };
    let no = |tag: Tag, path: String| -> Result<String, (Tag, String)> { Err((tag, path)) };
    let cases = [
        // RFC 6241 7.2, RFC 7950 7.6.7: leaves.
        ("<alias>new</alias>", set("first", "new")),
        ("<alias nc:operation=\"replace\">new</alias>", set("first", "new")),
        ("<alias nc:operation=\"create\">new</alias>", no(Tag::DataExists, format!("{a}/fleetbridge:alias"))),
        ("<alias nc:operation=\"delete\"/>", set("\"alias\":\"first\",", "")),
        ("<alias nc:operation=\"delete\">whatever</alias>", set("\"alias\":\"first\",", "")),
        ("<alias nc:operation=\"remove\"/>", set("\"alias\":\"first\",", "")),
        ("<site nc:operation=\"delete\"/>", no(Tag::DataMissing, format!("{a}/fleetbridge:site"))),
        ("<site nc:operation=\"remove\"/>", Ok(A.to_owned())),
        ("<site nc:operation=\"create\">s</site>", set("\"group\"", "\"site\":\"s\",\"group\"")),
        ("<alias></alias>", no(Tag::InvalidValue, format!("{a}/fleetbridge:alias"))),
        // RFC 7950 7.7.9: entries of leaf-lists.
        ("<group>z</group>", set("\"y\"", "\"y\",\"z\"")),
        ("<group>x</group>", Ok(A.to_owned())),
        (
            "<group nc:operation=\"create\">x</group>",
            no(Tag::DataExists, format!("{a}/fleetbridge:group[.='x']")),
        ),
        ("<group nc:operation=\"delete\">x</group>", set("\"x\",", "")),
        (
            "<group nc:operation=\"delete\">z</group>",
            no(Tag::DataMissing, format!("{a}/fleetbridge:group[.='z']")),
        ),
        ("<group nc:operation=\"remove\">z</group>", Ok(A.to_owned())),
        // RFC 7950 7.8.6: entries of lists.
        ("<label><name>k</name><value>w</value></label>", set("\"v\"", "\"w\"")),
        ("<label><name>l</name></label>", set("}],\"set", "},{\"name\":\"l\"}],\"set")),
        ("<label><value>w</value><name>k</name></label>", set("\"v\"", "\"w\"")),
        ("<label nc:operation=\"replace\"><name>k</name></label>", set(",\"value\":\"v\"", "")),
        ("<label nc:operation=\"create\"><name>k</name></label>", no(Tag::DataExists, label("'k'"))),
        (
            "<label nc:operation=\"delete\"><name>k</name></label>",
            set("\"label\":[{\"name\":\"k\",\"value\":\"v\"}],", ""),
        ),
        ("<label nc:operation=\"delete\"><name>n</name></label>", no(Tag::DataMissing, label("'n'"))),
        ("<label nc:operation=\"remove\"><name>n</name></label>", Ok(A.to_owned())),
        ("<label><value>w</value></label>", no(Tag::MissingElement, below("label"))),
        ("<label><name>k</name><name>l</name></label>", no(Tag::BadElement, below("label"))),
        ("<label><name nc:operation=\"delete\">k</name></label>", no(Tag::BadAttribute, below("label/name"))),
        ("<label><name></name></label>", no(Tag::InvalidValue, below("label/name"))),
        // RFC 7950 7.5.8: containers.
        ("<settings nc:operation=\"delete\"/>", Ok(A[..A.find(",\"settings").unwrap()].to_owned())),
        ("<asset nc:operation=\"delete\"/>", no(Tag::DataMissing, format!("{a}/fleetbridge:asset"))),
        (
            "<asset nc:operation=\"create\"><tag>1</tag></asset>",
            set("\"settings\"", "\"asset\":{\"tag\":\"1\"},\"settings\""),
        ),
        ("<settings nc:operation=\"create\"/>", no(Tag::DataExists, format!("{a}/fleetbridge:settings"))),
        (
            "<settings><t:test nc:operation=\"replace\"><t:interval>99</t:interval></t:test></settings>",
            set("\"interval\":60,\"password\":\"geheim\"", "\"interval\":99"),
        ),
        (
            "<settings><t:test nc:operation=\"replace\"/></settings>",
            set("\"interval\":60,\"password\":\"geheim\"", ""),
        ),
        (
            "<settings nc:operation=\"replace\"><t:test><t:interval nc:operation=\"delete\"/></t:test></settings>",
            no(
                Tag::DataMissing,
                format!(
                    "{a}/fleetbridge:settings/fleetbridge-profile-test:test/fleetbridge-profile-test:interval"
                ),
            ),
        ),
        // RFC 7950 8.3.1: payload.
        ("<nothing/>", no(Tag::UnknownElement, below("nothing"))),
        ("<number>1</number>", no(Tag::UnknownElement, below("number"))),
        ("<x xmlns=\"urn:nothing\"/>", no(Tag::UnknownNamespace, a.to_owned())),
        ("<alias xmlns=\"\">x</alias>", no(Tag::UnknownNamespace, a.to_owned())),
        ("<alias>a</alias><alias>b</alias>", no(Tag::BadElement, a.to_owned())),
        ("<alias><b/></alias>", no(Tag::UnknownElement, below("alias/b"))),
        ("<asset>text</asset>", no(Tag::BadElement, below("asset"))),
        ("<asset><b/><c/><tag nc:x=\"y\"/></asset>", no(Tag::UnknownElement, below("asset/b"))),
        ("<alias nc:operation=\"swap\">x</alias>", no(Tag::BadAttribute, below("alias"))),
        ("<alias operation=\"merge\">x</alias>", no(Tag::UnknownAttribute, below("alias"))),
        ("<alias nc:other=\"merge\">x</alias>", no(Tag::UnknownAttribute, below("alias"))),
        (
            "<group xmlns:yang=\"urn:ietf:params:xml:ns:yang:1\" yang:insert=\"first\">x</group>",
            no(Tag::UnknownAttribute, below("group")),
        ),
        // Keys of the entry count wherever they stand.
        (
            "<label><b/><name>it's</name></label>",
            no(Tag::UnknownElement, label("\"it's\"") + "/fleetbridge:b"),
        ),
        (
            "<label><value><b/></value><name>k</name></label>",
            no(Tag::UnknownElement, label("'k'") + "/fleetbridge:value/fleetbridge:b"),
        ),
        ("<label nc:x=\"y\"><name>k</name></label>", no(Tag::UnknownAttribute, label("'k'"))),
        ("<label><b/></label>", no(Tag::UnknownElement, below("label/b"))),
        ("<label><b/><name nc:x=\"y\">k</name></label>", no(Tag::UnknownElement, below("label/b"))),
        ("<alias>&nothing;</alias>", no(Tag::MalformedMessage, String::new())),
        ("<alias>&#0;</alias>", no(Tag::MalformedMessage, String::new())),
        ("<alias>x</site>", no(Tag::MalformedMessage, String::new())),
        ("<undeclared:alias/>", no(Tag::MalformedMessage, String::new())),
    ];
    for (content, wanted) in cases {
        let bench = filled();
        let found = match bench.edit(&device("a", content)) {
            Ok(_) => Ok(bench.row("a").unwrap()),
            Err(errors) => {
                assert_eq!(bench.row("a").unwrap(), A, "{content}: nothing is done");
                Err((errors[0].tag, errors[0].path.clone()))
            }
        };
        assert_eq!(found, wanted, "{content}");
    }
}

#[test]
fn operations_on_devices() {
    let path = "/fleetbridge:fleet/fleetbridge:device[fleetbridge:name='a']";
    let operation = |operation: &str, name: &str, content: &str| {
        format!("<device nc:operation=\"{operation}\"><name>{name}</name>{content}</device>")
    };
    let bench = filled();
    let error = bench.edit(&operation("create", "a", "")).unwrap_err().swap_remove(0);
    assert_eq!((error.tag, error.path.as_str()), (Tag::DataExists, path));
    assert_eq!(error.info, [Info::BadElement("device".to_owned())]);
    assert_eq!(tag(bench.edit(&operation("delete", "b", ""))), Tag::DataMissing);
    bench.edit(&operation("remove", "b", "")).unwrap();
    bench.edit(&operation("replace", "a", "<site>s</site>")).unwrap();
    assert_eq!(bench.row("a").unwrap(), "\"site\":\"s\"");
    bench.edit(&operation("create", "b", "<site>t</site>")).unwrap();
    bench.edit(&operation("delete", "a", "")).unwrap();
    assert_eq!(bench.names(Source::Running), ["b"]);
    let delta = bench.edit(&operation("create", "a", "")).unwrap().delta.unwrap();
    assert_eq!(delta.devices[0].number, 1, "a number belongs to its name for ever");
    assert_eq!(bench.names(Source::Running), ["a", "b"], "the order is that of the numbers");
    for name in ["", "-a", "a b", &"x".repeat(65)] {
        assert_eq!(tag(bench.edit(&device(name, ""))), Tag::InvalidValue, "{name}");
    }
    assert_eq!(tag(bench.edit("<device/>")), Tag::MissingElement);
    for (content, wanted) in [
        ("<device><b/><name>a</name></device>", "/fleetbridge:device[fleetbridge:name='a']/fleetbridge:b"),
        ("<device x=\"y\"><name>a</name></device>", "/fleetbridge:device[fleetbridge:name='a']"),
        ("<device><b/><name>-</name></device>", "/fleetbridge:device/fleetbridge:b"),
        ("<device/>", "/fleetbridge:device"),
        ("<device><name>-</name></device>", "/fleetbridge:device/fleetbridge:name"),
        ("<b/>", "/fleetbridge:b"),
        ("text", ""),
    ] {
        let (_, path, _) = first(bench.edit(content));
        assert_eq!(path, format!("/fleetbridge:fleet{wanted}"), "{content}");
    }
    let config = whole("<fleet xmlns=\"urn:fleetbridge:yang:fleetbridge\" nc:x=\"y\"><device/><b/></fleet>");
    let edited = bench.datastore.edit(&session(1), Target::Running, &Edit::new(config.as_bytes()), NOW);
    assert_eq!(first(edited).1, "/fleetbridge:fleet");
    // Later entries of one request see the earlier ones.
    bench.edit(&format!("{}{}", device("c", "<site>1</site>"), operation("delete", "c", ""))).unwrap();
    assert_eq!(bench.row("c"), None);
    assert_eq!(
        tag(bench.edit(&format!("{}{}", device("c", ""), operation("create", "c", "")))),
        Tag::DataExists
    );
}

#[test]
fn operations_on_the_fleet_and_on_everything() {
    let fleet = |operation: &str, content: &str| {
        whole(&format!(
            "<fleet xmlns=\"urn:fleetbridge:yang:fleetbridge\" nc:operation=\"{operation}\">{content}</fleet>"
        ))
    };
    let run = |bench: &Bench, config: &str| {
        bench.datastore.edit(&session(1), Target::Running, &Edit::new(config.as_bytes()), NOW)
    };
    for (operation, content, wanted) in [
        ("delete", "", Ok(vec![])),
        ("remove", "", Ok(vec![])),
        ("replace", "<device><name>z</name></device>", Ok(vec!["z"])),
        ("replace", "", Ok(vec![])),
        ("create", "", Err(Tag::DataExists)),
        ("merge", "<device><name>z</name></device>", Ok(vec!["a", "b", "z"])),
    ] {
        let bench = filled();
        bench.edit(&device("b", "")).unwrap();
        match (run(&bench, &fleet(operation, content)), wanted) {
            (Ok(_), Ok(names)) => assert_eq!(bench.names(Source::Running), names, "{operation}"),
            (Err(errors), Err(tag)) => assert_eq!(errors[0].tag, tag, "{operation}"),
            (found, wanted) => panic!("{operation}: {found:?}, not {wanted:?}"),
        }
    }
    let empty = Bench::new();
    assert_eq!(tag(run(&empty, &fleet("delete", ""))), Tag::DataMissing);
    assert!(run(&empty, &fleet("remove", "")).unwrap().delta.is_none());
    run(&empty, &fleet("create", &device("a", ""))).unwrap();

    let bench = filled();
    bench.edit(&device("b", "")).unwrap();
    let replaced = bench.datastore.copy_config(
        &session(1),
        Target::Running,
        config(&device("b", "<site>s</site>")).as_bytes(),
        true,
        NOW,
    );
    let delta = replaced.unwrap().delta.unwrap();
    assert_eq!(delta.devices.len(), 2);
    assert_eq!((bench.row("a"), bench.row("b").unwrap().as_str()), (None, "\"site\":\"s\""));
    bench.datastore.copy_config(&session(1), Target::Running, whole("").as_bytes(), true, NOW).unwrap();
    assert!(bench.names(Source::Running).is_empty());
}

#[test]
fn what_is_not_a_config_or_not_of_the_fleet() {
    let bench = filled();
    let run = |config: &str| {
        tag(bench.datastore.edit(&session(1), Target::Running, &Edit::new(config.as_bytes()), NOW))
    };
    assert_eq!(run(""), Tag::MissingElement);
    assert_eq!(run("<other/>"), Tag::MissingElement);
    assert_eq!(run("<config>"), Tag::MalformedMessage);
    assert_eq!(run("<config><fleet xmlns=\"urn:fleetbridge:yang:fleetbridge\">"), Tag::MalformedMessage);
    assert_eq!(run("<config>text</config>"), Tag::BadElement);
    assert_eq!(run("<!DOCTYPE x><config/>"), Tag::MalformedMessage);
    assert_eq!(
        run("<config><nothing xmlns=\"urn:fleetbridge:yang:fleetbridge\"/></config>"),
        Tag::UnknownElement
    );
    assert_eq!(run(&config("<summary/>")), Tag::UnknownElement, "state");
    let not_utf8 = Edit::new(b"<config>\xff</config>");
    assert_eq!(
        tag(bench.datastore.edit(&session(1), Target::Running, &not_utf8, NOW)),
        Tag::MalformedMessage
    );
    let deep =
        format!("<config>{}</config>", "<fleet xmlns=\"urn:fleetbridge:yang:fleetbridge\">".repeat(200_000));
    assert_eq!(run(&deep), Tag::MalformedMessage);
    assert_eq!(bench.row("a").unwrap(), A);
}

#[test]
fn the_default_operation() {
    let bench = filled();
    let run = |default_operation, fleet: &str| {
        let config = config(fleet);
        let edit = Edit { default_operation, ..Edit::new(config.as_bytes()) };
        bench.datastore.edit(&session(1), Target::Running, &edit, NOW)
    };
    // none: nothing but what has an operation of its own; what it passes through must be there.
    run(
        DefaultOperation::None,
        &device("a", "<label><name>k</name></label><alias nc:operation=\"merge\">n</alias>"),
    )
    .unwrap();
    assert_eq!(bench.row("a").unwrap(), A.replace("first", "n"));
    assert_eq!(tag(run(DefaultOperation::None, &device("b", ""))), Tag::DataMissing);
    assert_eq!(
        tag(run(DefaultOperation::None, &device("a", "<label><name>l</name></label>"))),
        Tag::DataMissing
    );
    run(DefaultOperation::None, &device("a", "<asset><tag nc:operation=\"create\">1</tag></asset>")).unwrap();
    // replace: all of the datastore.
    bench.edit(&device("b", "")).unwrap();
    run(DefaultOperation::Replace, &device("a", "<site>s</site>")).unwrap();
    assert_eq!((bench.row("a").unwrap().as_str(), bench.row("b")), ("\"site\":\"s\"", None));
}

#[test]
fn error_options() {
    let fleet = format!(
        "{}{}{}",
        device("b", ""),
        device("c", "<alias></alias>"),
        device("d", "<nothing/><site>s</site>")
    ) + &device("e", "");
    let run = |error_option| {
        let bench = filled();
        let config = config(&fleet);
        let edit = Edit { error_option, ..Edit::new(config.as_bytes()) };
        (bench.datastore.edit(&session(1), Target::Running, &edit, NOW), bench)
    };
    for option in [ErrorOption::StopOnError, ErrorOption::RollbackOnError] {
        let (outcome, bench) = run(option);
        assert_eq!(outcome.unwrap_err().len(), 1);
        assert_eq!(bench.names(Source::Running), ["a"]);
    }
    let (outcome, bench) = run(ErrorOption::ContinueOnError);
    let tags: Vec<_> = outcome.unwrap().errors.iter().map(|error| error.tag).collect();
    assert_eq!(tags, [Tag::InvalidValue, Tag::UnknownElement]);
    assert_eq!(bench.names(Source::Running), ["a", "b", "e"]);
}

#[test]
fn test_options() {
    let bench = filled();
    let run = |target, test_option, content: &str| {
        let config = config(&device("a", content));
        let edit = Edit { test_option, ..Edit::new(config.as_bytes()) };
        bench.datastore.edit(&session(1), target, &edit, NOW)
    };
    let wrong = format!("<extra {EXTRA}><low>5</low><high>1</high></extra>");
    for target in [Target::Running, Target::Candidate] {
        assert_eq!(tag(run(target, TestOption::TestThenSet, &wrong)), Tag::OperationFailed);
        assert_eq!(tag(run(target, TestOption::TestOnly, &wrong)), Tag::OperationFailed);
        run(target, TestOption::TestOnly, "<alias>new</alias>").unwrap();
        assert_eq!((bench.row("a").unwrap(), bench.candidate("a").unwrap()), (A.to_owned(), A.to_owned()));
    }
    assert_eq!(
        tag(run(Target::Running, TestOption::Set, &wrong)),
        Tag::OperationFailed,
        "running is always valid"
    );
    run(Target::Candidate, TestOption::Set, &wrong).unwrap();
    let (tag, path, app_tag) = first(bench.datastore.validate(Source::Candidate));
    assert_eq!((tag, app_tag.as_deref()), (Tag::OperationFailed, Some("must-violation")));
    assert_eq!(
        path,
        "/fleetbridge:fleet/fleetbridge:device[fleetbridge:name='a']/fleetbridge-profile-test:extra/fleetbridge-profile-test:high"
    );
    bench.commit().unwrap_err();
    bench.datastore.validate(Source::Running).unwrap();
    bench.datastore.validate_config(config(&device("q", "")).as_bytes()).unwrap();
    assert_eq!(
        self::tag(bench.datastore.validate_config(config(&device("q", &wrong)).as_bytes())),
        Tag::OperationFailed
    );
}

#[test]
fn choices_lists_with_keys_and_constraints() {
    let bench = Bench::new();
    let extra = |content: &str| device("a", &format!("<extra {EXTRA}>{content}</extra>"));
    bench.edit(&extra("<two-a>1</two-a><two-b>2</two-b>")).unwrap();
    bench.edit(&extra("<one>x</one>")).unwrap();
    assert_eq!(
        bench.row("a").unwrap(),
        "\"fleetbridge-profile-test:extra\":{\"one\":\"x\"}",
        "the other case is gone"
    );
    assert_eq!(tag(bench.edit(&extra("<one>x</one><two-a>1</two-a>"))), Tag::BadElement);
    bench.edit(&extra("<one nc:operation=\"delete\"/><two-a>1</two-a>")).unwrap();
    bench.edit(&extra("<two-a nc:operation=\"delete\"/>")).unwrap();
    assert_eq!(bench.row("a").unwrap(), "", "a container without presence exists by its content");

    let port = |slot: &str, number: u8, content: &str| {
        extra(&format!("<port><slot>{slot}</slot><number>{number}</number>{content}</port>"))
    };
    let (tag, path, _) = first(bench.edit(&port("it's", 1, "")));
    assert_eq!(tag, Tag::DataMissing, "mandatory");
    assert!(
        path.contains("[fleetbridge-profile-test:slot=\"it's\"][fleetbridge-profile-test:number='1']"),
        "{path}"
    );
    bench.edit(&port("x", 2, "<needed>n</needed><tag>t</tag><vlan>7</vlan>")).unwrap();
    bench.edit(&port("x", 10, "<needed>n</needed>")).unwrap();
    let (tag, _, app_tag) = first(bench.edit(&port("y", 1, "<needed>n</needed><tag>t</tag>")));
    assert_eq!((tag, app_tag.as_deref()), (Tag::OperationFailed, Some("data-not-unique")));
    let (tag, _, app_tag) = first(bench.edit(&port("x", 2, "<vlan>8</vlan><vlan>9</vlan>")));
    assert_eq!((tag, app_tag.as_deref()), (Tag::OperationFailed, Some("too-many-elements")));
    assert_eq!(
        bench.row("a").unwrap(),
        "\"fleetbridge-profile-test:extra\":{\"port\":[{\"slot\":\"x\",\"number\":10,\"needed\":\"n\"},\
         {\"slot\":\"x\",\"number\":2,\"tag\":\"t\",\"needed\":\"n\",\"vlan\":[7]}]}"
    );
}

#[test]
fn aliases_are_unique_across_devices() {
    let bench = Bench::new();
    bench.edit(&format!("{}{}", device("a", "<alias>x</alias>"), device("b", "<alias>y</alias>"))).unwrap();
    for fleet in [
        device("c", "<alias>x</alias>"),
        format!("{}{}", device("c", "<alias>z</alias>"), device("d", "<alias>z</alias>")),
    ] {
        let error = bench.edit(&fleet).unwrap_err().swap_remove(0);
        assert_eq!((error.tag, error.app_tag.as_deref()), (Tag::OperationFailed, Some("data-not-unique")));
        assert!(matches!(&error.info[..], [Info::NonUnique(_), Info::NonUnique(_)]), "{error:?}");
    }
    bench.edit(&format!("{}{}", device("a", "<alias>y</alias>"), device("b", "<alias>x</alias>"))).unwrap();
    assert_eq!(bench.row("a").unwrap(), "\"alias\":\"y\"", "swapped in one commit");
    bench
        .edit(&format!(
            "<device nc:operation=\"delete\"><name>a</name></device>{}",
            device("b", "<alias>y</alias>")
        ))
        .unwrap();
}

#[test]
fn candidate_follows_running_where_it_is_not_edited() {
    let bench = filled();
    bench.stage(&device("a", "<alias>mine</alias><label><name>k</name><value>w</value></label>")).unwrap();
    bench.stage(&device("new", "<site>s</site>")).unwrap();
    assert_eq!(bench.row("a").unwrap(), A);
    bench
        .edit_as(&snmp(), Target::Running, &device("a", "<alias>theirs</alias><site>theirs</site>"))
        .unwrap();
    bench.edit_as(&snmp(), Target::Running, &device("b", "")).unwrap();
    let candidate = bench.candidate("a").unwrap();
    assert!(
        candidate.contains("mine")
            && candidate.contains("\"site\":\"theirs\"")
            && candidate.contains("\"w\"")
    );
    assert_eq!(bench.names(Source::Candidate), ["a", "b", "new"]);
    assert_eq!(bench.names(Source::Running), ["a", "b"]);

    let delta = bench.commit().unwrap().unwrap();
    assert_eq!((delta.user.as_str(), delta.session), ("user1", 1));
    assert_eq!(bench.row("a").unwrap(), candidate, "the candidate wins per leaf");
    assert!(bench.commit().unwrap().is_none(), "nothing is staged any more");
}

#[test]
fn the_audit_tells_who_was_overwritten_and_no_secret() {
    let memory = Arc::new(Memory::default());
    let bench = Bench::on(memory.clone());
    bench.edit(&device("a", &settings("<t:password>geheim</t:password>"))).unwrap();
    bench.stage(&device("a", "<alias>mine</alias><site>s</site>")).unwrap();
    bench.edit_as(&snmp(), Target::Running, &device("a", "<alias>theirs</alias>")).unwrap();
    bench.commit().unwrap();
    let audit = memory.audit();
    let overwritten: Vec<_> = audit.iter().filter(|edit| edit.operation == "overwrite").collect();
    assert_eq!(overwritten.len(), 1);
    assert!(overwritten[0].path.ends_with("/fleetbridge:alias"));
    let password = audit.iter().find(|edit| edit.path.ends_with("password")).unwrap();
    assert!(password.value.as_ref().unwrap().starts_with("hmac-sha256:"), "{password:?}");
    assert!(!format!("{audit:?}").contains("geheim"));
    let again =
        bench.edit(&device("b", &settings("<t:password>geheim</t:password>"))).unwrap().delta.unwrap();
    assert!(!format!("{again:?}").contains("geheim"), "nor a printed delta");
    let hashes: Vec<_> = memory
        .audit()
        .iter()
        .filter(|edit| edit.path.ends_with("password"))
        .map(|edit| edit.value.clone())
        .collect();
    assert_eq!(hashes[0], hashes[1], "the same secret is seen to be the same");
    let error = bench.edit(&device("b", &settings("<t:password>g</t:password>"))).unwrap_err().swap_remove(0);
    assert_eq!(error.message, "not a value of this leaf");
    bench.stage(&device("b", &settings("<t:password>anderes</t:password>"))).unwrap();
    assert!(!format!("{:?}", bench.datastore.show_candidate(100)).contains("anderes"));
}

#[test]
fn an_edit_below_what_is_deleted_meanwhile_is_data_missing() {
    let bench = filled();
    bench.stage(&device("a", "<label><name>k</name><value>w</value></label>")).unwrap();
    bench
        .edit_as(
            &snmp(),
            Target::Running,
            &device("a", "<label nc:operation=\"delete\"><name>k</name></label>"),
        )
        .unwrap();
    let (tag, path, _) = first(bench.commit());
    assert_eq!(tag, Tag::DataMissing, "{path}");
    bench.datastore.discard(&session(1)).unwrap();
    bench.stage(&device("a", "<site>s</site>")).unwrap();
    bench
        .edit_as(&snmp(), Target::Running, "<device nc:operation=\"delete\"><name>a</name></device>")
        .unwrap();
    assert_eq!(first(bench.commit()).0, Tag::DataMissing);
    assert_eq!(bench.candidate("a"), None);
    bench.stage("<device nc:operation=\"create\"><name>a</name><site>t</site></device>").unwrap();
    bench.commit().unwrap();
    assert_eq!(bench.row("a").unwrap(), "\"site\":\"t\"");
}

#[test]
fn candidate_deletes_replaces_and_clears() {
    let bench = filled();
    bench.edit(&device("b", "<site>b</site>")).unwrap();
    bench.stage("<device nc:operation=\"delete\"><name>a</name></device>").unwrap();
    assert_eq!(bench.names(Source::Candidate), ["b"]);
    bench.stage("<device nc:operation=\"create\"><name>a</name><site>new</site></device>").unwrap();
    assert_eq!(bench.candidate("a").unwrap(), "\"site\":\"new\"");
    bench.datastore.discard(&session(1)).unwrap();
    assert_eq!(bench.candidate("a").unwrap(), A);

    let config = config(&device("c", ""));
    bench.datastore.copy_config(&session(1), Target::Candidate, config.as_bytes(), true, NOW).unwrap();
    bench.stage(&device("b", "<alias>b</alias>")).unwrap();
    assert_eq!(bench.candidate("b").unwrap(), "\"alias\":\"b\"", "nothing of running is left below it");
    assert_eq!(bench.names(Source::Candidate), ["b", "c"]);
    // What fails leaves all that was staged before it.
    let shown = bench.datastore.show_candidate(100);
    let wrong = format!("{}{}", device("d", ""), device("e", "<nothing/>"));
    bench.stage(&wrong).unwrap_err();
    let replace = datastore_support::config(&wrong);
    bench.datastore.copy_config(&session(1), Target::Candidate, replace.as_bytes(), true, NOW).unwrap_err();
    assert_eq!(bench.datastore.show_candidate(100), shown);
    assert!(shown.cleared && shown.editors == ["user1"]);
    bench.commit().unwrap();
    assert_eq!(bench.names(Source::Running), ["b", "c"]);
}

#[test]
fn locks() {
    let bench = filled();
    let store = &bench.datastore;
    let denied = |result: Result<(), Error>| {
        let error = result.unwrap_err();
        assert_eq!(error.tag, Tag::LockDenied);
        error.info[0].clone()
    };
    store.lock(&session(1), Target::Running, NOW).unwrap();
    assert_eq!(
        denied(store.lock(&session(1), Target::Running, NOW)),
        Info::SessionId(1),
        "twice by the same session"
    );
    assert_eq!(denied(store.lock(&session(2), Target::Running, NOW)), Info::SessionId(1));
    assert_eq!(denied(store.lock(&snmp(), Target::Candidate, NOW)), Info::SessionId(0));
    store.lock(&session(2), Target::Candidate, NOW).unwrap();

    let error = bench.edit_as(&session(2), Target::Running, &device("b", "")).unwrap_err().swap_remove(0);
    assert_eq!((error.tag, &error.info[0]), (Tag::InUse, &Info::SessionId(1)));
    assert_eq!(store.begin(snmp()).err().map(|error| error.tag), Some(Tag::InUse));
    assert_eq!(tag(bench.stage(&device("b", ""))), Tag::InUse);
    assert_eq!(store.discard(&session(1)).unwrap_err().tag, Tag::InUse);
    bench.edit_as(&session(2), Target::Candidate, &device("b", "")).unwrap();
    assert_eq!(tag(bench.commit()), Tag::InUse, "candidate is locked by another");
    assert_eq!(tag(store.commit(&session(2), CommitRequest::default(), NOW)), Tag::InUse, "running is");

    assert_eq!(store.unlock(&session(2), Target::Running).unwrap_err().tag, Tag::OperationFailed);
    store.unlock(&session(1), Target::Running).unwrap();
    assert_eq!(store.unlock(&session(1), Target::Running).unwrap_err().tag, Tag::OperationFailed);
    // The edits go with their lock (RFC 6241 section 8.3.5.2), whether it is given back or dies with its session.
    store.unlock(&session(2), Target::Candidate).unwrap();
    assert_eq!(bench.candidate("b"), None);
    // A candidate that holds edits is not locked.
    bench.edit_as(&session(2), Target::Candidate, &device("b", "")).unwrap();
    let error = store.lock(&session(3), Target::Candidate, NOW).unwrap_err();
    assert_eq!((error.tag, &error.info[0]), (Tag::LockDenied, &Info::SessionId(0)));
    assert!(error.message.contains("user2"), "{error}");
    store.discard(&session(3)).unwrap();
    store.lock(&session(3), Target::Candidate, NOW).unwrap();
    bench.edit_as(&session(3), Target::Candidate, &device("c", "")).unwrap();
    store.end_session(&session(3), NOW).unwrap();
    assert_eq!((store.lock_holder(Target::Candidate), bench.candidate("c")), (None, None));
}
