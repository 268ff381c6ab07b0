//! The communities that come of the rows (RFC 3584 section 5).

use std::{collections::BTreeMap, net::IpAddr};

use super::{
    Made, Row, Untold,
    kind::{address, is_delimiter},
    table::{Cell, Table, column},
};
use crate::{
    secret::Secret,
    snmp::community::{Communities, Verdict},
};

/// In order of their names, and those of one name in order of their indexes.
#[derive(Default)]
pub struct MadeCommunities(Vec<Community>);

struct Community {
    name: Secret,
    security: String,
    /// Whom it asks; `None`: whose address it came to.
    context: Option<String>,
    /// `None`: from everywhere. It writes nothing then, for who hears it could write as well.
    sources: Option<Vec<IpAddr>>,
}

impl MadeCommunities {
    /// An IPv4 source in IPv6 clothes counts as IPv4.
    pub fn judge(&self, name: &[u8], source: IpAddr) -> Verdict<'_> {
        let source = source.to_canonical();
        let first = self.0.partition_point(|community| community.name.expose().as_bytes() < name);
        let named = self.0[first..].iter().take_while(|community| community.name.expose().as_bytes() == name);
        let mut verdict = Verdict::Unknown;
        for Community { security, context, sources, .. } in named {
            if sources.as_ref().is_none_or(|sources| sources.contains(&source)) {
                let device = context.as_ref().map(String::as_bytes);
                return Verdict::Granted { security, device, writes: sources.is_some() };
            }
            verdict = Verdict::Refused;
        }
        verdict
    }
}

impl Made {
    /// The communities that are active.
    pub fn communities(&self) -> MadeCommunities {
        let mut by_tag: BTreeMap<String, Vec<IpAddr>> = BTreeMap::new();
        for (_, row) in self.active(Table::Addresses) {
            let Some(address) = address(row.octets(column::ADDRESS)) else { continue };
            for tag in row.text(column::TAGS).split(is_delimiter) {
                by_tag.entry(tag.to_owned()).or_default().push(address.ip().to_canonical());
            }
        }
        let community = |(_, row): (&[u32], &Row)| {
            let tag = Some(row.text(column::TRANSPORT_TAG)).filter(|tag| !tag.is_empty());
            Some(Community {
                name: row.secret()?.clone(),
                security: row.text(3),
                context: Some(row.text(column::CONTEXT)).filter(|context| !context.is_empty()),
                sources: tag.map(|tag| by_tag.get(&tag).cloned().unwrap_or_default()),
            })
        };
        let mut list: Vec<_> = self.active(Table::Communities).filter_map(community).collect();
        list.sort_by(|one, other| one.name.expose().cmp(other.name.expose()));
        MadeCommunities(list)
    }

    /// Those whose name the boot file has, for itself or for a device, and uses as it says there.
    pub fn shadowed<'a>(&'a self, boot: &'a Communities) -> impl Iterator<Item = Untold> + 'a {
        let is_known = |row: &Row| row.secret().is_some_and(|name| boot.knows(name.expose().as_bytes()));
        self.active(Table::Communities).filter(move |(_, row)| is_known(row)).map(|(index, _)| Untold {
            row: Table::Communities.describe(index),
            why: "the boot file has a community of this name, or one that names a device so".to_owned(),
        })
    }

    /// The name of the community by which one of that security name is told: of the bridge, so that of no context.
    pub(super) fn community_of(&self, security: &str) -> Option<&Secret> {
        let is = |row: &Row| row.text(3) == security && row.octets(column::CONTEXT).is_empty();
        self.active(Table::Communities).find(|(_, row)| is(row)).and_then(|(_, row)| row.secret())
    }
}

impl Row {
    fn secret(&self) -> Option<&Secret> {
        match self.cells.get(&column::COMMUNITY) {
            Some(Cell::Secret(name)) => Some(name),
            _ => None,
        }
    }
}
