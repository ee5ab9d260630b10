//! Worker processes, several at a time.

use std::collections::BTreeMap;
use std::io;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Output, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread;
use std::time::Duration;

use super::args::Pace;
use super::exit::Exit;
use super::given::Given;
use super::outcome::{Job, Outcome};

/// Everything that runs, so that it can be stopped at once. A worker ends when
/// its stdin does.
#[derive(Debug, Default)]
pub struct Stop {
    stopped: AtomicBool,
    interrupted: AtomicBool,
    lifelines: Mutex<BTreeMap<u64, ChildStdin>>,
    last: AtomicU64,
}

impl Stop {
    /// Ends all workers; none starts any more.
    pub fn stop(&self) {
        self.stopped.store(true, Ordering::SeqCst);
        self.lifelines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }

    /// As [`Stop::stop`], because the user wants it. True if not for the first time.
    pub fn interrupt(&self) -> bool {
        let again = self.interrupted.swap(true, Ordering::SeqCst);
        self.stop();
        again
    }

    /// Whether the user wanted it to end.
    pub fn is_interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }

    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::SeqCst)
    }

    fn hold(&self, lifeline: Option<ChildStdin>) -> u64 {
        let id = self.last.fetch_add(1, Ordering::SeqCst);
        let mut lifelines = self
            .lifelines
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if let (Some(lifeline), false) = (lifeline, self.is_stopped()) {
            lifelines.insert(id, lifeline);
        }
        id
    }

    fn release(&self, id: u64) {
        self.lifelines
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&id);
    }
}

/// Starts workers.
#[derive(Clone, Debug)]
pub struct Pool {
    program: PathBuf,
    jobs: usize,
    limit: Duration,
    /// What ends it early.
    pub stop: Arc<Stop>,
}

/// More workers at a time than this help nobody.
const MOST_JOBS: usize = 256;

impl Pool {
    /// A pool of workers that are this very program.
    ///
    /// # Errors
    /// The program cannot be found.
    pub fn new(pace: &Pace, stop: Arc<Stop>) -> io::Result<Pool> {
        let cores = || thread::available_parallelism().map_or(1, usize::from);
        Ok(Pool {
            program: std::env::current_exe()?,
            jobs: pace.jobs.map_or_else(cores, usize::from).min(MOST_JOBS),
            limit: pace.limit,
            stop,
        })
    }

    /// How many workers run at a time.
    pub fn jobs(&self) -> usize {
        self.jobs
    }

    /// The same, with one worker at a time.
    pub fn alone(&self) -> Pool {
        Pool {
            jobs: 1,
            ..self.clone()
        }
    }

    /// Runs what `next` gives until it gives nothing more, and hands every
    /// outcome to `sink` as it comes, which may end it all.
    pub fn each(
        &self,
        next: impl FnMut() -> Option<Job> + Send,
        sink: impl FnMut(Outcome) -> ControlFlow<()>,
    ) {
        self.each_with(Pool::run, next, sink);
    }

    /// As [`Pool::each`], where `work` makes an outcome of a job; nothing comes
    /// of it if all is to end.
    pub fn each_with(
        &self,
        work: impl Fn(&Pool, Job) -> Option<Outcome> + Sync,
        next: impl FnMut() -> Option<Job> + Send,
        mut sink: impl FnMut(Outcome) -> ControlFlow<()>,
    ) {
        let work = &work;
        let next = Mutex::new(next);
        let (sender, outcomes) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..self.jobs {
                let (sender, next) = (sender.clone(), &next);
                scope.spawn(move || {
                    let take = || (next.lock().unwrap_or_else(PoisonError::into_inner))();
                    while !self.stop.is_stopped()
                        && let Some(job) = take()
                    {
                        let Some(outcome) = work(self, job) else {
                            break;
                        };
                        if sender.send(outcome).is_err() {
                            break;
                        }
                    }
                });
            }
            drop(sender);
            for outcome in outcomes {
                if sink(outcome).is_break() {
                    self.stop.stop();
                    break;
                }
            }
        });
    }

    /// Runs one job; nothing comes of it if all is to end.
    pub fn run(&self, job: Job) -> Option<Outcome> {
        self.run_as(job, &[], |_| {})
    }

    /// As [`Pool::run`], by a worker that is told more, and whose process is changed
    /// before it starts.
    pub fn run_as(
        &self,
        job: Job,
        more: &[std::ffi::OsString],
        change: impl FnOnce(&mut Command),
    ) -> Option<Outcome> {
        let mut words = self.command(&job);
        // Right after the word that makes it a worker: the last one is the scenario.
        words.splice(1..1, more.iter().cloned());
        let mut command = self.program(&words);
        change(&mut command);
        let output = self.wait_for(command);
        if self.stop.is_stopped() {
            return None;
        }
        if output.as_ref().is_ok_and(was_interrupted) {
            self.stop.interrupt();
            return None;
        }
        let output = output.map_err(|error| format!("cannot start a worker: {error}"));
        Some(Outcome::read(job, output, self.limit))
    }

    /// The words that make this program a worker.
    fn command(&self, job: &Job) -> Vec<std::ffi::OsString> {
        let Given {
            name,
            blocks,
            registry,
            sets,
            planted,
            coordinator,
            ..
        } = &*job.given;
        let mut words: Vec<std::ffi::OsString> = vec!["worker".into()];
        words.extend([
            "--lifeline".into(),
            "--seed".into(),
            job.seed.to_string().into(),
        ]);
        words.extend(["--limit".into(), self.limit_text().into()]);
        let paths = [
            ("--trace-to", job.trace_to.as_ref()),
            ("--blocks", blocks.as_ref()),
            ("--registry", registry.as_ref()),
        ];
        for (option, path) in paths {
            if let Some(path) = path {
                words.extend([option.into(), path.into()]);
            }
        }
        for set in sets {
            words.push(format!("--set={}", set.text()).into());
        }
        if let Some(planted) = planted {
            words.extend(["--planted".into(), planted.into()]);
        }
        if !coordinator.is_ours() {
            words.extend(["--coordinator".into(), "original".into()]);
        }
        if let Some(crash) = job.crash {
            words.extend(["--crash-at".into(), crash.effect.to_string().into()]);
            words.extend(crash.before.then(|| "--crash-before".into()));
        }
        if let Some(sweeping) = &job.sweeping {
            words.extend(sweeping.record.then(|| "--record-sites".into()));
            let plan = sweeping.plan.as_ref();
            words.extend(plan.map(|plan| format!("--plan={plan}").into()));
        }
        words.extend(["--".into(), name.into()]);
        words
    }

    /// The limit of a run, as an option has it.
    pub fn limit_text(&self) -> String {
        let text = humantime::format_duration(self.limit).to_string();
        text.replace(' ', "")
    }

    /// This program with other words; its streams are pipes.
    pub fn program(&self, words: &[std::ffi::OsString]) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// What comes of this program with other words.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn output(&self, words: &[std::ffi::OsString]) -> io::Result<Output> {
        self.wait_for(self.program(words))
    }

    fn wait_for(&self, mut command: Command) -> io::Result<Output> {
        let mut child = command.spawn()?;
        let lifeline = self.stop.hold(child.stdin.take());
        let output = child.wait_with_output();
        self.stop.release(lifeline);
        output
    }
}

/// Whether a worker ended because the user pressed Ctrl-C, which reaches workers
/// as well as this process.
fn was_interrupted(output: &Output) -> bool {
    #[cfg(unix)]
    if std::os::unix::process::ExitStatusExt::signal(&output.status) == Some(2) {
        return true;
    }
    output.status.code() == Some(Exit::Interrupted.code().into())
}
