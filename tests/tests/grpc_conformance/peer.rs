//! One process: what it has, what it was asked, and what it does with the next
//! request.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use conformance::grpc::{Applied, ByHand, Fault, Kind};
use proto::block_streamer::StreamInfo;
use proto::runner::ExecutorInfo;
use real_tokio as tokio;
use tokio::sync::watch;
use tonic::{Code, Response, Status};

/// What changes what waiting requests do.
#[derive(Clone, Copy, Debug, Default)]
pub struct Condition {
    /// Requests are taken and not worked on.
    pub frozen: bool,
    /// Counts the lives of the process.
    pub life: u64,
    /// Counts how often faults were ended.
    pub relented: u64,
    /// Requests taken.
    pub taken: usize,
    /// Requests that are neither answered nor dropped.
    pub under_way: usize,
}

/// What the process has.
#[derive(Default)]
pub struct State {
    pub streams: BTreeMap<String, StreamInfo>,
    pub executors: BTreeMap<String, ExecutorInfo>,
    pub tasks: BTreeMap<String, i32>,
    pub next_task: u64,
}

#[derive(Default)]
struct Inner {
    state: State,
    next: Option<Fault>,
    applied: Vec<Applied>,
    metadata: Vec<(String, String)>,
}

/// A process that outlives its servers: it is told when it dies.
#[derive(Clone)]
pub struct Peer {
    inner: Arc<Mutex<Inner>>,
    pub condition: Arc<watch::Sender<Condition>>,
    /// Breaks the connections to the process.
    sever: Arc<dyn Fn() + Send + Sync>,
}

impl Peer {
    pub fn new(sever: impl Fn() + Send + Sync + 'static) -> Peer {
        Peer {
            inner: Arc::default(),
            condition: Arc::new(watch::Sender::new(Condition::default())),
            sever: Arc::new(sever),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap()
    }

    pub fn befall(&self, fault: Fault) {
        self.lock().next = Some(fault);
    }

    pub fn relent(&self) {
        self.lock().next = None;
        self.condition.send_modify(|now| now.relented += 1);
    }

    pub fn die(&self) {
        let mut inner = self.lock();
        inner.state = State {
            // No task of any life has the id of another.
            next_task: inner.state.next_task,
            ..State::default()
        };
        drop(inner);
        self.condition.send_modify(|now| {
            now.life += 1;
            now.frozen = false;
        });
    }

    pub fn with_state<T>(&self, work: impl FnOnce(&mut State) -> T) -> T {
        work(&mut self.lock().state)
    }

    pub fn applied(&self) -> Vec<Applied> {
        self.lock().applied.clone()
    }

    pub fn saw(&self, metadata: Vec<(String, String)>) {
        self.lock().metadata = metadata;
    }

    pub fn metadata(&self) -> Vec<(String, String)> {
        self.lock().metadata.clone()
    }

    /// The answer that is to be made by hand, if the next one is.
    pub fn take_by_hand(&self) -> Option<Fault> {
        let mut inner = self.lock();
        match inner.next {
            // A body cannot say an enum's value; the services do.
            Some(Fault::ByHand(ByHand::UnknownEnum)) => None,
            Some(Fault::ByHand(_) | Fault::Wire(_)) => inner.next.take(),
            _ => None,
        }
    }

    /// Serves one request: `work` does it. Its caller may be gone; that is no
    /// reason not to.
    pub async fn serve<T: Send + 'static>(
        &self,
        work: impl Fn(&mut State, bool) -> Done<T> + Send + 'static,
    ) -> Result<Response<T>, Status> {
        let fault = self.lock().next.take();
        let mut life = 0;
        self.condition.send_modify(|now| {
            now.taken += 1;
            now.under_way += 1;
            life = now.life;
        });
        let peer = self.clone();
        let working = tokio::spawn(async move {
            let result = peer.perform(fault, life, work).await;
            peer.condition.send_modify(|now| now.under_way -= 1);
            result
        });
        working.await.unwrap().map(Response::new)
    }

    async fn perform<T>(
        &self,
        fault: Option<Fault>,
        life: u64,
        work: impl Fn(&mut State, bool) -> Done<T>,
    ) -> Result<T, Status> {
        let mut condition = self.condition.subscribe();
        let relented = condition.borrow().relented;
        let dead = || Status::unavailable("the process has died");
        let free = condition.wait_for(|now| !now.frozen || now.life != life);
        if free.await.unwrap().life != life {
            return Err(dead());
        }
        match fault {
            Some(Fault::ErrorBefore) => return Err(Status::internal("nothing was done")),
            Some(Fault::Stuck) => {
                let ended = condition.wait_for(|now| now.relented != relented || now.life != life);
                ended.await.unwrap();
                return Err(Status::internal("it was stuck"));
            }
            _ => {}
        }
        let odd = fault == Some(Fault::ByHand(ByHand::UnknownEnum));
        let result = self.apply(|state| work(state, odd));
        match fault {
            Some(Fault::Duplicate) => drop(self.apply(|state| work(state, odd))),
            Some(Fault::ErrorAfter) => return Err(Status::internal("it was done")),
            Some(Fault::AnswerLost) => {
                (self.sever)();
                return Err(dead());
            }
            Some(Fault::SlowAnswer) => {
                let ended = condition.wait_for(|now| now.relented != relented || now.life != life);
                if ended.await.unwrap().life != life {
                    return Err(dead());
                }
            }
            _ => {}
        }
        result
    }

    fn apply<T>(&self, work: impl FnOnce(&mut State) -> Done<T>) -> Result<T, Status> {
        let mut inner = self.lock();
        let Done { ledger, result } = work(&mut inner.state);
        let code = result.as_ref().map_or_else(Status::code, |_| Code::Ok);
        if let Some((kind, account)) = ledger {
            inner.applied.push(Applied::with(kind, &account, code));
        }
        result
    }
}

/// What a request led to, and what to note of it.
pub struct Done<T> {
    pub ledger: Option<(Kind, String)>,
    pub result: Result<T, Status>,
}

impl<T> Done<T> {
    pub fn read(result: Result<T, Status>) -> Done<T> {
        Done {
            ledger: None,
            result,
        }
    }

    pub fn effect(kind: Kind, account: &str, result: Result<T, Status>) -> Done<T> {
        Done {
            ledger: Some((kind, account.to_owned())),
            result,
        }
    }
}
