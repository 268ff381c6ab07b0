//! What the boot file has rows of.

use std::{net::IpAddr, sync::Arc};

use super::{index, table::Table};
use crate::snmp::{
    community::Network,
    engine::EngineId,
    notify::{Target, Wire},
    usm::User,
    vacm::Rows,
};

/// What stands in the boot file and cannot be set.
#[derive(Clone, Default)]
pub struct Boot {
    pub rows: Rows,
    pub users: Vec<Arc<User>>,
    /// Who is told.
    pub targets: Vec<Target>,
    /// The names of communities for access control.
    pub communities: Vec<String>,
    /// Where devices answer.
    pub pools: Vec<Network>,
}

/// The rows of snmpNotifyTable, and the tags by which they choose targets; whether they are informs.
pub const NOTIFIES: [(&str, bool); 2] = [("trap", false), ("inform", true)];

/// What the target of this place in the boot file is called, from 0. It is also the security name of one that is told by a
/// community, which is a secret.
pub fn target_name(at: usize) -> String {
    format!("target-{}", at + 1)
}

impl Boot {
    /// Whether a row is there.
    pub fn has(&self, table: Table, index: &[u32], engine: &EngineId) -> bool {
        let is = |name: &str| index::implied(name) == index;
        match table {
            Table::Users => self.users.iter().any(|user| user.index(engine) == index),
            Table::Groups => self.rows.members.iter().any(|member| member.index() == index),
            Table::Access => self.rows.access.iter().any(|access| access.index() == index),
            Table::Views => self.rows.families.iter().any(|(view, family)| family.index(view) == index),
            Table::Addresses | Table::Params | Table::Profiles => self.targets().any(|(name, _)| is(&name)),
            Table::Notifies => NOTIFIES.iter().any(|(name, _)| is(name)),
            Table::Filters => self.settles(table, index),
            Table::Communities => {
                let by_community = |target: &Target| !matches!(target.wire, Wire::V3 { .. });
                self.communities.iter().any(|name| is(name))
                    || self.targets().any(|(name, target)| is(&name) && by_community(target))
            }
        }
    }

    /// Whether a row would widen or narrow what a group, view or target is here: those stay as they are, so that nobody
    /// locks administrators out, or lets others in by their names.
    pub fn settles(&self, table: Table, index: &[u32]) -> bool {
        match table {
            Table::Access => index::access(index)
                .is_some_and(|(group, ..)| self.rows.access.iter().any(|row| row.group == group)),
            Table::Views => index::subtree(index)
                .is_some_and(|(view, _)| self.rows.families.iter().any(|(name, _)| *name == view)),
            Table::Filters => index::filter(index)
                .is_some_and(|(profile, _)| self.targets().any(|(name, _)| name == profile)),
            _ => false,
        }
    }

    /// Whether devices have such addresses: what is sent there comes back.
    pub fn is_of_devices(&self, address: IpAddr) -> bool {
        self.pools.iter().any(|pool| pool.contains(address.to_canonical()))
    }

    /// With their names.
    pub fn targets(&self) -> impl Iterator<Item = (String, &Target)> {
        self.targets.iter().enumerate().map(|(at, target)| (target_name(at), target))
    }
}
