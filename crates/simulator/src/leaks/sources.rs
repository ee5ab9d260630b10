//! What can leak in.

use std::collections::HashMap;
use std::env;
use std::fs::File;
use std::future::{Future, ready};
use std::io::{self, Read};
use std::pin::pin;
use std::process;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use xxhash_rust::xxh3::xxh3_64_with_seed;

use super::{PlantedLeak, Source};

/// No pause is longer: every write comes before its deadline.
pub(super) const LONGEST: Duration = Duration::from_millis(200);
/// Draws that are put together where one draw has only two outcomes.
const DRAWS: usize = 32;
/// How often the thread of [`thread_race`] counts.
const BEAT: Duration = Duration::from_micros(50);

/// All leaks.
pub const CORPUS: &[PlantedLeak] = &[
    leak(
        "hash-order",
        "the order of a hash map whose keys are drawn before the run",
        hash_order,
    ),
    leak(
        "wall-clock",
        "the real time, told by a thread outside of the simulation",
        wall_clock,
    ),
    leak(
        "file-time",
        "the real time, as the file system notes it",
        || each(file_time),
    ),
    leak(
        "thread-race",
        "how far a real thread has come meanwhile",
        thread_race,
    ),
    leak("entropy", "random bytes from the system", || each(entropy)),
    leak("process-id", "the number of the process", || {
        each(|| Ok(process::id().to_le_bytes().to_vec()))
    }),
    leak("heap-address", "where something lies on the heap", || {
        each(|| Ok(address(ptr::from_ref(&*Box::new(0_u64)))))
    }),
    leak(
        "code-address",
        "where a constant of the program lies",
        || each(|| Ok(address(CORPUS.as_ptr()))),
    ),
    leak("environment", "all environment variables", || {
        each(|| Ok(format!("{:?}", env::vars_os().collect::<Vec<_>>()).into_bytes()))
    }),
    leak("time-zone", "the time zone that the user has set", || {
        each(|| Ok(env::var_os("TZ").unwrap_or_default().into_encoded_bytes()))
    }),
    leak("working-folder", "the folder that the user is in", || {
        each(|| Ok(env::current_dir()?.into_os_string().into_encoded_bytes()))
    }),
    leak("program-name", "the name the program is called by", || {
        each(|| {
            let name = env::args_os().next().unwrap_or_default();
            Ok(name.into_encoded_bytes())
        })
    }),
    leak("temporary-folder", "the folder for temporary files", || {
        each(|| Ok(env::temp_dir().into_os_string().into_encoded_bytes()))
    }),
    leak("temporary-name", "the name of a temporary file", || {
        each(temporary_name)
    }),
    leak(
        "run-counter",
        "a number that outlives the run, as a static does",
        run_counter,
    ),
    leak("thread-id", "the number of the thread", || {
        each(|| Ok(format!("{:?}", thread::current().id()).into_bytes()))
    }),
    leak(
        "unbiased-select",
        "which of two branches `select!` takes when both are ready",
        || each(unbiased_select),
    ),
];

const fn leak(
    name: &'static str,
    idea: &'static str,
    open: fn() -> io::Result<Source>,
) -> PlantedLeak {
    PlantedLeak { name, idea, open }
}

/// A pause that is another one for another value, and for another key.
fn pause(value: &[u8], key: &str) -> Duration {
    let longest = u64::try_from(LONGEST.as_micros()).unwrap_or(u64::MAX);
    let of_value = xxh3_64_with_seed(value, 0);
    Duration::from_micros(xxh3_64_with_seed(key.as_bytes(), of_value) % longest)
}

/// A leak that asks for its value at each write.
fn each(value: fn() -> io::Result<Vec<u8>>) -> io::Result<Source> {
    // Where there is nothing to read nothing leaks in, and the check says so.
    Ok(Box::new(move |key| {
        pause(&value().unwrap_or_default(), key)
    }))
}

fn address<T>(of: *const T) -> Vec<u8> {
    of.addr().to_le_bytes().to_vec()
}

/// A hash map whose hash keys nobody derived from the seed.
struct Waiting(HashMap<String, ()>);

impl Waiting {
    /// Where `key` stands among all keys so far.
    fn place(&mut self, key: &str) -> usize {
        self.0.insert(key.to_owned(), ());
        self.0.keys().take_while(|other| *other != key).count()
    }
}

fn hash_order() -> io::Result<Source> {
    // Outside of the simulation the hash keys come from the system.
    let waiting = Mutex::new(Waiting(HashMap::new()));
    Ok(Box::new(move |key| {
        let mut waiting = waiting.lock().unwrap_or_else(PoisonError::into_inner);
        let place = u32::try_from(waiting.place(key)).unwrap_or(u32::MAX);
        (Duration::from_millis(1).saturating_mul(place)).min(LONGEST)
    }))
}

fn wall_clock() -> io::Result<Source> {
    let (ask, asked) = mpsc::channel::<()>();
    let (tell, told) = mpsc::channel();
    thread::Builder::new().spawn(move || {
        for () in asked {
            if tell.send(SystemTime::now()).is_err() {
                break;
            }
        }
    })?;
    let line = Mutex::new((ask, told));
    Ok(Box::new(move |key| {
        let line = line.lock().unwrap_or_else(PoisonError::into_inner);
        // Without its thread nothing leaks in, and the check says so.
        let now = line.0.send(()).ok().and_then(|()| line.1.recv().ok());
        pause(&nanoseconds(now.unwrap_or(UNIX_EPOCH)), key)
    }))
}

fn file_time() -> io::Result<Vec<u8>> {
    Ok(nanoseconds(tempfile::tempfile()?.metadata()?.modified()?))
}

fn nanoseconds(time: SystemTime) -> Vec<u8> {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    since.as_nanos().to_le_bytes().to_vec()
}

fn thread_race() -> io::Result<Source> {
    let count = Arc::new(AtomicU64::new(0));
    let there = Arc::downgrade(&count);
    thread::Builder::new().spawn(move || {
        while let Some(count) = there.upgrade() {
            count.fetch_add(1, Ordering::Relaxed);
            drop(count);
            thread::sleep(BEAT);
        }
    })?;
    Ok(Box::new(move |key| {
        pause(&count.load(Ordering::Relaxed).to_le_bytes(), key)
    }))
}

fn entropy() -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn temporary_name() -> io::Result<Vec<u8>> {
    let file = tempfile::NamedTempFile::new()?;
    let name = file.path().file_name().unwrap_or_default();
    Ok(name.as_encoded_bytes().to_vec())
}

fn run_counter() -> io::Result<Source> {
    let writes = AtomicU64::new(0);
    Ok(Box::new(move |key| {
        let write = writes.fetch_add(1, Ordering::Relaxed);
        pause(&write.to_le_bytes(), key)
    }))
}

fn unbiased_select() -> io::Result<Vec<u8>> {
    let drawing = pin!(async {
        let mut draws = Vec::with_capacity(DRAWS);
        for _ in 0..DRAWS {
            draws.push(tokio::select! {
                () = ready(()) => 0_u8,
                () = ready(()) => 1_u8,
            });
        }
        draws
    });
    match drawing.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(draws) => Ok(draws),
        Poll::Pending => Ok(Vec::new()),
    }
}
