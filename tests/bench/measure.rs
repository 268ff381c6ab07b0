//! Clocks and the one line that each figure prints: name, value, unit, goal, separated by tabs.

use std::{io, time::Duration};

/// What a figure is held to. Nothing fails if it is missed: machines differ, and a shared one differs from itself.
#[derive(Clone, Copy)]
pub enum Goal {
    AtMost(f64),
    AtLeast(f64),
    None,
}

pub fn figure(name: &str, value: f64, unit: &str, goal: Goal) {
    let goal = match goal {
        Goal::AtMost(most) => format!("at most {most}"),
        Goal::AtLeast(least) => format!("at least {least}"),
        Goal::None => "-".to_owned(),
    };
    let places = if value.abs() < 10.0 { 2 } else { usize::from(value.abs() < 1000.0) };
    println!("{name}\t{value:.places$}\t{unit}\t{goal}");
}

/// CPU time of this process: what repeats on a shared machine.
pub fn cpu() -> Duration {
    read(libc::CLOCK_PROCESS_CPUTIME_ID)
}

/// CPU time of all threads of another process.
pub fn cpu_of(pid: u32) -> Duration {
    let mut clock = 0;
    // SAFETY: the pointer is to a live clockid_t.
    let failed = unsafe { libc::clock_getcpuclockid(pid as libc::pid_t, &mut clock) };
    assert_eq!(failed, 0, "process {pid} is gone");
    read(clock)
}

fn read(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a live timespec.
    let failed = unsafe { libc::clock_gettime(clock, &mut time) };
    assert_eq!(failed, 0, "a clock that cannot be read");
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// Octets of a process that are in memory.
pub fn resident_of(pid: u32) -> io::Result<u64> {
    let statm = std::fs::read_to_string(format!("/proc/{pid}/statm"))?;
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<u64>().ok());
    pages.map(|pages| pages * 4096).ok_or_else(|| io::ErrorKind::InvalidData.into())
}

/// How long to measure each of many things: `BENCH_SECONDS`, else 1 s.
pub fn time() -> Duration {
    let seconds = std::env::var("BENCH_SECONDS").ok().and_then(|text| text.parse().ok());
    Duration::from_secs_f64(seconds.unwrap_or(1.0))
}

/// Nanoseconds each.
pub fn nanos(time: Duration, count: u64) -> f64 {
    time.as_nanos() as f64 / count.max(1) as f64
}

pub fn median(values: Vec<f64>) -> f64 {
    percentile(values, 50.0)
}

pub fn percentile(mut values: Vec<f64>, percent: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() as f64 * percent / 100.0) as usize).min(values.len() - 1)]
}

/// xorshift64*: the same numbers in each run.
pub struct Random(u64);

impl Random {
    pub fn new() -> Self {
        Random(0x2545_f491_4f6c_dd1d)
    }

    pub fn below(&mut self, limit: u32) -> u32 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 32) as u32 % limit
    }
}

/// `1,000,000`.
pub fn grouped(number: u32) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}
