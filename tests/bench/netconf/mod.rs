//! NETCONF over SSH: `fleetbridge serve` with fleets of three sizes, all devices learned and in running, and russh's
//! client. CPU is that of the server; the client has the same cores.

mod client;
mod plant;

use std::{
    io::{self, Error},
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use fleetbridge::{model::Profiles, netconf::ssh::NewKey, stats::Stats, store::Store};
use tempfile::TempDir;
use tokio::runtime::{Builder, Runtime};

use self::{
    client::{Client, Login},
    plant::{Downlinks, Telemetry, observations},
};
use crate::{
    datastore,
    filled::{self, NOW, devices, name},
    measure::{Goal, Random, cpu_of, figure, grouped, median, percentile, resident_of, time},
    servers::{Server, Site, free_tcp},
    store,
};

const FB: &str = "urn:fleetbridge:yang:fleetbridge";
const OF_SENSOR: &str = "urn:fleetbridge:yang:profile:sensor";

/// Sessions that are held, and clients that set up others.
const SESSIONS: usize = 1000;
const CLIENTS: usize = 8;

/// The fleet at which is measured what does not depend on its size.
const TYPICAL: u32 = 100_000;

/// Of edits, each after as long a time without, which tells what the telemetry costs.
const ROUNDS: u32 = 6;

/// Settings whose messages are waited for.
const SETTINGS: u32 = 300;

const MIB: f64 = 1_048_576.0;

const SETTING: &str = "[[setting]]\nname = \"interval\"\ntype = \"uint32\"\n\
    write = { topic = \"bench/{device}/set\", payload = '{\"interval\":{value}}' }\n";

pub fn measure() -> io::Result<()> {
    let mut sizes = [1000, TYPICAL, 1_000_000].map(|size: u32| size.min(devices())).to_vec();
    sizes.dedup();
    let mut edits = Vec::new();
    for &size in &sizes {
        let mut bench = Bench::start(size)?;
        bench.reads()?;
        if size == TYPICAL.min(devices()) {
            bench.sessions()?;
        }
        if sizes.last() == Some(&size) {
            bench.list()?;
        }
        edits.push(bench.edits()?);
        bench.creates()?;
        if size == TYPICAL.min(devices()) {
            bench.settings()?;
        }
    }
    for (at, what) in ["p50", "CPU"].into_iter().enumerate() {
        let of_size = edits.iter().map(|edit| edit[at]);
        let spread = of_size.clone().fold(0.0, f64::max) / of_size.fold(f64::MAX, f64::min);
        figure(
            &format!("leaf edited and committed, {what}, largest over smallest"),
            spread,
            "times",
            Goal::AtMost(2.0),
        );
    }
    Ok(())
}

struct Bench {
    size: u32,
    bridge: Server,
    mosquitto: Server,
    http: SocketAddr,
    login: Login,
    /// One thread: the client shall not wait for itself to wake up.
    runtime: Runtime,
    random: Random,
    _folders: (Site, TempDir),
}

impl Bench {
    fn start(size: u32) -> io::Result<Self> {
        let folder = tempfile::tempdir()?;
        let mosquitto = Server::mosquitto(&folder)?;
        let (ssh, http, key) = (free_tcp()?, free_tcp()?, NewKey::make()?);
        let boot = format!(
            "[control]\nhttp = \"{http}\"\n[netconf]\nssh = [\"{ssh}\"]\nmax-sessions = {}\n\
             [[user]]\nname = \"bench\"\nrole = \"administer\"\nssh-keys = [\"{}\"]\n",
            2 * SESSIONS,
            key.public
        );
        let site = Site::with(size, mosquitto.address, &boot, &(filled::profile_file() + SETTING))?;
        fill(site.folder.path(), size)?;
        let bridge = Server::bridge(&site)?;
        bridge.settle()?;
        let bench = Bench {
            size,
            bridge,
            mosquitto,
            http,
            login: Login::new(ssh, &key.private).map_err(Error::other)?,
            runtime: Builder::new_current_thread().enable_all().build()?,
            random: Random::new(),
            _folders: (site, folder),
        };
        bench.figure("memory of the whole process", bench.resident()?, "MiB", Goal::None);
        Ok(bench)
    }

    /// One of the rows that stand side by side for all sizes.
    fn figure(&self, what: &str, value: f64, unit: &str, goal: Goal) {
        figure(&format!("{what}, {} devices", grouped(self.size)), value, unit, goal);
    }

    fn connect(&self) -> io::Result<Client> {
        self.runtime.block_on(self.login.connect())
    }

    fn cpu(&self) -> Duration {
        cpu_of(self.bridge.pid())
    }

    fn resident(&self) -> io::Result<f64> {
        Ok(resident_of(self.bridge.pid())? as f64 / MIB)
    }

    /// Any device.
    fn any(&mut self) -> String {
        name(self.random.below(self.size) + 1)
    }

    fn reads(&mut self) -> io::Result<()> {
        let mut client = self.connect()?;
        for (what, leaf) in [("one device by its name", ""), ("one leaf of one device", "<site/>")] {
            for round in [time() / 4, time() * 2] {
                let warm = round < time();
                let (start, before) = (Instant::now(), self.cpu());
                let mut walls = Vec::new();
                while start.elapsed() < round {
                    let device = self.any();
                    let get = format!("<get>{}</get>", filter(&format!("<name>{device}</name>{leaf}")));
                    let asked = Instant::now();
                    let reply = self.runtime.block_on(client.ask(&get))?;
                    walls.push(millis(asked.elapsed()));
                    if !reply.contains("<site>plant/hall") {
                        return Err(Error::other(format!("{device}: {reply}")));
                    }
                }
                if warm {
                    continue;
                }
                let each = millis(self.cpu() - before) / walls.len() as f64;
                self.figure(&format!("{what}, p50"), median(walls.clone()), "ms", Goal::AtMost(0.5));
                self.figure(&format!("{what}, p99"), percentile(walls, 99.0), "ms", Goal::None);
                self.figure(&format!("{what}, CPU"), each, "ms", Goal::None);
            }
        }
        Ok(())
    }

    /// Milliseconds for one under load: p50, and CPU beyond the load's own.
    fn edits(&mut self) -> io::Result<[f64; 2]> {
        let mut client = self.connect()?;
        let telemetry = Telemetry::start(self.mosquitto.address, self.size);
        // The first rounds prune what filling left, and make the log grow.
        self.edit_for(&mut client, time())?;
        let (begun, seen) = (Instant::now(), observations(self.http)?);
        let (mut idle, mut spent, mut lasted, mut walls) = (0.0, 0.0, 0.0, Vec::new());
        for _ in 0..ROUNDS {
            idle += self.idle(time())? / f64::from(ROUNDS);
            let (start, before) = (Instant::now(), self.cpu());
            walls.extend(self.edit_for(&mut client, time())?);
            spent += (self.cpu() - before).as_secs_f64();
            lasted += start.elapsed().as_secs_f64();
        }
        let came = (observations(self.http)? - seen) as f64 / begun.elapsed().as_secs_f64();
        drop(telemetry);

        let each = (spent - idle * lasted) * 1e3 / walls.len() as f64;
        let p50 = median(walls.clone());
        let what = "one leaf edited in candidate and committed";
        self.figure(&format!("{what}, p50"), p50, "ms", Goal::AtMost(5.0));
        self.figure(&format!("{what}, p99"), percentile(walls, 99.0), "ms", Goal::None);
        self.figure(&format!("{what}, CPU"), each, "ms", Goal::AtMost(1.0));
        self.figure("observations that came in meanwhile", came / 1e3, "k/s", Goal::None);
        self.figure("their CPU", idle * 100.0, "% of a core", Goal::None);
        Ok([p50, each])
    }

    /// Of one core, under the load alone.
    fn idle(&self, time: Duration) -> io::Result<f64> {
        let (start, before) = (Instant::now(), self.cpu());
        std::thread::sleep(time);
        Ok((self.cpu() - before).as_secs_f64() / start.elapsed().as_secs_f64())
    }

    /// Milliseconds of each.
    fn edit_for(&mut self, client: &mut Client, time: Duration) -> io::Result<Vec<f64>> {
        let start = Instant::now();
        let mut walls = Vec::new();
        while start.elapsed() < time {
            let leaf = format!("<name>{}</name><site>round {}</site>", self.any(), walls.len());
            let edit = edit("candidate", &format!("<device>{leaf}</device>"));
            let asked = Instant::now();
            self.runtime.block_on(async {
                client.tell(&edit).await?;
                client.tell("<commit/>").await
            })?;
            walls.push(millis(asked.elapsed()));
        }
        Ok(walls)
    }

    fn creates(&mut self) -> io::Result<()> {
        let mut client = self.connect()?;
        let mut walls = Vec::new();
        for round in 0..3 {
            let created: String = (0..1000)
                .map(|at| {
                    format!(
                        "<device><name>new{round}-{at}</name><alias>new alias {round}-{at}</alias><site>plant</site>\
                         <group>all</group><label><name>owner</name><value>team</value></label>\
                         <asset><tag>N-{at}</tag></asset></device>"
                    )
                })
                .collect();
            let edit = edit("candidate", &created);
            let asked = Instant::now();
            self.runtime.block_on(async {
                client.tell(&edit).await?;
                client.tell("<commit/>").await
            })?;
            walls.push(asked.elapsed().as_secs_f64());
        }
        self.figure("1,000 devices created and committed", median(walls), "s", Goal::AtMost(0.3));
        Ok(())
    }

    /// From the request until the device's message is with a subscriber.
    fn settings(&mut self) -> io::Result<()> {
        let mut client = self.connect()?;
        let mut downlinks = self.runtime.block_on(Downlinks::subscribe(self.mosquitto.address))?;
        let mut walls = Vec::new();
        for value in 1..=SETTINGS {
            let device = name(self.size * (value - 1) / SETTINGS + 1);
            let settings = format!(
                "<settings><sensor xmlns=\"{OF_SENSOR}\"><interval>{value}</interval></sensor></settings>"
            );
            let edit = edit("running", &format!("<device><name>{device}</name>{settings}</device>"));
            let payload = format!("{{\"interval\":{value}}}");
            let asked = Instant::now();
            let both = async { tokio::join!(client.tell(&edit), downlinks.next(&payload)) };
            let (told, come) =
                self.runtime.block_on(async { tokio::time::timeout(Duration::from_secs(10), both).await })?;
            told?;
            walls.push(millis(come?.duration_since(asked)));
        }
        let what = "setting from edit-config to the device's message";
        figure(&format!("{what}, p50"), median(walls.clone()), "ms", Goal::None);
        figure(&format!("{what}, p99"), percentile(walls, 99.0), "ms", Goal::None);
        Ok(())
    }

    fn sessions(&mut self) -> io::Result<()> {
        // What the first session leaves behind is not the others'.
        drop(self.connect()?);
        self.bridge.settle()?;
        let before = self.resident()?;
        let clients = Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
        let most = SESSIONS / CLIENTS;
        let held = clients.block_on(by_all(&self.login, move |login| open(login, most)))?;
        let what = format!("{} sessions held", grouped(SESSIONS as u32));
        figure(&what, self.resident()? - before, "MiB", Goal::AtMost(100.0));
        drop(held);
        self.bridge.settle()?;

        let (start, before, end) = (Instant::now(), self.cpu(), Instant::now() + time() * 4);
        let counts = clients.block_on(by_all(&self.login, move |login| open_and_close(login, end)))?;
        let (lasted, spent) = (start.elapsed().as_secs_f64(), self.cpu() - before);
        let count = counts.iter().sum::<u32>();
        let what = format!("sessions set up by {CLIENTS} clients");
        figure(&what, f64::from(count) / lasted, "a second", Goal::AtLeast(300.0));
        figure("session set up and ended, CPU", millis(spent) / f64::from(count), "ms", Goal::None);
        Ok(())
    }

    fn list(&mut self) -> io::Result<()> {
        let mut client = self.connect()?;
        for (what, rpc) in [
            ("running", format!("<get-config><source><running/></source>{}</get-config>", filter(""))),
            ("all that is known", format!("<get>{}</get>", filter(""))),
        ] {
            let (before, spent, start) = (self.resident()?, self.cpu(), Instant::now());
            let (octets, peak) = self.peak_while(|| self.runtime.block_on(client.count(&rpc)))?;
            let lasted = start.elapsed().as_secs_f64();
            let megabytes = octets as f64 / 1e6;
            let what = format!("list of {} devices, {what}", grouped(self.size));
            figure(&what, megabytes / lasted, "MB/s", Goal::AtLeast(100.0));
            figure(&format!("{what}, memory above idle"), peak - before, "MiB", Goal::AtMost(32.0));
            let of_core = megabytes / (self.cpu() - spent).as_secs_f64();
            figure(&format!("{what}, of one core"), of_core, "MB/s", Goal::None);
            figure(&format!("{what}, size"), megabytes, "MB", Goal::None);
        }
        Ok(())
    }

    /// The most memory that the bridge has meanwhile, in MiB.
    fn peak_while<T>(&self, work: impl FnOnce() -> io::Result<T>) -> io::Result<(T, f64)> {
        let done = AtomicBool::new(false);
        let mut peak = self.resident()?;
        std::thread::scope(|scope| {
            let sampler = scope.spawn(|| {
                while !done.load(Ordering::Relaxed) {
                    peak = self.resident()?.max(peak);
                    std::thread::sleep(Duration::from_millis(5));
                }
                Ok::<_, Error>(peak)
            });
            let worked = work();
            done.store(true, Ordering::Relaxed);
            let peak = sampler.join().map_err(|_| Error::other("the sampler died"))?;
            Ok((worked?, peak?))
        })
    }
}

/// A store whose devices are all in running.
fn fill(folder: &Path, size: u32) -> io::Result<()> {
    drop(store::fill(folder, size)?);
    let store = Store::open(folder, NOW, Stats::default().into()).map_err(Error::other)?.store;
    let mut profile = [filled::profile()];
    store.bind_profiles(&mut profile, &["hash"]).map_err(Error::other)?;
    store.load_devices(&Profiles::new(profile.into()), |_| ()).map_err(Error::other)?;
    datastore::fill(&store, (1..=size).map(name))
}

/// Runs so many clients at a time and gathers what they give.
async fn by_all<T, F>(login: &Login, client: impl Fn(Login) -> F) -> io::Result<Vec<T>>
where
    T: Send + 'static,
    F: Future<Output = io::Result<T>> + Send + 'static,
{
    let clients: Vec<_> = (0..CLIENTS).map(|_| tokio::spawn(client(login.clone()))).collect();
    let mut given = Vec::new();
    for client in clients {
        given.push(client.await??);
    }
    Ok(given)
}

async fn open(login: Login, count: usize) -> io::Result<Vec<Client>> {
    let mut clients = Vec::new();
    for _ in 0..count {
        clients.push(login.connect().await?);
    }
    Ok(clients)
}

async fn open_and_close(login: Login, end: Instant) -> io::Result<u32> {
    let mut count = 0;
    while Instant::now() < end {
        drop(login.connect().await?);
        count += 1;
    }
    Ok(count)
}

fn edit(target: &str, content: &str) -> String {
    format!(
        "<edit-config><target><{target}/></target><config><fleet xmlns=\"{FB}\">{content}</fleet></config></edit-config>"
    )
}

/// Of devices with this content.
fn filter(content: &str) -> String {
    format!("<filter><fleet xmlns=\"{FB}\"><device>{content}</device></fleet></filter>")
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
