//! Clients of the original notice no difference.

use proto::indexer::{Empty, IndexerRequest};
use tonic::Code;

use crate::support::{Setup, until};
use crate::world::World;

fn request(account: &str, function: &str) -> IndexerRequest {
    IndexerRequest {
        account_id: account.to_owned(),
        function_name: function.to_owned(),
    }
}

#[tokio::test]
async fn an_unchanged_client_switches_and_lists() {
    let world = World::new();
    world.register("a.near", "f");
    world.register("b.near", "g");
    let api = Setup::local(&world).start();
    let mut client = api.manager();
    assert!(
        client
            .disable(request("a.near", "f"))
            .await
            .unwrap()
            .into_inner()
            .success
    );
    let list = client.list(Empty {}).await.unwrap().into_inner();
    let shown: Vec<_> = list
        .indexers
        .iter()
        .map(|it| {
            (
                it.account_id.as_str(),
                it.function_name.as_str(),
                it.enabled,
            )
        })
        .collect();
    assert_eq!(shown, [("a.near", "f", false), ("b.near", "g", true)]);
    assert!(
        client
            .enable(request("a.near", "f"))
            .await
            .unwrap()
            .into_inner()
            .success
    );
    assert!(world.record("a.near", "f").contains(r#""enabled":true"#));
    api.end().await;
}

#[tokio::test]
async fn errors_have_the_original_s_codes_and_say_more() {
    let world = World::new();
    world.register("a.near", "f");
    let api = Setup::local(&world).start();
    let mut client = api.manager();
    let bad = client.enable(request("No Account", "f")).await.unwrap_err();
    assert_eq!(bad.code(), Code::InvalidArgument);
    assert!(
        bad.message().contains("`No Account` is no account id"),
        "{bad}"
    );
    let unknown = client
        .disable(request("a.near", "nothing"))
        .await
        .unwrap_err();
    assert_eq!(unknown.code(), Code::NotFound);
    assert_eq!(unknown.message(), "a.near/nothing is not registered");
    api.reaches("a.near", "f", "Steady").await;
    world.set_store_away(true);
    let away = client.disable(request("a.near", "f")).await.unwrap_err();
    assert_eq!(away.code(), Code::Unavailable);
    let said = "a.near/f: nothing is changed: the store cannot be reached: the store is away";
    assert_eq!(away.message(), said);
    world.set_store_away(false);
    world.set_registry_away(true);
    for silent in [
        client.disable(request("a.near", "g")).await.unwrap_err(),
        client.enable(request("a.near", "g")).await.unwrap_err(),
    ] {
        assert_eq!(silent.code(), Code::Unavailable);
        assert_eq!(
            silent.message(),
            "a.near/g: nothing is changed, since nobody says whether it is registered: the \
             registry cannot be reached: it is away"
        );
    }
    let switched = client.disable(request("a.near", "f")).await.unwrap();
    assert!(switched.into_inner().success);
    assert!(world.record("a.near", "f").contains(r#""enabled":false"#));
    let unlisted = client.list(Empty {}).await.unwrap_err();
    assert_eq!(unlisted.code(), Code::Unavailable);
    world.set_registry_away(false);
    until(async || client.enable(request("a.near", "f")).await.ok()).await;
    api.end().await;
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_named_and_left_out() {
    let world = World::new();
    world.register("a.near", "f");
    world.register("a.near", "g");
    world.store.put("a.near/f:state", "garbage");
    let mut setup = Setup::local(&world);
    setup.loops = false;
    let api = setup.start();
    let mut client = api.manager();
    let refused = client.disable(request("a.near", "f")).await.unwrap_err();
    assert_eq!(refused.code(), Code::Internal);
    assert!(refused.message().contains("a.near/f:state"), "{refused}");
    assert!(
        refused.message().contains("nothing is changed"),
        "{refused}"
    );
    let list = client.list(Empty {}).await.unwrap().into_inner();
    let shown: Vec<_> = list
        .indexers
        .iter()
        .map(|it| it.function_name.as_str())
        .collect();
    assert_eq!(shown, ["g"]);
    api.end().await;
}

#[tokio::test]
async fn a_list_of_many_comes_at_once() {
    let world = World::new();
    for n in 0..3000 {
        world.register("a.near", &format!("f{n}"));
    }
    let mut setup = Setup::local(&world);
    setup.loops = false;
    let api = setup.start();
    let list = api.manager().list(Empty {}).await.unwrap().into_inner();
    assert_eq!(list.indexers.len(), 3000);
    api.end().await;
}
