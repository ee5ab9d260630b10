//! Power cuts, full disks and failed syncs: whatever was acknowledged is there,
//! and nothing else is there by half.

use std::sync::Arc;

use bytes::Bytes;
use coordinator::store::{CasOutcome, StoreError, StoreTransport};
use futures_util::future::join_all;
use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::faulty::{Fault, Faulty};
use crate::EmbeddedStore;

const CHAINS: u64 = 6;

fn open(disk: &Faulty) -> EmbeddedStore {
    disk.store().unwrap()
}

/// A value that is larger than a sector, and shows when it is torn.
fn text_of(number: u64) -> Bytes {
    Bytes::from(format!("{number} ").repeat(300))
}

fn number_in(value: Option<&Bytes>) -> u64 {
    let Some(value) = value else { return 0 };
    let text = std::str::from_utf8(value).unwrap();
    let number = text.split(' ').next().unwrap().parse().unwrap();
    assert_eq!(*value, text_of(number), "a torn value");
    number
}

/// What a chain of writes to one key may have left.
#[derive(Clone, Copy, Debug, Default)]
struct Left {
    acknowledged: u64,
    /// One more may have been written.
    open: bool,
}

/// Writes 1, 2, 3 ... to a key until a write fails.
async fn chain(store: Arc<EmbeddedStore>, key: u64, from: u64, most: u64) -> Left {
    let mut left = Left {
        acknowledged: from,
        open: false,
    };
    for next in from + 1..=from + most {
        let expected = (next > 1).then(|| text_of(next - 1));
        let key = format!("{key}:state");
        let outcome = store
            .compare_and_set(&key, expected.as_deref(), Some(&text_of(next)), None)
            .await;
        match outcome {
            Ok(CasOutcome::Applied) => left.acknowledged = next,
            Ok(other) => panic!("{other:?}"),
            Err(StoreError::Indefinite(_)) => {
                left.open = true;
                break;
            }
            Err(StoreError::Unavailable(_)) => break,
            Err(other) => panic!("{other}"),
        }
    }
    left
}

async fn chains(store: &Arc<EmbeddedStore>, from: &[u64], most: u64) -> Vec<Left> {
    let runs = from
        .iter()
        .zip(0..)
        .map(|(from, key)| tokio::spawn(chain(Arc::clone(store), key, *from, most)));
    let runs = join_all(runs).await;
    runs.into_iter().map(Result::unwrap).collect()
}

async fn found(store: &EmbeddedStore) -> Vec<u64> {
    let keys: Vec<String> = (0..CHAINS).map(|key| format!("{key}:state")).collect();
    let values = store.get_many(&keys).await.unwrap();
    values
        .iter()
        .map(|value| number_in(value.as_ref()))
        .collect()
}

fn check(found: &[u64], left: &[Left]) {
    for (found, left) in found.iter().zip(left) {
        let most = left.acknowledged + u64::from(left.open);
        assert!(
            (left.acknowledged..=most).contains(found),
            "found {found}, but {left:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_power_cut_takes_back_nothing_that_was_acknowledged(
        seed: u64,
        fuses in prop::collection::vec(0_u64..120, 1..5),
    ) {
        let disk = Faulty::new(seed);
        let runtime = Runtime::new().unwrap();
        let mut at = vec![0; usize::try_from(CHAINS).unwrap()];
        drop(open(&disk));
        for fuse in fuses {
            let store = Arc::new(open(&disk));
            disk.light_fuse(fuse);
            let left = runtime.block_on(chains(&store, &at, 40));
            disk.set_fault(Fault::Dead);
            drop(store);
            disk.power_on();
            let store = open(&disk);
            at = runtime.block_on(found(&store));
            check(&at, &left);
        }
    }

    #[test]
    fn a_store_that_is_cut_off_while_it_opens_opens_later(seed: u64, fuse in 0_u64..40) {
        let disk = Faulty::new(seed);
        let runtime = Runtime::new().unwrap();
        let store = Arc::new(open(&disk));
        let left = runtime.block_on(chains(&store, &[0; 6], 5));
        disk.set_fault(Fault::Dead);
        drop(store);
        disk.power_on();
        disk.light_fuse(fuse);
        let _whichever = disk.store();
        disk.set_fault(Fault::Dead);
        disk.power_on();
        check(&runtime.block_on(found(&open(&disk))), &left);
    }

    #[test]
    fn a_failed_sync_is_indefinite_and_later_writes_go_on(seed: u64, full: bool) {
        let disk = Faulty::new(seed);
        let runtime = Runtime::new().unwrap();
        runtime.block_on(async {
            let store = Arc::new(open(&disk));
            let begun = chains(&store, &[0; 6], 3).await;
            check(&found(&store).await, &begun);
            disk.set_fault(if full { Fault::Full } else { Fault::SyncFails });
            let at: Vec<u64> = begun.iter().map(|left| left.acknowledged).collect();
            let left = chains(&store, &at, 3).await;
            for left in &left {
                assert_eq!(left.acknowledged, 3, "acknowledged without a sync");
            }
            // It stays closed as long as the disk fails, and says so.
            let refused = store.set_add("s", "m").await.unwrap_err();
            assert!(matches!(refused, StoreError::Unavailable(_)), "{refused}");
            disk.set_fault(Fault::None);
            let at = found(&store).await;
            check(&at, &left);
            let more = chains(&store, &at, 3).await;
            for (more, at) in more.iter().zip(&at) {
                assert_eq!(more.acknowledged, at + 3);
            }
            assert_eq!(store.set_members("s").await.unwrap(), Vec::<String>::new());
        });
        disk.set_fault(Fault::Dead);
        disk.power_on();
    }
}

#[tokio::test]
async fn a_read_opens_a_closed_file_again() {
    let disk = Faulty::new(1);
    let store = open(&disk);
    store.set_add("s", "a").await.unwrap();
    disk.set_fault(Fault::SyncFails);
    let failed = store.set_add("s", "b").await.unwrap_err();
    assert!(matches!(failed, StoreError::Indefinite(_)), "{failed}");
    let failed = store.set_members("s").await.unwrap_err();
    assert!(matches!(failed, StoreError::Unavailable(_)), "{failed}");
    disk.set_fault(Fault::None);
    let members = store.set_members("s").await.unwrap();
    assert!(members.first().is_some_and(|member| member == "a"));
}

#[tokio::test]
async fn dropping_a_command_does_not_take_it_back() {
    let disk = Faulty::new(1);
    let store = open(&disk);
    disk.hold_syncs(true);
    {
        let write = store.set_add("s", "m");
        tokio::pin!(write);
        // Polled once it is in the queue, or with the writer.
        assert!(futures_util::poll!(&mut write).is_pending());
    }
    disk.hold_syncs(false);
    // The writer answers in order.
    store.set_add("s", "later").await.unwrap();
    assert_eq!(store.set_members("s").await.unwrap(), ["later", "m"]);
}
