//! Figures of the store: what writing behind costs, and how long a start takes.

use std::{
    fs,
    io::{self, Error},
    path::Path,
    time::Instant,
};

use fleetbridge::{
    fleet::Fleet,
    model::Profiles,
    stats::Stats,
    store::{Batch, Store, row},
};

use crate::{
    filled::{self, NOW, devices},
    measure::{Goal, cpu, cpu_of, figure, grouped, resident_of},
    servers::{Server, Site},
};

/// As many as the daemon's flusher takes for a transaction.
const ROWS: usize = 16_384;

/// Fills a store with the whole fleet, then writes all of it a second time as if each device had reported.
pub fn flush() -> io::Result<()> {
    let folder = tempfile::tempdir()?;
    let (store, fleet) = fill(folder.path(), devices())?;
    filled::report_all(&fleet);
    let (start, before) = (Instant::now(), cpu());
    let rows = write_behind(&store, &fleet)?;
    let (wall, spent) = (start.elapsed().as_secs_f64(), (cpu() - before).as_secs_f64());
    drop(store);
    let size: u64 = fs::read_dir(folder.path())?
        .map(|entry| entry.and_then(|entry| entry.metadata()).map_or(0, |found| found.len()))
        .sum();
    figure("rows written behind, of one core", rows as f64 / spent / 1e3, "k/s", Goal::None);
    figure("rows written behind, wall", rows as f64 / wall / 1e3, "k/s", Goal::None);
    let name = format!("store of {} devices on disk", grouped(devices()));
    figure(&name, size as f64 / 1_048_576.0, "MiB", Goal::None);
    Ok(())
}

/// A store in `folder` that knows so many devices, and all they can report.
pub fn fill(folder: &Path, devices: u32) -> io::Result<(Store, Fleet)> {
    let opened = Store::open(folder, NOW, Stats::default().into()).map_err(Error::other)?;
    let store = opened.store;
    let mut profile = [filled::profile()];
    store.bind_profiles(&mut profile, &["hash"]).map_err(Error::other)?;
    let profiles = Profiles::new(profile.into());
    store.load_devices(&profiles, |_| ()).map_err(Error::other)?;
    store.bind_adapter("plant", "mqtt").map_err(Error::other)?;
    let fleet = filled::empty();
    for first in (0..devices).step_by(8192) {
        let records = filled::learn(&fleet, first + 1..=(first + 8192).min(devices));
        store.learn(records.clone()).wait().map_err(Error::other)?;
        filled::report(&fleet, &records);
    }
    fleet.sweep(NOW);
    write_behind(&store, &fleet)?;
    Ok((store, fleet))
}

/// Flushes what is dirty, as the daemon does; returns how many devices.
fn write_behind(store: &Store, fleet: &Fleet) -> io::Result<usize> {
    let (mut block, mut rows) = (0, 0);
    loop {
        let mut batch = Batch::default();
        fleet.take_dirty(&mut block, ROWS, |row| batch.push(row.number(), |out| row::encode(&row, out)));
        rows += batch.rows();
        store.flush(batch).wait().map_err(Error::other)?;
        if block == 0 {
            return Ok(rows);
        }
    }
}

/// From the start of the process until it answers for the whole fleet.
pub fn restart(site: &Site) -> io::Result<()> {
    let start = Instant::now();
    let bridge = Server::bridge(site)?;
    let wall = start.elapsed().as_secs_f64();
    let spent = cpu_of(bridge.pid()).as_secs_f64();
    let all = format!("with {} devices", grouped(devices()));
    figure(&format!("start {all}, wall"), wall, "s", Goal::AtMost(10.0));
    figure(&format!("start {all}, CPU"), spent, "s", Goal::None);
    let resident = resident_of(bridge.pid())? as f64 / 1_048_576.0;
    figure(&format!("memory of the whole process {all}"), resident, "MiB", Goal::None);
    Ok(())
}
