//! What a commit that is undone leaves at the device.

use super::*;

impl Bench {
    /// The device does what it is told, and says what it has when it is asked, until nothing is sent any more; the values
    /// written.
    fn obey(&self, has: &mut i64) -> Vec<i64> {
        let mut wrote = Vec::new();
        while let Some(order) = self.order() {
            if let Some(value) = written(&order) {
                *has = value;
                wrote.push(value);
            }
            self.ack(&order);
            self.report(0, *has);
        }
        wrote
    }

    fn desired(&self) -> Option<SettingValue> {
        self.fleet.row(self.device, |row| row.setting(1)?.desired())?
    }
}

#[test]
fn what_is_undone_is_as_it_was_before() {
    let sixty = SettingValue::Integer(60);
    // Reported before, or asked for first.
    for reported in [true, false] {
        let (bench, mut has) = (Bench::new(vec![setting(1, "a")]), 300);
        if reported {
            bench.report(0, has);
        }
        bench.fleet.try_out(bench.device, 1, &sixty, 7, bench.now);
        assert_eq!(bench.obey(&mut has), [60], "{reported}");
        assert_eq!(bench.standing(1), Some(Standing::Effective));
        bench.fleet.undo(bench.device, 1, 8, bench.now);
        let source = bench.fleet.row(bench.device, |row| row.setting(1).map(|setting| setting.source()));
        assert_eq!((bench.desired(), source), (Some(SettingValue::Integer(300)), Some(Some(""))));
        assert_eq!(bench.fleet.commit_progress(8).outstanding, 1);
        assert_eq!(bench.obey(&mut has), [300], "{reported}");
        assert_eq!((bench.desired(), bench.standing(1)), (None, Some(Standing::InSync)));
        assert_eq!(bench.fleet.commit_progress(8), Default::default());
        // Turned by hand it is nobody's business any more.
        bench.report(0, 17);
        assert_eq!((bench.standing(1), bench.order()), (Some(Standing::InSync), None));
    }
}

#[test]
fn a_device_that_is_away_is_as_it_was_before_when_it_returns() {
    let (bench, mut has) = (Bench::new(vec![setting(1, "a")]), 300);
    bench.report(0, has);
    bench.fleet.try_out(bench.device, 1, &SettingValue::Integer(60), 7, bench.now);
    assert_eq!(bench.obey(&mut has), [60]);
    bench.online(false);
    bench.fleet.undo(bench.device, 1, 8, bench.now);
    assert_eq!((bench.order(), bench.standing(1)), (None, Some(Standing::Pending)));
    bench.online(true);
    assert_eq!(bench.obey(&mut has), [300]);
    assert_eq!(bench.desired(), None);

    // Never sent, never to be taken back.
    bench.online(false);
    bench.fleet.try_out(bench.device, 1, &SettingValue::Integer(61), 9, bench.now);
    bench.fleet.undo(bench.device, 1, 10, bench.now);
    bench.online(true);
    assert_eq!((bench.obey(&mut has), bench.desired()), (vec![], None));
}

/// Somebody wants it after all, before or after the device is as it was.
#[test]
fn what_is_undone_can_be_wanted_again() {
    let (bench, mut has) = (Bench::new(vec![setting(1, "a")]), 300);
    bench.report(0, has);
    bench.fleet.try_out(bench.device, 1, &SettingValue::Integer(60), 7, bench.now);
    assert_eq!(bench.obey(&mut has), [60]);
    bench.fleet.undo(bench.device, 1, 8, bench.now);
    bench.desire(1, 300);
    assert_eq!((bench.obey(&mut has), bench.desired()), (vec![300], Some(SettingValue::Integer(300))));
    bench.report(0, 17);
    assert_eq!(bench.standing(1), Some(Standing::Drifted), "it is managed");
}

/// Once unset while it was on its way, nothing is left of it.
#[test]
fn what_is_no_longer_wanted_is_forgotten() {
    let bench = Bench::new(vec![setting(1, "a"), setting(2, "b")]);
    bench.desire(1, 5);
    bench.ack(&bench.order().unwrap());
    bench.desire(2, 7);
    assert!(bench.fleet.desire(bench.device, 1, None, 2, bench.now));
    assert_eq!(bench.order(), None, "one at a time");
    bench.report(0, 5);
    assert_eq!(bench.standing(1), Some(Standing::InSync));
    assert_eq!(written(&bench.order().unwrap()), Some(7));
    assert!(!bench.fleet.desire(bench.device, 9, None, 2, bench.now), "there is no such setting");
}
