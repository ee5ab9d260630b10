//! What a server says about itself, and what an operator should know of it
//! before records are trusted to it.

use std::fmt;

/// The first version of Redis with all that is needed: streams.
const OLDEST_MAJOR: u64 = 5;

/// A server as it describes itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerInfo {
    /// Its version; empty if it does not say.
    pub version: String,
    /// Whether it is the one that takes writes.
    pub role: Role,
    /// Whether it is a node of a Redis Cluster.
    pub cluster: bool,
    /// The most memory that it may use, in bytes; `None` if there is no limit.
    pub max_memory: Option<u64>,
    /// What it does when memory runs out, by its own name.
    pub eviction: String,
    /// What of its data survives it.
    pub persistence: Persistence,
}

/// What a server is to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// It takes writes.
    Primary,
    /// It follows another server and refuses writes.
    Replica,
    /// It does not say.
    Unknown,
}

/// What survives a restart of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Persistence {
    /// Nearly everything: it keeps a log of all writes.
    Log,
    /// Everything up to the last snapshot.
    Snapshots,
    /// Nothing.
    Nothing,
    /// It does not say.
    Unknown,
}

/// Something an operator should change, or know.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Warning {
    /// No write will succeed.
    #[error("it is a replica and refuses writes; point the URL at the primary")]
    Replica,
    /// Reads of several keys will fail.
    #[error("it is a node of a Redis Cluster, which is not supported; use a single primary")]
    Cluster,
    /// Records may vanish.
    #[error(
        "its `maxmemory-policy` is `{policy}`, so it may drop records when memory runs out; use \
         `noeviction`, or one that begins with `volatile-`"
    )]
    Evicts {
        /// The policy, by the server's name for it.
        policy: String,
    },
    /// Records are forgotten when it restarts.
    #[error(
        "it keeps nothing over a restart; set `appendonly yes` or `save`, else indexers begin \
         anew after one"
    )]
    Volatile,
    /// Commands may be missing.
    #[error("its version is {version}; the oldest that has all commands is {OLDEST_MAJOR}.0")]
    Old {
        /// Its version.
        version: String,
    },
}

impl fmt::Display for Role {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Role::Primary => "primary",
            Role::Replica => "replica",
            Role::Unknown => "unknown",
        })
    }
}

impl ServerInfo {
    /// Reads the answers of INFO and, if it was given, of CONFIG GET save.
    pub(crate) fn parse(info: &str, save: Option<&str>) -> ServerInfo {
        let field = |name: &str| {
            info.lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
                .map_or("", str::trim)
        };
        let log = field("aof_enabled") == "1";
        let persistence = match (log, save.map(str::trim)) {
            (true, _) => Persistence::Log,
            (false, Some("")) => Persistence::Nothing,
            (false, Some(_)) => Persistence::Snapshots,
            (false, None) => Persistence::Unknown,
        };
        ServerInfo {
            version: field("redis_version").to_owned(),
            role: match field("role") {
                "master" => Role::Primary,
                "slave" => Role::Replica,
                _ => Role::Unknown,
            },
            cluster: field("cluster_enabled") == "1",
            max_memory: field("maxmemory").parse().ok().filter(|max| *max > 0),
            eviction: field("maxmemory_policy").to_owned(),
            persistence,
        }
    }

    /// What is worth a line at start-up, the worst first.
    pub fn warnings(&self) -> Vec<Warning> {
        let mut warnings = Vec::new();
        if self.role == Role::Replica {
            warnings.push(Warning::Replica);
        }
        if self.cluster {
            warnings.push(Warning::Cluster);
        }
        let major = self.version.split('.').next().and_then(|n| n.parse().ok());
        if major.is_some_and(|major: u64| major < OLDEST_MAJOR) {
            warnings.push(Warning::Old {
                version: self.version.clone(),
            });
        }
        if self.max_memory.is_some() && self.eviction.starts_with("allkeys-") {
            warnings.push(Warning::Evicts {
                policy: self.eviction.clone(),
            });
        }
        if self.persistence == Persistence::Nothing {
            warnings.push(Warning::Volatile);
        }
        warnings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "# Server\r\nredis_version:7.0.15\r\n\r\n# Memory\r\nmaxmemory:0\r\n\
        maxmemory_policy:noeviction\r\n# Persistence\r\naof_enabled:1\r\n# Replication\r\n\
        role:master\r\n# Cluster\r\ncluster_enabled:0\r\n";

    fn warnings(from: &str, to: &str, save: Option<&str>) -> Vec<Warning> {
        assert!(GOOD.contains(from));
        ServerInfo::parse(&GOOD.replace(from, to), save).warnings()
    }

    #[test]
    fn a_sound_server_gives_no_warning() {
        let info = ServerInfo::parse(GOOD, None);
        assert_eq!(info.version, "7.0.15");
        assert_eq!(info.role, Role::Primary);
        assert_eq!(info.max_memory, None);
        assert_eq!(info.persistence, Persistence::Log);
        assert_eq!(info.warnings(), []);
    }

    #[test]
    fn each_defect_gives_one_warning() {
        let evicts = |policy: &str| Warning::Evicts {
            policy: policy.to_owned(),
        };
        assert_eq!(
            warnings("role:master", "role:slave", None),
            [Warning::Replica]
        );
        assert_eq!(
            warnings("cluster_enabled:0", "cluster_enabled:1", None),
            [Warning::Cluster]
        );
        assert_eq!(
            warnings(
                "maxmemory:0\r\nmaxmemory_policy:noeviction",
                "maxmemory:1\r\nmaxmemory_policy:allkeys-lru",
                None
            ),
            [evicts("allkeys-lru")]
        );
        assert_eq!(
            warnings("aof_enabled:1", "aof_enabled:0", Some("")),
            [Warning::Volatile]
        );
        let version = "4.0.9".to_owned();
        assert_eq!(
            warnings("7.0.15", "4.0.9", None),
            [Warning::Old { version }]
        );
    }

    #[test]
    fn what_does_no_harm_gives_none() {
        for (from, to, save) in [
            ("maxmemory:0", "maxmemory:100", None),
            ("noeviction", "allkeys-lru", None),
            (
                "maxmemory:0\r\nmaxmemory_policy:noeviction",
                "maxmemory:1\r\nmaxmemory_policy:volatile-lru",
                None,
            ),
            ("aof_enabled:1", "aof_enabled:0", Some("60 1")),
            ("aof_enabled:1", "aof_enabled:0", None),
            ("redis_version:7.0.15", "redis_version:unstable", None),
        ] {
            assert_eq!(warnings(from, to, save), [], "{to}");
        }
        assert_eq!(ServerInfo::parse("", None).warnings(), []);
    }
}
