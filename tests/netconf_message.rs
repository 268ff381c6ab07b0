//! What RFC 6241 says about requests that are wrong, each with its section: the reply as a client sees it.

mod netconf_support;

use std::sync::Arc;

use fleetbridge::{
    model::Time,
    netconf::{
        capabilities::Capabilities,
        session::{Action, Limits, Session},
    },
};
use netconf_support::*;

const MONITORING: &str = "urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring";
const NOTIFICATION: &str = "urn:ietf:params:xml:ns:netconf:notification:1.0";

/// Sends one message on a new session of :base:1.1; the reply.
fn ask(message: &str) -> String {
    let capabilities = [
        "candidate:1.0",
        "writable-running:1.0",
        "confirmed-commit:1.1",
        "rollback-on-error:1.0",
        "validate:1.1",
        "notification:1.0",
        "with-defaults:1.0?basic-mode=explicit",
    ];
    let capabilities = Arc::new(Capabilities::new(capabilities.map(Capabilities::uri)));
    let now = Time::from_secs(1_800_000_000);
    let mut session = Session::new(1, capabilities, Limits::default(), Arc::default(), Arc::default(), now);
    session.receive(&hello(&["1.1"]), now);
    session.receive(&chunked(message, &[]), now);
    let mut sent = Vec::new();
    while let Some(Action::Send(bytes)) = session.poll(now) {
        sent.extend(bytes);
    }
    take(&mut sent, false).expect("hello");
    take(&mut sent, true).unwrap_or_else(|| panic!("no reply to {message}"))
}

fn element(reply: &str, name: &str) -> Option<String> {
    let (_, rest) = reply.split_once(&format!("<{name}"))?;
    Some(rest.split_once('>')?.1.split('<').next()?.to_owned())
}

/// Section, request, error-type, error-tag, and elements of error-info.
type Case = (&'static str, String, &'static str, &'static str, &'static [(&'static str, &'static str)]);

fn cases() -> Vec<Case> {
    let of = |operation: &str| rpc(1, operation);
    let edit = |inner: &str| rpc(1, &format!("<edit-config>{inner}</edit-config>"));
    let (running, config) = ("<target><running/></target>", "<config/>");
    vec![
        (
            "4.1",
            format!("<rpc xmlns='{NC}'><get/></rpc>"),
            "rpc",
            "missing-attribute",
            &[("bad-attribute", "message-id"), ("bad-element", "rpc")],
        ),
        (
            "3.1",
            "<rpc message-id='1'><get/></rpc>".to_owned(),
            "protocol",
            "unknown-namespace",
            &[("bad-element", "rpc")],
        ),
        ("3", format!("<rpc xmlns='{NC}' message-id='1'><get></rpc>"), "rpc", "malformed-message", &[]),
        (
            "3",
            format!("<!DOCTYPE rpc><rpc xmlns='{NC}' message-id='1'><get/></rpc>"),
            "rpc",
            "malformed-message",
            &[],
        ),
        (
            "3",
            format!("<rpc xmlns='{NC}' message-id='1'><get>\u{1}</get></rpc>"),
            "rpc",
            "malformed-message",
            &[],
        ),
        ("3", format!("<rpc xmlns='{NC}' message-id='1'><x:get/></rpc>"), "rpc", "malformed-message", &[]),
        ("3", "{\"rpc\": 1}".to_owned(), "rpc", "malformed-message", &[]),
        ("8.1", format!("<hello xmlns='{NC}'/>"), "protocol", "unknown-element", &[("bad-element", "hello")]),
        ("A", of("<reboot/>"), "protocol", "operation-not-supported", &[]),
        (
            "6",
            of("<get><filter type='xpath' select='/x'/></get>"),
            "protocol",
            "bad-attribute",
            &[("bad-attribute", "type"), ("bad-element", "filter")],
        ),
        (
            "6",
            of("<get><filter kind='subtree'/></get>"),
            "protocol",
            "unknown-attribute",
            &[("bad-attribute", "kind")],
        ),
        ("7.1", of("<get-config/>"), "protocol", "missing-element", &[("bad-element", "source")]),
        (
            "7.1",
            of("<get-config><source/></get-config>"),
            "protocol",
            "missing-element",
            &[("bad-element", "source")],
        ),
        (
            "7.1",
            of("<get-config><source><other/></source></get-config>"),
            "protocol",
            "unknown-element",
            &[("bad-element", "other")],
        ),
        (
            "8.7",
            of("<get-config><source><startup/></source></get-config>"),
            "protocol",
            "unknown-element",
            &[("bad-element", "startup")],
        ),
        ("7.2", edit(config), "protocol", "missing-element", &[("bad-element", "target")]),
        ("7.2", edit(running), "protocol", "missing-element", &[("bad-element", "config")]),
        (
            "7.2",
            edit(&format!("{running}<default-operation>delete</default-operation>{config}")),
            "protocol",
            "invalid-value",
            &[],
        ),
        (
            "7.2",
            edit(&format!("{running}<test-option>try</test-option>{config}")),
            "protocol",
            "invalid-value",
            &[],
        ),
        (
            "7.2",
            edit(&format!("{running}<error-option>ignore</error-option>{config}")),
            "protocol",
            "invalid-value",
            &[],
        ),
        (
            "8.8",
            edit(&format!("{running}<url>file:///x</url>")),
            "protocol",
            "unknown-element",
            &[("bad-element", "url")],
        ),
        (
            "7.2",
            edit(&format!("{running}{config}{config}")),
            "protocol",
            "bad-element",
            &[("bad-element", "config")],
        ),
        (
            "7.3",
            of("<copy-config><target><candidate/></target><source><candidate/></source></copy-config>"),
            "protocol",
            "invalid-value",
            &[],
        ),
        (
            "7.3",
            of("<copy-config><target><running/></target></copy-config>"),
            "protocol",
            "missing-element",
            &[("bad-element", "source")],
        ),
        (
            "7.4",
            of("<delete-config><target><running/></target></delete-config>"),
            "protocol",
            "unknown-element",
            &[("bad-element", "running")],
        ),
        ("7.5", of("<lock/>"), "protocol", "missing-element", &[("bad-element", "target")]),
        (
            "7.6",
            of("<unlock><target/></unlock>"),
            "protocol",
            "missing-element",
            &[("bad-element", "target")],
        ),
        (
            "7.8",
            of("<close-session><now/></close-session>"),
            "protocol",
            "unknown-element",
            &[("bad-element", "now")],
        ),
        ("7.9", of("<kill-session/>"), "protocol", "missing-element", &[("bad-element", "session-id")]),
        (
            "7.9",
            of("<kill-session><session-id>1</session-id></kill-session>"),
            "protocol",
            "invalid-value",
            &[],
        ),
        (
            "7.9",
            of("<kill-session><session-id>0</session-id></kill-session>"),
            "protocol",
            "invalid-value",
            &[],
        ),
        (
            "7.9",
            of("<kill-session><session-id>x</session-id></kill-session>"),
            "protocol",
            "invalid-value",
            &[],
        ),
        ("8.3", of("<commit><label/></commit>"), "protocol", "unknown-element", &[("bad-element", "label")]),
        (
            "8.4",
            of("<commit><confirm-timeout>0</confirm-timeout></commit>"),
            "protocol",
            "invalid-value",
            &[],
        ),
        ("8.4", of("<commit><confirmed>true</confirmed></commit>"), "protocol", "invalid-value", &[]),
        ("8.6", of("<validate/>"), "protocol", "missing-element", &[("bad-element", "source")]),
        (
            "A",
            of("<get><a xmlns='urn:a'/></get>"),
            "protocol",
            "unknown-namespace",
            &[("bad-element", "a"), ("bad-namespace", "urn:a")],
        ),
        (
            "RFC 6022 3.1",
            of(&format!("<get-schema xmlns='{MONITORING}'/>")),
            "protocol",
            "missing-element",
            &[("bad-element", "identifier")],
        ),
        (
            "RFC 5277 2.1.1",
            of(&format!(
                "<create-subscription xmlns='{NOTIFICATION}'><startTime>2026-01-02T00:00:00Z</startTime>\
                 <stopTime>2026-01-01T00:00:00Z</stopTime></create-subscription>"
            )),
            "protocol",
            "bad-element",
            &[("bad-element", "stopTime")],
        ),
        (
            "RFC 5277 2.1.1",
            of(&format!(
                "<create-subscription xmlns='{NOTIFICATION}'><stopTime>2026-01-01T00:00:00Z</stopTime>\
                 </create-subscription>"
            )),
            "protocol",
            "missing-element",
            &[("bad-element", "startTime")],
        ),
        (
            "RFC 6243 4.5",
            of("<get><with-defaults xmlns='urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults'>all\
                </with-defaults></get>"),
            "protocol",
            "invalid-value",
            &[],
        ),
    ]
}

#[test]
fn wrong_requests() {
    for (section, request, kind, tag, info) in cases() {
        let reply = ask(&request);
        let shown = format!("section {section}: {request}\n{reply}");
        assert_eq!(element(&reply, "error-type").as_deref(), Some(kind), "{shown}");
        assert_eq!(element(&reply, "error-tag").as_deref(), Some(tag), "{shown}");
        assert_eq!(element(&reply, "error-severity").as_deref(), Some("error"), "{shown}");
        for (name, value) in info {
            assert_eq!(element(&reply, name).as_deref(), Some(*value), "{shown}");
        }
        let id =
            request.contains("message-id='1'") && tag != "malformed-message" && tag != "unknown-namespace";
        assert!(!id || reply.contains("message-id='1'"), "{shown}");
    }
}

/// Section 3 forbids document types and encodings other than UTF-8, and nothing else of XML.
#[test]
fn all_of_xml_but_document_types() {
    let declaration = "<?xml version='1.0' encoding='UTF-8'?>";
    let plain = format!("<rpc xmlns='{NC}' message-id='1'><fly/></rpc>");
    let expected = ask(&plain);
    assert!(expected.contains("operation-not-supported"));
    let nothing = "<!-- <x> --><?pi <x> ?>";
    for request in [
        format!("{declaration}{plain}"),
        format!("\n {declaration}\r\n{plain}\n"),
        format!("\u{feff}{declaration}{plain}"),
        format!("{declaration}{nothing}{plain}{nothing}"),
        plain.replace("<fly/>", &format!("{nothing}<fly>{nothing}</fly>\n{nothing}")),
        plain
            .replace("'1'", "'&#x31;'")
            .replace("<fly/>", "&#10;<![CDATA[\n]]><fly><![CDATA[<x>]]>&#65;</fly>"),
    ] {
        assert_eq!(ask(&request).replace("'&#x31;'", "'1'"), expected, "{request:?}");
    }
}

/// Section 4.1: all attributes of the request come back, with their namespaces.
#[test]
fn attributes_come_back() {
    let reply = ask(&format!(
        "<nc:rpc xmlns:nc='{NC}' xmlns:ex='urn:ex' message-id='&lt;' ex:user-id=\"f&amp;d\"><nc:fly/></nc:rpc>"
    ));
    let expected = format!(
        "<nc:rpc-reply xmlns:nc='{NC}' xmlns:ex='urn:ex' message-id='&lt;' ex:user-id=\"f&amp;d\"><nc:rpc-error>"
    );
    assert!(reply.starts_with(&expected), "{reply}");
    assert!(
        reply.contains("<nc:error-path xmlns:nc=\"urn:ietf:params:xml:ns:netconf:base:1.0\">/nc:rpc/nc:fly<")
    );
    assert!(reply.ends_with("</nc:rpc-error></nc:rpc-reply>"), "{reply}");
}
