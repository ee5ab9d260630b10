//! The registry, over all nodes.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use coordinator::Clock;
use coordinator::registry::{RegistryError, RegistryTransport, ViewAnswer};
use tokio::time::Instant;

use crate::belief;
use crate::client::{HttpClient, Outcome};
use crate::lag::{Heard, Why};
use crate::nodes::Nodes;
use crate::options::{Options, OptionsError};
use crate::places::Places;
use crate::request;

/// The view call that lists everything.
const LISTING: &str = "list_all";

/// The most listings under way at a time, of all callers together: one of the coordinator,
/// and as many as its API lets in.
pub const LISTINGS_MAX: usize = 5;

/// The registry contract, asked through one or more NEAR RPC nodes.
///
/// A call asks the preferred node, and after a failure the next one, until an
/// answer is there, all were asked or the time is over. So it is with failures of
/// the contract, too: nodes differ in how much gas they give to a view call, and one
/// of another network knows no such contract. A node whose failure no other node
/// shares has failed itself; if nobody knows better, its words are what went wrong.
/// Dropping a call has no effect on others.
///
/// A node leaves time for those that can be asked after it, and the last one has all that
/// is left. A node that is left alone after a failure is asked at once, and with all the
/// time there is, if there is nobody else: how often is up to whoever asks. One that
/// asked for fewer calls is not.
///
/// A node that answers, but is far behind what others have answered or what whoever
/// asks knows, or that has stood at one block for a minute, is passed over for a while:
/// the others are asked before it. The call in which that shows, and the one in which
/// such a node is tried again, ask one more node and give the newer of both answers.
pub struct NearRegistry {
    options: Options,
    client: HttpClient,
    nodes: Nodes,
    questions: Places,
    listings: Places,
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
            questions: Places::new(options.concurrent),
            listings: Places::new(LISTINGS_MAX),
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
        let (kind, pause, text) = match outcome {
            Outcome::RateLimited(asked) => (
                Kind::Limited,
                self.nodes.limited(at, asked, now),
                "asks to be called less often".to_owned(),
            ),
            Outcome::Refused(text) => (Kind::Failed, self.nodes.refused(at, now), text),
            Outcome::Failed(text) => (Kind::Failed, self.nodes.failed(at, now), text),
            // Others have as much to say, and reading so much costs.
            Outcome::TooLarge(text) => (Kind::TooLarge, self.nodes.failed(at, now), text),
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
            kind,
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

    /// Whether the node at `at`, which answered as of `height`, keeps up.
    fn keeps_up(&self, at: usize, height: u64) -> bool {
        match self.nodes.heard(at, height, Instant::now()) {
            Heard::InStep => true,
            Heard::CaughtUp => {
                let node = self.label(at);
                tracing::info!(node, height, "an RPC node of the registry keeps up again");
                true
            }
            Heard::Late { why, pause } => {
                if let Some(pause) = pause {
                    self.say_passed_over(at, height, why, pause);
                }
                false
            }
        }
    }

    fn say_passed_over(&self, at: usize, height: u64, why: Why, pause: Duration) {
        tracing::warn!(
            node = self.label(at),
            height,
            %why,
            pause_ms = pause.as_millis(),
            "an RPC node of the registry does not keep up; others are asked before it for a while"
        );
    }

    /// The newer of `late` and the answer of one more node, if there is one that may
    /// keep up and is not `tried`.
    async fn newer(&self, late: ViewAnswer, tried: &[usize], question: &Question) -> ViewAnswer {
        let left = question.left(self.options.timeout);
        let Some(at) = self.nodes.next_in_step(tried, Instant::now()) else {
            return late;
        };
        if left.is_zero() {
            return late;
        }
        let limit = self.options.attempt_timeout.min(left);
        match self.ask(at, question, limit).await {
            Some(Outcome::Answer(answer)) => {
                self.good(at);
                self.keeps_up(at, answer.block_height);
                if answer.block_height > late.block_height {
                    return answer;
                }
            }
            // The other one did know the contract.
            Some(Outcome::Contract(text)) => self.note(at, Outcome::Failed(text), &mut Vec::new()),
            Some(fault) => self.note(at, fault, &mut Vec::new()),
            None => {}
        }
        late
    }

    /// Asks one node after the other.
    async fn ask_all(&self, question: &Question) -> Result<ViewAnswer, RegistryError> {
        let total = self.options.timeout;
        let (mut tried, mut faults, mut contract) = (Vec::new(), Vec::new(), Vec::new());
        while let Some(at) = self.nodes.next(&tried, Instant::now()) {
            let left = question.left(total);
            if left.is_zero() {
                return Err(self.unanswered(faults, contract, Some(total)));
            }
            let share = self.share(at, &tried, left);
            let Some(outcome) = self.ask(at, question, share).await else {
                break;
            };
            tried.push(at);
            match outcome {
                Outcome::Answer(answer) => {
                    self.good(at);
                    for (at, text) in contract {
                        // Others do know: it is asked again after them.
                        self.note(at, Outcome::Failed(text), &mut faults);
                    }
                    if self.keeps_up(at, answer.block_height) {
                        return Ok(answer);
                    }
                    return Ok(self.newer(answer, &tried, question).await);
                }
                Outcome::Contract(text) => contract.push((at, text)),
                fault => self.note(at, fault, &mut faults),
            }
        }
        Err(self.unanswered(faults, contract, None))
    }

    /// How much of what is `left` the node at `at` may take, after those that were
    /// `tried`.
    fn share(&self, at: usize, tried: &[usize], left: Duration) -> Duration {
        let share = self.options.attempt_timeout;
        let asked: Vec<usize> = tried.iter().copied().chain([at]).collect();
        // Somebody whose pause ends meanwhile can be turned to as well.
        match self.nodes.next(&asked, Instant::now() + share) {
            Some(_) => share.min(left),
            None => left,
        }
    }

    /// Asks the node at `at`, for at most `limit`; `None` if there is no such node.
    async fn ask(&self, at: usize, question: &Question, limit: Duration) -> Option<Outcome> {
        let endpoint = self.options.endpoints.get(at)?;
        let Question { id, body, .. } = question;
        Some(self.believed(self.client.ask(endpoint, id, body, limit).await))
    }

    fn label(&self, at: usize) -> String {
        let endpoint = self.options.endpoints.get(at);
        endpoint.map(|one| one.label()).unwrap_or_default()
    }
}

/// A question as it is put to every node.
struct Question {
    id: String,
    body: Vec<u8>,
    /// When the call began.
    begin: Instant,
}

impl Question {
    fn left(&self, total: Duration) -> Duration {
        total.saturating_sub(self.begin.elapsed())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Limited,
    TooLarge,
    Failed,
}

struct Fault {
    kind: Kind,
    text: String,
}

fn unanswered(faults: &[Fault], timeout: Option<Duration>) -> RegistryError {
    let is = |kind: Kind| move |fault: &Fault| fault.kind == kind;
    if faults.iter().all(is(Kind::Limited)) && timeout.is_none() {
        return RegistryError::RateLimited;
    }
    let mut texts: Vec<String> = faults.iter().map(|fault| fault.text.clone()).collect();
    if let Some(timeout) = timeout {
        texts.push(format!("no answer in {timeout:?}"));
    }
    let texts = texts.join("; ");
    match faults.iter().any(is(Kind::TooLarge)) {
        true => RegistryError::TooLarge(texts),
        false => RegistryError::Unavailable(texts),
    }
}

#[async_trait]
impl RegistryTransport for NearRegistry {
    async fn view(&self, method: &str, arguments: &[u8]) -> Result<ViewAnswer, RegistryError> {
        let begin = Instant::now();
        let places = match method {
            LISTING => &self.listings,
            _ => &self.questions,
        };
        let place = places.take(self.options.timeout).await;
        let _place = place.map_err(RegistryError::Unavailable)?;
        let id = format!("c-{}", self.next_id.fetch_add(1, Ordering::Relaxed));
        let contract = self.options.contract.as_str();
        let body = request::body(&id, contract, method, arguments)
            .map_err(|error| RegistryError::Unavailable(error.to_string()))?;
        let asked_at = Instant::now();
        let result = self.ask_all(&Question { id, body, begin }).await;
        match &result {
            Ok(_) => places.answered(asked_at.elapsed()),
            Err(_) => places.unanswered(asked_at.elapsed()),
        }
        result
    }

    fn unusable(&self, height: u64, known: u64) {
        if height <= known {
            return self.nodes.known(known);
        }
        for (at, pause) in self.nodes.disbelieved(height, known, Instant::now()) {
            self.say_passed_over(at, height, Why::Untrue, pause);
        }
    }
}
