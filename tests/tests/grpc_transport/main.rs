//! The coordinator's gRPC transports on real sockets: what is theirs alone. How
//! calls behave is the matter of the conformance suite.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod long_names;
mod peer;

use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::time::Duration;

use coordinator::transport::grpc::{
    AddressError, GrpcBlockStreamer, GrpcExecutors, GrpcOptions, GrpcProvisioner, SetupError,
};
use coordinator::transport::{
    BlockStreamerTransport, CallResult, ExecutorTransport, ProvisionerTransport,
};
use peer::{Running, any_port};
use proto::block_streamer::{
    GetStreamRequest, ListStreamsRequest, StartStreamRequest, StopStreamRequest,
};
use proto::data_layer::{GetTaskStatusRequest, ProvisionRequest};
use proto::runner::{
    GetExecutorRequest, ListExecutorsRequest, StartExecutorRequest, StopExecutorRequest,
};
use real_tokio as tokio;
use tonic::Code;

fn url(address: SocketAddr) -> String {
    format!("http://{address}")
}

fn streamer(address: SocketAddr) -> GrpcBlockStreamer {
    GrpcBlockStreamer::new(&url(address), &GrpcOptions::default()).unwrap()
}

fn stream_of(account: &str) -> GetStreamRequest {
    GetStreamRequest {
        account_id: account.into(),
        function_name: "f".into(),
    }
}

fn code_of<T: std::fmt::Debug>(result: CallResult<T>) -> (Code, bool) {
    let error = result.unwrap_err();
    (error.status.code(), error.unsent)
}

/// Long enough for anything on this machine; a test that needs it has failed.
async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(20), what)
        .await
        .unwrap()
}

#[tokio::test(crate = "real_tokio")]
async fn every_call_reaches_its_method_and_back() {
    let running = Running::start();
    let options = GrpcOptions::default();
    let streamer = streamer(running.address);
    let executors = GrpcExecutors::new(&url(running.address), &options).unwrap();
    let provisioner = GrpcProvisioner::new(&url(running.address), &options).unwrap();

    let request = StartStreamRequest {
        start_block_height: 9,
        redis_stream: "q".into(),
        ..StartStreamRequest::default()
    };
    assert_eq!(
        streamer.start_stream(request).await.unwrap().stream_id,
        "q@9"
    );
    let request = StopStreamRequest {
        stream_id: "s".into(),
    };
    assert_eq!(streamer.stop_stream(request).await.unwrap().status, "s");
    let info = streamer.get_stream(stream_of("a")).await.unwrap();
    assert_eq!(info.function_name, "f");

    let request = StartExecutorRequest {
        code: "c".into(),
        ..StartExecutorRequest::default()
    };
    let started = executors.start_executor(request).await.unwrap();
    assert_eq!(started.executor_id, "c");
    let request = StopExecutorRequest {
        executor_id: "e".into(),
    };
    let stopped = executors.stop_executor(request).await.unwrap();
    assert_eq!(stopped.executor_id, "e");
    let request = GetExecutorRequest {
        account_id: "a".into(),
        function_name: "g".into(),
    };
    let info = executors.get_executor(request).await.unwrap();
    assert_eq!(info.function_name, "g");
    let listed = executors.list_executors(ListExecutorsRequest {}).await;
    assert_eq!(listed.unwrap().executors.len(), 3);

    let request = ProvisionRequest {
        schema: "t".into(),
        ..ProvisionRequest::default()
    };
    let task = provisioner.start_provisioning_task(request).await.unwrap();
    assert_eq!(task.task_id, "t");
    let request = GetTaskStatusRequest {
        task_id: "t".into(),
    };
    assert_eq!(
        provisioner.get_task_status(request).await.unwrap().status,
        2
    );
    running.stop().await;
}

#[tokio::test(crate = "real_tokio")]
async fn an_answer_of_the_service_was_sent_for_whatever_it_says() {
    let running = Running::start();
    let streamer = streamer(running.address);
    let cases = [
        ("missing", Code::NotFound),
        ("twice", Code::AlreadyExists),
        ("broken", Code::Unavailable),
    ];
    for (account, code) in cases {
        let result = streamer.get_stream(stream_of(account)).await;
        assert_eq!(code_of(result), (code, false), "{account}");
    }
    running.stop().await;
}

#[tokio::test(crate = "real_tokio")]
async fn a_call_without_a_connection_was_not_sent() {
    let running = Running::start();
    let address = running.address;
    running.stop().await;
    let streamer = streamer(address);
    for _ in 0..3 {
        let result = soon(streamer.get_stream(stream_of("a"))).await;
        assert_eq!(code_of(result), (Code::Unavailable, true));
    }
}

#[tokio::test(crate = "real_tokio")]
async fn a_service_that_comes_back_is_found_again() {
    let running = Running::start();
    let address = running.address;
    let streamer = streamer(address);
    assert!(streamer.get_stream(stream_of("a")).await.is_ok());
    running.stop().await;
    assert!(soon(streamer.get_stream(stream_of("a"))).await.is_err());
    let running = Running::at(address);
    // The first call may still meet the old connection.
    let mut answers = Vec::new();
    for _ in 0..3 {
        answers.push(soon(streamer.get_stream(stream_of("a"))).await.is_ok());
    }
    assert!(answers[2], "{answers:?}");
    running.stop().await;
}

#[tokio::test(crate = "real_tokio")]
async fn a_call_whose_service_dies_may_have_happened() {
    let process = tokio::runtime::Runtime::new().unwrap();
    let running = {
        let _inside = process.enter();
        Running::start()
    };
    let streamer = streamer(running.address);
    let request = StartStreamRequest {
        account_id: "hang".into(),
        ..StartStreamRequest::default()
    };
    let call = tokio::spawn(async move { streamer.start_stream(request).await });
    soon(running.peer.called.notified()).await;
    process.shutdown_background();
    let (code, unsent) = code_of(soon(call).await.unwrap());
    assert_ne!(code, Code::Ok);
    assert!(!unsent);
    assert_eq!(running.peer.calls.load(Ordering::SeqCst), 1);
}

#[tokio::test(crate = "real_tokio")]
async fn a_peer_that_accepts_and_never_speaks_is_noticed_by_pings() {
    let listener = tokio::net::TcpListener::bind(any_port()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let held = tokio::spawn(async move {
        let mut held = Vec::new();
        while let Ok((socket, _)) = listener.accept().await {
            held.push(socket);
        }
    });
    let options = GrpcOptions {
        keep_alive_interval: Duration::from_millis(50),
        keep_alive_timeout: Duration::from_millis(50),
        ..GrpcOptions::default()
    };
    let streamer = GrpcBlockStreamer::new(&url(address), &options).unwrap();
    let result = soon(streamer.get_stream(stream_of("a"))).await;
    let (code, unsent) = code_of(result);
    assert_ne!(code, Code::Ok);
    assert!(!unsent, "the request was written to the socket");
    held.abort();
}

#[tokio::test(crate = "real_tokio")]
async fn large_listings_are_read_up_to_a_limit() {
    let running = Running::start();
    let listed = streamer(running.address)
        .list_streams(ListStreamsRequest {})
        .await
        .unwrap();
    assert_eq!(listed.streams.len(), 6);
    let options = GrpcOptions {
        answer_len_max: 5 << 20,
        ..GrpcOptions::default()
    };
    let streamer = GrpcBlockStreamer::new(&url(running.address), &options).unwrap();
    let result = streamer.list_streams(ListStreamsRequest {}).await;
    assert_eq!(code_of(result), (Code::OutOfRange, false));
    running.stop().await;
}

#[tokio::test(crate = "real_tokio")]
async fn unusable_addresses_are_told_apart_without_repeating_them() {
    let options = GrpcOptions::default();
    let error = |url: &str| {
        let error = GrpcBlockStreamer::new(url, &options).unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("secret"), "{text}");
        match error {
            SetupError::Address(error) => error,
            other => panic!("{other}"),
        }
    };
    assert!(matches!(error(""), AddressError::Malformed(_)));
    assert!(matches!(
        error("localhost:8002"),
        AddressError::Malformed(_)
    ));
    assert!(matches!(
        error("http://bad host"),
        AddressError::Malformed(_)
    ));
    assert!(matches!(error("/secret"), AddressError::Malformed(_)));
    for scheme in ["ftp", "unix", "grpc"] {
        assert_eq!(
            error(&format!("{scheme}://localhost:8002")),
            AddressError::Scheme(scheme.into())
        );
    }
    for url in [
        "http://me:secret@localhost:8002",
        "https://secret@localhost:8002",
    ] {
        assert_eq!(error(url), AddressError::Credentials);
    }
    for url in [
        "http://localhost:8002/secret",
        "http://localhost:8002/?key=secret",
    ] {
        assert_eq!(error(url), AddressError::Path);
    }
    for url in [
        "http://localhost:8002",
        "http://10.0.0.1:7001/",
        "http://[::1]:1",
    ] {
        assert!(GrpcExecutors::new(url, &options).is_ok(), "{url}");
        assert!(GrpcProvisioner::new(url, &options).is_ok(), "{url}");
    }
    let strange = GrpcOptions {
        user_agent: "two\nlines".into(),
        ..GrpcOptions::default()
    };
    let error = GrpcExecutors::new("http://localhost:1", &strange).unwrap_err();
    assert!(matches!(error, SetupError::UserAgent), "{error}");
}

#[tokio::test(crate = "real_tokio")]
async fn calls_beyond_the_limit_wait_and_then_count_as_unsent() {
    let running = Running::start();
    let options = GrpcOptions {
        calls_max: 2,
        slot_wait: Duration::from_millis(50),
        ..GrpcOptions::default()
    };
    let streamer = GrpcBlockStreamer::new(&url(running.address), &options).unwrap();
    let executors = GrpcExecutors::new(&url(running.address), &options).unwrap();
    let hanging: Vec<_> = (0..2)
        .map(|_| {
            let streamer = streamer.clone();
            tokio::spawn(async move { streamer.get_stream(stream_of("hang")).await })
        })
        .collect();
    soon(async {
        while running.peer.calls.load(Ordering::SeqCst) < 2 {
            running.peer.called.notified().await;
        }
    })
    .await;
    let error = soon(streamer.get_stream(stream_of("a"))).await.unwrap_err();
    assert_eq!(error.status.code(), Code::ResourceExhausted);
    assert!(error.unsent);
    assert!(
        error.status.message().contains("2 calls"),
        "{}",
        error.status
    );
    assert_eq!(running.peer.calls.load(Ordering::SeqCst), 2);
    // Another service has a limit of its own.
    let listed = soon(executors.list_executors(ListExecutorsRequest {})).await;
    assert!(listed.is_ok());
    // Who gives up makes room.
    for call in hanging {
        call.abort();
    }
    let answer = soon(async {
        loop {
            if let Ok(answer) = streamer.get_stream(stream_of("a")).await {
                break answer;
            }
        }
    });
    assert_eq!(answer.await.function_name, "f");
    running.stop().await;
}

#[tokio::test(crate = "real_tokio")]
async fn requests_are_measured_before_they_are_sent() {
    let running = Running::start();
    let options = GrpcOptions {
        request_len_max: 100,
        ..GrpcOptions::default()
    };
    let executors = GrpcExecutors::new(&url(running.address), &options).unwrap();
    let with_code = |len: usize| StartExecutorRequest {
        code: "x".repeat(len),
        ..StartExecutorRequest::default()
    };
    // Two more bytes say what and how long the text is.
    assert!(executors.start_executor(with_code(98)).await.is_ok());
    let error = executors.start_executor(with_code(99)).await.unwrap_err();
    assert_eq!(error.status.code(), Code::OutOfRange);
    assert!(error.unsent);
    let text = error.status.message();
    assert!(text.contains("101 bytes") && text.contains("100"), "{text}");
    assert_eq!(running.peer.calls.load(Ordering::SeqCst), 1);
    running.stop().await;
}

#[tokio::test(crate = "real_tokio")]
async fn why_no_connection_could_be_made_is_said() {
    let running = Running::start();
    let address = running.address;
    running.stop().await;
    let error = soon(streamer(address).get_stream(stream_of("a"))).await;
    let error = error.unwrap_err();
    assert!(
        error.status.message().contains("refused"),
        "{}",
        error.status
    );
    let nowhere = GrpcBlockStreamer::new("http://no.such.host.invalid:1", &GrpcOptions::default());
    let result = soon(nowhere.unwrap().get_stream(stream_of("a"))).await;
    assert_eq!(code_of(result), (Code::Unavailable, true));
}
