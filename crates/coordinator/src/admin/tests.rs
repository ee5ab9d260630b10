//! Acknowledged means durable, whatever happens in between.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::FutureExt;
use lifecycle::{Phase, Record, Timestamp};
use proto::{block_streamer as bs, data_layer as dl, runner as rn};
use tonic::Status;

use super::*;
use crate::registry::RegistryTransport;
use crate::store::{CasOutcome, MemoryStore, StoreTransport};
use crate::transport::{
    BlockStreamerTransport, CallResult, ExecutorTransport, ProvisionerTransport,
};
use crate::{Clock, Knobs, Ports};

const STATE: &str = "a.near/f:state";
const ENTRY: &str = concat!(
    r#"{"code":"c","schema":"s","start_block":"LATEST","created_at_block_height":5,"#,
    r#""rule":{"kind":"ACTION_ANY","affected_account_id":"x","status":"ANY"}}"#,
);

/// What happens at one conditional write.
enum Twist {
    /// Somebody else is faster.
    Overtaken(&'static str),
    /// The loop removes what stands there.
    Removed,
    /// It happens, and the answer is lost.
    AnswerLost,
    /// It does not happen, and the answer is lost.
    RequestLost,
    /// The store cannot be reached.
    Refused,
}

#[derive(Default)]
struct World {
    memory: MemoryStore,
    twists: Mutex<VecDeque<Twist>>,
    registry: Mutex<Option<Result<String, RegistryError>>>,
    asked: Mutex<Vec<String>>,
}

#[async_trait]
impl StoreTransport for World {
    async fn get_many(&self, keys: &[String]) -> Result<Vec<Option<Bytes>>, StoreError> {
        self.memory.get_many(keys).await
    }

    async fn compare_and_set(
        &self,
        key: &str,
        expected: Option<&[u8]>,
        new: Option<&[u8]>,
        list: Option<&str>,
    ) -> Result<CasOutcome, StoreError> {
        let twist = self.twists.lock().unwrap().pop_front();
        match twist {
            Some(Twist::Overtaken(value)) => self.memory.put(key, value),
            Some(Twist::Removed) => self.memory.delete(&[key.to_owned()]).await?,
            Some(Twist::RequestLost) => return Err(StoreError::Indefinite("lost".into())),
            Some(Twist::Refused) => return Err(StoreError::Unavailable("refused".into())),
            Some(Twist::AnswerLost) => {
                self.memory
                    .compare_and_set(key, expected, new, list)
                    .await?;
                return Err(StoreError::Indefinite("lost".into()));
            }
            None => {}
        }
        self.memory.compare_and_set(key, expected, new, list).await
    }

    async fn delete(&self, keys: &[String]) -> Result<(), StoreError> {
        self.memory.delete(keys).await
    }

    async fn delete_if(
        &self,
        guard: &str,
        expected: &[u8],
        keys: &[String],
    ) -> Result<CasOutcome, StoreError> {
        self.memory.delete_if(guard, expected, keys).await
    }

    async fn set_members(&self, key: &str) -> Result<Vec<String>, StoreError> {
        self.memory.set_members(key).await
    }

    async fn set_add(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.memory.set_add(key, member).await
    }

    async fn set_remove(&self, key: &str, member: &str) -> Result<(), StoreError> {
        self.memory.set_remove(key, member).await
    }

    async fn queue_head(&self, key: &str) -> Result<Option<u64>, StoreError> {
        self.memory.queue_head(key).await
    }
}

#[async_trait]
impl RegistryTransport for World {
    async fn view(&self, method: &str, arguments: &[u8]) -> Result<ViewAnswer, RegistryError> {
        let arguments = String::from_utf8_lossy(arguments);
        self.asked
            .lock()
            .unwrap()
            .push(format!("{method} {arguments}"));
        let answer = self.registry.lock().unwrap().clone();
        match answer {
            Some(answer) => answer.map(|result| ViewAnswer {
                result: result.into(),
                block_height: 10,
            }),
            None => std::future::pending().await,
        }
    }
}

impl Clock for World {
    fn now(&self) -> Timestamp {
        Timestamp(0)
    }
}

/// No command of operators calls a service.
macro_rules! unreachable_service {
    ($transport:ident { $($method:ident($request:ty) -> $answer:ty;)* }) => {
        #[async_trait]
        impl $transport for World {
            $(async fn $method(&self, _: $request) -> CallResult<$answer> {
                Err(Status::unimplemented("not expected").into())
            })*
        }
    };
}

unreachable_service!(BlockStreamerTransport {
    start_stream(bs::StartStreamRequest) -> bs::StartStreamResponse;
    stop_stream(bs::StopStreamRequest) -> bs::StopStreamResponse;
    get_stream(bs::GetStreamRequest) -> bs::StreamInfo;
    list_streams(bs::ListStreamsRequest) -> bs::ListStreamsResponse;
});
unreachable_service!(ExecutorTransport {
    start_executor(rn::StartExecutorRequest) -> rn::StartExecutorResponse;
    stop_executor(rn::StopExecutorRequest) -> rn::StopExecutorResponse;
    get_executor(rn::GetExecutorRequest) -> rn::ExecutorInfo;
    list_executors(rn::ListExecutorsRequest) -> rn::ListExecutorsResponse;
});
unreachable_service!(ProvisionerTransport {
    start_provisioning_task(dl::ProvisionRequest) -> dl::StartTaskResponse;
    get_task_status(dl::GetTaskStatusRequest) -> dl::GetTaskStatusResponse;
});

struct Fixture {
    world: Arc<World>,
    shared: Arc<Shared>,
    admin: AdminService,
}

fn fixture(registry: &str) -> Fixture {
    let world = Arc::new(World::default());
    *world.registry.lock().unwrap() = Some(Ok(registry.to_owned()));
    let knobs = Knobs {
        list_deadline: Duration::from_millis(20),
        store_deadline: Duration::from_millis(20),
        ..Knobs::default()
    };
    let ports = Ports {
        block_streamer: world.clone(),
        executors: world.clone(),
        provisioner: world.clone(),
        registry: world.clone(),
        store: world.clone(),
        clock: world.clone(),
    };
    let shared = Arc::new(Shared::new(knobs, ports, false));
    Fixture {
        world,
        admin: AdminService::new(shared.clone()),
        shared,
    }
}

impl Fixture {
    fn twist(&self, twists: impl IntoIterator<Item = Twist>) {
        self.world.twists.lock().unwrap().extend(twists);
    }

    async fn disable(&self) -> Result<(), AdminError> {
        self.admin.disable("tester", "a.near", "f").await
    }

    fn stored(&self) -> Option<Record> {
        let raw = self.world.memory.text(STATE)?;
        Some(codec::decode(STATE, &raw).unwrap().record)
    }

    async fn listed(&self) -> Vec<String> {
        self.world.memory.set_members(keys::LISTED).await.unwrap()
    }
}

#[tokio::test]
async fn a_switch_changes_the_switch_and_nothing_else() {
    let fixture = fixture(ENTRY);
    let before =
        r#"{"block_stream_synced_at":7,"enabled":true,"lifecycle_state":"Running","note":1}"#;
    fixture.world.memory.put(STATE, before);
    let id = IndexerId::new("a.near", "f").unwrap();
    let record = codec::decode(STATE, &before.into()).unwrap().record;

    fixture.disable().await.unwrap();
    let disabled = Record {
        enabled: false,
        ..record.knowing(5)
    };
    assert_eq!(fixture.stored(), Some(disabled));
    fixture.admin.enable("tester", "a.near", "f").await.unwrap();
    assert_eq!(fixture.stored(), Some(record.knowing(5)));
    let raw = fixture.world.memory.text(STATE).unwrap();
    assert!(String::from_utf8_lossy(&raw).contains(r#""note":1"#));
    assert_eq!(fixture.listed().await, [keys::state(&id)]);
    assert_eq!(
        fixture.world.asked.lock().unwrap()[0],
        r#"read_indexer_function {"account_id":"a.near","function_name":"f"}"#
    );
}

#[tokio::test]
async fn an_indexer_without_a_record_gets_one() {
    let fixture = fixture(ENTRY);
    fixture.disable().await.unwrap();
    let record = fixture.stored().unwrap();
    assert_eq!((record.enabled, record.phase), (false, Phase::Initializing));
    assert_eq!(fixture.listed().await, [STATE]);
}

#[tokio::test]
async fn a_command_notes_as_what_the_indexer_is_registered() {
    let fresh = fixture(ENTRY);
    fresh.disable().await.unwrap();
    assert_eq!(fresh.stored().unwrap().registered, Some(5));
    // It is so already, but in an earlier life, whose tombstone may still be heard.
    for known in [3, 5] {
        let fixture = fixture(ENTRY);
        let before = format!(
            r#"{{"enabled":false,"lifecycle_state":"Suspended","coordinator":{{"format":1,
            "revision":1,"provisioned":true,"registered":{known}}}}}"#
        );
        fixture.world.memory.put(STATE, before);
        fixture.disable().await.unwrap();
        assert_eq!(fixture.stored().unwrap().registered, Some(5));
    }
}

/// It was sent before, nobody knows what became of it, and it arrives late.
#[tokio::test]
async fn an_acknowledged_order_is_not_undone_by_a_former_one() {
    let hold = r#","hold":{"reason":"why","since":1,"by":"olga"}"#;
    for (order, enabled, hold) in [
        ("enable", true, ""),
        ("disable", false, ""),
        ("hold", true, hold),
        ("release", true, ""),
        ("retry", true, ""),
    ] {
        let fixture = fixture(ENTRY);
        let before = format!(
            r#"{{"enabled":{enabled},"lifecycle_state":"Suspended","coordinator":{{"format":1,
            "revision":1,"provisioned":true,"registered":5{hold}}}}}"#
        );
        fixture.world.memory.put(STATE, before.clone());
        let memory = &fixture.world.memory;
        let admin = &fixture.admin;
        match order {
            "enable" => admin.enable("olga", "a.near", "f").await,
            "disable" => admin.disable("olga", "a.near", "f").await,
            "hold" => admin.hold("olga", "a.near", "f", "why").await,
            "release" => admin.release("olga", "a.near", "f").await,
            _ => admin.retry("olga", "a.near", "f").await,
        }
        .unwrap();
        let late = memory.compare_and_set(STATE, Some(before.as_bytes()), Some(b"{}"), None);
        assert_ne!(late.await.unwrap(), CasOutcome::Applied, "{order}");
        // Nor is anything acknowledged that was only read.
        fixture.twist([Twist::Refused]);
        let refused = fixture.disable().await.unwrap_err();
        assert!(
            matches!(refused, AdminError::NotNow(_)),
            "{order}: {refused}"
        );
    }
}

/// The registry told of it, and denies it now: that is no tombstone.
#[tokio::test]
async fn a_command_notes_what_was_told_of_who_is_not_listed_any_more() {
    let fixture = fixture("null");
    let id = IndexerId::new("a.near", "f").unwrap();
    let listing = format!(r#"{{"a.near":{{"f":{ENTRY}}}}}"#);
    let listed = crate::registry::decode::decode_list(listing.as_bytes());
    let now = tokio::time::Instant::now();
    {
        let mut desired = lock(&fixture.shared.desired);
        desired.watch(&id, now);
        let knobs = &fixture.shared.knobs;
        let none = BTreeSet::new();
        desired.take_listing(6, listed.unwrap().indexers, &none, now, knobs);
        desired.take_listing(7, BTreeMap::new(), &none, now, knobs);
        assert!(matches!(
            desired.desired(&id),
            lifecycle::Desired::Unlisted(_)
        ));
    }
    let before = r#"{"enabled":false,"lifecycle_state":"Suspended"}"#;
    fixture.world.memory.put(STATE, before);
    fixture.disable().await.unwrap();
    assert_eq!(fixture.stored().unwrap().registered, Some(5));
}

#[tokio::test]
async fn the_loop_is_woken_by_a_success_only() {
    let fixture = fixture(ENTRY);
    let wake = fixture
        .shared
        .wake_of(&IndexerId::new("a.near", "f").unwrap());
    fixture.twist([Twist::Refused]);
    assert!(fixture.disable().await.is_err());
    assert!(wake.news.notified().now_or_never().is_none());
    fixture.disable().await.unwrap();
    assert!(wake.news.notified().now_or_never().is_some());
}

#[tokio::test]
async fn somebody_elses_change_is_kept() {
    let fixture = fixture(ENTRY);
    fixture
        .world
        .memory
        .put(STATE, r#"{"lifecycle_state":"Initializing"}"#);
    fixture.twist([
        Twist::Overtaken(r#"{"lifecycle_state":"Running","block_stream_synced_at":8}"#),
        Twist::Overtaken(r#"{"lifecycle_state":"Repairing","block_stream_synced_at":9}"#),
    ]);
    fixture.disable().await.unwrap();
    let record = fixture.stored().unwrap();
    assert_eq!(
        (record.enabled, record.phase, record.synced_at),
        (false, Phase::Repairing, Some(9))
    );
}

#[tokio::test]
async fn a_switch_outlives_the_record_that_said_so_already() {
    let fixture = fixture(ENTRY);
    let doomed = r#"{"enabled":false,"lifecycle_state":"Deleting"}"#;
    fixture.world.memory.put(STATE, doomed);
    fixture.twist([Twist::Removed]);
    fixture.disable().await.unwrap();
    let record = fixture.stored().unwrap();
    assert_eq!((record.enabled, record.phase), (false, Phase::Initializing));
}

#[tokio::test]
async fn endless_conflicts_are_given_up_without_an_acknowledgement() {
    let fixture = fixture(ENTRY);
    let values = [r#"{"enabled":true}"#, r#"{"enabled":true,"x":1}"#];
    fixture.twist((0..100).map(|n| Twist::Overtaken(values[n % 2])));
    let error = fixture.disable().await.unwrap_err();
    assert!(matches!(error, AdminError::NotNow(_)), "{error:?}");
    assert!(fixture.stored().unwrap().enabled);
}

#[tokio::test]
async fn a_lost_answer_is_looked_up() {
    for twist in [Twist::AnswerLost, Twist::RequestLost] {
        let fixture = fixture(ENTRY);
        fixture.twist([twist]);
        fixture.disable().await.unwrap();
        assert!(!fixture.stored().unwrap().enabled);
        assert_eq!(fixture.listed().await, [STATE]);
    }
}

#[tokio::test]
async fn what_cannot_be_made_certain_is_not_acknowledged() {
    let fixture = fixture(ENTRY);
    fixture.twist((0..100).map(|_| Twist::RequestLost));
    let error = fixture.disable().await.unwrap_err();
    assert!(matches!(error, AdminError::Unavailable(_)), "{error:?}");
    assert_eq!(fixture.stored(), None);
}

/// A full or read-only store says so, and operators need not wonder.
#[tokio::test]
async fn what_the_store_refuses_was_not_done_unless_an_earlier_try_may_have_been() {
    let fixture = fixture(ENTRY);
    fixture.twist([Twist::Refused]);
    let error = fixture.disable().await.unwrap_err();
    assert!(
        matches!(&error, AdminError::NotNow(why)
            if why.contains("nothing is changed") && why.contains("refused")),
        "{error:?}"
    );
    assert_eq!(fixture.stored(), None);
    fixture.twist([Twist::RequestLost, Twist::Refused]);
    let error = fixture.disable().await.unwrap_err();
    assert!(
        matches!(&error, AdminError::Unavailable(why)
            if why.contains("lost") && why.contains("refused")),
        "{error:?}"
    );
}

#[tokio::test]
async fn a_record_that_cannot_be_listed_is_not_acknowledged() {
    let fixture = fixture(ENTRY);
    fixture.world.memory.put(keys::LISTED, "no set");
    let error = fixture.disable().await.unwrap_err();
    assert!(matches!(error, AdminError::NotNow(_)), "{error:?}");
    assert_eq!(fixture.stored(), None);
    let list = [keys::LISTED.to_owned()];
    fixture.world.memory.delete(&list).await.unwrap();
    fixture.disable().await.unwrap();
    assert_eq!(fixture.listed().await, [STATE]);
}

#[tokio::test]
async fn an_unreadable_record_is_named_and_left_alone() {
    let fixture = fixture(ENTRY);
    fixture.world.memory.put(STATE, "{");
    let error = fixture.disable().await.unwrap_err();
    assert!(
        matches!(&error, AdminError::Unreadable(why) if why.contains(STATE)),
        "{error:?}"
    );
    assert_eq!(fixture.world.memory.text(STATE).unwrap(), "{");
}

#[tokio::test]
async fn only_registered_indexers_are_switched() {
    let deleted = ENTRY.replace("\"code\"", "\"deleted_at_block_height\":9,\"code\"");
    for answer in ["null", &deleted] {
        let fixture = fixture(answer);
        let error = fixture.disable().await.unwrap_err();
        assert!(matches!(error, AdminError::NotFound(_)), "{error:?}");
        assert_eq!(fixture.stored(), None);
    }
    let fixture = fixture(ENTRY);
    for account in ["", "A.near", "a/b", "a..near"] {
        let error = fixture
            .admin
            .enable("tester", account, "f")
            .await
            .unwrap_err();
        assert!(matches!(error, AdminError::InvalidArgument(_)), "{error:?}");
    }
    assert!(fixture.world.asked.lock().unwrap().is_empty());
}

#[tokio::test]
async fn without_the_registry_nothing_unknown_is_switched_and_it_is_said_why() {
    let answers = [
        None,
        Some(Ok("garbage".to_owned())),
        Some(Err(RegistryError::RateLimited)),
        Some(Err(RegistryError::Contract("gas".into()))),
    ];
    for answer in answers {
        let fixture = fixture(ENTRY);
        *fixture.world.registry.lock().unwrap() = answer.clone();
        for error in [
            fixture.disable().await.unwrap_err(),
            fixture.admin.list().await.unwrap_err(),
        ] {
            assert!(
                matches!(&error, AdminError::NotNow(why) if why.contains("registry")),
                "{answer:?}: {error:?}"
            );
        }
        assert_eq!(fixture.stored(), None);
    }
}

#[tokio::test]
async fn a_list_shows_switches_and_leaves_unreadable_records_out() {
    let fixture = fixture(&format!(
        r#"{{"a.near":{{"f":{ENTRY},"g":{ENTRY},"h":{ENTRY},"bad":7}}}}"#
    ));
    fixture.world.memory.put(STATE, r#"{"enabled":false}"#);
    fixture.world.memory.put("a.near/h:state", "garbage");
    let switches = fixture.admin.list().await.unwrap();
    let shown: Vec<(&str, bool)> = switches
        .indexers
        .iter()
        .map(|switch| (switch.id.as_str(), switch.enabled))
        .collect();
    assert_eq!(shown, [("a.near/f", false), ("a.near/g", true)]);
    assert_eq!(switches.unreadable, 1);
}
