//! Lines on their way out. Whoever logs never waits: a thread of its own writes,
//! and if the other side does not read, lines are counted instead of kept.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

/// The most lines that wait to be written.
const QUEUE_MAX: usize = 8_192;

/// The most bytes that wait to be written.
const QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Room beyond that, for audit lines only.
const AUDIT_EXTRA: usize = 1_024;

/// Room in bytes beyond that, for audit lines only.
const AUDIT_BYTES_EXTRA: usize = 4 * 1024 * 1024;

/// How often the writer looks whether something is due though nothing came.
const IDLE: Duration = Duration::from_secs(1);

/// How often a full pipe that does not block is tried again for one line.
const FULL_TRIES: u32 = 100;

#[derive(Debug, Default)]
struct Queue {
    lines: VecDeque<String>,
    bytes: usize,
    /// A line is being written at this moment.
    writing: bool,
    /// Lines lost since that was last said.
    unsaid: u64,
    /// No more lines come.
    closed: bool,
}

/// A queue of lines with a writer behind it.
#[derive(Debug, Default)]
pub(crate) struct Outlet {
    queue: Mutex<Queue>,
    changed: Condvar,
}

/// What the writer asks of whoever put the lines.
pub(crate) trait Author: Send {
    /// Called about once a second while there is nothing to write; may put lines.
    fn idle(&self);

    /// So many lines could not be written.
    fn lost(&self, lines: u64);

    /// The line that says so, once it can be said.
    fn notice(&self, lines: u64) -> String;
}

impl Outlet {
    /// Starts to write into `sink` what is put.
    ///
    /// # Errors
    /// There is no thread to be had.
    pub(crate) fn start(
        self: &Arc<Outlet>,
        sink: Box<dyn Write + Send>,
        author: Box<dyn Author>,
    ) -> io::Result<()> {
        let own = Arc::clone(self);
        thread::Builder::new()
            .name("log-writer".to_owned())
            .spawn(move || own.run(sink, author.as_ref()))?;
        Ok(())
    }

    /// Hands a line over; false if there was no room for it.
    pub(crate) fn put(&self, line: String, audit: bool) -> bool {
        let (mut most, mut most_bytes) = (QUEUE_MAX, QUEUE_BYTES_MAX);
        if audit {
            most += AUDIT_EXTRA;
            most_bytes += AUDIT_BYTES_EXTRA;
        }
        let mut queue = self.lock();
        let fits = queue.lines.len() < most && queue.bytes.saturating_add(line.len()) <= most_bytes;
        if !fits || queue.closed {
            queue.unsaid += 1;
            return false;
        }
        queue.bytes += line.len();
        queue.lines.push_back(line);
        drop(queue);
        self.changed.notify_all();
        true
    }

    /// Waits until everything is written, at most `patience`; false if it is not.
    pub(crate) fn flush(&self, patience: Duration) -> bool {
        let busy = |queue: &mut Queue| queue.writing || !queue.lines.is_empty();
        let waited = self
            .changed
            .wait_timeout_while(self.lock(), patience, busy)
            .unwrap_or_else(PoisonError::into_inner);
        !waited.1.timed_out()
    }

    /// Takes no more lines; the writer ends when all are written.
    pub(crate) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, mut sink: Box<dyn Write + Send>, author: &dyn Author) {
        let mut torn = false;
        while let Some(lines) = self.next() {
            if lines.is_empty() {
                author.idle();
            }
            let mut failed = 0;
            for line in lines {
                // Whoever reads may have gone: the program goes on without.
                if self.write(sink.as_mut(), &line, &mut torn).is_err() {
                    failed += 1;
                }
            }
            if failed > 0 {
                author.lost(failed);
            }
            let unsaid = failed + std::mem::take(&mut self.lock().unsaid);
            let notice = (unsaid > 0).then(|| author.notice(unsaid));
            let said =
                notice.is_none_or(|notice| self.write(sink.as_mut(), &notice, &mut torn).is_ok());
            let mut queue = self.lock();
            queue.writing = false;
            if !said {
                queue.unsaid += unsaid;
            }
            drop(queue);
            self.changed.notify_all();
        }
    }

    /// Writes one line. After half of one, the next begins on a line of its own.
    fn write(&self, sink: &mut dyn Write, line: &str, torn: &mut bool) -> io::Result<()> {
        if *torn {
            self.write_all(sink, b"\n", &mut false)?;
            *torn = false;
        }
        self.write_all(sink, line.as_bytes(), torn)
    }

    fn write_all(&self, sink: &mut dyn Write, mut rest: &[u8], torn: &mut bool) -> io::Result<()> {
        let mut tries = 0;
        while !rest.is_empty() {
            let written = match sink.write(rest) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => written,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
                // Somebody shares the terminal and made it so.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock && tries < FULL_TRIES => {
                    tries += 1;
                    self.breathe();
                    0
                }
                Err(error) => return Err(error),
            };
            rest = rest.get(written..).unwrap_or_default();
            *torn |= written > 0 && !rest.is_empty();
        }
        *torn = false;
        Ok(())
    }

    fn breathe(&self) {
        let pause = Duration::from_millis(10);
        drop(
            self.changed
                .wait_timeout_while(self.lock(), pause, |_| true),
        );
    }

    /// What is to be written next; nothing when it is time to look around, and
    /// `None` at the end.
    fn next(&self) -> Option<Vec<String>> {
        let nothing = |queue: &mut Queue| queue.lines.is_empty() && !queue.closed;
        let (mut queue, _) = self
            .changed
            .wait_timeout_while(self.lock(), IDLE, nothing)
            .unwrap_or_else(PoisonError::into_inner);
        if queue.lines.is_empty() && queue.closed {
            return None;
        }
        queue.writing = !queue.lines.is_empty();
        // Not all at once: what is taken no longer counts as waiting.
        let many = queue.lines.len().min(64);
        let lines: Vec<String> = queue.lines.drain(..many).collect();
        let bytes: usize = lines.iter().map(String::len).sum();
        queue.bytes = queue.bytes.saturating_sub(bytes);
        Some(lines)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};
    use std::sync::mpsc;

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(20);

    struct Clerk(Arc<AtomicU64>);

    impl Author for Clerk {
        fn idle(&self) {}

        fn lost(&self, lines: u64) {
            self.0.fetch_add(lines, Ordering::SeqCst);
        }

        fn notice(&self, lines: u64) -> String {
            format!("lost {lines}\n")
        }
    }

    /// Asks `answer` what each write does.
    struct Sink<F>(F);

    impl<F: FnMut(&[u8]) -> io::Result<usize> + Send> Write for Sink<F> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            (self.0)(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn outlet(
        sink: impl FnMut(&[u8]) -> io::Result<usize> + Send + 'static,
    ) -> (Arc<Outlet>, Arc<AtomicU64>) {
        let outlet = Arc::new(Outlet::default());
        let lost = Arc::new(AtomicU64::new(0));
        let clerk = Box::new(Clerk(Arc::clone(&lost)));
        outlet.start(Box::new(Sink(sink)), clerk).unwrap();
        (outlet, lost)
    }

    fn collecting() -> (
        Arc<Mutex<String>>,
        impl FnMut(&[u8]) -> io::Result<usize> + Send,
    ) {
        let text = Arc::new(Mutex::new(String::new()));
        let own = Arc::clone(&text);
        let write = move |bytes: &[u8]| {
            own.lock()
                .unwrap()
                .push_str(std::str::from_utf8(bytes).unwrap());
            Ok(bytes.len())
        };
        (text, write)
    }

    #[test]
    fn lines_arrive_in_order() {
        let (text, write) = collecting();
        let (outlet, lost) = outlet(write);
        let lines: Vec<String> = (0..500).map(|n| format!("{n}\n")).collect();
        for line in &lines {
            assert!(outlet.put(line.clone(), false));
        }
        assert!(outlet.flush(PATIENCE));
        assert_eq!(*text.lock().unwrap(), lines.concat());
        assert_eq!(lost.load(Ordering::SeqCst), 0);
        outlet.close();
        assert!(!outlet.put("x".to_owned(), true));
    }

    #[test]
    fn who_does_not_read_stops_nobody_and_is_told_what_was_lost() {
        let (go, wait) = mpsc::channel::<()>();
        let (text, mut write) = collecting();
        let (outlet, _) = outlet(move |bytes: &[u8]| {
            // Blocks until the sender is gone.
            let _ = wait.recv();
            write(bytes)
        });
        let put = (0..QUEUE_MAX * 2).filter(|_| outlet.put("line\n".to_owned(), false));
        let put = put.count();
        assert!((QUEUE_MAX..QUEUE_MAX * 2).contains(&put), "{put}");
        let audits = (0..AUDIT_EXTRA * 2).filter(|_| outlet.put("audit\n".to_owned(), true));
        let audits = audits.count();
        assert!(audits >= AUDIT_EXTRA, "{audits}");
        assert!(!outlet.flush(Duration::from_millis(1)));
        drop(go);
        assert!(outlet.flush(PATIENCE));
        let text = text.lock().unwrap();
        assert_eq!(text.matches("line\n").count(), put);
        assert_eq!(text.matches("audit\n").count(), audits);
        let notices = text.lines().filter_map(|line| line.strip_prefix("lost "));
        let lost: usize = notices.map(|number| number.parse::<usize>().unwrap()).sum();
        assert_eq!(put + audits + lost, QUEUE_MAX * 2 + AUDIT_EXTRA * 2);
    }

    #[test]
    fn a_big_line_takes_its_share_of_the_room() {
        let (go, wait) = mpsc::channel::<()>();
        let (outlet, _) = outlet(move |bytes: &[u8]| {
            let _ = wait.recv();
            Ok(bytes.len())
        });
        let big = "x".repeat(QUEUE_BYTES_MAX / 4);
        let put = (0..200).filter(|_| outlet.put(big.clone(), false)).count();
        // What is being written has left the queue.
        assert!((4..200).contains(&put), "{put}");
        drop(go);
        assert!(outlet.flush(PATIENCE));
    }

    #[test]
    fn a_broken_pipe_is_survived_and_counted() {
        let (outlet, lost) = outlet(|_: &[u8]| Err(io::ErrorKind::BrokenPipe.into()));
        for _ in 0..100 {
            assert!(outlet.put("x\n".to_owned(), false));
        }
        assert!(outlet.flush(PATIENCE));
        assert_eq!(lost.load(Ordering::SeqCst), 100);
    }

    #[test]
    fn half_a_line_does_not_run_into_the_next() {
        let (text, mut write) = collecting();
        let mut call = 0;
        let (outlet, lost) = outlet(move |bytes: &[u8]| {
            call += 1;
            match call {
                1 => write(&bytes[..2]),
                2 => Err(io::ErrorKind::StorageFull.into()),
                3 => Err(io::ErrorKind::WouldBlock.into()),
                4 => Err(io::ErrorKind::Interrupted.into()),
                _ => write(bytes),
            }
        });
        outlet.put("first\n".to_owned(), false);
        assert!(outlet.flush(PATIENCE));
        outlet.put("second\n".to_owned(), false);
        assert!(outlet.flush(PATIENCE));
        assert_eq!(lost.load(Ordering::SeqCst), 1);
        assert_eq!(*text.lock().unwrap(), "fi\nlost 1\nsecond\n");
    }
}
