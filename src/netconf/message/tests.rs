use super::*;
use crate::netconf::error::Kind;

const CAPABILITIES: [&str; 7] = [
    "candidate:1.0",
    "writable-running:1.0",
    "confirmed-commit:1.1",
    "validate:1.1",
    "rollback-on-error:1.0",
    "notification:1.0",
    "with-defaults:1.0?basic-mode=explicit",
];

fn parse(operation: &str) -> Result<Operation, RpcError> {
    let message = format!("<rpc xmlns='{BASE}' message-id='1'>{operation}</rpc>");
    Rpc::parse(message.as_bytes(), &Capabilities::new(CAPABILITIES.map(Capabilities::uri))).operation
}

#[test]
fn the_header_comes_back_as_it_came() {
    let all = Capabilities::new([]);
    let rpc = Rpc::parse(
        format!("<n:rpc xmlns:n='{BASE}' a=\"&lt;'\" n:message-id='x'\n message-id='1'  ><n:get/></n:rpc>")
            .as_bytes(),
        &all,
    );
    assert_eq!(
        rpc.header.start(),
        format!("<n:rpc-reply xmlns:n='{BASE}' a=\"&lt;'\" n:message-id='x'\n message-id='1'>")
    );
    assert_eq!((rpc.header.prefix(), &*rpc.header.end()), ("n:", "</n:rpc-reply>"));
    assert!(matches!(rpc.operation, Ok(Operation::Get { filter: None, .. })));
    let cut = format!("<rpc xmlns='{BASE}' message-id='7'><edit-config>\u{e4}");
    assert_eq!(
        Header::of_beginning(&cut.as_bytes()[..cut.len() - 1]).start(),
        format!("<rpc-reply xmlns='{BASE}' message-id='7'>")
    );
    assert_eq!(Header::of_beginning(b"<rpc xm"), Header::default());
}

#[test]
fn operations() {
    let debug = |operation: &str| format!("{:?}", parse(operation).unwrap());
    for (text, shown) in [
        ("<get><filter type='subtree'/></get>", "Get { filter: Some("),
        ("<get-config><source><running/></source></get-config>", "GetConfig { source: Running, filter: None"),
        (
            "<edit-config><target><candidate/></target><default-operation>none</default-operation>\
             <test-option>set</test-option><error-option>rollback-on-error</error-option><config/></edit-config>",
            "EditConfig { target: Candidate, default_operation: None, test_option: Set, \
             error_option: RollbackOnError, config: Fragment",
        ),
        (
            "<copy-config><source><config/></source><target><running/></target></copy-config>",
            "CopyConfig { target: Running, source: Config(",
        ),
        ("<lock><target><running/></target></lock>", "Lock { target: Running"),
        ("<unlock><target><candidate/></target></unlock>", "Unlock { target: Candidate"),
        (
            "<commit><confirmed/><persist>x</persist></commit>",
            "Commit { confirmed: true, confirm_timeout: 600, persist: Some(\"x\"), persist_id: None",
        ),
        ("<commit> </commit>", "Commit { confirmed: false"),
        (
            "<cancel-commit><persist-id>x</persist-id></cancel-commit>",
            "CancelCommit { persist_id: Some(\"x\")",
        ),
        ("<discard-changes/>", "DiscardChanges"),
        ("<validate><source><candidate/></source></validate>", "Validate { source: Datastore(Candidate)"),
        ("<close-session/>", "CloseSession"),
        (
            "<kill-session><session-id>\n4294967295 </session-id></kill-session>",
            "KillSession { session_id: 4294967295",
        ),
        (
            "<get-schema xmlns='urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring'><identifier>fleetbridge</identifier>\
             <format>ncm:yang</format></get-schema>",
            "GetSchema { identifier: \"fleetbridge\", version: None, format: \"yang\"",
        ),
        (
            "<create-subscription xmlns='urn:ietf:params:xml:ns:netconf:notification:1.0'>\
             <startTime>2026-11-23T00:00:00Z</startTime></create-subscription>",
            "CreateSubscription { stream: \"NETCONF\", filter: None, start_time: Some(Time(1795392000000))",
        ),
        ("<await xmlns='urn:x'><commit>1</commit></await>", "Rpc { namespace: \"urn:x\", name: \"await\""),
        (
            "<action xmlns='urn:ietf:params:xml:ns:yang:1'><fleet xmlns='u'><push/></fleet></action>",
            "Action { input:",
        ),
    ] {
        assert!(debug(text).starts_with(shown), "{} for {text}", debug(text));
    }
    let with_defaults = "<get><with-defaults xmlns='urn:ietf:params:xml:ns:yang:ietf-netconf-with-defaults'>\
                         report-all</with-defaults></get>";
    assert!(matches!(
        parse(with_defaults),
        Ok(Operation::Get { with_defaults: Some(WithDefaults::ReportAll), .. })
    ));
}

/// Tag, what error-info says is wrong, and error-path without prefixes.
fn refused(operation: &str) -> (Tag, Vec<String>, String) {
    let error = parse(operation).expect_err(operation);
    assert_eq!(error.kind, Kind::Protocol, "{operation}");
    let info = error.info.iter().map(|info| match info {
        Info::BadElement(name) => name.clone(),
        Info::BadAttribute(name) => format!("@{name}"),
        Info::BadNamespace(name) => format!("{{{name}}}"),
        other => panic!("{other:?}"),
    });
    (error.tag, info.collect(), error.path.unwrap_or_default().text.replace("nc:", ""))
}

#[test]
fn arguments_are_checked() {
    let notification = "xmlns='urn:ietf:params:xml:ns:netconf:notification:1.0'";
    for (text, tag, info, path) in [
        ("<fly/>", Tag::OperationNotSupported, &[][..], "/rpc/fly"),
        ("<delete-config/>", Tag::MissingElement, &["target"], "/rpc/delete-config"),
        ("<lock/>", Tag::MissingElement, &["target"], "/rpc/lock"),
        ("<lock><target/></lock>", Tag::MissingElement, &["target"], "/rpc/lock/target"),
        (
            "<lock><target><startup/></target></lock>",
            Tag::UnknownElement,
            &["startup"],
            "/rpc/lock/target/startup",
        ),
        (
            "<lock><target><running/><candidate/></target></lock>",
            Tag::BadElement,
            &["candidate"],
            "/rpc/lock/target/candidate",
        ),
        (
            "<lock><target><running>x</running></target></lock>",
            Tag::InvalidValue,
            &[],
            "/rpc/lock/target/running",
        ),
        ("<lock><target>x</target></lock>", Tag::BadElement, &["target"], "/rpc/lock/target"),
        ("<lock>x</lock>", Tag::BadElement, &["lock"], "/rpc/lock"),
        (
            "<delete-config><target><running/></target></delete-config>",
            Tag::UnknownElement,
            &["running"],
            "/rpc/delete-config/target/running",
        ),
        ("<get x='1'/>", Tag::UnknownAttribute, &["@x", "get"], "/rpc/get"),
        ("<get><source/></get>", Tag::UnknownElement, &["source"], "/rpc/get/source"),
        ("<get><x xmlns='urn:x'/></get>", Tag::UnknownNamespace, &["x", "{urn:x}"], "/rpc/get"),
        (
            "<get><filter type='xpath' select='/'/></get>",
            Tag::BadAttribute,
            &["@type", "filter"],
            "/rpc/get/filter",
        ),
        ("<get><filter/><filter/></get>", Tag::BadElement, &["filter"], "/rpc/get/filter"),
        ("<get-config/>", Tag::MissingElement, &["source"], "/rpc/get-config"),
        (
            "<edit-config><target><running/></target></edit-config>",
            Tag::MissingElement,
            &["config"],
            "/rpc/edit-config",
        ),
        ("<edit-config><config/></edit-config>", Tag::MissingElement, &["target"], "/rpc/edit-config"),
        (
            "<edit-config><target><running/></target><default-operation>create</default-operation></edit-config>",
            Tag::InvalidValue,
            &[],
            "/rpc/edit-config/default-operation",
        ),
        (
            "<copy-config><source><running/></source><target><running/></target></copy-config>",
            Tag::InvalidValue,
            &[],
            "/rpc/copy-config",
        ),
        ("<kill-session/>", Tag::MissingElement, &["session-id"], "/rpc/kill-session"),
        (
            "<kill-session><session-id>0</session-id></kill-session>",
            Tag::InvalidValue,
            &[],
            "/rpc/kill-session/session-id",
        ),
        (
            "<commit><confirm-timeout>-1</confirm-timeout></commit>",
            Tag::InvalidValue,
            &[],
            "/rpc/commit/confirm-timeout",
        ),
        (
            "<commit><confirmed><a/></confirmed></commit>",
            Tag::UnknownElement,
            &["a"],
            "/rpc/commit/confirmed",
        ),
        ("<close-session><x/></close-session>", Tag::UnknownElement, &["x"], "/rpc/close-session/x"),
        (
            &*format!(
                "<create-subscription {notification}><stopTime>2026-11-23T00:00:00Z</stopTime></create-subscription>"
            ),
            Tag::MissingElement,
            &["startTime"],
            "/rpc/ncn:create-subscription",
        ),
        (
            &*format!(
                "<create-subscription {notification}><startTime>today</startTime></create-subscription>"
            ),
            Tag::InvalidValue,
            &[],
            "/rpc/ncn:create-subscription/ncn:startTime",
        ),
        (
            "<get-schema xmlns='urn:ietf:params:xml:ns:yang:ietf-netconf-monitoring'/>",
            Tag::MissingElement,
            &["identifier"],
            "/rpc/ncm:get-schema",
        ),
        (
            "<action xmlns='urn:ietf:params:xml:ns:yang:1'/>",
            Tag::MissingElement,
            &["action"],
            "/rpc/yang:action",
        ),
    ] {
        assert_eq!(
            refused(text),
            (tag, info.iter().map(|i| (*i).to_owned()).collect(), path.to_owned()),
            "{text}"
        );
    }
}

#[test]
fn what_the_capabilities_leave_out() {
    for operation in ["<commit/>", "<discard-changes/>", "<validate/>", "<cancel-commit/>"] {
        let message = format!("<rpc xmlns='{BASE}' message-id='1'>{operation}</rpc>");
        let error = Rpc::parse(message.as_bytes(), &Capabilities::new([])).operation.unwrap_err();
        assert_eq!(error.tag, Tag::OperationNotSupported);
    }
}

#[test]
fn messages_that_are_no_request() {
    let tag = |message: &str| {
        let error = Rpc::parse(message.as_bytes(), &Capabilities::new([])).operation.unwrap_err();
        let rpc = [Tag::MissingAttribute, Tag::MalformedMessage, Tag::TooBig].contains(&error.tag);
        assert_eq!(error.kind, if rpc { Kind::Rpc } else { Kind::Protocol }, "{message}");
        error.tag
    };
    let rpc = |inner: &str| format!("<rpc xmlns='{BASE}' message-id='1'>{inner}</rpc>");
    assert_eq!(tag(&format!("<rpc xmlns='{BASE}'><get/></rpc>")), Tag::MissingAttribute);
    assert_eq!(tag("<rpc message-id='1'><get/></rpc>"), Tag::UnknownNamespace);
    assert_eq!(tag(&format!("<hello xmlns='{BASE}'/>")), Tag::UnknownElement);
    assert_eq!(tag(&rpc("")), Tag::MissingElement);
    assert_eq!(tag(&rpc("x<get/>")), Tag::BadElement);
    assert_eq!(tag(&rpc("<get/><get/>")), Tag::UnknownElement);
    assert_eq!(tag(&rpc("<lock/>").replace("</rpc>", "")), Tag::MalformedMessage);
    assert_eq!(tag(""), Tag::MalformedMessage);
    assert_eq!(tag(&rpc(&"<a>".repeat(70))), Tag::TooBig);
}

#[test]
fn hellos() {
    let read = |inner: &str| Hello::parse(format!("<hello xmlns='{BASE}'>{inner}</hello>").as_bytes());
    let base = |version| format!("<capability>\nurn:ietf:params:netconf:base:{version} </capability>");
    let both =
        format!("<capabilities><x xmlns='u'><y/></x>{}{}</capabilities><z/>", base("1.0"), base("1.1"));
    assert_eq!(read(&both).unwrap().framing, crate::netconf::framing::Framing::Chunked);
    let old = format!("<capabilities>{}</capabilities>", base("1.0"));
    assert_eq!(read(&old).unwrap().framing, crate::netconf::framing::Framing::EndOfMessage);
    assert_eq!(read(&format!("{old}<session-id>4</session-id>")), Err(HelloError::SessionId));
    assert_eq!(read(&base("2.0")), Err(HelloError::Base));
    assert_eq!(Hello::parse(b"<hello/>"), Err(HelloError::NotHello));
    assert!(matches!(Hello::parse(b"<hello"), Err(HelloError::Xml(_))));
    let ours = hello(7, &Capabilities::new(["urn:x?a=1&b=2".to_owned()]));
    assert!(
        ours.contains("<capability>urn:x?a=1&amp;b=2</capability></capabilities><session-id>7</session-id>")
    );
}
