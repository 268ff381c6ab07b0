//! SNMP-FRAMEWORK-MIB (RFC 3411): the snmpEngine group.

use super::{Group, Scalar};
use crate::snmp::{
    oid::Prefix,
    syntax::{Syntax, Value},
    view::Views,
};

pub const ENGINE: Group = Group {
    prefix: &Prefix::new(&[1, 3, 6, 1, 6, 3, 10, 2, 1]),
    // At its own address a device is an engine, but its boots and time are those of the bridge.
    views: Views::BRIDGE.and(Views::FLEET),
    scalars: &[
        Scalar::read(1, "snmpEngineID", Syntax::Octets, |c| Value::Octets(c.engine.id())),
        Scalar::read(2, "snmpEngineBoots", Syntax::Integer32, |c| Value::Integer(c.engine.boots())),
        Scalar::read(3, "snmpEngineTime", Syntax::Integer32, |c| Value::Integer(c.engine.time(c.now))),
        Scalar::read(4, "snmpEngineMaxMessageSize", Syntax::Integer32, |c| {
            Value::Integer(i32::try_from(c.system.max_request).unwrap_or(i32::MAX))
        }),
    ],
};
