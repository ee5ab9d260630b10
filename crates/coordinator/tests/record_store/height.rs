//! The registry height that was acted upon.

use coordinator::store::{StoreError, StoreTransport, StoredHeight, keys};

use super::fixture;

#[tokio::test]
async fn the_registry_height_never_goes_down() {
    let (store, records, _) = fixture();
    assert_eq!(records.high_water().await, Ok(StoredHeight::Absent));
    assert_eq!(records.raise_high_water(10).await, Ok(10));
    assert_eq!(records.raise_high_water(7).await, Ok(10));
    assert_eq!(records.high_water().await, Ok(StoredHeight::At(10)));
    assert_eq!(records.raise_high_water(12).await, Ok(12));
    for text in ["15\n", "15\r\n", " 15 "] {
        store.memory.put(keys::REGISTRY_HEIGHT, text);
        assert_eq!(records.high_water().await, Ok(StoredHeight::At(15)));
        assert_eq!(records.raise_high_water(13).await, Ok(15));
    }
    store.memory.put(keys::REGISTRY_HEIGHT, "x");
    assert_eq!(records.raise_high_water(11).await, Ok(11));
}

#[tokio::test]
async fn a_registry_height_that_cannot_be_read_is_shown_and_mended_by_order() {
    let (store, records, _) = fixture();
    for (lowered, left) in [(0, StoredHeight::Absent), (7, StoredHeight::At(7))] {
        let huge = "9".repeat(100_000);
        for text in ["x\u{1b}[2J", "", "-1", huge.as_str()] {
            store.memory.put(keys::REGISTRY_HEIGHT, text.to_owned());
            let found = records.high_water().await.unwrap();
            let StoredHeight::Unreadable(why) = &found else {
                panic!("{text} is {found:?}");
            };
            assert!(why.len() < 200 && !why.contains('\u{1b}'), "{why}");
            let told = records.lower_high_water(lowered).await;
            assert_eq!(told, Ok((found, left.clone())));
            assert_eq!(records.high_water().await, Ok(left.clone()));
        }
        store
            .memory
            .delete(&[keys::REGISTRY_HEIGHT.to_owned()])
            .await
            .unwrap();
        store
            .memory
            .set_add(keys::REGISTRY_HEIGHT, "1")
            .await
            .unwrap();
        let found = records.high_water().await.unwrap();
        let a_set = matches!(&found, StoredHeight::Unreadable(why) if why.contains("a set"));
        assert!(a_set, "{found:?}");
        let kept = records.raise_high_water(1).await;
        assert!(matches!(kept, Err(StoreError::Rejected(_))), "{kept:?}");
        let told = records.lower_high_water(lowered).await;
        assert_eq!(told, Ok((found, left.clone())));
        assert_eq!(records.high_water().await, Ok(left));
        assert_eq!(records.raise_high_water(20).await, Ok(20));
    }
}

#[tokio::test]
async fn raising_the_registry_height_survives_others_but_not_for_ever() {
    let (store, records, _) = fixture();
    *store.interloper.lock().unwrap() = Some(("2".into(), 3));
    assert_eq!(records.raise_high_water(100).await, Ok(100));
    *store.interloper.lock().unwrap() = Some(("5".into(), 1000));
    assert_eq!(records.raise_high_water(1000).await, Ok(5999));
    *store.interloper.lock().unwrap() = Some(("".into(), 500));
    let contended = records.raise_high_water(1_000_000).await;
    assert!(
        matches!(contended, Err(StoreError::Unavailable(_))),
        "{contended:?}"
    );
}

#[tokio::test]
async fn the_registry_height_is_lowered_by_order_only() {
    let (store, records, _) = fixture();
    let nothing = (StoredHeight::Absent, StoredHeight::Absent);
    assert_eq!(records.lower_high_water(5).await, Ok(nothing));
    records.raise_high_water(900).await.unwrap();
    for (to, before, after) in [(901, 900, 900), (900, 900, 900), (7, 900, 7)] {
        let lowered = records.lower_high_water(to).await;
        let (before, after) = (StoredHeight::At(before), StoredHeight::At(after));
        assert_eq!(lowered, Ok((before, after.clone())));
        assert_eq!(records.high_water().await, Ok(after));
    }
    let removed = records.lower_high_water(0).await;
    assert_eq!(removed, Ok((StoredHeight::At(7), StoredHeight::Absent)));
    assert!(!store.memory.exists(keys::REGISTRY_HEIGHT));
    records.raise_high_water(100).await.unwrap();
    *store.interloper.lock().unwrap() = Some(("5".into(), 500));
    let contended = records.lower_high_water(10).await;
    assert!(
        matches!(contended, Err(StoreError::Unavailable(_))),
        "{contended:?}"
    );
}
