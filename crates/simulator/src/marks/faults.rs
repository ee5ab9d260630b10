//! Which fault an event tells of.

use crate::history::{Method, NodeName};
use crate::scenario::catalogue;

/// The fates of calls to the services.
pub const FATES: [&str; 10] = [
    "refused",
    "error_before",
    "error_after",
    "answer_lost",
    "late",
    "duplicate",
    "stale",
    "hang",
    "half_open",
    "black_hole",
];

/// What the text of a fault holds, and the family that this makes it; the first that
/// fits counts.
const TOLD: &[(&str, &str)] = &[
    ("the coordinator crashes", "crash_at_effect"),
    ("is killed", "crash"),
    ("is frozen", "pause"),
    (" is cut", "partition"),
    ("provisioning is slow", "provisioning_slow"),
    ("the machine of", "slow_node"),
    (" is slow", "clog"),
    ("messages overtake each other", "reorder"),
    ("meets Null", "registry_null"),
    ("RegistryListAll meets Error", "registry_error"),
    ("RegistryRead meets Error", "registry_error"),
    ("meets RateLimited", "rate_limited"),
    ("meets Stale", "registry_stale"),
    ("meets Undecodable", "undecodable"),
    ("meets GasLimit", "gas_limit"),
    ("meets Empty", "empty_listing"),
    ("meets DropEntries", "missing_entries"),
    ("meets Conflict", "conflict"),
    ("meets Rival", "second_writer"),
    ("meets ErrorBefore", "store_error_before"),
    ("meets ErrorAfter", "store_error_after"),
    ("the store is read-only", "read_only"),
    ("the store is out of memory", "out_of_memory"),
    ("the store forgets", "lose_tail"),
    ("the store restarts with nothing", "empty_store"),
    ("its stream task panics", "stream_panics"),
    ("its stream task dies", "stream_dies"),
    ("its worker crashes", "worker_crashes"),
    ("its worker vanishes", "worker_vanishes"),
    ("a block is poisoned", "poison"),
    ("blocks cannot be fetched", "fetch_outage"),
    ("start meets Slow", "slow_start"),
    ("start meets Hang", "hang_start"),
    ("start meets Fail", "fail_start"),
    ("a stop fails", "fail_stop"),
    ("provisioning fails", "provisioning_fails"),
    ("provisioning hangs", "provisioning_hangs"),
    ("is wrong by", "clock_skew"),
    ("jumps by", "clock_jump"),
    ("times as fast", "clock_drift"),
    ("the listing of", "wrong_listing"),
    ("over the quota", "quota"),
    ("a second coordinator starts", "second_coordinator"),
    ("another program leaves records", "downgrade"),
    ("a service is broken", "broken_service"),
    (" for good", "broken_for_good"),
];

/// Families that have no line in the catalogue of faults: they are no fault that a
/// scenario can write.
const OTHERS: &[(&str, &str)] = &[
    ("broken_for_good", "something is broken and stays so"),
    (
        "late_write",
        "something of the coordinator takes effect after its deadline",
    ),
];

/// The families that `text` tells of: at most one.
pub fn told(text: &str) -> Option<&'static str> {
    let found = TOLD.iter().find(|(words, _)| text.contains(words));
    found.map(|(_, family)| *family)
}

/// Whether the text of some fault tells of `family`.
#[cfg(test)]
pub fn tells_of(family: &str) -> bool {
    TOLD.iter().any(|(_, told)| *told == family)
}

/// The fate with that name.
pub fn fate(name: &str) -> Option<&'static str> {
    FATES.into_iter().find(|fate| *fate == name)
}

/// Every family with a line about it.
pub fn families() -> Vec<(&'static str, &'static str)> {
    let described = catalogue::families().map(|family| (family.name, family.summary));
    let mut all: Vec<_> = described.collect();
    for other in OTHERS {
        if all.iter().all(|(name, _)| name != &other.0) {
            all.push(*other);
        }
    }
    all
}

/// What befalls commands to the store: the text's word, and the name.
const STORE: [(&str, &str); 4] = [
    ("Conflict", "conflict"),
    ("Rival", "rival"),
    ("ErrorBefore", "error_before"),
    ("ErrorAfter", "error_after"),
];

/// What befalls reads of the registry: the text's word, and the name.
const REGISTRY: [(&str, &str); 8] = [
    ("Null", "null"),
    ("Error", "error"),
    ("RateLimited", "rate_limited"),
    ("Stale", "stale"),
    ("Undecodable", "undecodable"),
    ("GasLimit", "gas_limit"),
    ("Empty", "empty"),
    ("DropEntries", "drop_entries"),
];

/// The call and the fault that befell it, of a fault that is told in words.
pub fn told_of_call(text: &str) -> Option<(Method, &'static str)> {
    if let Some(rest) = text.strip_prefix("the coordinator crashes ") {
        let fault = if rest.starts_with("before") {
            "crash_before"
        } else {
            "crash_after"
        };
        let name = rest.split_once('(')?.1.strip_suffix(')')?;
        return Some((method(name)?, fault));
    }
    let (about, kind) = text.rsplit_once(" meets ")?;
    let method = method(about.rsplit(' ').next()?)?;
    let kinds: &[(&str, &'static str)] = match method.server() {
        NodeName::Store => &STORE,
        NodeName::Registry => &REGISTRY,
        _ => return None,
    };
    let found = kinds.iter().find(|(word, _)| *word == kind)?;
    Some((method, found.1))
}

fn method(name: &str) -> Option<Method> {
    Method::ALL.into_iter().find(|one| one.name() == name)
}

/// Every call with every fault that can befall it.
pub fn befallen() -> Vec<(Method, &'static str)> {
    let mut all = Vec::new();
    let methods = Method::ALL.into_iter();
    for method in methods.filter(|method| !method.is_the_originals()) {
        let listing = method == Method::RegistryListAll;
        match method.server() {
            NodeName::Store => {
                let cas = method == Method::StoreCompareAndSet;
                let can = |fault: &str| cas || !["conflict", "rival"].contains(&fault);
                let faults = STORE.map(|(_, fault)| fault).into_iter();
                all.extend(
                    faults
                        .filter(|fault| can(fault))
                        .map(|fault| (method, fault)),
                );
            }
            NodeName::Registry => {
                let whole = ["undecodable", "empty", "drop_entries", "gas_limit"];
                let can = |fault: &str| match fault {
                    "null" => !listing,
                    _ => listing || !whole.contains(&fault),
                };
                let faults = REGISTRY.map(|(_, fault)| fault).into_iter();
                all.extend(
                    faults
                        .filter(|fault| can(fault))
                        .map(|fault| (method, fault)),
                );
            }
            _ => {
                let can = |fault: &str| fault != "stale" || !method.is_effect();
                let faults = FATES.into_iter();
                all.extend(
                    faults
                        .filter(|fault| can(fault))
                        .map(|fault| (method, fault)),
                );
            }
        }
        if method.is_effect() {
            all.push((method, "crash_before"));
            all.push((method, "crash_after"));
        }
    }
    all
}
