//! From profile files and numbered profiles to the decoder of an adapter.

use super::{ProfileFile, Source, TimeSource, answer::AnswerSpec, uplink::DeviceSpec};
use crate::{
    model::{Profile, ProfileId, Profiles, SettingDef},
    southbound::{
        Limits,
        codec::{
            Decoder, DeviceId, Part, Payload, Route, Rule, Target, TooManyWildcards, downlink::Writing,
            path::Path, topic::Pattern,
        },
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
    let mut decoder =
        Decoder::new(routes, limits).map_err(|_| CompileError::TooManyWildcards("all".to_owned()))?;
    for file in files {
        if let Some(id) = profiles.by_name(&file.profile.name) {
            decoder.add_settings(id, file.writings(&profiles[id]));
        }
    }
    Ok(decoder)
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
        let uplinks = (0..self.uplinks.len()).map(|index| self.route(index, id, profile, parent));
        let mut routes: Vec<Route> = uplinks.collect();
        for (pattern, payload) in self.answer_topics() {
            let mut rules = Rules(Vec::new());
            self.add_answers(&pattern, profile, &mut rules);
            routes.push(Route {
                profile: id,
                pattern,
                payload,
                device: self.made_id().cloned().map_or(DeviceId::Topic, DeviceId::Template),
                parent,
                constants: Vec::new(),
                rules: rules.0,
                time: None,
                sign_of_life: true,
            });
        }
        routes
    }

    /// How the settings of the numbered profile are written, by slot.
    fn writings(&self, profile: &Profile) -> Vec<Writing> {
        let writing = |def: &SettingDef| {
            let spec = self.settings.iter().find(|spec| spec.name == def.name);
            Writing {
                ty: def.ty.clone(),
                write: spec.and_then(|spec| spec.write.clone()),
                read: spec.and_then(|spec| spec.read.clone()),
                words: spec.map(|spec| spec.words.clone()).unwrap_or_default(),
                id: self.made_id().cloned(),
            }
        };
        profile.settings.iter().map(writing).collect()
    }

    /// How the southbound id is made of the parts of a topic, if it is.
    fn made_id(&self) -> Option<&Vec<Part>> {
        self.uplinks.iter().find_map(|uplink| match &uplink.device {
            DeviceSpec::Fixed(DeviceId::Template(parts)) => Some(parts),
            _ => None,
        })
    }

    fn answers(&self) -> impl Iterator<Item = &AnswerSpec> {
        let settings = self
            .settings
            .iter()
            .flat_map(|spec| [spec.reported.as_ref(), spec.acknowledged.as_ref(), spec.refused.as_ref()]);
        settings.flatten().chain(self.refusals.iter().map(|refusal| &refusal.answer))
    }

    /// Topics on which devices answer and that are no uplinks; what their payloads are.
    fn answer_topics(&self) -> Vec<(Pattern, Payload)> {
        let mut topics: Vec<(Pattern, Payload)> = Vec::new();
        for answer in self.answers() {
            let payload = if answer.paths.is_empty() { Payload::Text } else { Payload::Json };
            for pattern in &answer.topics {
                let is_uplink = self.uplinks.iter().any(|uplink| uplink.topic() == pattern.as_str());
                match topics.iter_mut().find(|(known, _)| known == pattern) {
                    _ if is_uplink => {}
                    Some((_, known)) if payload == Payload::Json => *known = payload,
                    Some(_) => {}
                    None => topics.push((pattern.clone(), payload)),
                }
            }
        }
        topics
    }

    fn add_answers(&self, topic: &Pattern, profile: &Profile, rules: &mut Rules) {
        let mut add = |answer: Option<&AnswerSpec>, target: Target| {
            if let Some(answer) = answer.filter(|answer| answer.topics.contains(topic)) {
                let whole = || Path::parse("").into_iter().collect();
                let paths = if answer.paths.is_empty() { whole() } else { answer.paths.clone() };
                rules.add(paths, target);
            }
        };
        for spec in &self.settings {
            let Some(slot) = profile.settings.iter().position(|def| def.name == spec.name) else { continue };
            let slot = slot as u16;
            add(spec.reported.as_ref(), Target::Setting { slot, reading: spec.reading.clone() });
            add(spec.acknowledged.as_ref(), Target::Acknowledged { slot });
            let refused = Target::Refused { slot: Some(slot), unsupported: Vec::new(), failed: Vec::new() };
            add(spec.refused.as_ref(), refused);
        }
        for refusal in &self.refusals {
            let (unsupported, failed) = (refusal.unsupported.clone(), refusal.failed.clone());
            add(Some(&refusal.answer), Target::Refused { slot: None, unsupported, failed });
        }
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
        self.add_answers(&uplink.pattern, profile, &mut rules);
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
