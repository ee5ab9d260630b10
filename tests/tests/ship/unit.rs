//! The systemd unit.

use std::collections::BTreeMap;

use crate::files::{PROGRAM, api_port, read, seconds, shutdown_timeout, variables};

const UNIT: &str = "deploy/systemd/coordinator.service";
const TLS: &str = "deploy/systemd/api-tls.conf";
const ORIGINAL: &str = "deploy/systemd/10-original-env.conf";

/// The values of a unit by section and name, in their order.
type Unit = BTreeMap<(String, String), Vec<String>>;

fn unit(path: &str) -> Unit {
    let mut unit = Unit::new();
    let mut section = None;
    for line in read(path).lines() {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        if let Some(name) = line.strip_prefix('[') {
            section = Some(name.strip_suffix(']').unwrap().to_owned());
            continue;
        }
        let (name, value) = line
            .split_once('=')
            .unwrap_or_else(|| panic!("{path}: {line}"));
        assert!(
            name.chars().all(|c| c.is_ascii_alphanumeric()),
            "{path}: {name}"
        );
        let key = (section.clone().unwrap(), name.to_owned());
        unit.entry(key).or_default().push(value.to_owned());
    }
    unit
}

fn all<'a>(unit: &'a Unit, name: &str) -> &'a [String] {
    let key = ("Service".to_owned(), name.to_owned());
    unit.get(&key).map(Vec::as_slice).unwrap_or_default()
}

#[track_caller]
fn only<'a>(unit: &'a Unit, name: &str) -> &'a str {
    let values = all(unit, name);
    assert_eq!(values.len(), 1, "{name}: {values:?}");
    &values[0]
}

#[test]
fn it_starts_the_service() {
    let unit = unit(UNIT);
    let command = only(&unit, "ExecStart");
    assert!(command.starts_with(PROGRAM), "{command}");
    crate::commands::parse(command.split(' ').map(str::to_owned)).unwrap();
    assert_eq!(only(&unit, "ExecReload"), "/bin/kill -HUP $MAINPID");
}

#[test]
fn it_is_given_the_time_it_needs() {
    let stop = seconds(only(&unit(UNIT), "TimeoutStopSec"));
    assert!(stop > shutdown_timeout(), "{stop:?}");
}

#[test]
fn what_no_restart_mends_is_not_restarted() {
    use coordinator_server::exit::Exit;
    let unit = unit(UNIT);
    assert_eq!(only(&unit, "Restart"), "on-failure");
    let codes: Vec<u8> = only(&unit, "RestartPreventExitStatus")
        .split(' ')
        .map(|code| code.parse().unwrap())
        .collect();
    assert_eq!(codes, [Exit::Usage.code(), Exit::Config.code()]);
    assert_eq!(Exit::Config.code(), 78);
}

#[test]
fn settings_are_settings_and_their_files_are_handed_over() {
    let known = variables();
    for path in [UNIT, TLS] {
        let unit = unit(path);
        let credentials: Vec<&str> = all(&unit, "LoadCredential")
            .iter()
            .map(|one| one.split_once(':').unwrap().0)
            .collect();
        assert!(!credentials.is_empty(), "{path}");
        let mut used = Vec::new();
        for setting in all(&unit, "Environment") {
            let (name, value) = setting.split_once('=').unwrap();
            assert!(known.contains(name), "{path}: {name}");
            used.extend(value.strip_prefix("%d/"));
        }
        assert_eq!(used, credentials, "{path}");
    }
    let tls = unit(TLS);
    let listen = format!("COORDINATOR_LISTEN=0.0.0.0:{}", api_port());
    assert!(all(&tls, "Environment").contains(&listen));
}

/// A drop-in with which the original's env file, `REDIS_URL` and all, can be used.
#[test]
fn the_original_s_env_file_can_stay_as_it_is() {
    let main = unit(UNIT);
    let drop_in = unit(ORIGINAL);
    assert_eq!(only(&drop_in, "LoadCredential"), "");
    let unset = only(&drop_in, "UnsetEnvironment");
    let left: Vec<&String> = all(&main, "Environment")
        .iter()
        .filter(|one| one.split_once('=').unwrap().0 != unset)
        .collect();
    assert!(
        left.is_empty(),
        "it names a file that is not handed over: {left:?}"
    );
    // systemd reads drop-ins in the order of their names.
    assert!(ORIGINAL < TLS);
}

#[test]
fn it_has_no_more_rights_than_it_needs() {
    let unit = unit(UNIT);
    for name in [
        "DynamicUser",
        "NoNewPrivileges",
        "MemoryDenyWriteExecute",
        "PrivateDevices",
        "PrivateTmp",
        "ProtectControlGroups",
        "ProtectHome",
        "ProtectKernelModules",
        "ProtectKernelTunables",
        "RestrictNamespaces",
        "RestrictSUIDSGID",
    ] {
        assert_eq!(only(&unit, name), "yes", "{name}");
    }
    assert_eq!(only(&unit, "ProtectSystem"), "strict");
    assert_eq!(only(&unit, "CapabilityBoundingSet"), "");
    // Where the embedded store lies when nobody says otherwise.
    assert_eq!(only(&unit, "StateDirectory"), "coordinator");
    let filters = all(&unit, "SystemCallFilter");
    assert_eq!(filters, ["@system-service", "~@privileged @resources"]);
}
