//! Any sequence of commands answers as the store in memory does, whenever the
//! file is closed and opened in between.

use bytes::Bytes;
use coordinator::store::{MemoryStore, StoreTransport};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::faulty::Faulty;

#[derive(Clone, Debug)]
enum Op {
    Get(Vec<String>),
    Cas(String, Option<Bytes>, Option<Bytes>, Option<String>),
    Delete(Vec<String>),
    Members(String),
    Add(String, String),
    Remove(String, String),
    Head(String),
    Push(String, u64),
    Reopen,
}

fn key() -> impl Strategy<Value = String> {
    // Names that begin like others, and the empty one.
    prop::sample::select(vec!["", "a", "a\0", "ab", "b", "\u{10ffff}"]).prop_map(str::to_owned)
}

fn keys() -> impl Strategy<Value = Vec<String>> {
    prop::collection::vec(key(), 0..4)
}

fn value() -> impl Strategy<Value = Option<Bytes>> {
    prop::option::of(prop::sample::select(vec!["", "1", "2"]).prop_map(Bytes::from))
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        3 => keys().prop_map(Op::Get),
        6 => (key(), value(), value(), prop::option::of(key()))
            .prop_map(|(key, old, new, list)| Op::Cas(key, old, new, list)),
        2 => keys().prop_map(Op::Delete),
        2 => key().prop_map(Op::Members),
        4 => (key(), key()).prop_map(|(key, member)| Op::Add(key, member)),
        2 => (key(), key()).prop_map(|(key, member)| Op::Remove(key, member)),
        2 => key().prop_map(Op::Head),
        3 => (key(), any::<u64>()).prop_map(|(key, height)| Op::Push(key, height)),
        1 => Just(Op::Reopen),
    ]
}

/// The answer to `op` in words.
async fn answer(store: &dyn StoreTransport, op: &Op) -> String {
    match op {
        Op::Get(keys) => format!("{:?}", store.get_many(keys).await),
        // A key that lists itself can be neither text nor set.
        Op::Cas(key, _, _, Some(list)) if key == list => String::new(),
        Op::Cas(key, old, new, list) => {
            let (old, new) = (old.as_deref(), new.as_deref());
            let outcome = store.compare_and_set(key, old, new, list.as_deref());
            format!("{:?}", outcome.await)
        }
        Op::Delete(keys) => format!("{:?}", store.delete(keys).await),
        Op::Members(key) => {
            let members = store.set_members(key).await;
            format!(
                "{:?}",
                members.map(|mut members| {
                    members.sort_unstable();
                    members
                })
            )
        }
        Op::Add(key, member) => format!("{:?}", store.set_add(key, member).await),
        Op::Remove(key, member) => format!("{:?}", store.set_remove(key, member).await),
        Op::Head(key) => format!("{:?}", store.queue_head(key).await),
        Op::Push(..) | Op::Reopen => String::new(),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn answers_are_those_of_the_model(ops in prop::collection::vec(op(), 1..80)) {
        let disk = Faulty::new(1);
        let open = || disk.store().unwrap();
        let model = MemoryStore::new();
        let mut store = open();
        Runtime::new().unwrap().block_on(async {
            for op in ops {
                let (expected, found) = match &op {
                    Op::Push(key, height) => (
                        format!("{:?}", model.push(key, *height)),
                        format!("{:?}", store.queue_push(key, *height).await),
                    ),
                    Op::Reopen => {
                        drop(store);
                        store = open();
                        continue;
                    }
                    op => (answer(&model, op).await, answer(&store, op).await),
                };
                prop_assert_eq!(expected, found, "{:?}", op);
            }
            Ok(())
        })?;
    }
}
