//! What the indexes of rows say.

use crate::snmp::{oid::read_counted, usm::Level, vacm::Model};

/// Octets of a name of a user, group, context, view or target.
pub const NAME: usize = 32;

/// A counted name of `least` to 32 octets, and what follows it.
fn name(index: &[u32], least: usize) -> Option<(String, &[u32])> {
    let (octets, rest) = read_counted(index)?;
    Some((legal(octets, least)?, rest))
}

fn legal(octets: Vec<u8>, least: usize) -> Option<String> {
    let name = String::from_utf8(octets).ok()?;
    ((least..=NAME).contains(&name.len()) && !name.chars().any(char::is_control)).then_some(name)
}

fn model(number: u32) -> Option<Model> {
    [Model::Any, Model::V1, Model::V2c, Model::Usm].into_iter().find(|model| *model as u32 == number)
}

/// A user's engine and name.
pub fn user(index: &[u32]) -> Option<(Vec<u8>, String)> {
    let (engine, rest) = read_counted(index)?;
    let (name, rest) = name(rest, 1)?;
    rest.is_empty().then_some((engine, name))
}

pub fn member(index: &[u32]) -> Option<(Model, String)> {
    let (number, rest) = index.split_first()?;
    let model = model(*number).filter(|model| *model != Model::Any)?;
    let (name, rest) = name(rest, 1)?;
    rest.is_empty().then_some((model, name))
}

/// Group, context, and the least that is asked for.
pub fn access(index: &[u32]) -> Option<(String, String, Model, Level)> {
    let (group, rest) = name(index, 1)?;
    let (context, rest) = name(rest, 0)?;
    let [number, level] = rest else { return None };
    let levels = [Level::NoAuthNoPriv, Level::AuthNoPriv, Level::AuthPriv];
    let level = levels.into_iter().find(|known| *known as u32 == *level)?;
    Some((group, context, model(*number)?, level))
}

/// The view's name, and a subtree.
pub fn subtree(index: &[u32]) -> Option<(String, &[u32])> {
    let (view, rest) = name(index, 1)?;
    let (len, subtree) = rest.split_first()?;
    (usize::try_from(*len).ok()? == subtree.len()).then_some((view, subtree))
}

/// A name that is IMPLIED: without its length (RFC 2578 section 7.7).
pub fn implied(name: &str) -> Vec<u32> {
    name.bytes().map(u32::from).collect()
}

/// A name that is all of an index.
pub fn lone(index: &[u32]) -> Option<String> {
    let octets = index.iter().map(|arc| u8::try_from(*arc).ok()).collect::<Option<_>>()?;
    legal(octets, 1)
}

/// The profile's name, and a subtree of notifications.
pub fn filter(index: &[u32]) -> Option<(String, &[u32])> {
    let (profile, subtree) = name(index, 1)?;
    (!subtree.is_empty()).then_some((profile, subtree))
}
