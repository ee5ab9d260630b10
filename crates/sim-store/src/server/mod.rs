//! The model on a real port, for clients that speak the protocol of Redis.
//!
//! [`serve`] answers RESP2 with just the commands that the fakes and the
//! coordinator use; any other is refused by name, as Redis refuses a command that
//! it does not know. Everything read from a client is bounded.

mod command;
mod connection;
mod reply;
mod request;
mod snapshot;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use real_tokio::net::TcpListener;
use real_tokio::sync::Semaphore;
use real_tokio::task::JoinSet;
use sim_node::Time;
use sim_node::server::now;

use crate::RedisModel;

pub use snapshot::{SnapshotError, load, render, save, write};

/// Clients served at a time; more wait to be accepted.
const CLIENTS_MAX: usize = 256;

/// A model that several connections use, one command at a time. Clones are the
/// same model.
#[derive(Clone, Debug)]
pub struct SharedModel(Arc<Mutex<RedisModel>>);

impl SharedModel {
    /// Shares `model`.
    pub fn new(model: RedisModel) -> SharedModel {
        SharedModel(Arc::new(Mutex::new(model)))
    }

    /// Works on the model at the present time: for faults and inspection.
    pub fn with<T>(&self, action: impl FnOnce(&mut RedisModel, Time) -> T) -> T {
        let mut model = self.lock();
        let result = action(&mut model, now());
        // Nobody listens to these here; kept, they would only grow.
        drop(model.drain_writes());
        model.drain_pushes(&mut Vec::new());
        result
    }

    fn lock(&self) -> MutexGuard<'_, RedisModel> {
        // A command is done or not, whatever panics.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves `model` on `listener` until `shutdown` completes; connections are then
/// closed.
pub async fn serve(listener: TcpListener, model: SharedModel, shutdown: impl Future<Output = ()>) {
    let room = Arc::new(Semaphore::new(CLIENTS_MAX));
    let mut clients = JoinSet::new();
    let accept = async {
        // The semaphore is never closed.
        while let Ok(place) = Arc::clone(&room).acquire_owned().await {
            // A client that is gone before it was accepted is no reason to end.
            if let Ok((socket, _)) = listener.accept().await {
                let model = model.clone();
                clients.spawn(async move {
                    connection::converse(socket, &model).await;
                    drop(place);
                });
            }
            while clients.try_join_next().is_some() {}
        }
    };
    real_tokio::select! {
        biased;
        () = shutdown => {}
        () = accept => {}
    }
}
