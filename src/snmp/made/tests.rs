//! What comes of rows: targets and communities.

use std::net::IpAddr;

use super::{
    change::tests::{World, text},
    *,
};
use crate::{
    login::Role,
    snmp::{
        community::{Communities, Community, Pattern, Verdict},
        notify::{Kind, Kinds, Target, Wire},
        oid::counted,
        set::SetError,
        usm::Level,
        vacm::{Model, Policy},
    },
};

const GO: i32 = 4;
const WAIT: i32 = 5;
const DESTROY: i32 = 6;

/// 192.0.2.9, port 162.
const ADDRESS: [u8; 6] = [192, 0, 2, 9, 0, 162];

fn octets(octets: &[u8]) -> Wanted {
    Wanted::Cell(Cell::Octets(octets.to_vec()))
}

fn integer(value: i32) -> Wanted {
    Wanted::Cell(Cell::Integer(value))
}

fn udp() -> Wanted {
    Wanted::Cell(Cell::Oid(&UDP))
}

fn secret(name: &str) -> Wanted {
    Wanted::Cell(Cell::Secret(crate::secret::Secret::new(name.to_owned())))
}

fn set(world: &mut World, table: Table, index: &[u32], cells: &[(u32, Wanted)]) -> Result<(), SetError> {
    let edits: Vec<_> =
        cells.iter().map(|(column, wanted)| (table, index, *column, wanted.clone())).collect();
    world.set(&edits).map_err(|(_, error)| error)
}

fn make(world: &mut World, table: Table, index: &[u32], cells: &[(u32, Wanted)]) {
    let (_, status) = table.storage_and_status();
    set(world, table, index, &[cells, &[(status, Wanted::Status(GO))]].concat()).unwrap();
}

fn destroy(world: &mut World, table: Table, name: &str) {
    let (_, status) = table.storage_and_status();
    set(world, table, &implied(name), &[(status, Wanted::Status(DESTROY))]).unwrap();
}

fn address(world: &mut World, name: &str, octets: &[u8], tags: &str, params: &str) {
    let cells = [(2, udp()), (3, self::octets(octets)), (6, text(tags)), (7, text(params))];
    make(world, Table::Addresses, &implied(name), &cells);
}

/// (SNMP version, security model), security name and level.
fn params(world: &mut World, name: &str, version: (i32, i32), security: &str, level: i32) {
    let cells = [(2, integer(version.0)), (3, integer(version.1)), (4, text(security)), (5, integer(level))];
    make(world, Table::Params, &implied(name), &cells);
}

/// A world where `anna` and `reader` may read.
fn world() -> World {
    let mut world = World::new();
    for (model, name) in [(Model::Usm, "anna"), (Model::V1, "reader"), (Model::V2c, "reader")] {
        world.boot.rows.enter(model, name, Role::Read, None);
    }
    world
}

fn community(world: &mut World, index: &str, name: &str, more: &[(u32, Wanted)]) {
    let cells = [&[(2, secret(name)), (3, text("reader"))], more].concat();
    make(world, Table::Communities, &implied(index), &cells);
}

/// The targets, and why others are none.
fn told(world: &World) -> (Vec<Target>, Vec<String>) {
    let mut rows = world.boot.rows.clone();
    world.made.enter(&mut rows);
    let policy = Policy::new(rows, &[]);
    let communities = Communities::default();
    let around =
        Around { boot: &world.boot, communities: &communities, users: &world.users, policy: &policy };
    let (targets, untold) = world.made.targets(&around);
    (targets, untold.into_iter().map(|untold| format!("{}: {}", untold.row, untold.why)).collect())
}

#[test]
fn a_target_comes_of_its_rows() {
    let mut world = world();
    address(&mut world, "nms", &ADDRESS, "other trap", "nms");
    let why = |world: &World| {
        let (targets, untold) = told(world);
        assert_eq!((targets.len(), untold.len()), (0, 1), "{untold:?}");
        untold[0].clone()
    };
    assert!(why(&world).contains("snmpTargetAddrTable nms: snmpTargetParamsTable has no active row \"nms\""));
    params(&mut world, "nms", (1, 2), "reader", 1);
    assert!(why(&world).contains("no active row of the security name \"reader\""));
    community(&mut world, "of-device", "else", &[(5, text("plug"))]);
    assert!(why(&world).contains("without a context"));
    community(&mut world, "nms", "hidden", &[]);
    let (targets, untold) = told(&world);
    assert_eq!(untold, [] as [&str; 0]);
    let secret = crate::secret::Secret::new("hidden".into());
    let expected = Target {
        address: "192.0.2.9:162".parse().unwrap(),
        wire: Wire::V2c { community: secret },
        inform: false,
        timeout: 15_000,
        retries: 3,
        rate: 50,
        kinds: Kinds::default(),
        sites: Vec::new(),
    };
    assert_eq!(targets, std::slice::from_ref(&expected));
    // By another entry of snmpNotifyTable, whose name comes first, with edges.
    make(&mut world, Table::Notifies, &implied("a"), &[(2, text("other")), (3, integer(2))]);
    let cells = [(4, integer(i32::MAX)), (5, integer(255))];
    set(&mut world, Table::Addresses, &implied("nms"), &cells).unwrap();
    let inform = Target { inform: true, timeout: 60_000, retries: 10, ..expected.clone() };
    assert_eq!(told(&world).0, [inform]);
    // One that only stands there for a community is told nothing, and that is right so.
    set(&mut world, Table::Addresses, &implied("nms"), &[(6, text("managers"))]).unwrap();
    assert_eq!(told(&world), (Vec::new(), Vec::new()));
    set(&mut world, Table::Addresses, &implied("nms"), &[(6, text("trap"))]).unwrap();
    // Once each, and not those of the boot file.
    address(&mut world, "same", &ADDRESS, "trap", "nms");
    let (targets, untold) = told(&world);
    assert_eq!((targets.len(), untold.len()), (1, 1), "{untold:?}");
    assert!(untold[0].contains("same: 192.0.2.9:162 is told by another row"), "{untold:?}");
    world.boot.targets = vec![expected];
    assert!(told(&world).1.iter().all(|untold| untold.contains("as the boot file says")));
}

#[test]
fn what_is_told_is_filtered() {
    let mut world = world();
    address(&mut world, "nms", &ADDRESS, "trap", "nms");
    params(&mut world, "nms", (3, 3), "anna", 3);
    let kinds = |world: &World| told(world).0.first().map(|target| target.kinds);
    assert_eq!(kinds(&world), Some(Kinds::default()));
    make(&mut world, Table::Profiles, &implied("nms"), &[(1, text("some"))]);
    assert_eq!(kinds(&world), None, "a filter without a row lets nothing through");
    let filter = |subtree: &[u32]| counted(b"some").chain(subtree.iter().copied()).collect::<Vec<_>>();
    make(&mut world, Table::Filters, &filter(&[1, 3, 6, 1]), &[]);
    assert_eq!(kinds(&world), Some(Kind::ALL.into_iter().collect()));
    let lost = Kind::DeviceLost.oids()[0].arcs();
    make(&mut world, Table::Filters, &filter(lost), &[(3, integer(2))]);
    let but_lost: Kinds = Kind::ALL.into_iter().filter(|kind| *kind != Kind::DeviceLost).collect();
    assert_eq!(kinds(&world), Some(but_lost));
    // The notify view counts as well.
    let group: Vec<u32> = [3].into_iter().chain(counted(b"anna")).collect();
    world.boot.rows.members.retain(|member| member.name != "anna");
    make(&mut world, Table::Groups, &group, &[(3, text("told"))]);
    let (_, untold) = told(&world);
    assert!(untold[0].contains("nothing is open to \"anna\" by Usm at AuthPriv"), "{untold:?}");
    let access: Vec<u32> = counted(b"told").chain(counted(b"")).chain([3, 3]).collect();
    make(&mut world, Table::Access, &access, &[(4, integer(2)), (7, text("start"))]);
    assert!(told(&world).1[0].contains("leave no notification over"));
    let start = &Kind::Start.oids()[0].arcs()[..9];
    let view: Vec<u32> = counted(b"start").chain([9]).chain(start.iter().copied()).collect();
    make(&mut world, Table::Views, &view, &[]);
    let of_standard = [Kind::Start, Kind::AuthenticationFailure].into_iter().collect();
    assert_eq!(kinds(&world), Some(of_standard));
    destroy(&mut world, Table::Profiles, "nms");
    assert_eq!(kinds(&world), Some([Kind::Start].into_iter().collect()), "of those that are told by default");
}

#[test]
fn users_are_told_with_their_keys() {
    let mut world = world();
    address(&mut world, "nms", &ADDRESS, "inform", "nms");
    for (version, security, level, expected) in [
        ((3, 3), "nobody", 3, "there is no user \"nobody\""),
        ((3, 3), "anna", 1, "without authentication"),
        ((3, 3), "anna", 3, "has keys for the bridge's engine alone"),
        ((0, 1), "reader", 1, "SNMPv1 has traps only"),
    ] {
        params(&mut world, "nms", version, security, level);
        let (targets, untold) = told(&world);
        assert!(targets.is_empty() && untold[0].contains(expected), "{untold:?}");
        destroy(&mut world, Table::Params, "nms");
    }
    params(&mut world, "nms", (3, 3), "anna", 2);
    set(&mut world, Table::Addresses, &implied("nms"), &[(6, text("trap"))]).unwrap();
    let anna = Wire::V3 { user: "anna".into(), level: Level::AuthNoPriv };
    assert_eq!(told(&world).0[0].wire, anna);
}

#[test]
fn what_does_not_fit_is_refused() {
    use SetError::InconsistentValue;
    let mut world = world();
    world.boot.targets = {
        let mut other = self::world();
        address(&mut other, "nms", &ADDRESS, "trap", "nms");
        params(&mut other, "nms", (3, 3), "anna", 2);
        told(&other).0
    };
    let name = implied("nms");
    let wait = |table: Table| (table.storage_and_status().1, Wanted::Status(WAIT));
    let v6 = [[0x20; 16].as_slice(), &[0, 162]].concat();
    let cells = [wait(Table::Addresses), (2, udp()), (3, octets(&v6))];
    assert_eq!(set(&mut world, Table::Addresses, &name, &cells), Err(InconsistentValue));
    for cells in [[(2, 0), (3, 2)], [(2, 1), (3, 3)], [(2, 3), (3, 1)], [(3, 2), (5, 2)], [(2, 0), (5, 3)]] {
        let cells: Vec<_> = cells.map(|(column, value)| (column, integer(value))).into();
        let cells = [&cells[..], &[wait(Table::Params)]].concat();
        assert_eq!(set(&mut world, Table::Params, &name, &cells), Err(InconsistentValue), "{cells:?}");
    }
    // What is active stays what it is.
    address(&mut world, "nms", &ADDRESS, "", "nms");
    params(&mut world, "nms", (1, 2), "reader", 1);
    let other = [192, 0, 2, 8, 0, 162];
    assert_eq!(set(&mut world, Table::Addresses, &name, &[(3, octets(&other))]), Err(InconsistentValue));
    set(&mut world, Table::Addresses, &name, &[(3, octets(&ADDRESS))]).unwrap();
    set(&mut world, Table::Addresses, &name, &[(3, octets(&other)), (9, Wanted::Status(2))]).unwrap();
    assert_eq!(set(&mut world, Table::Params, &name, &[(4, text("x"))]), Err(InconsistentValue));
    // The filter of a target of the boot file is that of the boot file.
    let filter: Vec<u32> = counted(b"target-1").chain([1, 3]).collect();
    let cells = [wait(Table::Filters)];
    assert_eq!(set(&mut world, Table::Filters, &filter, &cells), Err(SetError::InconsistentName));
    let other = [(4, Wanted::Engine(vec![1, 2])), wait(Table::Communities)];
    assert_eq!(set(&mut world, Table::Communities, &name, &other), Err(SetError::WrongValue));
    let own = [(4, Wanted::Engine(world.engine.octets().to_vec())), wait(Table::Communities)];
    set(&mut world, Table::Communities, &name, &own).unwrap();
    for index in [vec![], implied(&"x".repeat(33)), vec![256]] {
        let cells = [wait(Table::Notifies)];
        assert_eq!(set(&mut world, Table::Notifies, &index, &cells), Err(SetError::NoCreation), "{index:?}");
    }
    world.boot.pools = vec!["192.0.2.8/29".parse().unwrap()];
    let of_device = [(3, octets(&ADDRESS)), wait(Table::Addresses)];
    let refused = set(&mut world, Table::Addresses, &implied("nobody"), &of_device);
    assert_eq!(refused, Err(SetError::InconsistentValue));
    for address in [[224, 0, 0, 1, 0, 162], [255, 255, 255, 255, 0, 162], [192, 0, 2, 7, 0, 0]] {
        assert_eq!(kind::Kind::Address.octets(&address), Err(SetError::WrongValue), "{address:?}");
    }
    // What comes into the boot file counts there.
    make(&mut world, Table::Profiles, &implied("target-2"), &[(1, text("p"))]);
    world.boot.targets.extend_from_within(..);
    let gone = world.made.yield_to(&world.boot, &world.engine);
    assert_eq!(gone, ["snmpNotifyFilterProfileTable target-2"]);
}

#[test]
fn communities_come_of_their_rows() {
    let mut world = world();
    let from = |text: &str| text.parse::<IpAddr>().unwrap();
    let (near, far) = (from("192.0.2.9"), from("192.0.2.7"));
    community(&mut world, "open", "open", &[]);
    community(&mut world, "b", "both", &[(5, text("plug")), (6, text("managers"))]);
    community(&mut world, "a", "both", &[(6, text("nobody"))]);
    let security = "reader";
    let judged =
        |world: &World, name: &str, source| match world.made.communities().judge(name.as_bytes(), source) {
            Verdict::Granted { security: found, device, writes } => {
                assert_eq!(found, security);
                Some((device.map(|device| String::from_utf8_lossy(device).into_owned()), writes))
            }
            Verdict::Refused => None,
            Verdict::Unknown => panic!("{name} is not known"),
        };
    assert_eq!(judged(&world, "open", far), Some((None, false)), "open to all, it writes nothing");
    assert_eq!(judged(&world, "both", near), None);
    address(&mut world, "nms", &ADDRESS, "managers x", "none");
    let granted = Some((Some("plug".to_owned()), true));
    assert_eq!(judged(&world, "both", near), granted);
    assert_eq!(judged(&world, "both", from("::ffff:192.0.2.9")), granted);
    assert_eq!(judged(&world, "both", far), None);
    for unknown in ["", "ope", "opens", "Both"] {
        let communities = world.made.communities();
        assert_eq!(communities.judge(unknown.as_bytes(), near), Verdict::Unknown, "{unknown}");
    }
    let boot = Communities::new(
        vec![Community::new("bot", &[]).unwrap(), Community::new("open", &[]).unwrap()],
        &Pattern::defaults(),
    );
    let shadowed: Vec<_> = world.made.shadowed(&boot).map(|untold| untold.row).collect();
    assert_eq!(shadowed, ["snmpCommunityTable open"]);
}
