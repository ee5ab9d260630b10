//! Ports that belong to one test at a time, whether or not anybody listens on
//! them: a server that is killed finds its port free when it comes back.

use std::env;
use std::fs::File;
use std::io;
use std::net::TcpListener;
use std::process;

/// Below the ports that systems hand out by themselves.
const FIRST: u16 = 10_000;
const COUNT: u16 = 20_000;

/// How many to try.
const TRIES: u16 = 2_000;

/// A port of 127.0.0.1, reserved among all tests of this machine until it is
/// dropped, or until the process ends.
#[derive(Debug)]
pub struct Port {
    number: u16,
    /// Its lock is the reservation.
    _lock: File,
}

impl Port {
    /// Reserves a port on which nobody listens.
    ///
    /// # Errors
    /// None is to be had.
    pub fn reserve() -> io::Result<Port> {
        // Processes begin apart, so that they seldom meet.
        let start = process::id().wrapping_mul(97) % u32::from(COUNT);
        let start = u16::try_from(start).unwrap_or_default();
        (0..TRIES)
            .map(|step| FIRST + (start + step) % COUNT)
            .find_map(try_reserve)
            .ok_or_else(|| io::Error::other(format!("none of {TRIES} ports is free")))
    }

    /// Its number.
    pub fn number(&self) -> u16 {
        self.number
    }
}

fn try_reserve(number: u16) -> Option<Port> {
    let path = env::temp_dir().join(format!("test-port-{number}.lock"));
    let lock = File::create(path).ok()?;
    lock.try_lock().ok()?;
    TcpListener::bind(("127.0.0.1", number)).ok()?;
    Some(Port {
        number,
        _lock: lock,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_is_reserved_once_and_free_again_when_dropped() {
        let first = Port::reserve().unwrap();
        assert!(try_reserve(first.number()).is_none());
        assert_ne!(Port::reserve().unwrap().number(), first.number());
        // Nobody else takes it while nobody listens on it; we may.
        let listener = TcpListener::bind(("127.0.0.1", first.number())).unwrap();
        let number = first.number();
        drop(first);
        assert!(try_reserve(number).is_none(), "somebody listens on it");
        drop(listener);
    }
}
