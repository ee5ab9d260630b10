//! The contract's rules of creation, update, deletion and re-registration.

use sim_registry::{
    ActionStatus, Config, ContractError, Quirks, Registration, RegistryModel, RegistryRule,
    StartBlock,
};

fn registration(code: &str) -> Registration {
    Registration {
        code: code.into(),
        schema: String::new(),
        rule: RegistryRule::ActionAny {
            affected_account_id: "app.near".into(),
            status: ActionStatus::Any,
        },
        start_block: StartBlock::Latest,
        forked_from: None,
    }
}

enum Step {
    Register(&'static str, u64),
    Remove(u64),
}

use Step::{Register, Remove};

/// Steps, then created, updated, deleted, version and code of the record.
type Row = (
    &'static [Step],
    u64,
    Option<u64>,
    Option<u64>,
    u64,
    &'static str,
);

/// Steps, and what they lead to.
const ROWS: &[Row] = &[
    (&[Register("a", 5)], 5, None, None, 5, "a"),
    (
        &[Register("a", 5), Register("b", 9)],
        5,
        Some(9),
        None,
        9,
        "b",
    ),
    (&[Register("a", 5), Remove(9)], 5, None, Some(9), 5, "a"),
    (
        &[Register("a", 5), Register("b", 7), Remove(9)],
        5,
        Some(7),
        Some(9),
        7,
        "b",
    ),
    // A repeated deletion overwrites the height.
    (
        &[Register("a", 5), Remove(9), Remove(11)],
        5,
        None,
        Some(11),
        5,
        "a",
    ),
    // Registering again takes the deletion back and keeps the creation.
    (
        &[Register("a", 5), Remove(9), Register("b", 12)],
        5,
        Some(12),
        None,
        12,
        "b",
    ),
    (
        &[Register("a", 5), Remove(9), Register("b", 12), Remove(13)],
        5,
        Some(12),
        Some(13),
        12,
        "b",
    ),
    // Changes of one block share a version.
    (
        &[Register("a", 5), Register("b", 5)],
        5,
        Some(5),
        None,
        5,
        "b",
    ),
    (
        &[Register("a", 5), Register("b", 9), Register("c", 9)],
        5,
        Some(9),
        None,
        9,
        "c",
    ),
    (
        &[Register("a", 5), Remove(9), Register("b", 9)],
        5,
        Some(9),
        None,
        9,
        "b",
    ),
    (
        &[Register("a", 5), Register("b", 9), Remove(9)],
        5,
        Some(9),
        Some(9),
        9,
        "b",
    ),
    // Heights never go back.
    (
        &[Register("a", 5), Register("b", 3)],
        5,
        Some(5),
        None,
        5,
        "b",
    ),
];

#[test]
fn heights_follow_the_contract() {
    for (nth, (steps, created, updated, deleted, version, code)) in ROWS.iter().enumerate() {
        let mut registry = RegistryModel::new(Config::default());
        for step in *steps {
            match step {
                Register(code, height) => {
                    let registered = registry
                        .register("a.near", "f", registration(code), *height)
                        .unwrap();
                    assert_eq!(
                        registered,
                        registry
                            .record_at("a.near", "f", u64::MAX)
                            .unwrap()
                            .version()
                    );
                }
                Remove(height) => registry.remove("a.near", "f", *height).unwrap(),
            }
        }
        let record = registry.record_at("a.near", "f", u64::MAX).unwrap();
        assert_eq!(
            (record.created_at, record.updated_at, record.deleted_at),
            (*created, *updated, *deleted),
            "row {nth}"
        );
        assert_eq!(record.version(), *version, "row {nth}");
        assert_eq!(record.registration.code, *code, "row {nth}");
        assert_eq!(record.is_deleted(), deleted.is_some(), "row {nth}");
    }
}

#[test]
fn removing_what_was_never_registered_is_refused() {
    let mut registry = RegistryModel::new(Config::default());
    assert_eq!(
        registry.remove("a.near", "f", 1),
        Err(ContractError::UnknownAccount("a.near".into()))
    );
    registry
        .register("a.near", "f", registration(""), 2)
        .unwrap();
    let error = registry.remove("a.near", "g", 3).unwrap_err();
    assert_eq!(
        error.to_string(),
        "Function g does not exist on account a.near"
    );
    assert_eq!(
        registry.last_change(),
        2,
        "a refused change leaves no trace"
    );
}

#[test]
fn malformed_accounts_are_refused() {
    let mut registry = RegistryModel::new(Config::default());
    for bad in [
        "",
        "a",
        "A.near",
        "a..near",
        "-a",
        "a_",
        "a/b",
        &"x".repeat(65),
    ] {
        let error = registry
            .register(bad, "f", registration(""), 1)
            .unwrap_err();
        assert_eq!(error, ContractError::InvalidAccount(bad.into()));
        assert_eq!(
            registry.remove(bad, "f", 1),
            Err(ContractError::InvalidAccount(bad.into()))
        );
    }
    for good in ["aa", "a-b.near", &"x".repeat(64)] {
        registry.register(good, "f", registration(""), 1).unwrap();
    }
}

#[test]
fn function_names_code_and_schema_are_not_checked() {
    let mut registry = RegistryModel::new(Config::default());
    for name in ["", "a/b", "x:y", "Upper Case", "\"\n"] {
        registry
            .register("a.near", name, registration(""), 1)
            .unwrap();
        assert!(registry.record_at("a.near", name, 1).is_some());
    }
}

#[test]
fn wide_rules_need_an_owner_when_asked_for() {
    let quirks = Quirks {
        refuse_owner_rules: true,
        ..Quirks::default()
    };
    let mut strict = RegistryModel::new(Config {
        quirks,
        ..Config::default()
    });
    let mut lenient = RegistryModel::new(Config::default());
    let mut wide = registration("");
    wide.rule = RegistryRule::ActionAny {
        affected_account_id: "a.near, *".into(),
        status: ActionStatus::Any,
    };
    assert_eq!(
        strict.register("a.near", "f", wide.clone(), 1),
        Err(ContractError::NeedsOwner)
    );
    assert!(strict.record_at("a.near", "f", 1).is_none());
    assert_eq!(lenient.register("a.near", "f", wide, 1), Ok(1));
}

#[test]
fn the_configuration_reads_from_toml() {
    let config: Config = toml::from_str("replicas = 2\nlag = \"30s\"\n").unwrap();
    assert_eq!((config.replicas, config.lag.as_secs()), (2, 30));
    assert!(toml::from_str::<Config>("replica = 2").is_err());
    let text = toml::to_string(&Config::default()).unwrap();
    assert_eq!(toml::from_str::<Config>(&text).unwrap(), Config::default());
}
