//! What operators can ask.

use serde_json::{Value, json};

use super::{ACCOUNT, FUNCTION, Peers, entry, play, state, stored, with};

fn switch(peers: &Peers, on: bool) -> Result<(), String> {
    let original = peers.original();
    play(async move { original.switch(ACCOUNT, FUNCTION, on).await })
}

#[test]
fn a_switch_writes_the_whole_state_in_every_phase() {
    for phase in [
        "Initializing",
        "Running",
        "Suspended",
        "Repairing",
        "Deleting",
    ] {
        let before = Some(state(phase, Some(7), true));
        let peers = Peers::of(entry(json!("LATEST")), before);
        assert_eq!(switch(&peers, false), Ok(()));
        assert_eq!(stored(&peers), state(phase, Some(7), false));
    }
}

#[test]
fn one_that_is_deleted_gets_a_state_again() {
    let deleted = with(
        entry(json!("LATEST")),
        "deleted_at_block_height",
        json!(300),
    );
    let peers = Peers::of(deleted, None);
    assert_eq!(switch(&peers, true), Ok(()));
    assert_eq!(stored(&peers), state("Initializing", None, true));
}

#[test]
fn what_the_registry_or_the_store_does_not_tell_is_refused() {
    let unknown = Peers::of(Value::Null, None);
    assert!(switch(&unknown, true).unwrap_err().starts_with("NOT_FOUND"));
    let silent = Peers::default();
    assert!(switch(&silent, true).unwrap_err().starts_with("INTERNAL"));
    let garbage = Peers::of(entry(json!("LATEST")), Some(json!([])));
    assert!(switch(&garbage, true).unwrap_err().starts_with("INTERNAL"));
}

#[test]
fn one_unreadable_state_breaks_the_list_for_all() {
    let good = state("Running", None, false);
    let peers = Peers::of(entry(json!("LATEST")), Some(good));
    let list = |peers: &Peers| {
        let original = peers.original();
        play(async move { original.list().await })
    };
    let expected = (ACCOUNT.to_owned(), FUNCTION.to_owned(), false);
    assert_eq!(list(&peers), Ok(vec![expected]));
    let both = json!({ ACCOUNT: { FUNCTION: entry(json!("LATEST")),
        "g": entry(json!("LATEST")) } });
    peers.said().views.insert("list_all", both);
    let broken = bytes::Bytes::from_static(b"?");
    peers
        .said()
        .store
        .insert("a.near/g:state".to_owned(), broken);
    assert!(list(&peers).unwrap_err().contains("panicked"));
}
