//! One call from the coordinator to a node, and everything that can befall it.

use std::future::pending;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use coordinator::transport::{CallError, CallResult};
use prost::Message;
use sim_node::{IndexerKey, Reply, Time};
use tonic::Status;

use super::SimTransport;
use super::messages::{self, HandMade};
use crate::history::{AnswerKind, CallId, Event, Method, NodeName, NodeState};
use crate::scenario::CallOutcome;
use crate::world::{DOWN, EffectFate, Probe, World};

/// What a request is about.
#[derive(Clone, Debug)]
pub(super) struct Meta {
    pub method: Method,
    pub key: Option<IndexerKey>,
    pub version: Option<u64>,
    pub height: Option<u64>,
}

impl Meta {
    pub(super) fn new(method: Method, key: Option<IndexerKey>) -> Meta {
        Meta {
            method,
            key,
            version: None,
            height: None,
        }
    }
}

type ByHand<R> = Box<dyn Fn() -> Result<R, Status> + Send + Sync>;

/// How the answer of a call is made and read.
pub(super) struct Form<R> {
    /// What is answered in place of what the call would lead to.
    by_hand: Option<ByHand<R>>,
    read: fn(R) -> CallResult<R>,
}

impl<R> Form<R> {
    /// The answer is whatever the call leads to.
    fn plain() -> Form<R> {
        Form {
            by_hand: None,
            read: Ok,
        }
    }

    /// The answer is a message, perhaps one that is made by hand.
    pub(super) fn of_messages(by_hand: Option<HandMade>, method: Method) -> Form<R>
    where
        R: Message + Default,
    {
        Form {
            by_hand: by_hand.map(|made| -> ByHand<R> { Box::new(move || made.answer(method)) }),
            read: messages::read,
        }
    }
}

/// Later than any deadline of the coordinator.
const BEYOND_DEADLINES: Duration = Duration::from_secs(12);

/// A request under way. The world has it from the moment it is sent: it arrives
/// whatever becomes of its sender.
struct Letter<R, F> {
    id: CallId,
    by: u32,
    meta: Meta,
    sent_at: Time,
    /// The life of the process that it was sent to; `None` if there was none to
    /// connect to. If that life ends before it reads, the connection breaks, and
    /// its sender cannot say what was read.
    connected: Option<u64>,
    /// Whether the coordinator dies of it: before it takes effect, or after.
    crash: Option<bool>,
    /// What is answered in place of the work.
    by_hand: Option<ByHand<R>>,
    work: F,
    /// What became of it; taken by the sender.
    fate: Mutex<Fate<R>>,
}

/// What became of a letter.
enum Fate<R> {
    /// It is under way, or waits in the socket of a frozen process.
    UnderWay,
    /// The node, in this life, did it and has an answer.
    Answered(Reply<R>, u64),
    /// There was no process to connect to.
    Refused,
    /// The process died before it read the letter.
    Broken,
    /// Nobody will ever hear of it.
    Silence,
}

impl<R, F> Letter<R, F> {
    fn settle(&self, fate: Fate<R>) {
        *self.fate.lock().unwrap_or_else(PoisonError::into_inner) = fate;
    }

    fn take(&self) -> Fate<R> {
        let mut fate = self.fate.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *fate, Fate::UnderWay)
    }
}

/// The pause between two tries to get a letter over a cut link.
const AGAIN: Duration = Duration::from_secs(1);

/// How long a letter is tried to get over a cut link: as long as Linux does by default.
const GIVEN_UP: Duration = Duration::from_secs(924);

/// Tries to deliver a letter that a cut link swallowed.
fn retransmit<R, F>(world: &mut World, letter: Arc<Letter<R, F>>)
where
    R: Send + 'static,
    F: Fn(&mut World) -> Reply<R> + Send + Sync + 'static,
{
    let server = letter.meta.method.server();
    if !world.links.is_cut(NodeName::Coordinator, server) {
        arrive(world, letter, true);
    } else if world.now.since(letter.sent_at) >= GIVEN_UP {
        letter.settle(Fate::Broken);
    } else {
        let at = world.now + AGAIN;
        return world.later(at, move |world| retransmit(world, letter));
    }
    world.thawed.notify_waiters();
}

/// A letter arrives. `heard`: its sender hears of what becomes of it.
fn arrive<R, F>(world: &mut World, letter: Arc<Letter<R, F>>, heard: bool)
where
    R: Send + 'static,
    F: Fn(&mut World) -> Reply<R> + Send + Sync + 'static,
{
    let server = letter.meta.method.server();
    let condition = world.condition(server);
    // What comes late or twice was kept by somebody else than the connection.
    if heard && letter.connected.is_some_and(|life| life != condition.life) {
        letter.settle(Fate::Broken);
        return;
    }
    match condition.state {
        NodeState::Down => {
            if heard {
                letter.settle(match letter.connected {
                    Some(_) => Fate::Broken,
                    None => Fate::Refused,
                });
            }
            return;
        }
        NodeState::Paused => {
            world.park(server, move |world| arrive(world, letter, heard));
            return;
        }
        NodeState::Up => {}
    }
    if let Some(answer) = &letter.by_hand {
        letter.settle(Fate::Answered(Reply::now(answer()), condition.life));
        return;
    }
    let counted = world.count_effect(letter.meta.method);
    let fate = match letter.crash.filter(|_| heard) {
        Some(before) => {
            let about = letter.meta.key.as_ref().map_or("*", IndexerKey::as_str);
            let what = format!("{:?} of {about}", letter.meta.method);
            world.crash_at_call(&what, before, DOWN)
        }
        None => counted,
    };
    if fate == EffectFate::Never {
        letter.settle(Fate::Silence);
        return;
    }
    let reply = (letter.work)(world);
    if reply.result.is_ok() {
        let meta = &letter.meta;
        world.note_done(meta.method, meta.key.as_ref(), meta.version);
    }
    world.record(Event::CallApplied {
        call: letter.id,
        method: letter.meta.method,
        key: letter.meta.key.clone(),
        by: letter.by,
        sent_at: letter.sent_at,
        version: letter.meta.version,
        height: letter.meta.height,
        answer: answer_kind(&reply.result),
    });
    world.note_writes();
    if heard {
        letter.settle(match fate {
            EffectFate::Happens => Fate::Answered(reply, condition.life),
            _ => Fate::Silence,
        });
    }
}

fn answer_kind<R>(result: &Result<R, Status>) -> AnswerKind {
    match result {
        Ok(_) => AnswerKind::Ok,
        Err(status) => AnswerKind::Error(status.code() as i32),
    }
}

fn refused(server: NodeName) -> CallError {
    CallError {
        status: Status::unavailable(format!("{server}: connection refused")),
        unsent: true,
    }
}

/// The status is the one that tonic makes of a connection that broke.
fn broken(server: NodeName) -> CallError {
    Status::unknown(format!("{server}: the connection broke")).into()
}

fn outcome_name(outcome: CallOutcome) -> &'static str {
    match outcome {
        CallOutcome::Refused => "refused",
        CallOutcome::ErrorBefore => "error_before",
        CallOutcome::ErrorAfter => "error_after",
        CallOutcome::AnswerLost => "answer_lost",
        CallOutcome::Late => "late",
        CallOutcome::Duplicate => "duplicate",
        CallOutcome::Stale => "stale",
        CallOutcome::Hang => "hang",
        CallOutcome::HalfOpen => "half_open",
        CallOutcome::BlackHole => "black_hole",
    }
}

/// Takes note of a start for `key` that names a queue which is not its own.
pub(super) fn note_queue(world: &mut World, method: Method, key: &IndexerKey, queue: &str) {
    let is_own = queue
        .strip_suffix(":block_stream")
        .is_some_and(|name| name == key.as_str());
    if !is_own {
        world.record(Event::Misdirected {
            key: key.clone(),
            method,
            queue: queue.to_owned(),
        });
    }
}

impl SimTransport {
    /// Whether `request` can be sent.
    pub(super) fn admit(&self, meta: &Meta, request: &impl Message) -> CallResult<()> {
        let admitted = messages::admit(request);
        if admitted.is_ok() {
            return admitted;
        }
        let (id, method) = {
            let mut world = self.world.enter();
            let (id, method) = (world.take_call_id(), meta.method);
            world.counters.coordinator_calls += 1;
            world.record(Event::CallSent {
                call: id,
                method,
                key: meta.key.clone(),
                by: self.by,
            });
            (id, method)
        };
        self.answer(id, method, admitted)
    }

    /// A call to a service, with whatever befalls calls to services.
    pub(super) async fn call<R, F>(&self, meta: Meta, work: F) -> CallResult<R>
    where
        R: Message + Default + 'static,
        F: Fn(&mut World) -> Reply<R> + Send + Sync + 'static,
    {
        let (outcome, by_hand) = {
            let mut guard = self.world.enter();
            let world = &mut *guard;
            let (now, method, key) = (world.now, meta.method, meta.key.as_ref());
            let probed = world.probe(self.by, method, key);
            let armed = world.armed.on_call(now, method, key, &mut world.rng_faults);
            (probed.outcome.or(armed), world.armed.take_by_hand())
        };
        let form = Form::of_messages(by_hand, meta.method);
        self.send_as(form, meta, outcome, work).await
    }

    /// A call with a decided outcome.
    pub(super) async fn send<R, F>(
        &self,
        meta: Meta,
        outcome: Option<CallOutcome>,
        work: F,
    ) -> CallResult<R>
    where
        R: Send + 'static,
        F: Fn(&mut World) -> Reply<R> + Send + Sync + 'static,
    {
        self.send_as(Form::plain(), meta, outcome, work).await
    }

    /// The same for an answer of this form.
    pub(super) async fn send_as<R, F>(
        &self,
        form: Form<R>,
        meta: Meta,
        outcome: Option<CallOutcome>,
        work: F,
    ) -> CallResult<R>
    where
        R: Send + 'static,
        F: Fn(&mut World) -> Reply<R> + Send + Sync + 'static,
    {
        let method = meta.method;
        let server = method.server();
        let read = form.read;
        let post = self.post(form.by_hand, meta, outcome, work);
        let (id, there, back) = (post.letter.id, post.there, post.back);
        if post.lost {
            return pending().await;
        }
        match outcome {
            Some(CallOutcome::Refused) => {
                tokio::time::sleep(there).await;
                return self.answer(id, method, Err(refused(server)));
            }
            Some(CallOutcome::ErrorBefore) => {
                tokio::time::sleep(there + back).await;
                let error = Status::internal("injected: nothing was done").into();
                return self.answer(id, method, Err(error));
            }
            _ => {}
        }
        tokio::time::sleep(there + back).await;
        let (reply, life) = match self.hear(&post.letter).await {
            Fate::Answered(reply, life) => (reply, life),
            Fate::Refused => return self.answer(id, method, Err(refused(server))),
            Fate::Broken => return self.answer(id, method, Err(broken(server))),
            Fate::UnderWay | Fate::Silence => return pending().await,
        };
        if outcome == Some(CallOutcome::HalfOpen) {
            return pending().await;
        }
        if !reply.after.is_zero() {
            tokio::time::sleep(reply.after).await;
        }
        let (alive, cut) = {
            let world = self.world.enter();
            let condition = world.condition(server);
            let alive = condition.life == life && condition.state != NodeState::Down;
            (alive, world.links.is_cut(server, NodeName::Coordinator))
        };
        if cut && !(self.retransmits && self.answer_gets_through(server).await) {
            return pending().await;
        }
        let result = match outcome {
            _ if !alive => Err(broken(server)),
            Some(CallOutcome::AnswerLost) => Err(broken(server)),
            Some(CallOutcome::ErrorAfter) => {
                Err(Status::internal("injected: it was done all the same").into())
            }
            _ => reply.result.map_err(CallError::from).and_then(read),
        };
        self.answer(id, method, result)
    }

    /// Waits until the link from `server` is whole; false if it gives up.
    async fn answer_gets_through(&self, server: NodeName) -> bool {
        let mut waited = Duration::ZERO;
        while waited < GIVEN_UP {
            tokio::time::sleep(AGAIN).await;
            waited += AGAIN;
            let cut = self
                .world
                .enter()
                .links
                .is_cut(server, NodeName::Coordinator);
            if !cut {
                return true;
            }
        }
        false
    }

    /// Gives a letter to the world.
    fn post<R, F>(
        &self,
        by_hand: Option<ByHand<R>>,
        meta: Meta,
        outcome: Option<CallOutcome>,
        work: F,
    ) -> Post<R, F>
    where
        R: Send + 'static,
        F: Fn(&mut World) -> Reply<R> + Send + Sync + 'static,
    {
        let mut guard = self.world.enter();
        let world = &mut *guard;
        let id = world.take_call_id();
        world.counters.coordinator_calls += 1;
        let (method, server) = (meta.method, meta.method.server());
        world.record(Event::CallSent {
            call: id,
            method,
            key: meta.key.clone(),
            by: self.by,
        });
        if let Some(outcome) = outcome {
            world.counters.faults += 1;
            world.record(Event::CallFault {
                call: id,
                method,
                fault: outcome_name(outcome),
            });
        }
        if by_hand.is_some() {
            world.counters.faults += 1;
            world.record(Event::CallFault {
                call: id,
                method,
                fault: "by_hand",
            });
        }
        let (before, after) = world.slow.draw(server);
        let (heard, read) = world.slow.draw(NodeName::Coordinator);
        let there = before + world.links.draw(NodeName::Coordinator, server);
        let back = after + heard + read + world.links.draw(server, NodeName::Coordinator);
        let cut = world.links.is_cut(NodeName::Coordinator, server);
        let condition = world.condition(server);
        let connected = (condition.state != NodeState::Down).then_some(condition.life);
        let (by, sent_at, fate) = (self.by, world.now, Mutex::new(Fate::UnderWay));
        let crash = world.probe.as_mut().and_then(Probe::take_crash);
        let letter = Arc::new(Letter {
            id,
            by,
            meta,
            sent_at,
            connected,
            crash,
            by_hand,
            work,
            fate,
        });
        let mut mail = |after: Duration, heard: bool| {
            let copy = Arc::clone(&letter);
            world.later(sent_at + after, move |world| arrive(world, copy, heard));
        };
        let lost = match outcome {
            _ if cut && self.retransmits => {
                let copy = Arc::clone(&letter);
                world.later(sent_at + AGAIN, move |world| retransmit(world, copy));
                false
            }
            _ if cut => true,
            Some(CallOutcome::Hang | CallOutcome::BlackHole) => true,
            Some(CallOutcome::Refused | CallOutcome::ErrorBefore) => false,
            Some(CallOutcome::Late) => {
                mail(BEYOND_DEADLINES + there, false);
                true
            }
            _ => {
                mail(there, true);
                false
            }
        };
        if outcome == Some(CallOutcome::Duplicate) && !cut {
            let apart = world
                .rng_faults
                .duration(Duration::from_millis(1), Duration::from_secs(20));
            let copy = Arc::clone(&letter);
            world.later(sent_at + there + apart, move |world| {
                arrive(world, copy, false)
            });
        }
        drop(guard);
        Post {
            letter,
            there,
            back,
            lost,
        }
    }

    /// Waits until a letter has met its fate.
    async fn hear<R, F>(&self, letter: &Letter<R, F>) -> Fate<R> {
        loop {
            let thawed = Arc::clone(&self.world.peek().thawed);
            let wait = thawed.notified();
            drop(self.world.enter());
            match letter.take() {
                Fate::UnderWay => wait.await,
                fate => return fate,
            }
        }
    }

    fn answer<R>(&self, id: CallId, method: Method, result: CallResult<R>) -> CallResult<R> {
        let answer = match &result {
            Ok(_) => AnswerKind::Ok,
            Err(error) => AnswerKind::Error(error.status.code() as i32),
        };
        self.world.enter().record(Event::CallAnswered {
            call: id,
            method,
            answer,
        });
        result
    }
}

/// A letter as its sender keeps it.
struct Post<R, F> {
    letter: Arc<Letter<R, F>>,
    there: Duration,
    back: Duration,
    lost: bool,
}
