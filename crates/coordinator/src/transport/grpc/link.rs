//! The way to one service: its connection, how much may be under way on it,
//! and the certificates it is made with.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use arc_swap::ArcSwap;
use prost::Message;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{sleep, timeout};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use super::address::Address;
use super::tls::{Material, TlsError, TlsOptions};
use super::{GrpcOptions, SetupError};
use crate::transport::CallError;

/// The longest headers of an answer, in bytes. An error's message is a header, and
/// services quote in it what they were asked about: a function's name may have 64
/// KiB, of which percent-encoding makes up to three times as much. This leaves room
/// for quoting it five times. HTTP/2's usual 16 KiB would end the call of a long
/// name with an error that says nothing, and what is several times too long ends
/// the connection, with the calls of all other indexers on it.
const ANSWER_HEADERS_MAX: u32 = 1 << 20;

/// The way to one service. Its copies share everything.
#[derive(Clone, Debug)]
pub(super) struct Link(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    endpoint: Endpoint,
    options: GrpcOptions,
    /// Replaced as a whole when the certificates change. Calls under way keep
    /// the connection they were made on, which ends with the last of them.
    channel: ArcSwap<Channel>,
    slots: Arc<Semaphore>,
    /// What `channel` was made from; `None` without encryption.
    tls: Option<Mutex<Current>>,
}

#[derive(Debug)]
struct Current {
    options: TlsOptions,
    material: Material,
}

/// What a call needs: a connection, and the right to be under way.
pub(super) struct Slot {
    pub(super) channel: Channel,
    _permit: OwnedSemaphorePermit,
}

impl Link {
    /// A way to the service at `url` that connects when it is first needed.
    pub(super) fn new(url: &str, options: &GrpcOptions) -> Result<Link, SetupError> {
        let address = Address::parse(url)?;
        let endpoint = Endpoint::from(address.uri)
            .user_agent(options.user_agent.as_str())
            .map_err(|_| SetupError::UserAgent)?
            .connect_timeout(options.connect_timeout)
            .tcp_nodelay(true)
            .http2_max_header_list_size(ANSWER_HEADERS_MAX)
            .http2_keep_alive_interval(options.keep_alive_interval)
            .keep_alive_timeout(options.keep_alive_timeout)
            .keep_alive_while_idle(true);
        let (channel, tls) = if address.encrypted {
            let tls = options.tls.clone().unwrap_or_default();
            let material = tls.read()?;
            let channel = tls
                .apply(endpoint.clone(), &material, options.connect_timeout)?
                .connect_lazy();
            let current = Current {
                options: tls,
                material,
            };
            (channel, Some(Mutex::new(current)))
        } else {
            (endpoint.connect_lazy(), None)
        };
        let link = Link(Arc::new(Inner {
            endpoint,
            options: options.clone(),
            channel: ArcSwap::from_pointee(channel),
            slots: Arc::new(Semaphore::new(options.calls_max)),
            tls,
        }));
        link.watch();
        Ok(link)
    }

    /// Looks at the files until the last copy of the link is gone.
    fn watch(&self) {
        let Some(tls) = &self.0.tls else { return };
        let (has_files, pause) = {
            let current = tls.lock().unwrap_or_else(PoisonError::into_inner);
            (current.options.has_files(), current.options.reload_interval)
        };
        if !has_files {
            return;
        }
        let inner: Weak<Inner> = Arc::downgrade(&self.0);
        tokio::spawn(async move {
            let mut reported = None;
            loop {
                sleep(pause).await;
                let Some(link) = inner.upgrade().map(Link) else {
                    return;
                };
                let looked = tokio::task::spawn_blocking(move || link.reload()).await;
                let Ok(result) = looked else { continue };
                reported = match result {
                    Ok(_) => None,
                    Err(error) => {
                        let text = error.to_string();
                        if reported.as_ref() != Some(&text) {
                            tracing::error!(
                                error = text,
                                "certificates for calls cannot be renewed; the old ones stay"
                            );
                        }
                        Some(text)
                    }
                };
            }
        });
    }

    /// Reads the files again; true if they have changed, and the next call will
    /// use them.
    pub(super) fn reload(&self) -> Result<bool, TlsError> {
        let Some(tls) = &self.0.tls else {
            return Ok(false);
        };
        let mut current = tls.lock().unwrap_or_else(PoisonError::into_inner);
        let material = current.options.read()?;
        if material == current.material {
            return Ok(false);
        }
        let timeout = self.0.options.connect_timeout;
        let channel = current
            .options
            .apply(self.0.endpoint.clone(), &material, timeout)?
            .connect_lazy();
        current.material = material;
        self.0.channel.store(Arc::new(channel));
        tracing::info!(
            host = self.0.endpoint.uri().host().unwrap_or_default(),
            "certificates for calls were renewed"
        );
        Ok(true)
    }

    /// The right to send `request`.
    pub(super) async fn admit(&self, request: &impl Message) -> Result<Slot, CallError> {
        let options = &self.0.options;
        let (len, max) = (request.encoded_len(), options.request_len_max);
        if len > max {
            return Err(CallError::too_long(len, max));
        }
        let slot = Arc::clone(&self.0.slots).acquire_owned();
        match timeout(options.slot_wait, slot).await {
            Ok(Ok(permit)) => Ok(Slot {
                channel: Channel::clone(&self.0.channel.load()),
                _permit: permit,
            }),
            _ => Err(unsent(Status::resource_exhausted(format!(
                "{} calls to the service are under way, and none ended within {:?}",
                options.calls_max, options.slot_wait
            )))),
        }
    }
}

fn unsent(status: Status) -> CallError {
    CallError {
        status,
        unsent: true,
    }
}
