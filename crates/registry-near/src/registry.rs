//! The registry, over all nodes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use coordinator::Clock;
use coordinator::registry::{RegistryError, RegistryTransport, ViewAnswer};
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::belief;
use crate::client::{HttpClient, Outcome};
use crate::nodes::Nodes;
use crate::options::{Options, OptionsError};
use crate::request;

/// The registry contract, asked through one or more NEAR RPC nodes.
///
/// A call asks the preferred node, and after a failure the next one, until an
/// answer is there, all were asked or the time is over. So it is with failures of
/// the contract, too: nodes differ in how much gas they give to a view call, and one
/// of another network knows no such contract. A node whose failure no other node
/// shares has failed itself; if nobody knows better, its words are what went wrong.
/// Dropping a call has no effect on others.
pub struct NearRegistry {
    options: Options,
    client: HttpClient,
    nodes: Nodes,
    places: Semaphore,
    clock: Option<Arc<dyn Clock>>,
    next_id: AtomicU64,
}

impl fmt::Debug for NearRegistry {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("NearRegistry")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl NearRegistry {
    /// A registry that asks as `options` say. Nothing is asked yet.
    ///
    /// # Errors
    /// There is no endpoint, or no TLS client can be made, for instance because
    /// the system has no certificates of authorities.
    pub fn new(options: Options) -> Result<NearRegistry, OptionsError> {
        options.check()?;
        for endpoint in options.endpoints.iter().filter(|one| one.exposes_key()) {
            tracing::warn!(
                node = endpoint.label(),
                "the RPC API key is sent unencrypted; use https"
            );
        }
        Ok(NearRegistry {
            client: HttpClient::new(&options)?,
            nodes: Nodes::new(options.endpoints.len()),
            places: Semaphore::new(options.concurrent.clamp(1, Semaphore::MAX_PERMITS)),
            clock: None,
            next_id: AtomicU64::new(1),
            options,
        })
    }

    /// The same registry, which believes no answer of a height that NEAR cannot have
    /// reached by the time of `clock`: the node that gave it has failed.
    #[must_use]
    pub fn with_clock(mut self, clock: Arc<dyn Clock>) -> NearRegistry {
        self.clock = Some(clock);
        self
    }

    /// An answer of a height beyond belief is none.
    fn believed(&self, outcome: Outcome) -> Outcome {
        let Outcome::Answer(answer) = &outcome else {
            return outcome;
        };
        let highest = self
            .clock
            .as_ref()
            .and_then(|clock| belief::highest(clock.now()));
        match highest {
            Some(highest) if answer.block_height > highest => Outcome::Failed(format!(
                "answers as of block {}, while NEAR has at most {highest} by the clock of this \
                 machine: one of the two is wrong",
                answer.block_height
            )),
            _ => outcome,
        }
    }

    /// Takes note of a failure of the node at `at`, and says so in `faults`.
    fn note(&self, at: usize, outcome: Outcome, faults: &mut Vec<Fault>) {
        let now = Instant::now();
        let (limited, pause, text) = match outcome {
            Outcome::RateLimited(asked) => (
                true,
                self.nodes.limited(at, asked, now),
                "asks to be called less often".to_owned(),
            ),
            Outcome::Refused(text) => (false, self.nodes.refused(at, now), text),
            Outcome::Failed(text) => (false, self.nodes.failed(at, now), text),
            Outcome::Answer(_) | Outcome::Contract(_) => return,
        };
        let node = self.label(at);
        tracing::warn!(
            node,
            error = text,
            pause_ms = pause.as_millis(),
            "an RPC node of the registry failed and is left alone for a while"
        );
        faults.push(Fault {
            limited,
            text: format!("{node} {text}"),
        });
    }

    /// What to say if nobody gave an answer.
    fn unanswered(
        &self,
        faults: Vec<Fault>,
        contract: Vec<(usize, String)>,
        timeout: Option<Duration>,
    ) -> RegistryError {
        if contract.is_empty() {
            return unanswered(&faults, timeout);
        }
        let mut texts: Vec<String> = Vec::new();
        for (at, text) in contract {
            self.good(at);
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        texts.extend(faults.into_iter().map(|fault| fault.text));
        RegistryError::Contract(texts.join("; "))
    }

    fn good(&self, at: usize) {
        if self.nodes.answered(at) {
            let node = self.label(at);
            tracing::info!(node, "an RPC node of the registry answers again");
        }
    }

    fn label(&self, at: usize) -> String {
        let endpoint = self.options.endpoints.get(at);
        endpoint.map(|one| one.label()).unwrap_or_default()
    }
}

struct Fault {
    limited: bool,
    text: String,
}

fn unanswered(faults: &[Fault], timeout: Option<Duration>) -> RegistryError {
    if faults.iter().all(|fault| fault.limited) && timeout.is_none() {
        return RegistryError::RateLimited;
    }
    let mut texts: Vec<String> = faults.iter().map(|fault| fault.text.clone()).collect();
    if let Some(timeout) = timeout {
        texts.push(format!("no answer in {timeout:?}"));
    }
    RegistryError::Unavailable(texts.join("; "))
}

#[async_trait]
impl RegistryTransport for NearRegistry {
    async fn view(&self, method: &str, arguments: &[u8]) -> Result<ViewAnswer, RegistryError> {
        let total = self.options.timeout;
        let begin = Instant::now();
        let Ok(Ok(_place)) = tokio::time::timeout(total, self.places.acquire()).await else {
            return Err(RegistryError::Unavailable(format!(
                "{} calls were under way for {total:?}, and no place became free",
                self.options.concurrent
            )));
        };
        let id = format!("c-{}", self.next_id.fetch_add(1, Ordering::Relaxed));
        let contract = self.options.contract.as_str();
        let body = request::body(&id, contract, method, arguments)
            .map_err(|error| RegistryError::Unavailable(error.to_string()))?;
        let (mut tried, mut faults, mut contract) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(at) = self.nodes.next(&tried, Instant::now()) {
            let left = total.saturating_sub(begin.elapsed());
            if left.is_zero() {
                return Err(self.unanswered(faults, contract, Some(total)));
            }
            let Some(endpoint) = self.options.endpoints.get(at) else {
                break;
            };
            let limit = self.options.attempt_timeout.min(left);
            let outcome = self.client.ask(endpoint, &id, &body, limit).await;
            match self.believed(outcome) {
                Outcome::Answer(answer) => {
                    self.good(at);
                    for (at, text) in contract {
                        // Others do know: it is asked again after them.
                        self.note(at, Outcome::Failed(text), &mut faults);
                    }
                    return Ok(answer);
                }
                Outcome::Contract(text) => contract.push((at, text)),
                fault => self.note(at, fault, &mut faults),
            }
            tried.push(at);
        }
        Err(self.unanswered(faults, contract, None))
    }
}
