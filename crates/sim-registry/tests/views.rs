//! What readers see, at which height, and under which faults.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use sim_registry::{
    ActionStatus, Config, ForkedFrom, LIST_METHOD, Quirks, READ_METHOD, ReadPoint, Registration,
    RegistryModel, RegistryRule, StartBlock, ViewError,
};

fn action_any(affected: &str, status: ActionStatus) -> RegistryRule {
    RegistryRule::ActionAny {
        affected_account_id: affected.into(),
        status,
    }
}

fn registration(code: &str) -> Registration {
    Registration {
        code: code.into(),
        schema: "s".into(),
        rule: action_any("app.near", ActionStatus::Any),
        start_block: StartBlock::Latest,
        forked_from: None,
    }
}

fn list(registry: &mut RegistryModel, height: u64) -> String {
    let view = registry
        .view(LIST_METHOD, b"{}", ReadPoint::at(height))
        .unwrap();
    assert_eq!(view.block_height, height);
    String::from_utf8(view.result.to_vec()).unwrap()
}

fn read(registry: &mut RegistryModel, account: &str, function: &str, height: u64) -> String {
    let args = format!(r#"{{"account_id":"{account}","function_name":"{function}"}}"#);
    let view = registry
        .view(READ_METHOD, args.as_bytes(), ReadPoint::at(height))
        .unwrap();
    String::from_utf8(view.result.to_vec()).unwrap()
}

fn names(listing: &str) -> Vec<String> {
    let value: serde_json::Value = serde_json::from_str(listing).unwrap();
    let mut names = Vec::new();
    for (account, functions) in value.as_object().unwrap() {
        names.push(account.clone());
        names.extend(
            functions
                .as_object()
                .unwrap()
                .keys()
                .map(|f| format!("{account}/{f}")),
        );
    }
    names
}

fn example() -> RegistryModel {
    let mut registry = RegistryModel::new(Config::default());
    let feed = Registration {
        code: "await context.db.Posts.insert({h: block.blockHeight})".into(),
        start_block: StartBlock::Height(120_000_000),
        schema: "CREATE TABLE posts (h numeric)".into(),
        rule: action_any("social.near, *.alice.near", ActionStatus::Success),
        forked_from: Some(ForkedFrom {
            account_id: "bob.near".into(),
            function_name: "feed".into(),
        }),
    };
    let calls = Registration {
        code: "1".into(),
        start_block: StartBlock::Latest,
        schema: "..".into(),
        rule: RegistryRule::ActionFunctionCall {
            affected_account_id: "x.near".into(),
            status: ActionStatus::Any,
            function: "ft_*".into(),
        },
        forked_from: None,
    };
    let mints = Registration {
        code: "2".into(),
        start_block: StartBlock::Continue,
        schema: String::new(),
        rule: RegistryRule::Event {
            contract_account_id: "nft.near".into(),
            standard: "nep171".into(),
            version: "1.0.0".into(),
            event: "nft_mint".into(),
        },
        forked_from: None,
    };
    registry
        .register("alice.near", "feed", feed.clone(), 129_000_456)
        .unwrap();
    registry
        .register("empty.near", "gone", registration("x"), 129_500_000)
        .unwrap();
    registry
        .register("alice.near", "feed", feed, 130_000_123)
        .unwrap();
    registry
        .register("alice.near", "calls", calls, 130_000_200)
        .unwrap();
    registry
        .register("alice.near", "mi\"nts", mints, 130_000_201)
        .unwrap();
    registry.remove("empty.near", "gone", 130_000_300).unwrap();
    registry
}

#[test]
fn list_all_is_the_contracts_json() {
    let golden = concat!(
        r#"{"alice.near":{"#,
        r#""calls":{"code":"1","start_block":"LATEST","schema":"..","#,
        r#""rule":{"kind":"ACTION_FUNCTION_CALL","affected_account_id":"x.near","status":"ANY","#,
        r#""function":"ft_*"},"updated_at_block_height":null,"#,
        r#""created_at_block_height":130000200,"deleted_at_block_height":null,"#,
        r#""forked_from":null},"#,
        r#""feed":{"code":"await context.db.Posts.insert({h: block.blockHeight})","#,
        r#""start_block":{"HEIGHT":120000000},"schema":"CREATE TABLE posts (h numeric)","#,
        r#""rule":{"kind":"ACTION_ANY","affected_account_id":"social.near, *.alice.near","#,
        r#""status":"SUCCESS"},"updated_at_block_height":130000123,"#,
        r#""created_at_block_height":129000456,"deleted_at_block_height":null,"#,
        r#""forked_from":{"account_id":"bob.near","function_name":"feed"}},"#,
        r#""mi\"nts":{"code":"2","start_block":"CONTINUE","schema":"","#,
        r#""rule":{"kind":"EVENT","contract_account_id":"nft.near","standard":"nep171","#,
        r#""version":"1.0.0","event":"nft_mint"},"updated_at_block_height":null,"#,
        r#""created_at_block_height":130000201,"deleted_at_block_height":null,"#,
        r#""forked_from":null}},"#,
        r#""empty.near":{}}"#,
    );
    assert_eq!(list(&mut example(), 130_000_300), golden);
}

#[test]
fn the_listing_reads_back_as_a_registry_file() {
    let mut registry = example();
    let listing = list(&mut registry, 130_000_300);
    let mut again = RegistryModel::new(Config::default());
    again.restore(sim_registry::parse("listing", &listing).unwrap());
    let before: Vec<_> = registry
        .records_at(u64::MAX)
        .filter(|(_, _, record)| !record.is_deleted())
        .map(|(account, function, record)| {
            (account.to_owned(), function.to_owned(), record.clone())
        })
        .collect();
    let after: Vec<_> = again
        .records_at(0)
        .map(|(account, function, record)| {
            (account.to_owned(), function.to_owned(), record.clone())
        })
        .collect();
    assert_eq!(before, after);
}

#[test]
fn a_deleted_indexer_is_unlisted_but_readable() {
    let mut registry = RegistryModel::new(Config::default());
    registry
        .register("a.near", "f", registration("x"), 5)
        .unwrap();
    registry.remove("a.near", "f", 9).unwrap();
    assert_eq!(list(&mut registry, 9), r#"{"a.near":{}}"#);
    assert!(read(&mut registry, "a.near", "f", 9).contains(r#""deleted_at_block_height":9"#));
    registry
        .register("a.near", "f", registration("y"), 12)
        .unwrap();
    assert_eq!(names(&list(&mut registry, 12)), ["a.near", "a.near/f"]);
    assert!(read(&mut registry, "a.near", "f", 12).contains(r#""deleted_at_block_height":null"#));
}

#[test]
fn empty_accounts_can_be_left_out() {
    let quirks = Quirks {
        empty_accounts: false,
        ..Quirks::default()
    };
    let mut registry = RegistryModel::new(Config {
        quirks,
        ..Config::default()
    });
    registry
        .register("a.near", "f", registration("x"), 5)
        .unwrap();
    registry.remove("a.near", "f", 9).unwrap();
    assert_eq!(list(&mut registry, 9), "{}");
}

#[test]
fn null_means_never_registered() {
    let mut registry = RegistryModel::new(Config::default());
    assert_eq!(read(&mut registry, "a.near", "f", 100), "null");
    registry
        .register("a.near", "f", registration("x"), 5)
        .unwrap();
    assert_eq!(read(&mut registry, "a.near", "g", 100), "null");
    assert_eq!(
        read(&mut registry, "a.near", "f", 4),
        "null",
        "a replica that lags"
    );
}

#[test]
fn the_contract_panics_on_malformed_requests() {
    let mut registry = RegistryModel::new(Config::default());
    let mut ask = |method, args: &str| {
        registry
            .view(method, args.as_bytes(), ReadPoint::at(1))
            .unwrap_err()
    };
    let bad_account = ask(READ_METHOD, r#"{"account_id":"Bad!","function_name":"f"}"#);
    assert_eq!(
        bad_account,
        ViewError::Contract {
            message: "Account ID Bad! is invalid".into()
        }
    );
    let bad_args = ask(READ_METHOD, "{}");
    assert!(
        bad_args
            .to_string()
            .contains("Failed to deserialize input from JSON"),
        "{bad_args}"
    );
    assert_eq!(ask("list_some", "{}"), ViewError::MethodNotFound);
}

#[test]
fn an_older_height_shows_the_older_state() {
    let mut registry = RegistryModel::new(Config::default());
    registry
        .register("a.near", "f", registration("one"), 10)
        .unwrap();
    registry
        .register("a.near", "f", registration("two"), 20)
        .unwrap();
    registry
        .register("b.near", "g", registration("three"), 30)
        .unwrap();
    registry.remove("a.near", "f", 40).unwrap();
    let code = |listing: String| {
        let value: serde_json::Value = serde_json::from_str(&listing).unwrap();
        value["a.near"]["f"]["code"].as_str().map(str::to_owned)
    };
    assert_eq!(list(&mut registry, 9), "{}");
    // Out of order, so that cached listings of other heights are in the way.
    assert_eq!(code(list(&mut registry, 40)), None);
    assert_eq!(code(list(&mut registry, 10)).as_deref(), Some("one"));
    assert_eq!(code(list(&mut registry, 39)).as_deref(), Some("two"));
    assert_eq!(code(list(&mut registry, 19)).as_deref(), Some("one"));
    assert_eq!(names(&list(&mut registry, 29)), ["a.near", "a.near/f"]);
    assert_eq!(
        names(&list(&mut registry, 30)),
        ["a.near", "a.near/f", "b.near", "b.near/g"]
    );
    assert_eq!(
        names(&list(&mut registry, 99)),
        ["a.near", "b.near", "b.near/g"]
    );
    assert!(read(&mut registry, "a.near", "f", 19).contains("one"));
    assert!(read(&mut registry, "a.near", "f", 20).contains("two"));
}

#[test]
fn of_one_blocks_changes_only_the_last_is_visible() {
    let mut registry = RegistryModel::new(Config::default());
    registry
        .register("a.near", "f", registration("one"), 10)
        .unwrap();
    assert!(list(&mut registry, 10).contains("one"));
    registry
        .register("a.near", "f", registration("two"), 10)
        .unwrap();
    assert!(
        list(&mut registry, 10).contains("two"),
        "the cached listing is replaced"
    );
    assert!(read(&mut registry, "a.near", "f", 10).contains("two"));
}

#[test]
fn equal_listings_share_their_memory() {
    let mut registry = example();
    let mut ask = |height| {
        registry
            .view(LIST_METHOD, b"{}", ReadPoint::at(height))
            .unwrap()
            .result
            .as_ptr()
    };
    let (now, later, before) = (ask(130_000_300), ask(140_000_000), ask(130_000_250));
    assert_eq!(now, later);
    assert_ne!(now, before);
    assert_eq!(before, ask(130_000_299));
    assert_eq!(now, ask(130_000_301), "reading older blocks evicts nothing");
}

#[test]
fn old_history_is_forgotten_but_answers_go_on() {
    let mut registry = RegistryModel::new(Config {
        kept_changes: 4,
        ..Config::default()
    });
    for height in 1..=100u64 {
        registry
            .register("a.near", "f", registration(&format!("v{height}")), height)
            .unwrap();
    }
    assert!(read(&mut registry, "a.near", "f", 100).contains("v100"));
    assert!(read(&mut registry, "a.near", "f", 99).contains("v99"));
    let oldest = read(&mut registry, "a.near", "f", 1);
    assert_eq!(
        oldest,
        read(&mut registry, "a.near", "f", 50),
        "as of the oldest kept block"
    );
    assert!(oldest.contains(r#""created_at_block_height":1,"#));
    assert_eq!(list(&mut registry, 1), list(&mut registry, 50));
}

#[test]
fn fault_an_undecodable_entry_spoils_nothing_else() {
    let mut registry = example();
    registry.undecodable("alice.near", "feed", true);
    let height = 130_000_300;
    let listing = list(&mut registry, height);
    assert_eq!(
        names(&listing).len(),
        5,
        "the listing is JSON with all names"
    );
    assert!(sim_registry::parse("listing", &listing).is_err());
    assert!(!read(&mut registry, "alice.near", "feed", height).contains("bob.near"));
    registry.undecodable("alice.near", "feed", false);
    assert_eq!(list(&mut registry, height), list(&mut example(), height));
}

#[test]
fn fault_null_answers_for_what_exists() {
    let mut registry = example();
    let ask = |registry: &mut RegistryModel| read(registry, "alice.near", "feed", 130_000_300);
    registry.null_next(2);
    assert_eq!([ask(&mut registry), ask(&mut registry)], ["null", "null"]);
    assert_ne!(ask(&mut registry), "null");
    registry.always_null(true);
    assert_eq!(ask(&mut registry), "null");
    registry.always_null(false);
    assert_ne!(ask(&mut registry), "null");
    registry.null_for("alice.near", "feed", true);
    assert_eq!(ask(&mut registry), "null");
    assert_ne!(
        read(&mut registry, "alice.near", "calls", 130_000_300),
        "null"
    );
    registry.null_for("alice.near", "feed", false);
    assert_ne!(ask(&mut registry), "null");
}

#[test]
fn fault_listings_that_lack_entries() {
    let mut registry = example();
    let height = 130_000_300;
    registry.unlisted("alice.near", "feed", true);
    assert!(!names(&list(&mut registry, height)).contains(&"alice.near/feed".to_owned()));
    assert_ne!(read(&mut registry, "alice.near", "feed", height), "null");
    registry.unlisted("alice.near", "feed", false);
    registry.empty_list(true);
    assert_eq!(list(&mut registry, height), "{}");
    registry.empty_list(false);
    assert_eq!(list(&mut registry, height), list(&mut example(), height));
}

#[test]
fn a_large_registry_is_a_cliff() {
    let mut registry = example();
    let at = ReadPoint::at(130_000_300);
    let size = list(&mut registry, at.height).len() as u64;
    registry.set_gas_limit(Some(size));
    assert!(registry.view(LIST_METHOD, b"{}", at).is_ok());
    registry.set_gas_limit(Some(size - 1));
    let error = registry.view(LIST_METHOD, b"{}", at).unwrap_err();
    assert_eq!(error, ViewError::GasLimitExceeded);
    assert!(error.to_string().contains("HostError(GasLimitExceeded)"));
    assert_ne!(read(&mut registry, "alice.near", "feed", at.height), "null");
    registry.set_gas_limit(None);
    assert!(registry.view(LIST_METHOD, b"{}", at).is_ok());
}
