//! Who is told, and of what, as managers see it: SNMP-TARGET-MIB and SNMP-NOTIFICATION-MIB (RFC 3413). The targets of the
//! boot file cannot be set; others can be made beside them.

use std::net::{IpAddr, SocketAddr};

use super::{
    Column, Context, Lone, Scalar,
    guard::{ACTIVE, READ_ONLY, column},
    list::{List, Row},
};
use crate::snmp::{
    made::{Cell, NOTIFIES, NOTIFY, STATUS, STORAGE, TYPE, Table, UDP, UDP_IPV6, implied},
    mib::fleetbridge::{SUMMARY, TEST},
    notify::{Kind, Target, Wire},
    oid::{Prefix, counted},
    set::Lock,
    syntax::{Syntax, Value},
    usm::Level,
    vacm::Model,
    view::Views,
};

const VIEWS: Views = Views::BRIDGE;

pub const LOCK: Lone = Lone {
    object: &Prefix::new(&[1, 3, 6, 1, 6, 3, 12, 1, 1]),
    views: VIEWS,
    scalar: Scalar::write(1, "snmpTargetSpinLock", Syntax::Integer32, |c| {
        Value::Integer(c.locks.of(Lock::Targets))
    })
    .set(|_, given, edits| edits.lock(Lock::Targets, given)),
};

pub const ADDRESSES: List = List {
    prefix: &Prefix::new(&[1, 3, 6, 1, 6, 3, 12, 1, 2, 1]),
    views: VIEWS,
    columns: &[
        Column::index(1, "snmpTargetAddrName", Syntax::Octets),
        column(2, "snmpTargetAddrTDomain", Syntax::Oid),
        column(3, "snmpTargetAddrTAddress", Syntax::Octets),
        column(4, "snmpTargetAddrTimeout", Syntax::Integer32),
        column(5, "snmpTargetAddrRetryCount", Syntax::Integer32),
        column(6, "snmpTargetAddrTagList", Syntax::Octets),
        column(7, "snmpTargetAddrParams", Syntax::Octets),
        column(8, "snmpTargetAddrStorageType", Syntax::Enumeration(STORAGE)),
        column(9, "snmpTargetAddrRowStatus", Syntax::Enumeration(STATUS)),
    ],
    rows: |context| {
        each(context, |name, target| {
            let (domain, address) = transport(target.address);
            Row {
                index: implied(name),
                cells: vec![
                    Cell::Oid(domain),
                    Cell::Octets(address),
                    // Hundredths of a second.
                    Cell::Integer((target.timeout / 10) as i32),
                    Cell::Integer(target.retries as i32),
                    Cell::text(tag(target)),
                    Cell::text(name),
                    READ_ONLY,
                    ACTIVE,
                ],
            }
        })
    },
    made: Some(Table::Addresses),
};

pub const PARAMS: List = List {
    prefix: &Prefix::new(&[1, 3, 6, 1, 6, 3, 12, 1, 3, 1]),
    views: VIEWS,
    columns: &[
        Column::index(1, "snmpTargetParamsName", Syntax::Octets),
        column(2, "snmpTargetParamsMPModel", Syntax::Integer32),
        column(3, "snmpTargetParamsSecurityModel", Syntax::Integer32),
        column(4, "snmpTargetParamsSecurityName", Syntax::Octets),
        column(5, "snmpTargetParamsSecurityLevel", Syntax::Integer32),
        column(6, "snmpTargetParamsStorageType", Syntax::Enumeration(STORAGE)),
        column(7, "snmpTargetParamsRowStatus", Syntax::Enumeration(STATUS)),
    ],
    rows: |context| {
        each(context, |name, target| {
            let (processing, model, security, level) = match &target.wire {
                Wire::V1 { .. } => (0, Model::V1, name, Level::NoAuthNoPriv),
                Wire::V2c { .. } => (1, Model::V2c, name, Level::NoAuthNoPriv),
                Wire::V3 { user, level } => (3, Model::Usm, user.as_str(), *level),
            };
            Row {
                index: implied(name),
                cells: vec![
                    Cell::Integer(processing),
                    Cell::Integer(model as i32),
                    Cell::text(security),
                    Cell::Integer(level as i32),
                    READ_ONLY,
                    ACTIVE,
                ],
            }
        })
    },
    made: Some(Table::Params),
};

pub const KINDS: List = List {
    prefix: &Prefix::new(&[1, 3, 6, 1, 6, 3, 13, 1, 1, 1]),
    views: VIEWS,
    columns: &[
        Column::index(1, "snmpNotifyName", Syntax::Octets),
        column(2, "snmpNotifyTag", Syntax::Octets),
        column(3, "snmpNotifyType", Syntax::Enumeration(NOTIFY)),
        column(4, "snmpNotifyStorageType", Syntax::Enumeration(STORAGE)),
        column(5, "snmpNotifyRowStatus", Syntax::Enumeration(STATUS)),
    ],
    rows: |_| {
        let row = |(name, inform): (&str, bool)| Row {
            index: implied(name),
            cells: vec![Cell::text(name), Cell::Integer(if inform { 2 } else { 1 }), READ_ONLY, ACTIVE],
        };
        NOTIFIES.map(row).into()
    },
    made: Some(Table::Notifies),
};

pub const PROFILES: List = List {
    prefix: &Prefix::new(&[1, 3, 6, 1, 6, 3, 13, 1, 2, 1]),
    views: VIEWS,
    columns: &[
        column(1, "snmpNotifyFilterProfileName", Syntax::Octets),
        column(2, "snmpNotifyFilterProfileStorType", Syntax::Enumeration(STORAGE)),
        column(3, "snmpNotifyFilterProfileRowStatus", Syntax::Enumeration(STATUS)),
    ],
    rows: |context| {
        each(context, |name, _| Row {
            index: implied(name),
            cells: vec![Cell::text(name), READ_ONLY, ACTIVE],
        })
    },
    made: Some(Table::Profiles),
};

pub const FILTERS: List = List {
    prefix: &Prefix::new(&[1, 3, 6, 1, 6, 3, 13, 1, 3, 1]),
    views: VIEWS,
    columns: &[
        Column::index(1, "snmpNotifyFilterSubtree", Syntax::Oid),
        column(2, "snmpNotifyFilterMask", Syntax::Octets),
        column(3, "snmpNotifyFilterType", Syntax::Enumeration(TYPE)),
        column(4, "snmpNotifyFilterStorageType", Syntax::Enumeration(STORAGE)),
        column(5, "snmpNotifyFilterRowStatus", Syntax::Enumeration(STATUS)),
    ],
    rows: |context| {
        let of_target = |name: &str, target: &Target| {
            let wanted =
                Kind::ALL.into_iter().filter(|kind| target.kinds.has(*kind)).flat_map(Kind::oids).copied();
            // These are told whatever the filter.
            let told = wanted.chain([&SUMMARY.oid, &TEST.oid]);
            let row = |subtree: &'static Prefix| Row {
                index: counted(name.as_bytes()).chain(subtree.arcs().iter().copied()).collect(),
                cells: vec![Cell::text(""), Cell::Integer(1), READ_ONLY, ACTIVE],
            };
            told.map(row).collect::<Vec<_>>()
        };
        each(context, of_target).into_iter().flatten().collect()
    },
    made: Some(Table::Filters),
};

/// Visits the targets, in the order of the boot file, with the name that they have here.
pub(super) fn each<R>(context: &Context<'_>, mut make: impl FnMut(&str, &Target) -> R) -> Vec<R> {
    context.guards.boot().targets().map(|(name, target)| make(&name, target)).collect()
}

/// The tag by which a row of snmpNotifyTable chooses it.
fn tag(target: &Target) -> &'static str {
    NOTIFIES.iter().find(|(_, inform)| *inform == target.inform).map_or("", |(name, _)| name)
}

/// TDomain and TAddress.
fn transport(address: SocketAddr) -> (&'static Prefix, Vec<u8>) {
    let port = address.port().to_be_bytes();
    match address.ip() {
        IpAddr::V4(ip) => (&UDP, [&ip.octets()[..], &port].concat()),
        IpAddr::V6(ip) => (&UDP_IPV6, [&ip.octets()[..], &port].concat()),
    }
}
