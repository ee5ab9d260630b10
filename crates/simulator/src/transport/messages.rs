//! What becomes of messages on their way: the same limits on sizes as over real
//! connections, and answers that are not made by the fake services.

use std::fmt;
use std::sync::Arc;

use coordinator::transport::{ANSWER_LEN_MAX, CallError, CallResult, REQUEST_LEN_MAX};
use prost::Message;
use tonic::Status;

use crate::history::Method;

/// What a service answers by hand to a call of this method: an encoded message, or
/// a status.
#[derive(Clone)]
pub struct HandMade(Arc<dyn Fn(Method) -> Result<Vec<u8>, Status> + Send + Sync>);

impl HandMade {
    /// An answer that `make` makes.
    pub fn new(
        make: impl Fn(Method) -> Result<Vec<u8>, Status> + Send + Sync + 'static,
    ) -> HandMade {
        HandMade(Arc::new(make))
    }

    /// The answer to a call of `method`. Bytes that are no message end as they do
    /// over real connections.
    pub(super) fn answer<R: Message + Default>(&self, method: Method) -> Result<R, Status> {
        let bytes = (self.0)(method)?;
        R::decode(bytes.as_slice()).map_err(|error| Status::internal(error.to_string()))
    }
}

impl fmt::Debug for HandMade {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HandMade")
    }
}

/// Whether `request` can be sent.
pub(super) fn admit(request: &impl Message) -> CallResult<()> {
    match request.encoded_len() {
        len if len > REQUEST_LEN_MAX => Err(CallError::too_long(len, REQUEST_LEN_MAX)),
        _ => Ok(()),
    }
}

/// Whether `answer` can be read.
pub(super) fn read<R: Message>(answer: R) -> CallResult<R> {
    match answer.encoded_len() {
        len if len > ANSWER_LEN_MAX => Err(Status::out_of_range(format!(
            "the answer has {len} bytes, more than the {ANSWER_LEN_MAX} that are read"
        ))
        .into()),
        _ => Ok(answer),
    }
}

#[cfg(test)]
mod tests {
    use proto::block_streamer::{ListStreamsResponse, StreamInfo};
    use proto::runner::StartExecutorRequest;
    use tonic::Code;

    use super::*;

    /// Tag and length of a field of megabytes.
    const FRAME: usize = 5;

    #[test]
    fn a_request_may_have_four_mebibytes_and_not_one_byte_more() {
        let request = |len: usize| StartExecutorRequest {
            code: "x".repeat(len - FRAME),
            ..StartExecutorRequest::default()
        };
        let most = request(REQUEST_LEN_MAX);
        assert_eq!(most.encoded_len(), 4 << 20);
        assert!(admit(&most).is_ok());
        let refusal = admit(&request(REQUEST_LEN_MAX + 1)).unwrap_err();
        assert_eq!(refusal.status.code(), Code::OutOfRange);
        assert!(refusal.unsent);
    }

    #[test]
    fn an_answer_may_have_sixty_four_mebibytes_and_not_one_byte_more() {
        let answer = |len: usize| ListStreamsResponse {
            streams: vec![StreamInfo {
                function_name: "x".repeat(len - 2 * FRAME),
                ..StreamInfo::default()
            }],
        };
        let most = answer(ANSWER_LEN_MAX);
        assert_eq!(most.encoded_len(), 64 << 20);
        assert!(read(most).is_ok());
        let refusal = read(answer(ANSWER_LEN_MAX + 1)).unwrap_err();
        assert_eq!(refusal.status.code(), Code::OutOfRange);
        assert!(!refusal.unsent, "the service was reached");
    }

    #[test]
    fn an_answer_by_hand_is_decoded_and_what_is_no_message_is_internal() {
        let version = HandMade::new(|_| Ok(vec![0x28, 7]));
        let answer = version.answer::<StreamInfo>(Method::GetStream).unwrap();
        assert_eq!(answer.version, 7);
        let nothing = HandMade::new(|_| Ok(vec![0xff; 3]));
        let error = nothing.answer::<StreamInfo>(Method::GetStream).unwrap_err();
        assert_eq!(error.code(), Code::Internal);
    }
}
