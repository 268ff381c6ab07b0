//! Once warm, the agent answers without asking for memory.

mod snmp_support;
mod support;

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

use fleetbridge::snmp::{
    agent::Outcome,
    mib,
    usm::{AuthProtocol, PrivProtocol},
};
use snmp_support::{world::*, *};
use support::*;

struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: the system's allocator does the work.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.with(|count| count.set(count.get() + 1));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_warm_agent_allocates_nothing() {
    let fleet = fleet();
    for number in 0..200 {
        let device = learn(&fleet, SENSOR, &format!("plug-{number}"));
        report(&fleet, device, false, &[value(0, 215), value(2, 1 << 40)], after(1));
    }
    let mut manager = Manager::new(fleet, mib::all());
    let device = "1.3.6.1.4.1.32473.2.1.2.1";
    let point = "1.3.6.1.4.1.32473.2.1.3.1";
    let columns: Vec<_> = (2..24).map(|column| format!("{device}.{column}")).collect();
    let columns: Vec<_> = columns.iter().map(String::as_str).collect();
    let messages = [
        manager.request(V2C, "public", Kind::Get, &["1.3.6.1.2.1.1.3.0", &format!("{point}.4.1.1")]),
        manager.request(V1, "public", Kind::GetNext, &columns),
        manager.request(V2C, "public", Kind::Bulk(1, 50), &columns),
        manager.request(V2C, "public", Kind::Bulk(0, 50), &[&format!("{point}.4.20")]),
        manager.request(V2C, "public", Kind::Bulk(0, 50), &["1.3.6.1.6.3.10.2.1.1"]),
        manager.request(V2C, "public", Kind::Set, &["1.3.6.1.2.1.1.5.0"]),
        manager.request(V2C, "private", Kind::Get, &["1.3.6.1.2.1.1.5.0"]),
    ];
    let ask = |manager: &mut Manager| {
        messages.iter().filter(|message| manager.send(message) == Outcome::Reply).count()
    };
    assert_eq!(ask(&mut manager), 6);
    let before = ALLOCATIONS.get();
    ask(&mut manager);
    assert_eq!(ALLOCATIONS.get() - before, 0);
}

#[test]
fn nor_does_one_that_encrypts() {
    for private in PrivProtocol::ALL {
        let mut world = World::new(AuthProtocol::Sha256, private);
        for (local, device) in [("127.0.0.1:161", None), ("127.9.0.2:161", Some(2))] {
            world.local = local;
            let message = world.message(&Ask { device, ..world.good() }, &world.engine.of(device));
            assert_eq!(world.send(&message), Outcome::Reply);
            let before = ALLOCATIONS.get();
            assert_eq!(world.send(&message), Outcome::Reply);
            assert_eq!(ALLOCATIONS.get() - before, 0, "{private:?} {local}");
        }
    }
}
