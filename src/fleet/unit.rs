//! Which unit stands behind a device, by the serial number that it tells.
//!
//! A broker may keep a message of a unit that is gone and deliver it at every connection. So what a live message replaced is
//! remembered: a retained one with that serial says nothing of the unit that is there.

use std::iter;

use super::{
    absorb::attribute_text,
    block::Columns,
    texts::{TextId, Texts},
};
use crate::model::*;

/// Units of a device that are remembered, and what stands between their serials, the newest first.
const REMEMBERED: usize = 4;
const BETWEEN: char = '\n';

/// By place, few: the serials of those units that were replaced by what another one said live.
#[derive(Debug, Default)]
pub(super) struct FormerSerials(Vec<(u16, TextId)>);

impl FormerSerials {
    pub fn of(&self, at: usize) -> TextId {
        self.0.binary_search_by_key(&(at as u16), |former| former.0).map_or(0, |index| self.0[index].1)
    }

    pub fn set(&mut self, at: usize, serials: &str, texts: &mut Texts) {
        let place = at as u16;
        match self.0.binary_search_by_key(&place, |former| former.0) {
            Ok(index) => {
                texts.replace(&mut self.0[index].1, serials);
            }
            Err(_) if serials.is_empty() => {}
            Err(index) => self.0.insert(index, (place, texts.acquire(serials))),
        }
    }
}

impl Columns {
    /// A line each, the newest first.
    pub fn former_serials(&self, at: usize) -> &str {
        self.texts.str(self.former_serials.of(at))
    }

    /// Whether a retained message tells the serial of a unit that is gone.
    pub fn is_of_former_unit(&self, at: usize, report: &Report, reports: &Reports) -> bool {
        let former = self.former_serials(at);
        !former.is_empty()
            && reports.facts(report).iter().any(|fact| match *fact {
                Fact::Attribute { attribute: Attribute::Serial, text } => {
                    let told = attribute_text(reports, text);
                    former.split(BETWEEN).any(|serial| serial == told)
                }
                _ => false,
            })
    }

    /// Whether a serial is another unit's than the one that is known. The known one is remembered if it was heard to be gone.
    pub fn is_swap(&mut self, at: usize, serial: &str, retained: bool) -> bool {
        let known = self.attributes[at][Attribute::Serial as usize];
        if known == 0 || self.texts.str(known) == serial {
            return false;
        }
        if !retained && !serial.is_empty() {
            let is_other = |former: &&str| *former != serial && !former.is_empty();
            let former = self.former_serials(at).split(BETWEEN).filter(is_other);
            let serials: Vec<_> = iter::once(self.texts.str(known)).chain(former).take(REMEMBERED).collect();
            let serials = serials.join(&BETWEEN.to_string());
            self.former_serials.set(at, &serials, &mut self.texts);
        }
        true
    }
}
