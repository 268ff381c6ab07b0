//! Figures of the datastore: what a commit costs, which should follow the change and not the fleet, and how fast running
//! is read.

use std::{
    io::{self, Error},
    sync::Arc,
    time::{Duration, Instant},
};

use fleetbridge::{
    datastore::{
        rows::{Change, Commit},
        *,
    },
    model::Profiles,
    stats::Stats,
    store::Store,
    yang::{self, Schema},
};

use crate::{
    filled::{NOW, devices},
    measure::{Goal, Random, cpu, figure, grouped, median},
};

const ROUNDS: usize = 400;
const WARM: usize = 600;

/// Fleets of three sizes, all of them in running.
pub fn commit() -> io::Result<()> {
    let schema = Arc::new(Schema::load(&yang::modules()).map_err(Error::other)?);
    let mut sizes = [1000, 100_000, devices()].map(|size: u32| size.min(devices())).to_vec();
    sizes.dedup();
    for size in sizes {
        let folder = tempfile::tempdir()?;
        let store = Store::open(folder.path(), NOW, Stats::default().into()).map_err(Error::other)?.store;
        store.load_devices(&Profiles::new(Vec::new()), |_| ()).map_err(Error::other)?;
        fill(&store, (0..size).map(|at| format!("d{at}")))?;
        let datastore = Datastore::open(schema.clone(), Arc::new(store)).map_err(Error::other)?;
        let name = |what: &str| format!("{what}, {} devices in running", grouped(size));
        let (wall, spent) = edits(&datastore, size)?;
        figure(&name("one leaf edited in candidate and committed, p50"), wall, "ms", Goal::AtMost(5.0));
        figure(&name("the same, CPU"), spent, "ms", Goal::AtMost(1.0));
        figure(&name("one device read by its name"), reads(&datastore, size)?, "us", Goal::AtMost(500.0));
        figure(&name("1,000 devices created and committed"), creates(&datastore)?, "s", Goal::AtMost(0.3));
        figure(&name("running as XML, of one core"), print(&datastore)?, "MB/s", Goal::AtLeast(100.0));
    }
    Ok(())
}

/// Rows as an edit-config would leave them.
pub fn fill(store: &Store, names: impl Iterator<Item = String>) -> io::Result<()> {
    let mut changes = names.enumerate().map(|(at, name)| {
        let alias = format!("alias of {at}");
        let config = format!(
            "{{\"name\":\"{name}\",\"alias\":\"{alias}\",\"site\":\"plant/hall {}\",\"location\":\"row {}, place {}\",\
             \"group\":[\"all\",\"north\"],\"label\":[{{\"name\":\"owner\",\"value\":\"team {}\"}}],\"profile\":\"sensor\",\
             \"asset\":{{\"tag\":\"A-{at}\",\"warranty-until\":\"2030-01-01\"}}}}",
            at % 40,
            at % 100,
            at / 100,
            at % 7
        );
        Change { name, was: false, after: Some(config), alias: Some(alias), profile: None }
    });
    loop {
        let changes: Vec<_> = changes.by_ref().take(10_000).collect();
        if changes.is_empty() {
            return Ok(());
        }
        let commit = Commit {
            time: NOW,
            owner: owner(),
            editors: Vec::new(),
            label: None,
            changes,
            audit: Vec::new(),
            pending: None,
            rolled_back: None,
        };
        store.write(commit).map_err(Error::other)?;
    }
}

fn owner() -> Owner {
    Owner { session: 1, face: Face::Netconf, user: "bench".to_owned(), address: "192.0.2.1".to_owned() }
}

/// Milliseconds for one: median by the wall, and CPU of all threads.
fn edits(datastore: &Datastore, size: u32) -> io::Result<(f64, f64)> {
    let mut random = Random::new();
    let mut walls = Vec::with_capacity(ROUNDS);
    let mut spent = Duration::ZERO;
    // The first rounds prune what filling left, and make the log grow, which costs the file system more than the rest.
    for round in 0..ROUNDS + WARM {
        let device = random.below(size);
        let content = format!("<device><name>d{device}</name><site>round {round}</site></device>");
        let (start, before) = (Instant::now(), cpu());
        edit(datastore, &content)?;
        if round >= WARM {
            walls.push(start.elapsed().as_secs_f64() * 1e3);
            spent += cpu() - before;
        }
    }
    Ok((median(walls), spent.as_secs_f64() * 1e3 / ROUNDS as f64))
}

fn edit(datastore: &Datastore, content: &str) -> io::Result<()> {
    let config =
        format!("<config><fleet xmlns=\"urn:fleetbridge:yang:fleetbridge\">{content}</fleet></config>");
    let told = |errors: Vec<fleetbridge::datastore::Error>| Error::other(errors[0].to_string());
    datastore.edit(&owner(), Target::Candidate, &Edit::new(config.as_bytes()), NOW).map_err(told)?;
    datastore.commit(&owner(), CommitRequest::default(), NOW).map_err(told)?;
    Ok(())
}

fn reads(datastore: &Datastore, size: u32) -> io::Result<f64> {
    let mut random = Random::new();
    let start = cpu();
    let mut out = Vec::new();
    for _ in 0..ROUNDS {
        let name = format!("d{}", random.below(size));
        let row = datastore.read(&name, Source::Running).map_err(Error::other)?;
        let row = row.ok_or(io::ErrorKind::NotFound)?;
        datastore.write_xml(&row, |_| true, &mut out).map_err(Error::other)?;
    }
    Ok((cpu() - start).as_secs_f64() * 1e6 / ROUNDS as f64)
}

fn creates(datastore: &Datastore) -> io::Result<f64> {
    let content: String = (0..1000)
        .map(|at| {
            format!(
                "<device><name>new{at}</name><alias>new alias {at}</alias><site>plant</site><group>all</group>\
                 <label><name>owner</name><value>team</value></label><asset><tag>N-{at}</tag></asset></device>"
            )
        })
        .collect();
    let start = Instant::now();
    edit(datastore, &content)?;
    Ok(start.elapsed().as_secs_f64())
}

/// Octets of XML a second, with reading the rows.
fn print(datastore: &Datastore) -> io::Result<f64> {
    let (start, mut octets, mut out) = (cpu(), 0, Vec::new());
    let mut cursor = Some(Cursor::default());
    while let Some(from) = cursor.take() {
        let mut failed = None;
        cursor = datastore
            .for_each(from, 1024, Source::Running, |row| {
                failed = datastore.write_xml(row, |_| true, &mut out).err().or(failed.take());
            })
            .map_err(Error::other)?;
        if let Some(error) = failed {
            return Err(Error::other(error));
        }
        octets += out.len();
        out.clear();
    }
    Ok(octets as f64 / 1e6 / (cpu() - start).as_secs_f64())
}
