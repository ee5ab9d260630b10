//! The Compose files: what they name exists, and the coordinator in them is as
//! safe as it can be.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

use crate::files::{USER, api_port, http_port, read, root, seconds, shutdown_timeout, variables};
use crate::yaml::{at, one, strings};

const TRIAL: &str = "deploy/compose/compose.yaml";
const PRODUCTION: &str = "deploy/compose/compose.production.example.yaml";

fn coordinator(path: &str) -> Value {
    at(&one(path), "/services/coordinator").clone()
}

#[test]
fn settings_are_settings() {
    let known = variables();
    for path in [TRIAL, PRODUCTION] {
        let service = coordinator(path);
        let environment = at(&service, "/environment").as_object().unwrap();
        for (name, value) in environment {
            assert!(known.contains(name), "{path}: {name}");
            assert!(value.is_string(), "{path}: {name} is no text");
        }
    }
}

#[test]
fn the_coordinator_has_no_more_rights_than_it_needs() {
    for path in [TRIAL, PRODUCTION] {
        let service = coordinator(path);
        assert_eq!(at(&service, "/read_only"), true, "{path}");
        assert_eq!(strings(at(&service, "/cap_drop")), ["ALL"], "{path}");
        let options = strings(at(&service, "/security_opt"));
        assert!(options.contains(&"no-new-privileges:true"), "{path}");
        let grace = seconds(at(&service, "/stop_grace_period").as_str().unwrap());
        assert!(grace > shutdown_timeout(), "{path}: {grace:?}");
    }
    let text = read(PRODUCTION);
    assert!(text.contains(&format!("the user {USER} must be able")));
}

#[test]
fn ports_are_those_of_the_program() {
    for path in [TRIAL, PRODUCTION] {
        for port in strings(at(&coordinator(path), "/ports")) {
            let numbers: Vec<u64> = port.split(':').filter_map(|it| it.parse().ok()).collect();
            let [outer, inner] = numbers[..] else {
                panic!("{path}: {port}");
            };
            assert_eq!(outer, inner, "{path}: {port}");
            assert!([api_port(), http_port()].contains(&inner), "{path}: {port}");
            // What has no authentication is for this machine.
            assert!(
                inner != http_port() || port.starts_with("127.0.0.1:"),
                "{path}: {port}"
            );
        }
    }
}

#[test]
fn the_api_is_opened_with_protection_only() {
    let trial = coordinator(TRIAL);
    let open = ["GRPC_PORT", "COORDINATOR_LISTEN", "COORDINATOR_INSECURE"];
    for name in open {
        assert!(
            trial["environment"].get(name).is_none(),
            "the trial sets {name}"
        );
    }
    let production = coordinator(PRODUCTION);
    let environment = at(&production, "/environment");
    assert!(environment.get("COORDINATOR_INSECURE").is_none());
    let given: BTreeSet<&str> = strings(at(&production, "/secrets")).into_iter().collect();
    let files = one(PRODUCTION);
    for name in ["TLS_CERT", "TLS_KEY", "TOKENS_FILE"] {
        let path = at(environment, &format!("/COORDINATOR_{name}"))
            .as_str()
            .unwrap();
        let secret = path.strip_prefix("/run/secrets/").unwrap();
        assert!(given.contains(secret), "{secret} is not handed over");
        at(&files, &format!("/secrets/{secret}/file"));
    }
}

#[test]
fn files_and_stages_that_are_named_exist() {
    let folder = root().join("deploy/compose");
    for path in [TRIAL, PRODUCTION] {
        let file = one(path);
        for (name, service) in at(&file, "/services").as_object().unwrap() {
            if let Some(build) = service.get("build") {
                let context = folder.join(at(build, "/context").as_str().unwrap());
                let dockerfile = std::fs::read_to_string(context.join("Dockerfile")).unwrap();
                let target = at(build, "/target").as_str().unwrap();
                assert!(
                    dockerfile.contains(&format!(" AS {target}\n")),
                    "{name}: {target}"
                );
            }
            for file in strings(&service["env_file"]) {
                assert!(folder.join(file).exists(), "{name}: {file}");
            }
            for volume in strings(&service["volumes"]) {
                let source = volume.split(':').next().unwrap();
                let is_path = source.starts_with('.');
                assert!(!is_path || folder.join(source).exists(), "{name}: {source}");
                if !is_path {
                    at(&file, &format!("/volumes/{source}"));
                }
            }
            let needed = service["depends_on"].as_object();
            for other in needed.into_iter().flat_map(|needed| needed.keys()) {
                at(&file, &format!("/services/{other}"));
            }
        }
    }
}

#[test]
fn the_trial_starts_programs_of_its_image() {
    let file = one(TRIAL);
    let image = read("Dockerfile");
    for (name, service) in at(&file, "/services").as_object().unwrap() {
        let command = strings(&service["command"]);
        if service["image"] != "coordinator-fakes" {
            continue;
        }
        let program = Path::new(command[0]).file_name().unwrap().to_str().unwrap();
        assert!(
            image.contains(&format!("target/release/{program}")),
            "{name}"
        );
        let package = root().join("crates").join(program).join("src/main.rs");
        assert!(package.exists(), "{name}: {program}");
        // Each waits for the port at which the coordinator looks for it.
        let listen = command
            .iter()
            .find_map(|word| word.strip_prefix("--listen=0.0.0.0:"));
        let address = format!("http://{name}:{}", listen.unwrap());
        let settings = coordinator(TRIAL)["environment"].to_string();
        assert!(settings.contains(&address), "nobody asks {address}");
    }
}

#[test]
fn the_health_check_is_a_command_of_the_program() {
    let service = coordinator(TRIAL);
    let test = strings(at(&service, "/healthcheck/test"));
    assert_eq!(test[..2], ["CMD", crate::files::PROGRAM]);
    let words = test.iter().skip(1).map(|word| (*word).to_owned());
    crate::commands::parse(words).unwrap();
}
