//! From profile files and numbered profiles to the decoder of an adapter.

use super::{ProfileFile, Source, TimeSource, uplink::DeviceSpec};
use crate::{
    model::{Profile, ProfileId, Profiles},
    southbound::{
        Limits,
        codec::{Decoder, DeviceId, Payload, Route, Rule, Target, TooManyWildcards, path::Path},
    },
};

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CompileError {
    #[error("there is no profile {0:?}")]
    UnknownProfile(String),
    #[error("profile {profile:?} has the parent profile {parent:?}, which does not exist")]
    UnknownParent { profile: String, parent: String },
    #[error("profile {0:?} has too many wildcards `*` beside each other in its paths")]
    TooManyWildcards(String),
}

/// Makes the decoder for these profiles; where several match a message, the first in this order that recognises it wins.
///
/// # Errors
/// A profile or its parent is not in `profiles`.
pub fn compile(profiles: &Profiles, files: &[&ProfileFile], limits: Limits) -> Result<Decoder, CompileError> {
    let mut routes = Vec::new();
    for file in files {
        let name = &file.profile.name;
        let id = profiles.by_name(name).ok_or_else(|| CompileError::UnknownProfile(name.clone()))?;
        let parent = match &file.parent {
            Some(parent) => Some(profiles.by_name(parent).ok_or_else(|| CompileError::UnknownParent {
                profile: name.clone(),
                parent: parent.clone(),
            })?),
            None => None,
        };
        // Compiled alone first, so that an error names its profile.
        let own = file.routes(id, &profiles[id], parent);
        Decoder::new(own.clone(), limits).map_err(|_| CompileError::TooManyWildcards(name.clone()))?;
        routes.extend(own);
    }
    Decoder::new(routes, limits).map_err(|_| CompileError::TooManyWildcards("all".to_owned()))
}

/// Whether the file will compile, apart from its parent's existence.
pub(super) fn check(file: &ProfileFile) -> Result<(), CompileError> {
    let id = ProfileId::default();
    match Decoder::new(file.routes(id, &file.profile, Some(id)), Limits::default()) {
        Ok(_) => Ok(()),
        Err(TooManyWildcards) => Err(CompileError::TooManyWildcards(file.profile.name.clone())),
    }
}

impl ProfileFile {
    pub(super) fn routes(&self, id: ProfileId, profile: &Profile, parent: Option<ProfileId>) -> Vec<Route> {
        (0..self.uplinks.len()).map(|index| self.route(index, id, profile, parent)).collect()
    }

    fn route(&self, index: usize, id: ProfileId, profile: &Profile, parent: Option<ProfileId>) -> Route {
        let uplink = &self.uplinks[index];
        let mut rules = Rules(Vec::new());
        let device = match &uplink.device {
            DeviceSpec::Fixed(id) => id.clone(),
            DeviceSpec::Paths(paths) => DeviceId::Rule(rules.add(paths.clone(), Target::Id)),
        };
        let applies = |source: &Source| source.applies(index, uplink.payload);
        if let Some(source) = self.parent_id.as_ref().filter(|source| applies(source)) {
            rules.add(source.paths.clone(), Target::Parent);
        }
        let time = uplink.time.as_ref().map(|time| rules.time(time));
        if let Some(presence) = &uplink.presence {
            rules.add(presence.paths.clone(), Target::Presence(presence.words.clone()));
        }
        for (attribute, source) in self.identity.iter().filter(|(_, source)| applies(source)) {
            rules.add(source.paths.clone(), Target::Attribute(*attribute));
        }
        if let Some((source, unit)) = self.uptime.as_ref().filter(|(source, _)| applies(source)) {
            rules.add(source.paths.clone(), Target::Uptime(*unit));
        }
        for point in self.points.iter().filter(|point| applies(&point.source)) {
            // A point that the numbered profile lacks has no slot, so nothing can be said of it.
            let Some(slot) = profile.points.iter().position(|def| def.name == point.name) else { continue };
            let time =
                point.time.as_ref().filter(|_| uplink.payload == Payload::Json).map(|time| rules.time(time));
            let conversion = point.conversion.clone();
            rules.add(point.source.paths.clone(), Target::Point { slot: slot as u16, conversion, time });
        }
        Route {
            profile: id,
            pattern: uplink.pattern.clone(),
            payload: uplink.payload,
            device,
            parent,
            constants: self.constants.clone(),
            rules: rules.0,
            time,
            sign_of_life: uplink.sign_of_life,
        }
    }
}

struct Rules(Vec<Rule>);

impl Rules {
    /// The index of the new rule.
    fn add(&mut self, sources: Vec<Path>, target: Target) -> u16 {
        self.0.push(Rule { sources, target });
        (self.0.len() - 1) as u16
    }

    fn time(&mut self, time: &TimeSource) -> u16 {
        self.add(time.paths.clone(), Target::Time(time.format))
    }
}
