//! The fake on a real port, called through the generated client.

use crate::common::*;
use proto::block_streamer::block_streamer_client::BlockStreamerClient;
use proto::block_streamer::{
    GetStreamRequest, ListStreamsRequest, ProcessingState, StartStreamRequest, StopStreamRequest,
};
use real_tokio::net::TcpListener;
use real_tokio::sync::oneshot;
use sim_block_streamer::{Config, Quirks, server};
use sim_node::server::{Settings, serve};
use sim_store::RedisModel;
use tonic::Code;
use tonic::transport::{Endpoint, Server};

fn on_real_time<F: Future>(body: F) -> F::Output {
    let mut runtime = real_tokio::runtime::Builder::new_current_thread();
    runtime
        .enable_all()
        .build()
        .expect("a runtime")
        .block_on(body)
}

#[test]
fn all_calls_work_over_a_real_socket() {
    on_real_time(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let address = listener.local_addr().expect("bound");
        // The calls follow each other closely enough to race.
        let quirks = Quirks {
            double_start_race: false,
            ..Quirks::default()
        };
        let config = Config {
            stop_delay: millis(1),
            quirks,
            ..Config::default()
        };
        let own = || Box::new(RedisModel::new(sim_store::Config::default())) as Box<_>;
        let surroundings = Settings::default()
            .surroundings("test", own)
            .expect("nothing to refuse");
        let host = server::host(config, 0, surroundings);
        let (stop, stopped) = oneshot::channel::<()>();
        let router = Server::builder().add_service(server::service(host.clone()));
        let serving = serve(listener, router, host.drive(), async {
            let _told_or_dropped = stopped.await;
        });
        let calling = async {
            let endpoint = Endpoint::from_shared(format!("http://{address}")).expect("a URI");
            let channel = endpoint.connect().await.expect("it listens");
            let mut client = BlockStreamerClient::new(channel);
            let start = client
                .start_stream(request(1))
                .await
                .expect("accepted")
                .into_inner();
            assert_eq!(start.stream_id, id());
            let again = client.start_stream(request(1)).await.expect_err("refused");
            assert_eq!(again.code(), Code::AlreadyExists);
            let invalid = StartStreamRequest {
                rule: None,
                ..request(1)
            };
            let refused = client.start_stream(invalid).await.expect_err("refused");
            assert_eq!(refused.code(), Code::InvalidArgument);
            let get = GetStreamRequest {
                account_id: "a.near".to_owned(),
                function_name: "feed".to_owned(),
            };
            let info = client.get_stream(get).await.expect("listed").into_inner();
            let state = info.health.as_ref().expect("present").processing_state();
            assert_eq!((info.version, state), (7, ProcessingState::Idle));
            let list = client
                .list_streams(ListStreamsRequest {})
                .await
                .expect("answers");
            assert_eq!(list.into_inner().streams, [info]);
            assert_eq!(host.with(|node, _| node.live_tasks().count()), 1);
            let stop_it = StopStreamRequest { stream_id: id() };
            let answer = client.stop_stream(stop_it.clone()).await.expect("stops");
            assert_eq!(answer.into_inner().status, "ok");
            let gone = client.stop_stream(stop_it).await.expect_err("gone");
            assert_eq!(gone.code(), Code::NotFound);
            assert_eq!(host.with(|node, _| node.live_tasks().count()), 0);
            drop(client);
            stop.send(()).expect("it serves");
        };
        let (served, ()) = real_tokio::join!(serving, calling);
        served.expect("clean end");
    });
}
