//! The agent as a manager sees it, message by message: answers, errors and counters by the RFCs' words. Messages are
//! written and read by rasn, never by our own codec.

mod snmp_support;
mod support;

use fleetbridge::snmp::{agent::Outcome, mib};
use rasn_snmp::v2::VarBindValue;
use snmp_support::*;
use support::*;

const SYS_DESCR: &str = "1.3.6.1.2.1.1.1.0";
const SYS_UPTIME: &str = "1.3.6.1.2.1.1.3.0";
const FLEET_MESSAGES: &str = "1.3.6.1.4.1.32473.2.1.1.12.0";
const DEVICE: &str = "1.3.6.1.4.1.32473.2.1.2.1";
const POINT: &str = "1.3.6.1.4.1.32473.2.1.3.1";

fn manager() -> Manager {
    let fleet = fleet();
    let device = learn(&fleet, SENSOR, "plug-1");
    report(&fleet, device, false, &[value(0, 215), value(1, 1), value(2, 1 << 40)], after(1));
    learn(&fleet, SENSOR, "plug-2");
    Manager::new(fleet, mib::all())
}

#[test]
fn get() {
    let mut manager = manager();
    let reply = manager.get(V2C, &[SYS_DESCR, &format!("{DEVICE}.2.1"), &format!("{POINT}.4.1.1")]);
    assert_eq!(reply.status, 0);
    assert_eq!(reply.texts(), ["fleetbridge test", "plug-1", "21.5"]);
    let reply =
        manager.get(V2C, &[&format!("{POINT}.5.1.1"), &format!("{POINT}.6.1.1"), &format!("{POINT}.5.1.2")]);
    assert_eq!(reply.numbers(), [215, 1, 1]);
    let reply = manager.get(V2C, &[&format!("{POINT}.7.1.4"), &format!("{POINT}.9.1.7"), FLEET_MESSAGES]);
    assert_eq!(reply.numbers(), [1 << 40, 4, 0]);
}

#[test]
fn exceptions_of_v2c() {
    let mut manager = manager();
    for (name, expected) in [
        ("1.3.6.1.2.1.1.1", VarBindValue::NoSuchInstance),
        ("1.3.6.1.2.1.1.1.1", VarBindValue::NoSuchInstance),
        ("1.3.6.1.2.1.1.1.0.0", VarBindValue::NoSuchInstance),
        ("1.3.6.1.2.1.1.77.0", VarBindValue::NoSuchObject),
        ("1.3.6.1.2.1.1", VarBindValue::NoSuchObject),
        ("1.3.6.1.2.1.1.10.0", VarBindValue::NoSuchObject),
        ("1.3.6.1.2.1.2.1.0", VarBindValue::NoSuchObject),
        ("0.0", VarBindValue::NoSuchObject),
        ("2.100.3", VarBindValue::NoSuchObject),
        ("1.3.6.1.4.1.32473.2.1.2.1.1.1", VarBindValue::NoSuchObject),
        ("1.3.6.1.4.1.32473.2.1.2.1.2.3", VarBindValue::NoSuchInstance),
        ("1.3.6.1.4.1.32473.2.1.2.1.2", VarBindValue::NoSuchInstance),
        ("1.3.6.1.4.1.32473.2.1.2.1.2.1.1", VarBindValue::NoSuchInstance),
        ("1.3.6.1.4.1.32473.2.1.2.1.24.1", VarBindValue::NoSuchObject),
        ("1.3.6.1.4.1.32473.2.1.3.1.7.1.1", VarBindValue::NoSuchInstance),
        ("1.3.6.1.4.1.32473.2.1.3.1.5.1.4", VarBindValue::NoSuchInstance),
        ("1.3.6.1.4.1.32473.2.1.14.1.0", VarBindValue::NoSuchObject),
    ] {
        let reply = manager.get(V2C, &[name, SYS_DESCR]);
        assert_eq!((reply.status, reply.index), (0, 0), "{name}");
        assert_eq!(reply.bindings[0], (name.to_owned(), expected), "{name}");
        assert_eq!(reply.bindings[1].0, SYS_DESCR);
    }
    assert_eq!(manager.agent.stats().snmp.in_total_req_vars.value(), 17);
}

#[test]
fn errors_of_v1() {
    let mut manager = manager();
    // RFC 1157 section 4.1.2: the request comes back, with the index of what is not there.
    let reply = manager.get(V1, &[SYS_DESCR, "1.3.6.1.2.1.1.77.0", "1.3.6.1.9"]);
    assert_eq!((reply.status, reply.index), (2, 2));
    let names: Vec<_> = reply.bindings.iter().map(|binding| binding.0.as_str()).collect();
    assert_eq!(names, [SYS_DESCR, "1.3.6.1.2.1.1.77.0", "1.3.6.1.9"]);
    assert!(reply.bindings.iter().all(|binding| binding.1 == VarBindValue::Unspecified));
    // RFC 3584 section 4.2.2.1: no Counter64.
    let reply = manager.get(V1, &[FLEET_MESSAGES]);
    assert_eq!((reply.status, reply.index), (2, 1));
    let reply = manager.get_next(V1, &[&format!("{POINT}.6.4294967295"), "1.3.6.1.4.1.32473.2.1.1.11.0"]);
    assert_eq!(reply.status, 0);
    assert_eq!(reply.bindings[0].0, format!("{POINT}.8.1.1"));
    assert_eq!(reply.bindings[1].0, "1.3.6.1.4.1.32473.2.1.1.15.0");
    let reply = manager.get_next(V1, &[SYS_DESCR, "1.3.6.1.9"]);
    assert_eq!((reply.status, reply.index), (2, 2));
    assert_eq!(manager.agent.stats().snmp.out_no_such_names.value(), 3);
    assert_eq!(manager.bulk(V1, 0, 10, &[SYS_DESCR]), None, "v1 has no GETBULK");
    assert_eq!(manager.agent.stats().snmp.unknown_pdus.value(), 1);
}

#[test]
fn the_end_of_the_view() {
    let mut manager = manager();
    let reply = manager.get_next(V2C, &["1.3.6.1.9", SYS_DESCR, "2.999.1"]);
    assert_eq!(reply.status, 0);
    assert_eq!(reply.bindings[0], ("1.3.6.1.9".into(), VarBindValue::EndOfMibView));
    assert_eq!(reply.bindings[1].0, "1.3.6.1.2.1.1.2.0");
    assert_eq!(reply.bindings[2], ("2.999.1".into(), VarBindValue::EndOfMibView));
    // The last name of all, twice asked for.
    let last = "1.3.6.1.6.3.10.2.1.4.0";
    let reply = manager.bulk(V2C, 0, 5, &["1.3.6.1.6.3.10.2.1.3.0"]).unwrap();
    assert_eq!(reply.names(), [last, last]);
    assert_eq!(reply.bindings[1].1, VarBindValue::EndOfMibView);
    let reply = manager.bulk(V2C, 1, 3, &[last, "1.3.6.1.6.3.10.2.1.3.0", "1.3.6.1.6.3.10.2.1.2.0"]).unwrap();
    let before = "1.3.6.1.6.3.10.2.1.3.0";
    assert_eq!(reply.names(), [last, last, before, last, last, last, last]);
    let ends: Vec<_> = reply.bindings.iter().map(|binding| binding.1 == VarBindValue::EndOfMibView).collect();
    assert_eq!(ends, [true, false, false, true, false, true, true]);
}

#[test]
fn bulk_counts() {
    let mut manager = manager();
    let two = [SYS_DESCR, "1.3.6.1.2.1.1.3"];
    for (singles, repetitions, expected) in
        [(0, 0, 0), (1, 0, 1), (2, 9, 2), (5, 9, 2), (-1, 2, 4), (1, -7, 1), (1, 3, 4), (0, 1, 2)]
    {
        let reply = manager.bulk(V2C, singles, repetitions, &two).unwrap();
        assert_eq!(reply.bindings.len(), expected, "{singles} {repetitions}");
    }
    let reply = manager.bulk(V2C, 1, 2, &two).unwrap();
    assert_eq!(reply.names(), ["1.3.6.1.2.1.1.2.0", SYS_UPTIME, "1.3.6.1.2.1.1.4.0"]);
    assert_eq!(manager.bulk(V2C, 0, 10, &[]).unwrap().bindings, []);
}

#[test]
fn sets_are_refused() {
    let mut manager = manager();
    let names = ["1.3.6.1.2.1.1.4.0", "1.3.6.1.2.1.1.5.0"];
    let reply = manager.set(V2C, &names);
    // Communities write only if the boot file says so.
    assert_eq!((reply.status, reply.index), (6, 1), "noAccess");
    assert_eq!(reply.names(), names);
    assert_eq!(reply.texts(), ["new", "new"], "the request comes back as it was");
    let reply = manager.set(V1, &names);
    assert_eq!((reply.status, reply.index), (2, 1));
    let stats = &manager.agent.stats().snmp;
    assert_eq!((stats.in_set_requests.value(), stats.in_bad_community_uses.value()), (2, 2));
    assert_eq!((stats.in_pkts.value(), stats.out_pkts.value()), (2, 2));
}

#[test]
fn what_gets_no_answer() {
    let mut manager = manager();
    manager.unsaved();
    let good = manager.request(V2C, "public", Kind::Get, &[SYS_DESCR]);
    let stats = manager.agent.clone();
    let stats = &stats.stats().snmp;
    for (message, counter) in [
        (manager.request(V2C, "private", Kind::Get, &[SYS_DESCR]), &stats.in_bad_community_names),
        (manager.request(V2C, "inner", Kind::Get, &[SYS_DESCR]), &stats.source_refused),
        (manager.request(4, "public", Kind::Get, &[SYS_DESCR]), &stats.in_bad_versions),
        // The boots of this engine are on no disk.
        (manager.request(3, "public", Kind::Get, &[SYS_DESCR]), &stats.v3_off),
        (manager.request(2, "public", Kind::Get, &[SYS_DESCR]), &stats.in_bad_versions),
        (manager.request(V2C, "public", Kind::Response, &[SYS_DESCR]), &stats.unknown_pdus),
        (manager.request(V2C, "public", Kind::Trap, &[SYS_DESCR]), &stats.unknown_pdus),
        (good[..good.len() - 1].to_vec(), &stats.in_asn_parse_errs),
        (Vec::new(), &stats.in_asn_parse_errs),
        (vec![0; 4097], &stats.oversized),
    ] {
        let before = counter.value();
        assert_eq!(manager.send(&message), Outcome::Drop);
        assert_eq!(counter.value(), before + 1, "{message:x?}");
    }
    assert_eq!((stats.in_pkts.value(), stats.out_pkts.value()), (10, 0));
    assert_eq!(manager.send(&[&good[..], &[0; 4]].concat()), Outcome::Reply, "octets behind a message");
    assert_eq!((stats.in_pkts.value(), stats.out_pkts.value(), stats.out_get_responses.value()), (11, 1, 1));
}

#[test]
fn too_big() {
    let mut manager = manager();
    manager.rebuild(484);
    let names = vec![SYS_DESCR; 20];
    let reply = manager.get(V2C, &names);
    assert_eq!((reply.status, reply.index, reply.bindings.len()), (1, 0, 0), "RFC 3416 section 4.2.1");
    assert_eq!(manager.get_next(V2C, &[&names[..], &[POINT; 20]].concat()).status, 1);
    let reply = manager.get(V1, &names);
    assert_eq!((reply.status, reply.index), (1, 0));
    assert_eq!(reply.names(), names, "RFC 1157 section 4.1.2");
    // Not even the refusal fits.
    let message = manager.request(V1, "public", Kind::Get, &[SYS_DESCR; 60]);
    assert_eq!(manager.send(&message), Outcome::Drop);
    let stats = &manager.agent.stats().snmp;
    assert_eq!((stats.out_too_bigs.value(), stats.silent_drops.value()), (4, 1));
}

#[test]
fn bulk_is_cut_exactly() {
    let mut manager = manager();
    for names in [&["1.3.6.1.2.1.1"][..], &["1.3.6.1.2.1.1", "1.3.6.1.2.1.11", POINT], &[POINT, "1.3.6.1.9"]]
    {
        manager.rebuild(65_507);
        let whole = manager.bulk(V2C, 0, 60, names).unwrap();
        let mut last = 0;
        for limit in 100..600 {
            manager.rebuild(limit);
            let reply = manager.bulk(V2C, 0, 60, names).unwrap();
            let count = reply.bindings.len();
            assert!(manager.reply.len() <= limit);
            assert_eq!(reply.names(), whole.names()[..count], "a beginning of the whole");
            assert!(count >= last);
            last = count;
            // One more would not have fit.
            let next = encoded_response("public", reply.id, &whole.bindings[..count + 1]);
            assert!(
                next.len() > limit,
                "{limit}: {count} bindings in {} octets, not {}",
                manager.reply.len(),
                next.len()
            );
        }
    }
}
