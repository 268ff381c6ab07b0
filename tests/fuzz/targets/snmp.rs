//! SNMP messages, into the reader alone and into the whole agent.

use std::sync::{Arc, LazyLock};

use fleetbridge::{
    fleet::Fleet,
    model::*,
    snmp::{
        agent::{Access, Agent, Outcome},
        ber::{Binding, Envelope, Pdu, tag},
        community::{Communities, Community, Pattern},
        engine::Engine,
        mib::{self, System},
        oid,
        task::Scratch,
        usm::{Users, Usm},
        vacm::Rows,
        view::{Hosts, Path},
    },
    stats::Stats,
};
use rasn::types::ObjectIdentifier;
use rasn_snmp::{v2, v2c::Message};

use super::support::*;

/// What reads as a request to us reads the same to rasn, if it takes it at all: names of later interest are checked
/// octet by octet, and rasn is the stricter one with some values.
pub fn ber(data: &[u8]) {
    let Some((envelope, pdu, bindings)) = read(data) else { return };
    let mut names = Vec::new();
    for binding in &bindings {
        let mut arcs = Vec::new();
        if oid::decode(binding.name, &mut arcs).is_err() {
            return;
        }
        names.push(arcs);
    }
    let Ok(message) = rasn::ber::decode::<Message<v2::Pdus>>(data) else { return };
    assert_eq!(message.community, envelope.community);
    let (id, theirs) = match message.data {
        v2::Pdus::GetRequest(v2::GetRequest(pdu))
        | v2::Pdus::GetNextRequest(v2::GetNextRequest(pdu))
        | v2::Pdus::SetRequest(v2::SetRequest(pdu))
        | v2::Pdus::Response(v2::Response(pdu)) => (pdu.request_id, pdu.variable_bindings),
        v2::Pdus::GetBulkRequest(v2::GetBulkRequest(bulk)) => (bulk.request_id, bulk.variable_bindings),
        _ => return,
    };
    assert_eq!(pdu.request_id, id);
    assert_eq!(names.len(), theirs.len());
    for (ours, theirs) in names.iter().zip(&theirs) {
        assert!(ours.is_empty() || ObjectIdentifier::new_unchecked(ours.clone().into()) == theirs.name);
    }
}

/// Whatever is asked, the answer is none, or one that can be read, fits, and keeps to RFC 3416.
pub fn agent(data: &[u8]) {
    let mut scratch = Scratch::default();
    let mut replies = AGENTS.each_ref().map(|(limit, agent)| {
        let (mut reply, mut again) = (Vec::new(), Vec::new());
        let path = Path { peer: PEER.into(), local: PEER.into() };
        let outcome = agent.handle(after(120), path, data, &mut scratch, &mut reply);
        if outcome == Outcome::Reply {
            assert!(reply.len() <= *limit, "{} octets above the limit of {limit}", reply.len());
            // Counters of the agent itself go on, so only the size is the same, give or take an octet of each.
            let outcome = agent.handle(after(120), path, data, &mut scratch, &mut again);
            assert_eq!(outcome, Outcome::Reply);
        }
        (outcome == Outcome::Reply).then_some(reply)
    });
    for reply in replies.iter_mut().flatten() {
        check(data, reply);
    }
    // More room gives no other answer, but for what was cut off or too big.
    if let [Some(small), Some(large)] = &replies {
        let (Some(small), Some(large)) = (read(small), read(large)) else { unreachable!("checked above") };
        if small.1.status == 0 && large.1.status == 0 {
            assert!(small.2.len() <= large.2.len());
            assert!(small.2.iter().zip(&large.2).all(|(small, large)| small.name == large.name));
        }
    }
}

fn check(request: &[u8], reply: &[u8]) {
    let (asked, request, wanted) = read(request).expect("it was answered");
    let (envelope, response, bindings) = read(reply).expect("our own reply");
    assert_eq!((envelope.version, envelope.community), (asked.version, asked.community));
    assert_eq!((envelope.pdu_tag, response.request_id), (tag::RESPONSE, request.request_id));
    if response.status != 0 {
        // The bindings of the request as they came, for better or worse.
        assert!(asked.version == 0 || matches!(response.status, 1 | 6), "{}", response.status);
        return;
    }
    rasn::ber::decode::<Message<v2::Response>>(reply).expect("rasn reads it");
    assert!(asked.version == 1 || bindings.iter().all(|binding| binding.value_tag != tag::COUNTER64));
    match asked.pdu_tag {
        tag::GET => {
            assert_eq!(bindings.len(), wanted.len());
            assert!(bindings.iter().zip(&wanted).all(|(found, asked)| arcs(found) == arcs(asked)));
        }
        tag::GET_NEXT => {
            assert_eq!(bindings.len(), wanted.len());
            assert!(bindings.iter().zip(&wanted).all(|(found, asked)| follows(found, asked)));
        }
        tag::GET_BULK => {
            let singles = usize::try_from(request.status).unwrap_or(0).min(wanted.len());
            let repeated = (wanted.len() - singles).max(1);
            for (at, found) in bindings.iter().enumerate() {
                let before = if at < singles + repeated { &wanted[at] } else { &bindings[at - repeated] };
                assert!(follows(found, before), "binding {at}");
            }
        }
        _ => assert!(wanted.is_empty(), "nothing can be written"),
    }
}

/// A later name, or the end, whose name is the one asked for.
fn follows(found: &Binding<'_>, asked: &Binding<'_>) -> bool {
    match found.value_tag {
        tag::END_OF_MIB_VIEW => arcs(found) == arcs(asked),
        _ => arcs(found) > arcs(asked),
    }
}

fn arcs(binding: &Binding<'_>) -> Vec<u32> {
    let mut arcs = Vec::new();
    oid::decode(binding.name, &mut arcs).expect("names were read before");
    arcs
}

fn read(message: &[u8]) -> Option<(Envelope<'_>, Pdu<'_>, Vec<Binding<'_>>)> {
    let envelope = Envelope::decode(message).ok()?;
    let pdu = Pdu::decode(envelope.pdu).ok()?;
    let bindings = pdu.bindings().collect::<Result<_, _>>().ok()?;
    Some((envelope, pdu, bindings))
}

const PEER: ([u8; 4], u16) = ([192, 0, 2, 1], 40_000);

/// Two agents of one fleet: the least message that an agent must take (RFC 3417 section 3.2), and the greatest.
static AGENTS: LazyLock<[(usize, Agent); 2]> = LazyLock::new(|| {
    let fleet = Arc::new(small_fleet());
    [484, 65_507].map(|limit| {
        let system = System {
            version: "1",
            description: "fleetbridge".to_owned(),
            contact: String::new(),
            name: "bridge".to_owned(),
            location: String::new(),
            max_message: limit,
            max_request: 4096,
            authen_traps: true,
            access: Vec::new(),
        };
        let communities = vec![Community::new("public", &[]).expect("a good name")];
        let communities = Communities::new(communities, &Pattern::defaults());
        let mut rows = Rows::of_roles();
        communities.enter(&mut rows, &[]);
        let engine = Engine::unsaved(START).expect("random octets");
        (
            limit,
            Agent::new(
                fleet.clone(),
                Arc::new(Stats::default()),
                engine,
                system,
                Access {
                    communities,
                    usm: Usm::new(Users::default(), 1),
                    rows,
                    hosts: Hosts::default(),
                    made: Default::default(),
                },
                mib::all(),
            ),
        )
    })
});

/// Online, lost, retired and never seen devices in two blocks, one that hangs on another, and an adapter that is down.
fn small_fleet() -> Fleet {
    let fleet = fleet();
    add_adapter(&fleet, 9, "far");
    if let Some(far) = fleet.adapters().find(9) {
        fleet.adapter_down(&far, "connection refused", after(1));
    }
    let gateway = learn(&fleet, GATEWAY, "gw-1");
    for number in 0..1100 {
        let device = learn(&fleet, SENSOR, &format!("th-{number}"));
        if number % 3 == 0 {
            let values = [value(0, -215), value(1, 1), value(2, i64::from(u32::MAX) + number)];
            report(&fleet, device, false, &values, after(30));
        }
        if number % 100 == 50 {
            fleet.retire(device, after(40));
        }
    }
    let child = learn(&fleet, SENSOR, &"ü".repeat(60));
    let mut reports = Reports::default();
    reports.begin(SENSOR, "x", false);
    let text = reports.text(&"ä".repeat(120));
    reports.push(Fact::Attribute { attribute: Attribute::Site, text });
    reports.push(Fact::Point { slot: 3, value: Scalar::Text(text), time: Time::NEVER });
    reports.push(Fact::Availability(Availability::Lost));
    let resolved = fleetbridge::fleet::Resolved { device: child, report: 0, parent: gateway };
    fleet.absorb(&reports, &mut [resolved], after(50));
    fleet.sweep(after(119));
    fleet
}
