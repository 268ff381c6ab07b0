//! One thread a file does all the writing to it, job after job.

use std::{
    future::Future,
    pin::Pin,
    sync::{Arc, mpsc},
    task::{Context, Poll, Wake},
    thread::JoinHandle,
    time::{Duration, Instant},
};

use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{StoreError, database::Database};
use crate::stats::Stats;

type Job = Box<dyn FnOnce(&mut Thread) + Send>;

/// The handle; dropping it waits for the jobs given so far.
#[derive(Debug)]
pub(super) struct Writer {
    jobs: Option<mpsc::Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    pub trouble: Trouble,
}

/// An answer under way: `.await` it, or [`wait`](Pending::wait) for it outside of async code. Dropped, the job is done
/// all the same.
#[derive(Debug)]
#[must_use = "the outcome may be an error"]
pub struct Pending<T>(oneshot::Receiver<Result<T, StoreError>>);

pub(super) type Reply<T> = oneshot::Sender<Result<T, StoreError>>;

struct Unpark(std::thread::Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// What the thread owns.
struct Thread {
    database: Database,
    stats: Arc<Stats>,
    trouble: Trouble,
    logged: Option<Instant>,
}

/// What the disk said to the last write of a file, if it failed.
#[derive(Clone, Debug, Default)]
pub struct Trouble(Arc<Mutex<Option<String>>>);

impl Trouble {
    pub fn text(&self) -> Option<String> {
        self.0.lock().clone()
    }
}

impl Writer {
    pub fn start(database: Database, stats: Arc<Stats>) -> Result<Writer, StoreError> {
        let path = database.path.clone();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let (jobs, queue) = mpsc::channel::<Job>();
        let trouble = Trouble::default();
        let mut thread = Thread { database, stats, trouble: trouble.clone(), logged: None };
        let handle = std::thread::Builder::new()
            .name(name)
            .spawn(move || queue.iter().for_each(|job| job(&mut thread)))
            .map_err(|error| StoreError::io(&path, &error))?;
        Ok(Writer { jobs: Some(jobs), thread: Some(handle), trouble })
    }

    /// Has the thread do `job`, after all earlier ones.
    pub fn call<T: Send + 'static>(
        &self,
        job: impl FnOnce(&mut Database) -> Result<T, StoreError> + Send + 'static,
    ) -> Pending<T> {
        let (reply, pending) = Pending::new();
        let job: Job = Box::new(move |thread| {
            let result = job(&mut thread.database);
            thread.note(&result);
            let _ = reply.send(result);
        });
        if let Some(jobs) = &self.jobs {
            // A thread that is gone drops the reply, which the caller sees as `Closed`.
            let _ = jobs.send(job);
        }
        pending
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl<T> Pending<T> {
    pub(super) fn new() -> (Reply<T>, Self) {
        let (reply, answer) = oneshot::channel();
        (reply, Pending(answer))
    }

    /// Blocks the thread until the answer is there; in async code only while starting and stopping.
    pub fn wait(mut self) -> Result<T, StoreError> {
        // By hand, because tokio's `blocking_recv` panics inside a runtime.
        let waker = Arc::new(Unpark(std::thread::current())).into();
        let mut context = Context::from_waker(&waker);
        loop {
            match Pin::new(&mut self).poll(&mut context) {
                Poll::Ready(answer) => return answer,
                Poll::Pending => std::thread::park(),
            }
        }
    }
}

impl<T> Future for Pending<T> {
    type Output = Result<T, StoreError>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(context).map(|answer| answer.unwrap_or(Err(StoreError::Closed)))
    }
}

impl Thread {
    /// Counts every failure of the disk, logs one a minute and the return to health.
    fn note<T>(&mut self, result: &Result<T, StoreError>) {
        match result {
            Err(error) if error.is_storage() => {
                self.stats.store.errors.inc();
                *self.trouble.0.lock() = Some(error.to_string());
                if self.logged.is_none_or(|at| at.elapsed() > Duration::from_secs(60)) {
                    self.logged = Some(Instant::now());
                    tracing::error!("{error}");
                }
            }
            Ok(_) => {
                if self.trouble.0.lock().take().is_some() {
                    tracing::info!(file = %self.database.path.display(), "is written again");
                }
            }
            Err(_) => {}
        }
    }
}
