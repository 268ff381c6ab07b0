//! What NMS kits are made from: facts of the bridge, and every device as a host.

use std::{
    collections::HashSet,
    io::{self, Write},
    ops::ControlFlow,
};

use super::State;
use crate::{
    fleet::{Row, Which},
    kit::{Agent, Facts, Filter, Host, Profile, User},
    model::{Attribute, Presence},
};

/// Bytes that are written under one hold of a block's lock.
const PIECE: usize = 64 * 1024;

/// Who asks the agents.
#[derive(Clone)]
pub(super) struct Asker {
    /// Else a community does.
    pub user: Option<User>,
    /// The devices that the asker sees; `None`: all.
    pub scope: Option<Filter>,
}

impl Asker {
    /// What of the agent concerns the asker.
    fn asks(&self, mut agent: Agent) -> Agent {
        let other = if self.user.is_some() { &mut agent.community } else { &mut agent.context };
        other.clear();
        agent
    }

    /// What of the device's agent concerns the asker; `None`: the asker cannot ask it.
    fn asks_device(&self, state: &State, row: &Row<'_>) -> Option<Agent> {
        let agent = self.asks((state.agent_of)(row.number(), row.name()));
        let seen = self.scope.as_ref().is_none_or(|scope| takes(scope, row));
        (seen && (self.user.is_some() || !agent.community.is_empty())).then_some(agent)
    }
}

pub(super) fn facts(state: &State, asker: Asker) -> Facts {
    let profiles = state.fleet.profiles().iter().map(|(_, profile)| profile);
    let mut profiles: Vec<_> = profiles.filter(|profile| !profile.is_unknown()).map(Profile::of).collect();
    profiles.sort_by(|one, other| one.name.cmp(&other.name));
    let bridge = asker.asks(state.agent.clone());
    Facts {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        bridge,
        user: asker.user,
        pools: state.pools.clone(),
        profiles,
    }
}

/// Which devices are wanted.
pub(super) struct Wanted {
    /// Those that changed in this revision or later, retired ones among them. `None`: every live device.
    pub since: Option<u64>,
    pub filter: Filter,
    /// With each also the devices that it hangs on, whatever they are.
    pub parents: bool,
}

impl Wanted {
    fn takes(&self, row: &Row<'_>) -> bool {
        u64::from(row.changed()) >= self.since.unwrap_or(0) && takes(&self.filter, row)
    }
}

/// The revision, then every device that is wanted.
///
/// # Errors
/// Only those of `out`.
pub(super) fn write(
    state: &State,
    wanted: &Wanted,
    asker: &Asker,
    revision: u32,
    out: &mut dyn Write,
) -> io::Result<()> {
    let mut piece = format!("{{\"revision\":{revision}}}\n").into_bytes();
    let put = |piece: &mut Vec<u8>, row: &Row<'_>| {
        if let Some(agent) = asker.asks_device(state, row)
            && serde_json::to_writer(&mut *piece, &host(row, agent)).is_ok()
        {
            piece.push(b'\n');
        }
    };
    let which = if wanted.since.is_some() { Which::Given } else { Which::Live };
    let mut given = HashSet::new();
    let mut from = Some(0);
    while let Some(first) = from.take() {
        let mut parents = Vec::new();
        state.fleet.rows(first, which, |row| {
            if wanted.takes(&row) && (!wanted.parents || given.insert(row.number())) {
                put(&mut piece, &row);
                if wanted.parents && row.presence() != Presence::Retired {
                    parents.push(row.parent());
                }
            }
            if piece.len() >= PIECE {
                from = row.number().checked_add(1);
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        // Above each parent the next, and none twice: they could hang on each other.
        while let Some(parent) = parents.pop() {
            state.fleet.row(parent, |row| {
                if given.insert(row.number()) {
                    put(&mut piece, &row);
                    parents.push(row.parent());
                }
            });
        }
        out.write_all(&piece)?;
        piece.clear();
    }
    Ok(())
}

fn takes(filter: &Filter, row: &Row<'_>) -> bool {
    let profile = row.profile();
    let site = row.attribute(Attribute::Site);
    filter.takes(site, &profile.name, &profile.class, row.presence(), row.name())
}

fn host(row: &Row<'_>, agent: Agent) -> Host {
    let text = |attribute| row.attribute(attribute).to_owned();
    let profile = row.profile();
    // Tools that are told of a circle take all of it as unreachable.
    let parent = (!row.ends_in_circle())
        .then(|| row.live_parent(|parent| (parent.name().to_owned(), parent.number())));
    let parent = parent.flatten();
    let (parent, parent_number) = parent.unzip();
    Host {
        number: row.number(),
        name: row.name().to_owned(),
        alias: text(Attribute::Alias),
        profile: profile.name.clone(),
        class: profile.class.clone(),
        manufacturer: text(Attribute::Manufacturer),
        model: text(Attribute::Model),
        serial: text(Attribute::Serial),
        firmware: text(Attribute::Firmware),
        site: text(Attribute::Site),
        location: text(Attribute::Location),
        parent,
        parent_number,
        asset_tag: text(Attribute::AssetTag),
        presence: row.presence(),
        retired: row.presence() == Presence::Retired,
        agent,
        changed: u64::from(row.changed()),
    }
}
