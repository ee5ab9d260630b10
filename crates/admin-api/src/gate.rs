//! What calls take, and the record of those that were refused.

use lifecycle::IndexerId;
use prost::Message;
use proto::coordinator as pb;
use proto::indexer as original;
use security::{Access, Gate, PeerInfo, Principal, Refusal};

use crate::audit;
use crate::methods::{MANAGER, access, method};

/// A byte that says whether the message is compressed, and four of its length.
const FRAME: usize = 5;

/// The indexer that a command to `path` with such a `body` is about, if it names one. All
/// commands name it in the same place.
fn asked_about(path: &str, body: &[u8]) -> Option<IndexerId> {
    let (frame, message) = body.split_at_checked(FRAME)?;
    if frame.first() != Some(&0) {
        return None;
    }
    let (account, function) = match path.starts_with(MANAGER) {
        true => {
            let asked = original::IndexerRequest::decode(message).ok()?;
            (asked.account_id, asked.function_name)
        }
        false => {
            let name = pb::EnableIndexerRequest::decode(message).ok()?.name?;
            (name.account_id, name.function_name)
        }
    };
    IndexerId::new(&account, &function).ok()
}

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
        body: &[u8],
    ) {
        // What was not even looked at must not be able to fill the log.
        let looked_at = !matches!(refusal, Refusal::Throttled);
        if let Some(command) = method(path).and_then(|method| method.command)
            && looked_at
        {
            audit::write(
                &audit::refused(principal, refusal, peer),
                command,
                &refusal.to_string(),
                asked_about(path, body).as_ref(),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_names_its_indexer_where_it_can_be_read() {
        let name = Some(pb::IndexerName {
            account_id: "a.near".to_owned(),
            function_name: "f".to_owned(),
        });
        let message = pb::HoldIndexerRequest {
            name,
            reason: "why".to_owned(),
        };
        let framed = |flag: u8| [&[flag, 0, 0, 0, 0], &*message.encode_to_vec()].concat();
        let path = "/coordinator.v1.Operations/HoldIndexer";
        let asked = asked_about(path, &framed(0));
        assert_eq!(asked.unwrap().as_str(), "a.near/f");
        // Else it would be garbled.
        assert_eq!(asked_about(path, &framed(1)), None);
        for nothing in [&b""[..], &[0, 0, 0, 0], &[0; 5]] {
            assert_eq!(asked_about(path, nothing), None);
        }
    }
}
