//! What it costs, one line a figure: name, value, unit, goal. `tests/bench/run` runs them all and prints the table of
//! the README. `BENCH_DEVICES` makes the fleet smaller, `BENCH_SECONDS` the comparisons shorter.

mod datastore;
mod filled;
mod fleet;
mod measure;
mod messages;
mod netconf;
mod servers;
mod snmp;
mod store;

use std::{io, process::ExitCode};

use servers::Site;

fn main() -> ExitCode {
    // `cargo bench` adds an argument of its own.
    let wanted: Vec<_> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    match run(&wanted) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("figures: {error}");
            ExitCode::FAILURE
        }
    }
}

/// In the order given; `memory` needs to be the first to be right.
fn run(wanted: &[String]) -> io::Result<()> {
    let mut site = None;
    for name in wanted {
        match name.as_str() {
            "memory" => fleet::memory()?,
            "ingest" => fleet::ingest(),
            "json" => messages::json()?,
            "flush" => store::flush()?,
            "commit" => datastore::commit()?,
            "restart" => store::restart(shared(&mut site)?)?,
            "snmp" => snmp::compare(shared(&mut site)?)?,
            "walk" => snmp::walk(shared(&mut site)?)?,
            "users" => snmp::users(shared(&mut site)?)?,
            "scoped" => snmp::scoped(shared(&mut site)?)?,
            "views" => snmp::views()?,
            "walkers" => snmp::walkers()?,
            "netconf" => netconf::measure()?,
            "echo" => snmp::echo()?,
            other => return Err(io::Error::other(format!("there is no figure {other:?}"))),
        }
    }
    Ok(())
}

/// To fill a store takes longer than most figures.
fn shared(site: &mut Option<Site>) -> io::Result<&Site> {
    if site.is_none() {
        *site = Some(Site::new()?);
    }
    site.as_ref().ok_or_else(|| io::ErrorKind::NotFound.into())
}
