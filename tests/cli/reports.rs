//! Every report in every format against `tests/golden/reports`. `GOLDEN=write` records them anew.

use std::{fs, path::Path};

use fleetbridge::report::{DEVICES, Format, Query, REPORTS, Report};

use super::*;

fn text(report: &Report, fleet: &Fleet, query: &Query) -> String {
    let mut out = Vec::new();
    report.write(fleet, query, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn names(report: &Report, fleet: &Fleet, query: &Query) -> Vec<String> {
    let text = text(report, fleet, &Query { format: Format::Lines, ..query.clone() });
    let device = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["device"].as_str().unwrap().to_owned()
    };
    text.lines().map(device).collect()
}

#[test]
fn golden() {
    let fleet = small_fleet();
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/reports");
    for report in REPORTS.into_iter().chain([&DEVICES]) {
        for format in [Format::Table, Format::Csv, Format::Json, Format::Lines] {
            let got = text(report, &fleet, &Query::new(format, now()));
            let file = folder.join(format!("{}.{}", report.name, format.as_str()));
            if std::env::var_os("GOLDEN").is_some() {
                fs::write(&file, &got).unwrap();
            }
            let want = fs::read_to_string(&file).unwrap();
            assert_eq!(got, want, "{}", file.display());
        }
    }
}

#[test]
fn filters() {
    let fleet = small_fleet();
    let all = Query::new(Format::Lines, now());
    let [missing, inventory, _] = REPORTS;
    assert_eq!(names(&DEVICES, &fleet, &all), ["plug-1", "gw-1", "child-1", "plug-2"]);
    assert_eq!(names(missing, &fleet, &all), ["gw-1", "child-1"]);
    let site = Query { site: Some("plant-1".into()), ..all.clone() };
    assert_eq!(names(inventory, &fleet, &site), ["plug-1"]);
    let profile = Query { profile: Some("gateway".into()), ..all.clone() };
    assert_eq!(names(missing, &fleet, &profile), ["gw-1"]);
    let since = Query { since: Some(25_000), ..all.clone() };
    assert_eq!(names(inventory, &fleet, &since), ["plug-1"], "never heard is not heard lately");
    let since = Query { since: Some(29_999), ..all.clone() };
    assert_eq!(names(missing, &fleet, &since), [""; 0], "they went missing 30 s ago");
    let page = Query { from: 2, limit: Some(2), ..all };
    assert_eq!(names(&DEVICES, &fleet, &page), ["gw-1", "child-1"]);
}

/// More rows than a piece holds, over block boundaries: none is lost or doubled.
#[test]
fn long_reports_are_whole() {
    let fleet = fleet();
    let wanted: Vec<_> = (0..5000).map(|n| identity(SENSOR, &format!("device-{n:05}"))).collect();
    let records = fleet.draft(&wanted, START).unwrap();
    fleet.insert(&records);
    let got = names(&DEVICES, &fleet, &Query::new(Format::Lines, now()));
    assert_eq!(got, wanted.iter().map(|identity| identity.id.clone()).collect::<Vec<_>>());
    let table = text(&DEVICES, &fleet, &Query::new(Format::Table, now()));
    let lengths: Vec<_> = table.lines().map(|line| line.find("sensor")).skip(1).collect();
    assert_eq!(lengths.len(), 5000);
    assert!(lengths.iter().all(|at| *at == lengths[0]), "aligned from the first line on");
}
