//! NOTIFICATION-LOG-MIB over the journal: walked, sought and asked for.

mod snmp_support;
mod support;

use fleetbridge::{journal::EventKind, model::*, snmp::mib};
use snmp_support::*;
use support::*;

const LOG: &str = "1.3.6.1.2.1.92.1.3.1.1";
const VARIABLES: &str = "1.3.6.1.2.1.92.1.3.2.1";

#[test]
fn the_log_has_what_is_told() {
    let fleet = fleet();
    let device = learn(&fleet, SENSOR, "plug-1");
    report(&fleet, device, false, &[], after(1));
    fleet.journal().append(after(2), EventKind::Started { cold: true });
    for n in 0..100 {
        fleet.journal().append(after(3), EventKind::DeviceLearned { device });
        report(&fleet, device, false, &[Fact::Availability(Availability::Lost)], after(60 + n));
        report(&fleet, device, false, &[Fact::Availability(Availability::Online)], after(60 + n));
    }
    fleet.journal().set_durable(u64::MAX);
    let mut manager = Manager::new(fleet, mib::all());

    let mut walked = Vec::new();
    let mut at = format!("{LOG}.9");
    loop {
        let reply = manager.bulk(V2C, 0, 40, &[&at]).expect("a reply");
        let ours: Vec<_> =
            reply.names().into_iter().filter(|name| name.starts_with(&format!("{LOG}.9."))).collect();
        walked.extend(ours.iter().map(|name| name.rsplit('.').next().unwrap().parse::<u32>().unwrap()));
        at = reply.names().last().unwrap().to_string();
        if ours.len() < 40 {
            break;
        }
    }
    assert_eq!(walked.len(), 201, "the start, and both of each round");
    assert!(walked.is_sorted_by(|one, next| one < next));

    let lost = walked[1];
    let reply = manager.get(V2C, &[&format!("{LOG}.9.0.{lost}"), &format!("{LOG}.2.0.{lost}")]);
    assert!(format!("{:?}", reply.bindings[0].1).contains("32473, 2, 0, 1]"), "{reply:?}");
    // Device and names that were learned have numbers between, and are not there.
    let reply = manager.get_next(V2C, &[&format!("{LOG}.9.0.{}", lost - 1)]);
    assert_eq!(reply.names(), [format!("{LOG}.9.0.{lost}")]);
    let reply = manager.get_next(V2C, &[&format!("{LOG}.9.1")]);
    assert!(reply.names()[0].starts_with(VARIABLES), "there are no named logs: {reply:?}");

    let names = [1, 2, 3].map(|at| format!("{VARIABLES}.2.0.{lost}.{at}"));
    let reply = manager.get(V2C, &names.each_ref().map(String::as_str));
    for (binding, column) in reply.bindings.iter().zip(["14, 1, 0]", "2, 1, 2, 1]", "2, 1, 15, 1]"]) {
        assert!(format!("{:?}", binding.1).contains(column), "{binding:?}");
    }
    let reply =
        manager.get(V2C, &[&format!("{VARIABLES}.5.0.{lost}.1"), &format!("{VARIABLES}.7.0.{lost}.3")]);
    assert_eq!(reply.numbers(), [u64::from(lost), 4]);
    let reply = manager.get_next(V2C, &[&format!("{VARIABLES}.8.0.{lost}")]);
    assert_eq!(
        (reply.names()[0], reply.texts()[0].as_str()),
        (&*format!("{VARIABLES}.8.0.{lost}.2"), "plug-1")
    );
    let reply = manager.get(V2C, &["1.3.6.1.2.1.92.1.2.1.0", "1.3.6.1.2.1.92.1.2.2.0"]);
    assert_eq!(reply.numbers(), [201, 0]);
}
