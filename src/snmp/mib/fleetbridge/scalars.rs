//! The fbFleet and fbRunning scalars.

use super::ENTERPRISE;
use crate::{
    model::Presence,
    snmp::{
        mib::{Context, Group, Scalar},
        oid::Prefix,
        syntax::{Syntax, TRUTH, Value},
        view::Views,
    },
};

pub const FLEET: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 1, 1]),
    views: Views::BRIDGE,
    scalars: &[
        Scalar::read(1, "fbFleetDevices", Syntax::Gauge32, |c| Value::Gauge32(c.fleet.counts().devices())),
        Scalar::read(2, "fbFleetOnline", Syntax::Gauge32, |c| count(c, Presence::Online)),
        Scalar::read(3, "fbFleetLate", Syntax::Gauge32, |c| count(c, Presence::Late)),
        Scalar::read(4, "fbFleetLost", Syntax::Gauge32, |c| count(c, Presence::Lost)),
        Scalar::read(5, "fbFleetUnreachable", Syntax::Gauge32, |c| count(c, Presence::Unreachable)),
        Scalar::read(6, "fbFleetSleeping", Syntax::Gauge32, |c| count(c, Presence::Sleeping)),
        Scalar::read(7, "fbFleetNeverSeen", Syntax::Gauge32, |c| count(c, Presence::NeverSeen)),
        Scalar::read(8, "fbFleetMissing", Syntax::Gauge32, |c| Value::Gauge32(c.fleet.counts().missing())),
        // Nothing fails until there are alarms; the DESCRIPTION says so.
        Scalar::read(9, "fbFleetFailing", Syntax::Gauge32, |_| Value::Gauge32(0)),
        Scalar::read(10, "fbFleetPresenceFrozen", Syntax::Enumeration(TRUTH), |c| {
            Value::truth(c.fleet.presence_frozen())
        }),
        Scalar::read(11, "fbFleetNumbersUsed", Syntax::Gauge32, |c| {
            Value::Gauge32(c.fleet.counts().numbers_used)
        }),
        Scalar::read(12, "fbFleetMessages", Syntax::Counter64, |c| {
            Value::Counter64(c.stats.southbound.messages.value())
        }),
        Scalar::read(13, "fbFleetObservations", Syntax::Counter64, |c| {
            Value::Counter64(c.stats.southbound.observations.value())
        }),
        Scalar::read(14, "fbFleetUnknownMessages", Syntax::Counter64, |c| {
            Value::Counter64(c.stats.southbound.unknown.value())
        }),
        Scalar::read(15, "fbFleetLastEvent", Syntax::Unsigned32, |c| {
            Value::Gauge32(c.fleet.journal().told() as u32)
        }),
    ],
};

/// What managers want of the devices.
pub const RUNNING: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 4, 1, ENTERPRISE, 2, 1, 15]),
    views: Views::BRIDGE,
    scalars: &[Scalar::read(1, "fbLastTransaction", Syntax::Unsigned32, |c| {
        Value::Gauge32(c.last_commit.min(u32::MAX.into()) as u32)
    })],
};

fn count(context: &Context<'_>, presence: Presence) -> Value<'static> {
    Value::Gauge32(context.fleet.counts().of(presence))
}
