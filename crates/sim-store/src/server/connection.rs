//! One client, from its first word to its last.

use bytes::BytesMut;
use real_tokio::io::{AsyncReadExt, AsyncWriteExt};
use real_tokio::net::TcpStream;
use redis::parse_redis_value_async;

use super::reply::Reply;
use super::request::{NoCommand, command};
use super::{SharedModel, command as commands};

/// The longest command, in bytes. Whoever sends more is cut off.
const REQUEST_BYTES_MAX: u64 = 4 << 20;

/// Answers the client until it leaves, or sends what is no command.
pub(super) async fn converse(mut socket: TcpStream, model: &SharedModel) {
    // Answers are small, and the client waits for each.
    let _slower_without = socket.set_nodelay(true);
    let (reader, mut writer) = socket.split();
    let mut reader = reader.take(REQUEST_BYTES_MAX);
    let mut decoder = Default::default();
    let mut out = BytesMut::new();
    loop {
        reader.set_limit(REQUEST_BYTES_MAX);
        let Ok(value) = parse_redis_value_async(&mut decoder, &mut reader).await else {
            return;
        };
        let (reply, more) = match command(value) {
            Ok((name, words)) => {
                let more = name != "QUIT";
                let reply = model.with(|model, now| commands::answer(model, now, &name, words));
                (reply, more)
            }
            Err(NoCommand) => {
                let text = "ERR Protocol error: expected an array of bulk strings";
                (Reply::Error(text.to_owned()), false)
            }
        };
        out.clear();
        reply.write(&mut out);
        if writer.write_all(&out).await.is_err() || !more {
            return;
        }
    }
}
