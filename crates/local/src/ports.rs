//! Where the nodes listen.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};

use anyhow::bail;

/// Where clients look for a coordinator that is nowhere else.
pub const API_PORT: u16 = 9003;

/// How many ports are tried from the usual one on.
const TRIES: u16 = 200;

/// The addresses of a session.
#[derive(Clone, Copy, Debug)]
pub struct Ports {
    /// The fake Redis.
    pub redis: SocketAddr,
    /// The fake block streamer.
    pub block_streamer: SocketAddr,
    /// The fake runner.
    pub runner: SocketAddr,
    /// The coordinator's API.
    pub api: SocketAddr,
    /// The coordinator's metrics and probes.
    pub http: SocketAddr,
}

impl Ports {
    /// The usual ports, or the next ones that are free.
    ///
    /// # Errors
    /// None of the next two hundred is free.
    pub fn choose() -> anyhow::Result<Ports> {
        let mut taken = Vec::new();
        let mut next = |usual: u16| free_from(usual, &mut taken);
        Ok(Ports {
            redis: next(6379)?,
            block_streamer: next(8002)?,
            runner: next(7001)?,
            api: next(API_PORT)?,
            http: next(9180)?,
        })
    }
}

fn free_from(usual: u16, taken: &mut Vec<u16>) -> anyhow::Result<SocketAddr> {
    for port in (0..TRIES).filter_map(|step| usual.checked_add(step)) {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        if !taken.contains(&port) && TcpListener::bind(address).is_ok() {
            taken.push(port);
            return Ok(address);
        }
    }
    bail!("no port is free from {usual} on");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_gives_way_to_the_next() {
        let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = held.local_addr().unwrap().port();
        let mut taken = Vec::new();
        let first = free_from(port, &mut taken).unwrap().port();
        let second = free_from(port, &mut taken).unwrap().port();
        assert!(port < first && first < second);
    }
}
