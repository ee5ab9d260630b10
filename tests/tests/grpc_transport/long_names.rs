//! Names as long as the registry allows, which services quote in their errors.

use super::*;

/// The longest name of a function, in bytes.
const NAME_LEN_MAX: usize = 64 << 10;

fn longest(unit: &str) -> String {
    unit.repeat(NAME_LEN_MAX / unit.len())
}

#[tokio::test(crate = "real_tokio")]
async fn an_answer_that_quotes_a_long_name_harms_nobody() {
    let running = Running::start();
    let options = GrpcOptions::default();
    let streamer = streamer(running.address);
    let executors = GrpcExecutors::new(&url(running.address), &options).unwrap();
    let in_flight = {
        let streamer = streamer.clone();
        tokio::spawn(async move { streamer.get_stream(stream_of("wait")).await })
    };
    soon(running.peer.called.notified()).await;

    // What is not ASCII, and what steers terminals, is three times as long in a header.
    for name in [
        longest("x"),
        longest("ä"),
        longest("\u{1f980}"),
        longest("\n"),
    ] {
        // Together they would be too much for a connection, whatever its limit.
        for _ in 0..10 {
            let request = GetStreamRequest {
                account_id: "unknown".into(),
                function_name: name.clone(),
            };
            let error = soon(streamer.get_stream(request)).await.unwrap_err();
            assert_eq!(error.status.code(), Code::NotFound, "{:.200}", error.status);
            assert!(error.status.message().contains(&name));
            let request = GetExecutorRequest {
                account_id: "unknown".into(),
                function_name: name.clone(),
            };
            let error = soon(executors.get_executor(request)).await.unwrap_err();
            assert_eq!(error.status.code(), Code::NotFound);
            assert!(error.status.message().contains(&name));
        }
    }

    running.peer.release.notify_one();
    let answer = soon(in_flight).await.unwrap().unwrap();
    assert_eq!(answer.function_name, "f");
    running.stop().await;
}
