//! From what adapters hear to device numbers.

use super::{Fleet, absorb::Resolved, block::Columns, block::place};
use crate::model::*;

impl Fleet {
    /// By southbound identity; false beside the number of a retired device.
    pub fn resolve(&self, adapter: AdapterId, profile: ProfileId, id: &str) -> Option<(DeviceNumber, bool)> {
        let mut live = false;
        let number = self.names.by_identity((adapter, profile, id), |number| {
            self.with(number, |columns, at| {
                live = columns.live.get(at);
                columns.is(at, adapter, profile, id)
            }) == Some(true)
        })?;
        Some((number, live))
    }

    /// Replaces `resolved` by those reports whose device is live, ordered for [`absorb`](Fleet::absorb), and `rest` by
    /// the indexes of all others, ordered; those may still [`resolve`](Fleet::resolve).
    ///
    /// In a large fleet this costs half of asking one by one. A single search waits for memory at each of its steps;
    /// here each step is taken for all reports, so that the waits overlap.
    pub fn resolve_all(
        &self,
        adapter: AdapterId,
        reports: &Reports,
        resolved: &mut Vec<Resolved>,
        rest: &mut Vec<u32>,
    ) {
        resolved.clear();
        rest.clear();
        let identities = reports.iter().map(|report| (adapter, report.profile, reports.str(report.id)));
        self.names.likely(identities, |index, number| match number {
            Some(device) => resolved.push(Resolved { device, report: index as u32, parent: 0 }),
            None => rest.push(index as u32),
        });
        resolved.sort_unstable();
        let known = rest.len();
        let mut kept = 0;
        let mut next = 0;
        while let Some(first) = resolved.get(next) {
            let (block, _) = place(first.device);
            let columns = self.read(block);
            while let Some(&one) = resolved.get(next)
                && place(one.device).0 == block
            {
                next += 1;
                let is_it = columns.as_ref().zip(reports.report(one.report as usize)).is_some_and(
                    |(columns, report)| {
                        let at = place(one.device).1;
                        columns.live.get(at)
                            && columns.is(at, adapter, report.profile, reports.str(report.id))
                    },
                );
                if is_it {
                    resolved[kept] = one;
                    kept += 1;
                } else {
                    rest.push(one.report);
                }
            }
        }
        resolved.truncate(kept);
        if rest.len() > known {
            rest.sort_unstable();
        }
    }
}

impl Columns {
    fn is(&self, at: usize, adapter: AdapterId, profile: ProfileId, id: &str) -> bool {
        self.slots.get(at).is_some_and(|slot| slot.adapter == adapter && slot.profile == profile.0)
            && self.southbound_id(at) == id
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Identity;

    #[test]
    fn all_at_once_is_as_one_by_one() {
        let profiles = ["a", "b"].map(|name| Profile::forgotten(name, 1));
        let fleet = Fleet::new(Profiles::new(profiles.into()), 0);
        let known: Vec<_> = (0..3000)
            .map(|n| Identity { adapter: n % 2, profile: ProfileId(n % 3 / 2), id: format!("th-{}", n / 6) })
            .collect();
        fleet.insert(&fleet.draft(&known, Time(1)).unwrap());
        let numbers = 1..=fleet.counts().numbers_used;
        numbers.step_by(7).for_each(|device| assert!(fleet.retire(device, Time(2))));

        let mut reports = Reports::default();
        for n in (0..6000).map(|n| n * 37 % 6000) {
            reports.begin(ProfileId(n % 2), &format!("th-{}", n / 8), false);
        }
        let (mut resolved, mut rest) = (vec![], vec![9]);
        fleet.resolve_all(1, &reports, &mut resolved, &mut rest);
        let (mut expected, mut others) = (Vec::new(), Vec::new());
        for (report, index) in reports.iter().zip(0..) {
            match fleet.resolve(1, report.profile, reports.str(report.id)) {
                Some((device, true)) => expected.push(Resolved { device, report: index, parent: 0 }),
                _ => others.push(index),
            }
        }
        expected.sort_unstable();
        assert!(expected.len() > 500 && others.len() > 500);
        assert_eq!((resolved, rest), (expected, others));
    }
}
