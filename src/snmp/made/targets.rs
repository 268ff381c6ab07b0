//! Who is told because of the rows (RFC 3413 section 3.3): each active entry of snmpNotifyTable chooses addresses by its tag;
//! their parameters say as whom they are told, and a filter and the notify view of that one say what of.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

use super::{
    Boot, Made, Row,
    boot::NOTIFIES,
    index::{self, implied},
    kind::{address, is_delimiter},
    table::{Table, column},
};
use crate::{
    secret::Secret,
    snmp::{
        community::Communities,
        notify::{Kind, Kinds, Target, Wire},
        usm::{Level, Users},
        vacm::{Family, Model, Policy, Tree},
    },
};

/// How many are told at most: each has a place in the journal, and a state of every device.
const MOST: usize = 100;

/// What stands around the rows.
pub struct Around<'a> {
    pub boot: &'a Boot,
    pub communities: &'a Communities,
    pub users: &'a Users,
    pub policy: &'a Policy,
}

/// An active row of which no target comes, and why: for the log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Untold {
    pub row: String,
    pub why: String,
}

impl Made {
    /// Who is told, in order of their rows.
    pub fn targets(&self, around: &Around<'_>) -> (Vec<Target>, BTreeSet<Untold>) {
        let (mut targets, mut untold) = (Vec::<Target>::new(), BTreeSet::new());
        let notifies = self.notifies();
        let filters = self.filters();
        for (index, row) in self.active(Table::Addresses) {
            // It may only stand there for a community that is open to it.
            let Some(inform) = inform(row, &notifies) else { continue };
            let told = match self.target(row, inform, &filters, around) {
                Ok(target) if targets.iter().any(|other| other.address == target.address) => {
                    Err(format!("{} is told by another row already", target.address))
                }
                Ok(_) if targets.len() >= MOST => Err(format!("{MOST} targets are told by SET at most")),
                told => told,
            };
            match told {
                Ok(target) => targets.push(target),
                Err(why) => {
                    untold.insert(Untold { row: Table::Addresses.describe(index), why });
                }
            }
        }
        (targets, untold)
    }

    /// Where somebody is to be told, now or once other rows are there.
    pub fn addresses(&self) -> BTreeSet<SocketAddr> {
        self.rows(Table::Addresses).filter_map(|(_, row)| row.address()).collect()
    }

    /// Who acknowledges what he is told, if all else is there.
    pub fn informed(&self) -> BTreeSet<SocketAddr> {
        let notifies = self.notifies();
        let informs = |(_, row): &(&[u32], &Row)| inform(row, &notifies) == Some(true);
        self.active(Table::Addresses).filter(informs).filter_map(|(_, row)| row.address()).collect()
    }

    /// The first of each tag: its name, and whether it wants informs.
    fn notifies(&self) -> BTreeMap<String, (String, bool)> {
        let mut list: Vec<_> =
            NOTIFIES.map(|(name, inform)| (name.to_owned(), name.to_owned(), inform)).into();
        for (index, row) in self.active(Table::Notifies) {
            let Some(name) = index::lone(index) else { continue };
            list.push((name, row.text(2), row.integer(3) == 2));
        }
        list.sort();
        let mut first = BTreeMap::new();
        for (name, tag, inform) in list.into_iter().filter(|(_, tag, _)| !tag.is_empty()) {
            first.entry(tag).or_insert((name, inform));
        }
        first
    }

    /// By profile.
    fn filters(&self) -> BTreeMap<String, Tree> {
        let mut families: BTreeMap<String, Vec<Family>> = BTreeMap::new();
        for (index, row) in self.active(Table::Filters) {
            let Some((profile, subtree)) = index::filter(index) else { continue };
            let (mask, included) = (row.octets(2).to_vec(), row.integer(3) == 1);
            let family = Family { subtree: subtree.to_vec(), mask, included };
            families.entry(profile).or_default().push(family);
        }
        families.into_iter().map(|(profile, families)| (profile, Tree::new(families, &[]))).collect()
    }

    fn find(&self, table: Table, name: &str) -> Option<&Row> {
        self.0[table as usize].get(&implied(name)).filter(|row| row.is_active())
    }

    /// # Errors
    /// Why nobody is told, for the log.
    fn target(
        &self,
        row: &Row,
        inform: bool,
        filters: &BTreeMap<String, Tree>,
        around: &Around<'_>,
    ) -> Result<Target, String> {
        let address = row.address().ok_or("it has no address")?;
        if around.boot.targets.iter().any(|target| target.address == address) {
            return Err(format!("{address} is told as the boot file says"));
        }
        let name = row.text(column::PARAMS);
        let missing = || format!("snmpTargetParamsTable has no active row {name:?} that was made by SET");
        let params = self.find(Table::Params, &name).ok_or_else(missing)?;
        let security = params.text(4);
        let wire = self.wire(params, &security, inform, around)?;
        let (model, level) = match &wire {
            Wire::V1 { .. } => (Model::V1, Level::NoAuthNoPriv),
            Wire::V2c { .. } => (Model::V2c, Level::NoAuthNoPriv),
            Wire::V3 { level, .. } => (Model::Usm, *level),
        };
        let (rights, scope) = around.policy.rights(model, &security, level);
        if scope.is_some() {
            return Err(format!(
                "{security:?} sees a part of the fleet only; such a target can stand in the boot file, with `sites`"
            ));
        }
        let views = rights.views(String::new).ok_or_else(|| {
            format!("nothing is open to {security:?} by {model:?} at {level:?}: vacmAccessTable has no entry for it")
        })?;
        let profile = self.find(Table::Profiles, &name).map(|row| row.text(1));
        let filter = |kind: Kind| match &profile {
            None => Kinds::default().has(kind),
            Some(profile) => filters
                .get(profile)
                .is_some_and(|filter| kind.oids().iter().all(|oid| filter.shows(oid.arcs()))),
        };
        let shown = |kind: Kind| kind.oids().iter().all(|oid| views.notify.shows(oid.arcs()));
        let kinds: Kinds = Kind::ALL.into_iter().filter(|kind| shown(*kind) && filter(*kind)).collect();
        if kinds.is_empty() {
            let whose = match &profile {
                Some(profile) => format!("the filter {profile:?} and the notify view of {security:?}"),
                None => format!("the notify view of {security:?}"),
            };
            return Err(format!("{whose} leave no notification over"));
        }
        Ok(Target {
            address,
            wire,
            inform,
            timeout: (row.integer(column::TIMEOUT) as u64 * 10).clamp(Target::TIMEOUTS.0, Target::TIMEOUTS.1),
            retries: (row.integer(column::RETRIES) as u32).min(Target::MOST_RETRIES),
            rate: Target::RATE,
            kinds,
            sites: Vec::new(),
        })
    }

    fn wire(&self, params: &Row, security: &str, inform: bool, around: &Around<'_>) -> Result<Wire, String> {
        let community = || {
            let mut named = around.communities.named();
            let of_boot = named.find(|(name, _)| *name == security).map(|(_, community)| community);
            let of_boot = of_boot.and_then(|community| str::from_utf8(community).ok());
            let of_boot = of_boot.map(|community| Secret::new(community.to_owned()));
            of_boot.or_else(|| self.community_of(security).cloned()).ok_or_else(|| {
                format!("snmpCommunityTable has no active row of the security name {security:?} and without a context")
            })
        };
        match params.integer(column::PROCESSING) {
            0 if inform => Err("SNMPv1 has traps only".to_owned()),
            0 => Ok(Wire::V1 { community: community()? }),
            1 => Ok(Wire::V2c { community: community()? }),
            _ => {
                let level = match params.integer(column::SECURITY_LEVEL) {
                    2 => Level::AuthNoPriv,
                    3 => Level::AuthPriv,
                    _ => return Err("SNMPv3 without authentication is not told".to_owned()),
                };
                let user =
                    around.users.get(security).ok_or_else(|| format!("there is no user {security:?}"))?;
                if user.level() < level {
                    return Err(format!("the user {security:?} has no keys for {level:?}"));
                }
                if inform && !user.has_keys_of_others() {
                    return Err(format!(
                        "the user {security:?} was made by SET and has keys for the bridge's engine alone; informs \
                         need those of the target's: tell it by traps, or have the user in the boot file"
                    ));
                }
                Ok(Wire::V3 { user: security.to_owned(), level })
            }
        }
    }
}

/// Whether an address is told by informs; `None`: no entry of snmpNotifyTable chooses it.
fn inform(row: &Row, notifies: &BTreeMap<String, (String, bool)>) -> Option<bool> {
    let tags = row.text(column::TAGS);
    tags.split(is_delimiter).filter_map(|tag| notifies.get(tag)).min().map(|(_, inform)| *inform)
}

impl Row {
    fn address(&self) -> Option<SocketAddr> {
        let address = address(self.octets(column::ADDRESS))?;
        Some(SocketAddr::new(address.ip().to_canonical(), address.port()))
    }
}
