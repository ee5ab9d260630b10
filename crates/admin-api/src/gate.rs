//! What calls take, and the record of those that were refused.

use security::{Access, Gate, PeerInfo, Principal, Refusal};

use crate::audit;
use crate::methods::{access, method};

/// The API's gate.
#[derive(Debug)]
pub(crate) struct ApiGate;

impl Gate for ApiGate {
    fn access(&self, path: &str) -> Access {
        access(path)
    }

    fn refused(
        &self,
        path: &str,
        peer: Option<&PeerInfo>,
        principal: Option<&Principal>,
        refusal: &Refusal,
    ) {
        // What was not even looked at must not be able to fill the log.
        let looked_at = !matches!(refusal, Refusal::Throttled);
        if let Some(command) = method(path).and_then(|method| method.command)
            && looked_at
        {
            audit::write(
                &audit::caller(principal, peer),
                command,
                &refusal.to_string(),
            );
        }
    }
}
