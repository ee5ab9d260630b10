//! Lists in pages.

use proto::coordinator as pb;
use proto::coordinator::operations_client::OperationsClient;
use tonic::Code;
use tonic::transport::Channel;

use crate::support::{Api, Setup, until};
use crate::world::World;

fn page(page_size: u32, page_token: &str, filter: pb::IndexerFilter) -> pb::ListIndexersRequest {
    pb::ListIndexersRequest {
        page_size,
        page_token: page_token.to_owned(),
        filter: Some(filter),
    }
}

async fn names(
    client: &mut OperationsClient<Channel>,
    page_size: u32,
    filter: &pb::IndexerFilter,
) -> (Vec<String>, usize) {
    let mut names = Vec::new();
    let mut token = String::new();
    for pages in 1..1000 {
        let request = page(page_size, &token, filter.clone());
        let answer = client.list_indexers(request).await.unwrap().into_inner();
        for indexer in answer.indexers {
            let name = indexer.name.unwrap();
            names.push(format!("{}/{}", name.account_id, name.function_name));
        }
        token = answer.next_page_token;
        if token.is_empty() {
            return (names, pages);
        }
    }
    panic!("there is always another page");
}

async fn knows(api: &Api, number: u64) {
    let mut client = api.operations();
    until(async || {
        let answer = client.get_overview(pb::GetOverviewRequest {}).await;
        let overview = answer.unwrap().into_inner();
        (overview.states.values().sum::<u64>() >= number).then_some(())
    })
    .await;
}

#[tokio::test]
async fn pages_show_each_indexer_once_and_in_order() {
    let world = World::new();
    let mut expected = Vec::new();
    for account in ["a.near", "b.near", "c.near"] {
        for n in 0..7 {
            world.register(account, &format!("f{n}"));
            expected.push(format!("{account}/f{n}"));
        }
    }
    let api = Setup::local(&world).start();
    knows(&api, 21).await;
    let mut client = api.operations();
    let all = pb::IndexerFilter::default();
    for size in [0, 1, 4, 21, 22, u32::MAX] {
        let (shown, pages) = names(&mut client, size, &all).await;
        assert_eq!(shown, expected, "{size}");
        assert!(size != 4 || pages >= 6, "{pages}");
    }
    let of_b = pb::IndexerFilter {
        account_id: "b.near".to_owned(),
        ..all.clone()
    };
    assert_eq!(names(&mut client, 3, &of_b).await.0, expected[7..14]);
    let phases = vec!["Suspended".to_owned(), "Suspending".to_owned()];
    let suspended = pb::IndexerFilter { phases, ..all };
    assert!(names(&mut client, 3, &suspended).await.0.is_empty());
    api.end().await;
}

#[tokio::test]
async fn pages_of_long_names_fit_into_what_clients_accept() {
    let world = World::new();
    for n in 0..80 {
        let long = format!("{n:03}{}", "x".repeat((64 << 10) - 3));
        world.register("a.near", &long);
    }
    let api = Setup::local(&world).start();
    knows(&api, 80).await;
    // With the limit that clients have unless told otherwise.
    let mut client = OperationsClient::new(api.channel());
    let (shown, pages) = names(&mut client, 1000, &pb::IndexerFilter::default()).await;
    assert_eq!(shown.len(), 80);
    assert!(shown.is_sorted() && pages > 1);
    api.end().await;
}

#[tokio::test]
async fn what_is_asked_for_must_make_sense() {
    let world = World::new();
    let api = Setup::local(&world).start();
    let mut client = api.operations();
    let all = pb::IndexerFilter::default();
    let huge = "1.".to_owned() + &"A".repeat(200 << 10);
    for token in ["x", "1.", "2.YS5uZWFyL2Y", "1.YQ", &huge] {
        let refused = client
            .list_indexers(page(1, token, all.clone()))
            .await
            .unwrap_err();
        assert_eq!(refused.code(), Code::InvalidArgument, "{refused}");
        assert!(refused.message().contains("page token"), "{refused}");
    }
    let phases = vec!["Sleeping".to_owned()];
    let filter = pb::IndexerFilter { phases, ..all };
    let refused = client.list_indexers(page(1, "", filter)).await.unwrap_err();
    assert_eq!(refused.code(), Code::InvalidArgument);
    assert!(
        refused.message().contains("there is no such phase"),
        "{refused}"
    );
    api.end().await;
}
