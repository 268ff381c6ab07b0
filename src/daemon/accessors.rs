//! Who may ask, for managers to read in fbAccessTable.

use super::settings::communities;
use crate::{
    config::{self, Config},
    kit,
    login::Role,
    snmp::{
        community::Pattern,
        mib::fleetbridge::{AccessKind, Accessor},
    },
};

/// As the boot file says it.
pub fn accessors(config: &Config) -> Vec<Accessor> {
    let words = |scope: Option<&kit::Filter>| scope.map(kit::Filter::to_string).unwrap_or_default();
    let user = |user: &config::User| {
        let by_netconf = user.password.is_some() || !user.ssh_keys.is_empty();
        let faces = [(user.snmp.is_some(), "snmp"), (by_netconf, "netconf")];
        let faces: Vec<_> = faces.into_iter().filter_map(|(has, face)| has.then_some(face)).collect();
        Accessor {
            kind: AccessKind::User,
            name: user.name.clone(),
            role: user.role.name(),
            scope: words(user.snmp.as_ref().and_then(|snmp| snmp.scope.as_ref())),
            sources: String::new(),
            faces: faces.join(" "),
        }
    };
    let communities = communities(config);
    let community = |((name, _), community): ((&str, &[u8]), &config::Community)| Accessor {
        kind: AccessKind::Community,
        name: name.to_owned(),
        role: if community.writes { Role::Operate } else { Role::Read }.name(),
        scope: words(community.scope.as_ref()),
        sources: community.sources.iter().map(ToString::to_string).collect::<Vec<_>>().join(" "),
        faces: "snmp".to_owned(),
    };
    let pattern = |pattern: &Pattern| Accessor {
        kind: AccessKind::Pattern,
        name: pattern.fill("{community}", "{device}"),
        role: "",
        scope: String::new(),
        sources: String::new(),
        faces: "snmp".to_owned(),
    };
    let users = config.users.iter().map(user);
    let listed = communities.named().zip(&config.snmp.communities).map(community);
    users.chain(listed).chain(config.snmp.devices.communities.iter().map(pattern)).collect()
}
