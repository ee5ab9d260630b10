//! The manifests: every name leads somewhere, and the pod is as safe and as
//! patient as the program needs.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::files::{
    PROGRAM, USER, api_port, default, http_port, read, root, shutdown_timeout, under, variables,
};
use crate::yaml::{at, one, parse, strings};

const BASE: &str = "deploy/kubernetes/base";
const TLS: &str = "deploy/kubernetes/components/api-tls";
const EMBEDDED: &str = "deploy/kubernetes/components/embedded-store";

fn deployment() -> Value {
    one(&format!("{BASE}/deployment.yaml"))
}

fn pod() -> Value {
    at(&deployment(), "/spec/template/spec").clone()
}

/// The container that a file has, whole or as a patch.
fn container(path: &str) -> Value {
    at(&one(path), "/spec/template/spec/containers/0").clone()
}

/// Name and value of the variables that are set.
fn variables_in(container: &Value) -> Vec<(String, String)> {
    let list = at(container, "/env").as_array().unwrap();
    let text = |one: &Value, key: &str| at(one, key).as_str().unwrap().to_owned();
    list.iter()
        .map(|one| (text(one, "/name"), text(one, "/value")))
        .collect()
}

#[test]
fn kustomizations_name_what_there_is() {
    let files = under("deploy/kubernetes");
    let mut named = BTreeSet::new();
    let kustomizations = files
        .iter()
        .filter(|path| path.ends_with("/kustomization.yaml"));
    for path in kustomizations {
        let (folder, _) = path.rsplit_once('/').unwrap();
        let file = one(path);
        let mut paths = strings(&file["resources"]);
        paths.extend(strings(&file["components"]));
        let patches = file["patches"]
            .as_array()
            .map(Vec::as_slice)
            .unwrap_or_default();
        paths.extend(patches.iter().filter_map(|patch| patch["path"].as_str()));
        assert!(!paths.is_empty(), "{path}");
        for one in paths {
            let target = root().join(folder).join(one);
            let target = target
                .canonicalize()
                .unwrap_or_else(|_| panic!("{path}: {one}"));
            if target.is_dir() {
                assert!(target.join("kustomization.yaml").exists(), "{path}: {one}");
            }
            named.insert(target);
        }
    }
    for path in files {
        let is_part = path.ends_with("kustomization.yaml") || path.ends_with(".example.yaml");
        let whole = root().join(&path).canonicalize().unwrap();
        assert!(
            is_part || named.contains(&whole),
            "no kustomization names {path}"
        );
    }
}

#[test]
fn settings_are_settings() {
    let known = variables();
    for path in under("deploy/kubernetes") {
        for document in parse(&path, &read(&path)) {
            if document["kind"] == "ConfigMap" {
                for (name, value) in at(&document, "/data").as_object().unwrap() {
                    assert!(known.contains(name), "{path}: {name}");
                    assert!(value.is_string(), "{path}: {name} is no text");
                }
            }
            if document["kind"] == "Deployment" {
                let container = at(&document, "/spec/template/spec/containers/0");
                for (name, _) in variables_in(container) {
                    assert!(known.contains(&name), "{path}: {name}");
                }
            }
        }
    }
}

#[test]
fn there_is_one_at_a_time() {
    let deployment = deployment();
    assert_eq!(at(&deployment, "/spec/replicas"), 1);
    assert_eq!(at(&deployment, "/spec/strategy/type"), "Recreate");
}

#[test]
fn the_pod_is_given_the_time_it_needs() {
    let grace = at(&pod(), "/terminationGracePeriodSeconds")
        .as_u64()
        .unwrap();
    let needed = shutdown_timeout().as_secs();
    assert!(grace > needed, "{grace} s, and it may take {needed} s");
}

#[test]
fn the_pod_has_no_more_rights_than_it_needs() {
    let pod = pod();
    assert_eq!(at(&pod, "/automountServiceAccountToken"), false);
    assert_eq!(at(&pod, "/enableServiceLinks"), false);
    assert_eq!(at(&pod, "/securityContext/runAsNonRoot"), true);
    assert_eq!(at(&pod, "/securityContext/runAsUser"), USER);
    assert_eq!(
        at(&pod, "/securityContext/seccompProfile/type"),
        "RuntimeDefault"
    );
    let container = at(&pod, "/containers/0");
    assert_eq!(
        at(container, "/securityContext/readOnlyRootFilesystem"),
        true
    );
    assert_eq!(
        at(container, "/securityContext/allowPrivilegeEscalation"),
        false
    );
    assert_eq!(
        strings(at(container, "/securityContext/capabilities/drop")),
        ["ALL"]
    );
    at(container, "/resources/limits/memory");
}

#[test]
fn probes_ask_what_they_should() {
    let container = container(&format!("{BASE}/deployment.yaml"));
    let pages = [
        ("startup", "/healthz"),
        ("liveness", "/healthz"),
        ("readiness", "/readyz"),
    ];
    for (probe, page) in pages {
        let get = at(&container, &format!("/{probe}Probe/httpGet")).clone();
        assert_eq!(at(&get, "/path"), page, "{probe}");
        assert_eq!(at(&get, "/port"), "http", "{probe}");
    }
    let served = read("crates/telemetry/src/http/routes.rs");
    for (_, page) in pages {
        assert!(
            served.contains(&format!(".route(\"{page}\"")),
            "{page} is not served"
        );
    }
}

/// The ports of a container or a service by name.
fn ports<'a>(value: &'a Value, key: &str) -> Vec<(&'a str, u64)> {
    let list = at(value, "/ports").as_array().unwrap();
    let port = |one: &'a Value| {
        (
            at(one, "/name").as_str().unwrap(),
            one[key].as_u64().unwrap(),
        )
    };
    list.iter().map(port).collect()
}

#[test]
fn ports_are_those_of_the_program() {
    let http = [("http", http_port())];
    let grpc = [("grpc", api_port())];
    for (folder, expected) in [(BASE, http), (TLS, grpc)] {
        let container = container(&format!("{folder}/deployment.yaml"));
        assert_eq!(ports(&container, "containerPort"), expected, "{folder}");
        let service = one(&format!("{folder}/service.yaml"));
        assert_eq!(ports(at(&service, "/spec"), "port"), expected, "{folder}");
    }
    let settings = one(&format!("{BASE}/configmap.yaml"));
    let listen = at(&settings, "/data/COORDINATOR_HTTP_LISTEN")
        .as_str()
        .unwrap();
    assert_eq!(listen, format!("0.0.0.0:{}", http_port()));
    let policy = one(&format!("{BASE}/networkpolicy.yaml"));
    let let_in = at(&policy, "/spec/ingress/0/ports/0/port");
    assert_eq!(let_in, http_port());
    assert_eq!(at(&policy, "/spec/ingress").as_array().unwrap().len(), 1);
    let more = one(&format!("{TLS}/networkpolicy.yaml"));
    assert_eq!(at(&more, "/0/value/ports/0/port"), api_port());
}

/// Every path that a setting names lies in something that is mounted.
#[test]
fn files_that_settings_name_are_mounted() {
    for (folder, least) in [(BASE, 1), (TLS, 3), (EMBEDDED, 1)] {
        let file = one(&format!("{folder}/deployment.yaml"));
        let pod = at(&file, "/spec/template/spec");
        let container = at(pod, "/containers/0");
        let text = |value: &Value, key: &str| at(value, key).as_str().unwrap().to_owned();
        let list = |value: &Value, key: &str| at(value, key).as_array().unwrap().clone();
        let mounts = list(container, "/volumeMounts");
        let volumes: BTreeSet<String> = list(pod, "/volumes")
            .iter()
            .map(|one| text(one, "/name"))
            .collect();
        let mounted: BTreeSet<String> = mounts.iter().map(|one| text(one, "/name")).collect();
        assert_eq!(mounted, volumes, "{folder}");
        let settings = variables_in(container);
        let paths = settings.iter().filter(|(_, value)| value.starts_with('/'));
        let mut seen = 0;
        for (name, path) in paths {
            let inside = mounts
                .iter()
                .any(|one| path.starts_with(&text(one, "/mountPath")));
            assert!(inside, "{folder}: {name} names {path}");
            seen += 1;
        }
        assert_eq!(seen, least, "{folder}");
    }
}

#[test]
fn secrets_are_for_the_group_alone() {
    for folder in [BASE, TLS] {
        let file = one(&format!("{folder}/deployment.yaml"));
        for volume in at(&file, "/spec/template/spec/volumes").as_array().unwrap() {
            assert_eq!(at(volume, "/secret/defaultMode"), 0o440, "{volume}");
        }
    }
    assert_eq!(at(&pod(), "/securityContext/fsGroup"), USER);
}

#[test]
fn the_example_tokens_are_tokens() {
    let path = "deploy/kubernetes/secret.example.yaml";
    let documents = parse(path, &read(path));
    let tokens = documents
        .iter()
        .find_map(|one| one.pointer("/stringData/tokens"));
    let tokens = security::TokenSet::parse(tokens.unwrap().as_str().unwrap().as_bytes());
    assert_eq!(tokens.unwrap().len(), 1);
    let names: Vec<_> = documents
        .iter()
        .map(|one| at(one, "/metadata/name"))
        .collect();
    assert_eq!(names, ["coordinator", "coordinator-tokens"]);
}

#[test]
fn selectors_find_the_pod() {
    let deployment = deployment();
    let labels = at(&deployment, "/spec/template/metadata/labels").clone();
    let labels = labels.as_object().unwrap();
    let service = one(&format!("{BASE}/service.yaml"));
    let policy = one(&format!("{BASE}/networkpolicy.yaml"));
    for selector in [
        at(&deployment, "/spec/selector/matchLabels"),
        at(&service, "/spec/selector"),
        at(&policy, "/spec/podSelector/matchLabels"),
    ] {
        assert_eq!(selector.as_object().unwrap(), labels);
    }
    // The alerts know the job by the Service's name.
    assert_eq!(at(&service, "/metadata/name"), "coordinator");
    assert!(read("deploy/prometheus/alerts.yaml").contains("up{job=\"coordinator\"}"));
}

#[test]
fn a_shadow_is_another_one_that_only_looks() {
    let file = one("deploy/kubernetes/overlays/shadow/kustomization.yaml");
    assert_eq!(at(&file, "/nameSuffix"), "-shadow");
    let labels = at(&file, "/labels/0");
    assert_eq!(at(labels, "/includeSelectors"), true);
    let main = at(
        &deployment(),
        "/metadata/labels/app.kubernetes.io~1instance",
    )
    .clone();
    assert_ne!(at(labels, "/pairs/app.kubernetes.io~1instance"), &main);
    let patch = at(&file, "/patches/0/patch").as_str().unwrap();
    let patch = parse("the patch", patch).remove(0);
    assert_eq!(at(&patch, "/data/COORDINATOR_SHADOW"), "true");
}

#[test]
fn the_image_starts_the_service() {
    let arguments = container(&format!("{BASE}/deployment.yaml"));
    let arguments = strings(at(&arguments, "/args"));
    let words = [PROGRAM].into_iter().chain(arguments).map(str::to_owned);
    crate::commands::parse(words).unwrap();
    assert_eq!(default(&coordinator_server::settings::SHADOW), "false");
}
