//! A body that is decoded while it arrives, so that only a little of it is in
//! memory at a time.

use std::io::{self, BufReader, Read};

use bytes::{Buf, Bytes};
use coordinator::registry::ViewAnswer;
use reqwest::Response;
use tokio::sync::mpsc;

use crate::answer;
use crate::client::chain;
use crate::rpc_error::Meaning;

/// How many pieces may wait for the decoder.
const PIECES_WAITING: usize = 16;

const BUFFER_LEN: usize = 64 << 10;

/// Reads and decodes the body of `response`, the answer to the question `id`, up
/// to `len_max` bytes of it. If the future is dropped, the decoder ends too.
pub(crate) async fn decode(
    mut response: Response,
    id: &str,
    len_max: usize,
) -> Result<ViewAnswer, Meaning> {
    let too_large = || {
        Meaning::TooLarge(format!(
            "its answer is larger than {len_max} bytes and was not read to its end"
        ))
    };
    let announced = response.content_length().unwrap_or(0);
    if usize::try_from(announced).is_ok_and(|len| len > len_max) {
        return Err(too_large());
    }
    let (sender, receiver) = mpsc::channel(PIECES_WAITING);
    let id = id.to_owned();
    // Decoding a large answer takes long enough to be felt by other tasks.
    let decoder = tokio::task::spawn_blocking(move || {
        let pieces = Pieces {
            receiver,
            current: Bytes::new(),
        };
        answer::read(BufReader::with_capacity(BUFFER_LEN, pieces), &id)
    });
    let mut len = 0_usize;
    loop {
        let piece = match response.chunk().await {
            Ok(Some(piece)) => piece,
            Ok(None) => break,
            Err(error) => {
                return Err(Meaning::Node(format!(
                    "its answer broke off after {len} bytes: {}",
                    chain(error)
                )));
            }
        };
        len = len.saturating_add(piece.len());
        if len > len_max {
            return Err(too_large());
        }
        if sender.send(piece).await.is_err() {
            // The decoder has seen enough to refuse it.
            break;
        }
    }
    drop(sender);
    match decoder.await {
        Ok(answer) => answer,
        Err(_) => Err(Meaning::Node("its answer broke the decoder".to_owned())),
    }
}

struct Pieces {
    receiver: mpsc::Receiver<Bytes>,
    current: Bytes,
}

impl Read for Pieces {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.current.has_remaining() {
            match self.receiver.blocking_recv() {
                Some(piece) => self.current = piece,
                None => return Ok(0),
            }
        }
        let len = self.current.remaining().min(buffer.len());
        match buffer.get_mut(..len) {
            Some(target) => self.current.copy_to_slice(target),
            None => return Ok(0),
        }
        Ok(len)
    }
}
