//! Who may talk to the coordinator: TLS, tokens, roles, and where it may listen.
//!
//! The way of a request, from the outside in:
//!
//! 1. [`check_bind`] decides at the start whether an address may be listened on:
//!    beyond the machine itself, only with TLS and with callers that prove who
//!    they are, unless it is forced.
//! 2. [`Incoming`] accepts connections, bounded in number, in all and per peer;
//!    with a [`ServerTls`] it performs the handshakes, none of which keeps others
//!    waiting. Where places are short, a connection on which nobody has been let
//!    through to anything yet gives way.
//! 3. [`AuthLayer`] asks the [`Authenticator`] who calls (a token of
//!    [`Tokens`], a client certificate that [`ClientRoles`] know, or nobody),
//!    and its [`Gate`] what the call needs. A request that gets through carries
//!    a [`Principal`] in its extensions.
//!
//! Everything that comes from a file is [`Watched`]: a changed file takes effect
//! without a restart, and a broken one changes nothing but the log.
//!
//! # Defaults
//! Without tokens and without client certificates, callers on the machine itself
//! may do everything, as with the original; see [`Anonymous`].

mod authenticate;
mod bind;
mod certificate;
mod client_roles;
mod collapse;
mod incoming;
mod layer;
mod limits;
mod lines;
mod role;
mod throttle;
mod tls;
mod tokens;
mod watched;

pub use authenticate::{Anonymous, Authenticator, Refusal, Standing};
pub use bind::{BindRefusal, BindRequest, BindWarning, check_bind};
pub use certificate::PeerCertificate;
pub use client_roles::{ClientRoles, RoleRules};
pub use incoming::{Connection, Hangup, Incoming, PeerInfo, Place};
pub use layer::{Access, AuthLayer, AuthService, Gate};
pub use limits::ServerLimits;
pub use lines::LineError;
pub use role::{Forbidden, How, Principal, Role, UnknownRole, authorise};
pub use tls::{ClientCa, Protocols, ServerTls, TlsFiles, TlsStatus};
pub use tokens::{TokenSet, Tokens};
pub use watched::{LoadError, Outcome, Watched, watch};
