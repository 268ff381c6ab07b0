//! What an SNMPv3 engine tells of the messages that it did not take: SNMP-MPD-MIB (RFC 3412), the counters of
//! SNMP-TARGET-MIB (RFC 3413) and those of SNMP-USER-BASED-SM-MIB (RFC 3414).

use super::{Group, Lone, Scalar};
use crate::{
    snmp::{
        oid::Prefix,
        syntax::{Syntax, Value},
        view::Views,
    },
    stats::Counter,
};

const VIEWS: Views = Views::BRIDGE.and(Views::FLEET);

pub const DISPATCH: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 6, 3, 11, 2, 1]),
    views: VIEWS,
    scalars: &[
        Scalar::read(1, "snmpUnknownSecurityModels", C32, |c| counter(&c.stats.snmp.unknown_models)),
        Scalar::read(2, "snmpInvalidMsgs", C32, |c| counter(&c.stats.snmp.invalid_messages)),
        Scalar::read(3, "snmpUnknownPDUHandlers", C32, |c| counter(&c.stats.snmp.unknown_pdus)),
    ],
};

/// Every context that there is can be asked.
pub const UNAVAILABLE_CONTEXTS: Lone = Lone {
    object: &Prefix::new(&[1, 3, 6, 1, 6, 3, 12, 1, 4]),
    views: VIEWS,
    scalar: Scalar::read(4, "snmpUnavailableContexts", C32, |_| Value::Counter32(0)),
};

pub const UNKNOWN_CONTEXTS: Lone = Lone {
    object: &Prefix::new(&[1, 3, 6, 1, 6, 3, 12, 1, 5]),
    views: VIEWS,
    scalar: Scalar::read(5, "snmpUnknownContexts", C32, |c| counter(&c.stats.snmp.unknown_contexts)),
};

pub const USERS: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 6, 3, 15, 1, 1]),
    views: VIEWS,
    scalars: &[
        Scalar::read(1, "usmStatsUnsupportedSecLevels", C32, |c| counter(&c.stats.snmp.unsupported_levels)),
        Scalar::read(2, "usmStatsNotInTimeWindows", C32, |c| counter(&c.stats.snmp.not_in_time_windows)),
        Scalar::read(3, "usmStatsUnknownUserNames", C32, |c| counter(&c.stats.snmp.unknown_users)),
        Scalar::read(4, "usmStatsUnknownEngineIDs", C32, |c| counter(&c.stats.snmp.unknown_engines)),
        Scalar::read(5, "usmStatsWrongDigests", C32, |c| counter(&c.stats.snmp.wrong_digests)),
        Scalar::read(6, "usmStatsDecryptionErrors", C32, |c| counter(&c.stats.snmp.decryption_errors)),
    ],
};

const C32: Syntax = Syntax::Counter32;

fn counter(counter: &Counter) -> Value<'static> {
    Value::Counter32(counter.value32())
}
