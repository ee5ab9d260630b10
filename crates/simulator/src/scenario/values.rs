//! The small values of the scenario language: durations, ranges, names.

use std::fmt;
use std::time::Duration;

use serde::de::{Deserializer, Error};
use serde::{Deserialize, Serialize};
use sim_node::{IndexerKey, human_duration};

/// A duration as the language writes it.
#[derive(Deserialize)]
#[serde(transparent)]
struct Text(#[serde(with = "human_duration")] Duration);

/// Serde adapter for an optional duration.
pub(super) mod optional_duration {
    use super::{Deserialize, Deserializer, Duration, Text};

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        Text::deserialize(deserializer).map(|text| Some(text.0))
    }
}

/// An inclusive range of durations, written `["1ms", "5s"]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DurationRange {
    /// The shortest.
    pub low: Duration,
    /// The longest; a checked scenario has `low <= high`.
    pub high: Duration,
}

impl DurationRange {
    /// A range in milliseconds.
    pub const fn from_millis(low: u64, high: u64) -> DurationRange {
        DurationRange {
            low: Duration::from_millis(low),
            high: Duration::from_millis(high),
        }
    }
}

impl<'de> Deserialize<'de> for DurationRange {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<DurationRange, D::Error> {
        let [low, high] = <[Text; 2]>::deserialize(deserializer)?;
        Ok(DurationRange {
            low: low.0,
            high: high.0,
        })
    }
}

/// A process of the simulated world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeName {
    /// The coordinator under test.
    Coordinator,
    /// The block streamer.
    BlockStreamer,
    /// The one process of executors and provisioner.
    Runner,
    /// Redis.
    Store,
    /// The RPC nodes that answer for the registry contract.
    Registry,
}

impl NodeName {
    /// All nodes, in a fixed order.
    pub const ALL: [NodeName; 5] = [
        NodeName::Coordinator,
        NodeName::BlockStreamer,
        NodeName::Runner,
        NodeName::Store,
        NodeName::Registry,
    ];

    /// The name as scenarios write it.
    pub fn as_str(self) -> &'static str {
        match self {
            NodeName::Coordinator => "coordinator",
            NodeName::BlockStreamer => "block_streamer",
            NodeName::Runner => "runner",
            NodeName::Store => "store",
            NodeName::Registry => "registry",
        }
    }

    /// Whether the two nodes ever talk to each other.
    pub fn talks_to(self, other: NodeName) -> bool {
        use NodeName::{BlockStreamer, Coordinator, Runner, Store};
        match (self, other) {
            (Coordinator, other) | (other, Coordinator) => other != Coordinator,
            (Store, BlockStreamer | Runner) | (BlockStreamer | Runner, Store) => true,
            _ => false,
        }
    }
}

impl fmt::Display for NodeName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.as_str())
    }
}

/// Which indexers a step is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Selector {
    /// The one named, written `account/function`.
    One(IndexerKey),
    /// Every indexer to which the action can apply at that moment, written `all`:
    /// for `register` and `reregister` those that are not registered, for
    /// everything else those that are.
    All,
    /// One of those that `all` means, chosen by the seed; written `random`.
    Random,
}

impl fmt::Display for Selector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Selector::One(key) => key.fmt(formatter),
            Selector::All => formatter.write_str("all"),
            Selector::Random => formatter.write_str("random"),
        }
    }
}

impl<'de> Deserialize<'de> for Selector {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Selector, D::Error> {
        let text = String::deserialize(deserializer)?;
        match text.as_str() {
            "all" => Ok(Selector::All),
            "random" => Ok(Selector::Random),
            other => IndexerKey::parse(other).map(Selector::One).ok_or_else(|| {
                D::Error::custom(format!(
                    "`{other}` names no indexer; write `account/function`, `all` or `random`"
                ))
            }),
        }
    }
}

/// When an indexer is registered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registered {
    /// This long after the start of the run.
    At(Duration),
    /// Only by a step or by the workload; written `never`.
    Never,
}

impl<'de> Deserialize<'de> for Registered {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Registered, D::Error> {
        let text = String::deserialize(deserializer)?;
        if text == "never" {
            return Ok(Registered::Never);
        }
        let parsed = human_duration::deserialize(serde::de::value::StringDeserializer::<
            serde::de::value::Error,
        >::new(text));
        parsed
            .map(Registered::At)
            .map_err(|error| D::Error::custom(format!("{error}, or `never`")))
    }
}

/// Which execution outcomes a rule selects.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleStatus {
    /// Both.
    #[default]
    Any,
    /// Successful ones.
    Success,
    /// Failed ones.
    Fail,
}

/// What an indexer wants to see of a block.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum RuleSpec {
    /// Any action of or to the accounts.
    ActionAny {
        /// Account patterns separated by commas, such as `app0.near, *.app1.near`.
        affected: String,
        /// The outcomes that count; `any` if not given.
        #[serde(default)]
        status: RuleStatus,
    },
    /// Function calls of or to the accounts.
    ActionFunctionCall {
        /// Account patterns separated by commas.
        affected: String,
        /// Method name patterns separated by commas.
        function: String,
        /// The outcomes that count; `any` if not given.
        #[serde(default)]
        status: RuleStatus,
    },
    /// Emitted events: a kind that the registry knows and the streamer does not.
    Event {
        /// The contract that emits the event.
        contract: String,
        /// The event's standard.
        standard: String,
        /// The version of the standard.
        version: String,
        /// The event's name.
        event: String,
    },
}

impl Default for RuleSpec {
    fn default() -> RuleSpec {
        RuleSpec::ActionAny {
            affected: "app0.near".to_owned(),
            status: RuleStatus::Any,
        }
    }
}

/// From which block an indexer starts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum StartSpec {
    /// The block of the registration or update.
    #[default]
    Latest,
    /// Where the previous version stopped.
    Continue,
    /// A fixed height.
    Height(u64),
    /// This many heights before the chain's tip at the moment of registration.
    History(u64),
}

/// A call of the coordinator, by its gRPC method name; `*` is any.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[expect(
    missing_docs,
    reason = "the variants are the methods of the wire contract"
)]
pub enum Method {
    StartStream,
    StopStream,
    GetStream,
    ListStreams,
    StartExecutor,
    StopExecutor,
    GetExecutor,
    ListExecutors,
    StartProvisioningTask,
    StartDeprovisioningTask,
    GetTaskStatus,
    #[serde(rename = "*")]
    Any,
}

impl Method {
    /// Whether a call of the method is about one indexer, so that a fault can
    /// be confined to one.
    pub fn names_an_indexer(self) -> bool {
        !matches!(self, Method::ListStreams | Method::ListExecutors)
    }
}

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum CallOutcome {
    /// The connection is refused: no effect, an error at once.
    Refused,
    /// The node answers with an error and has done nothing.
    ErrorBefore,
    /// The node has done it and answers with an error.
    ErrorAfter,
    /// The node has done it; the connection breaks before the answer.
    AnswerLost,
    /// The answer arrives after the caller's deadline.
    Late,
    /// The request is delivered twice.
    Duplicate,
    /// A read is answered with what was true some time ago.
    Stale,
    /// The node accepts the request and never answers or acts.
    Hang,
    /// The request arrives and is done; no answer ever comes.
    HalfOpen,
    /// Nothing arrives and no error comes.
    BlackHole,
}

impl CallOutcome {
    /// All outcomes, in a fixed order.
    pub const ALL: [CallOutcome; 10] = [
        CallOutcome::Refused,
        CallOutcome::ErrorBefore,
        CallOutcome::ErrorAfter,
        CallOutcome::AnswerLost,
        CallOutcome::Late,
        CallOutcome::Duplicate,
        CallOutcome::Stale,
        CallOutcome::Hang,
        CallOutcome::HalfOpen,
        CallOutcome::BlackHole,
    ];
}

/// What befalls the store or a command to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum StoreFaultKind {
    /// A compare-and-set finds another value than is there, as if it had lost a race.
    Conflict,
    /// A second writer changes a field of the record that the coordinator does not
    /// know, right before a compare-and-set, which loses that race.
    Rival,
    /// The command fails and has done nothing.
    ErrorBefore,
    /// The command is done and fails.
    ErrorAfter,
    /// Writes are refused, as by a replica.
    ReadOnly,
    /// Writes that need memory are refused.
    Oom,
    /// A crash loses the last `window` of writes; the store is back at once.
    LoseTail,
    /// A replica takes over that lacks the last `window` of writes.
    Failover,
    /// The store restarts with nothing.
    Empty,
}

/// What the registry's RPC nodes answer instead of the truth.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum RegistryFaultKind {
    /// A successful `null`.
    Null,
    /// An RPC error.
    Error,
    /// Status 429.
    RateLimited,
    /// The truth as of `lag` ago.
    Stale,
    /// One entry of the listing cannot be decoded.
    Undecodable,
    /// The contract runs out of gas in `list_all`.
    GasLimit,
    /// An empty listing.
    Empty,
    /// A listing in which entries are missing.
    DropEntries,
}
