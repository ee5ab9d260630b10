//! What the platform asks of the process.

use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};

/// A signal that means something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Request {
    /// Stop.
    Stop(Stop),
    /// Read files again.
    Reload,
}

/// A signal to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// SIGINT: somebody pressed Ctrl-C.
    Interrupt,
    /// SIGTERM: the platform stops the service.
    Terminate,
}

impl Stop {
    /// Its number.
    #[must_use]
    pub fn number(self) -> u8 {
        match self {
            Stop::Interrupt => 2,
            Stop::Terminate => 15,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Stop::Interrupt => "SIGINT",
            Stop::Terminate => "SIGTERM",
        }
    }
}

/// The signals of this process, from when it was made.
pub struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
}

impl Signals {
    /// Takes the signals over from the system's defaults. Must be called within
    /// a tokio runtime.
    ///
    /// # Errors
    /// The system does not let it.
    pub fn listen() -> io::Result<Signals> {
        Ok(Signals {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
        })
    }

    /// The next one.
    pub async fn next(&mut self) -> Request {
        tokio::select! {
            biased;
            Some(()) = self.terminate.recv() => Request::Stop(Stop::Terminate),
            Some(()) = self.interrupt.recv() => Request::Stop(Stop::Interrupt),
            Some(()) = self.hangup.recv() => Request::Reload,
            else => std::future::pending().await,
        }
    }

    /// The next one to stop; others are passed over.
    pub async fn next_stop(&mut self) -> Stop {
        loop {
            if let Request::Stop(stop) = self.next().await {
                return stop;
            }
        }
    }
}
