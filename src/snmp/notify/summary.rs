//! What is told instead of notifications that were withheld.

use std::{collections::BTreeMap, fmt::Write};

use super::Kind;

/// Sites that are counted one by one.
const SITES: usize = 64;
/// The octets of an SnmpAdminString.
const LONGEST: usize = 255;

/// Counts of withheld events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Numbers of the first and the last event.
    pub first: u64,
    pub last: u64,
    kinds: [u32; Kind::COUNT],
    /// Events so old that nobody has read them.
    pub unread: u64,
    sites: BTreeMap<Box<str>, u32>,
    further_sites: u32,
}

impl Summary {
    pub fn note(&mut self, number: u64, kind: Kind, site: Option<&str>) {
        self.cover(number, number);
        self.kinds[kind as usize] += 1;
        let Some(site) = site else { return };
        if let Some(count) = self.sites.get_mut(site) {
            *count += 1;
        } else if self.sites.len() < SITES {
            self.sites.insert(site.into(), 1);
        } else {
            self.further_sites += 1;
        }
    }

    /// Events that are gone unread, up to number `last`.
    pub fn note_unread(&mut self, first: u64, last: u64) {
        self.cover(first, last);
        self.unread += (last + 1).saturating_sub(first);
    }

    pub fn of(&self, kind: Kind) -> u32 {
        self.kinds[kind as usize]
    }

    /// How many notifications were withheld.
    pub fn withheld(&self) -> u64 {
        self.kinds.iter().map(|count| u64::from(*count)).sum()
    }

    /// `device-lost 9950, device-returned 5000`.
    pub fn write_kinds(&self, out: &mut String) {
        let counted = Kind::ALL.into_iter().map(|kind| (kind.as_str(), u64::from(self.of(kind))));
        for (word, count) in counted.chain([("unread", self.unread)]).filter(|(_, count)| *count > 0) {
            let _ = write!(out, "{}{word} {count}", if out.is_empty() { "" } else { ", " });
        }
    }

    /// The sites with the most events first, as many as there is room for: `hall-1 5000, (none) 12, further sites 40`.
    pub fn write_sites(&self, out: &mut String) {
        let mut sites: Vec<_> = self.sites.iter().collect();
        sites.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let mut further = (0, self.further_sites);
        for (site, count) in sites {
            let site = if site.is_empty() { "(none)" } else { site };
            // What stands behind must have room too.
            if further.0 > 0 || out.len() + site.len() + 40 > LONGEST {
                further = (further.0 + 1, further.1 + count);
                continue;
            }
            let _ = write!(out, "{}{site} {count}", if out.is_empty() { "" } else { ", " });
        }
        if further.1 > 0 {
            let _ = write!(out, "{}further sites {}", if out.is_empty() { "" } else { ", " }, further.1);
        }
    }

    fn cover(&mut self, first: u64, last: u64) {
        self.first = if self.first == 0 { first } else { self.first.min(first) };
        self.last = self.last.max(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_bounded() {
        let mut summary = Summary::default();
        for n in 0..200u64 {
            let site = format!("a site with a long name {}", n % 100);
            summary.note(5 + n, Kind::DeviceLost, Some(&site));
        }
        summary.note(900, Kind::DeviceReturned, Some(""));
        summary.note(901, Kind::AdapterUp, None);
        summary.note_unread(902, 1000);
        assert_eq!((summary.first, summary.last, summary.withheld(), summary.unread), (5, 1000, 202, 99));
        let (mut kinds, mut sites) = (String::new(), String::new());
        summary.write_kinds(&mut kinds);
        summary.write_sites(&mut sites);
        assert_eq!(kinds, "device-lost 200, device-returned 1, adapter-up 1, unread 99");
        assert!(sites.len() <= LONGEST && sites.starts_with("a site with a long name 0 2, "), "{sites}");
        let counted: u32 =
            sites.split(", ").map(|part| part.rsplit(' ').next().unwrap().parse::<u32>().unwrap()).sum();
        assert_eq!(counted, 201, "{sites}");
    }
}
