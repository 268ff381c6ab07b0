//! What it costs, one line a figure: name, value, unit, goal. `tests/bench/run` runs them all and prints the table of
//! the README. `BENCH_DEVICES` makes the fleet smaller, `BENCH_SECONDS` the comparisons shorter.

mod filled;
mod fleet;
mod measure;
mod snmp;
mod store;

use std::process::ExitCode;

fn main() -> ExitCode {
    // `cargo bench` adds an argument of its own.
    let wanted = std::env::args().skip(1).find(|argument| argument != "--bench");
    let done = match wanted.as_deref() {
        Some("memory") => Ok(fleet::memory()),
        Some("ingest") => Ok(fleet::ingest()),
        Some("flush") => store::flush(),
        Some("restart") => store::restart(),
        Some("snmp") => snmp::compare(),
        Some("echo") => snmp::echo(),
        _ => Err(std::io::Error::other("usage: figures memory|ingest|flush|restart|snmp")),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("figures: {error}");
            ExitCode::FAILURE
        }
    }
}
