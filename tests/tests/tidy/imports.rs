//! Who may depend on whom.

use std::{collections::BTreeSet, fs, path::Path};

use cargo_metadata::{DependencyKind, Metadata, MetadataCommand, Package, PackageId};

use crate::source::Violation;

/// What cargo says about the workspace.
pub fn metadata() -> Metadata {
    let manifest = crate::source::root().join("Cargo.toml");
    MetadataCommand::new()
        .manifest_path(manifest)
        .exec()
        .expect("`cargo metadata` succeeds")
}

/// One line of the import table.
pub struct Rule {
    /// Packages it holds for: a name, or a beginning that ends in `*`.
    pub packages: &'static str,
    pub forbidden: &'static [&'static str],
    /// Whether the dependencies' own dependencies count; else only direct ones,
    /// those of tests included.
    pub whole_graph: bool,
    pub why: &'static str,
}

/// What no part of the product is built from.
const NO_SIMULATION: &[&str] = &[
    "sim-*",
    "simulator",
    "conformance",
    "local",
    "madsim",
    "madsim-tonic",
];

/// The import table.
pub const RULES: [Rule; 14] = [
    Rule {
        packages: "coordinator",
        forbidden: NO_SIMULATION,
        whole_graph: true,
        why: "the product knows nothing of its simulation",
    },
    Rule {
        packages: "coordinator-server",
        forbidden: NO_SIMULATION,
        whole_graph: true,
        why: "the product knows nothing of its simulation",
    },
    Rule {
        packages: "store-*",
        forbidden: NO_SIMULATION,
        whole_graph: true,
        why: "the product knows nothing of its simulation",
    },
    Rule {
        packages: "registry-*",
        forbidden: NO_SIMULATION,
        whole_graph: true,
        why: "the product knows nothing of its simulation",
    },
    Rule {
        packages: "security",
        forbidden: NO_SIMULATION,
        whole_graph: true,
        why: "the product knows nothing of its simulation",
    },
    Rule {
        packages: "telemetry",
        forbidden: NO_SIMULATION,
        whole_graph: true,
        why: "the product knows nothing of its simulation",
    },
    Rule {
        packages: "admin-*",
        forbidden: NO_SIMULATION,
        whole_graph: true,
        why: "the product knows nothing of its simulation",
    },
    Rule {
        packages: "proto",
        forbidden: &["sim-*", "simulator", "coordinator", "lifecycle", "madsim*"],
        whole_graph: true,
        why: "the wire contract stands alone",
    },
    Rule {
        packages: "lifecycle",
        forbidden: &[
            "tokio*",
            "tonic*",
            "hyper*",
            "rand",
            "rand_*",
            "getrandom",
            "madsim*",
            "futures*",
            "sim-*",
            "simulator",
            "coordinator",
            "proto",
        ],
        whole_graph: true,
        why: "decisions are pure: no I/O, clock, randomness or runtime",
    },
    Rule {
        packages: "sim-*",
        forbidden: &["coordinator", "lifecycle", "simulator", "madsim*"],
        whole_graph: true,
        why: "a fake shares no code with what it tests, else both are wrong alike",
    },
    Rule {
        packages: "sim-*",
        forbidden: &["coordinator", "lifecycle", "simulator", "madsim*"],
        whole_graph: false,
        why: "a fake shares no code with what it tests, else both are wrong alike",
    },
    Rule {
        packages: "lifecycle",
        forbidden: &["tokio*", "madsim*", "coordinator", "sim-*", "simulator"],
        whole_graph: false,
        why: "decisions are pure, and so are their tests",
    },
    Rule {
        packages: "coordinator",
        forbidden: &["madsim", "madsim-tonic", "simulator"],
        whole_graph: false,
        why: "only the simulator names the simulated runtime",
    },
    Rule {
        packages: "xtask",
        forbidden: &["*"],
        whole_graph: false,
        why: "the test command builds at once and cannot break with a dependency",
    },
];

fn matches(pattern: &str, name: &str) -> bool {
    match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => pattern == name,
    }
}

/// Breaches of `rule` among `edges`, pairs of a package and one it depends on.
pub fn breaches(rule: &Rule, edges: &[(String, String)]) -> Vec<(String, String)> {
    let is_breach = |(package, dependency): &&(String, String)| {
        matches(rule.packages, package)
            && package != dependency
            && rule
                .forbidden
                .iter()
                .any(|pattern| matches(pattern, dependency))
    };
    edges.iter().filter(is_breach).cloned().collect()
}

/// Direct dependencies of every kind, as the manifests name them.
pub fn direct_edges(metadata: &Metadata) -> Vec<(String, String)> {
    let of = |package: &Package| {
        let name = package.name.to_string();
        let names = package
            .dependencies
            .iter()
            .map(|dependency| dependency.name.clone());
        names
            .map(move |dependency| (name.clone(), dependency))
            .collect::<Vec<_>>()
    };
    metadata
        .workspace_packages()
        .into_iter()
        .flat_map(of)
        .collect()
}

/// Everything a package is built from, tests left out. What madsim's own
/// replacements build on is theirs: the product chooses the rename, not them.
pub fn whole_graph_edges(metadata: &Metadata) -> Vec<(String, String)> {
    let mut edges = Vec::new();
    for package in metadata.workspace_packages() {
        for dependency in reachable(metadata, &package.id) {
            edges.push((package.name.to_string(), dependency));
        }
    }
    edges
}

fn reachable(metadata: &Metadata, start: &PackageId) -> BTreeSet<String> {
    let nodes = metadata
        .resolve
        .as_ref()
        .map_or(&[][..], |resolve| &resolve.nodes);
    let mut names = BTreeSet::new();
    let mut seen = BTreeSet::from([start.clone()]);
    let mut open = vec![start.clone()];
    while let Some(id) = open.pop() {
        if metadata[&id].name.starts_with("madsim-") {
            continue;
        }
        let node = nodes.iter().find(|node| node.id == id);
        for dependency in node.map_or(&[][..], |node| &node.deps) {
            let built = |kind: DependencyKind| kind != DependencyKind::Development;
            if dependency.dep_kinds.iter().any(|info| built(info.kind)) {
                names.insert(metadata[&dependency.pkg].name.to_string());
                if seen.insert(dependency.pkg.clone()) {
                    open.push(dependency.pkg.clone());
                }
            }
        }
    }
    names
}

/// Packages that name the simulated runtime itself, other than the simulator.
/// The product, and what tests its ports, names tokio's replacement: without the
/// simulator's flag that is tokio itself.
pub fn names_the_runtime(edges: &[(String, String)]) -> Vec<(String, String)> {
    let is_runtime = |name: &str| name == "madsim" || name.starts_with("madsim-");
    let allowed = |package: &str, dependency: &str| {
        let fake = package.starts_with("sim-") || package == "workspace-tests";
        package == "simulator" || (!fake && dependency == "madsim-tokio")
    };
    let breach = |edge: &&(String, String)| is_runtime(&edge.1) && !allowed(&edge.0, &edge.1);
    edges.iter().filter(breach).cloned().collect()
}

/// Rules on a member's manifest: it takes its lints and versions from the root.
pub fn manifest_problems(path: &str, text: &str) -> Vec<Violation> {
    let violation = |line, message: String| Violation {
        file: path.to_owned(),
        line,
        message,
    };
    let manifest: toml::Table = match text.parse() {
        Ok(manifest) => manifest,
        Err(error) => return vec![violation(1, error.to_string())],
    };
    let mut found = Vec::new();
    let lints = manifest
        .get("lints")
        .and_then(|lints| lints.get("workspace"));
    if lints.and_then(toml::Value::as_bool) != Some(true) {
        found.push(violation(
            1,
            "add `[lints]` with `workspace = true`".to_owned(),
        ));
    }
    for (name, line) in own_versions(text) {
        let message = format!("`{name}`: name the version once, in the root's manifest");
        found.push(violation(line, message));
    }
    found
}

/// Dependencies with a version of their own, and their lines.
fn own_versions(text: &str) -> Vec<(String, usize)> {
    let mut found = Vec::new();
    let mut in_dependencies = false;
    for (index, line) in text.lines().enumerate() {
        if line.starts_with('[') {
            in_dependencies = line.trim_end().ends_with("dependencies]");
        }
        let Some((name, value)) = line.split_once('=').filter(|_| in_dependencies) else {
            continue;
        };
        if value.contains("version") || value.trim_start().starts_with('"') {
            found.push((name.trim().to_owned(), index + 1));
        }
    }
    found
}

/// Packages that the lock file takes from git.
pub fn git_sources(lock: &str) -> Vec<Violation> {
    let is_git = |line: &str| line.starts_with("source = \"git+");
    let lines = lock.lines().enumerate().filter(|(_, line)| is_git(line));
    let violation = |(index, line): (usize, &str)| Violation {
        file: "Cargo.lock".to_owned(),
        line: index + 1,
        message: format!("{line}: everything comes from the package registry"),
    };
    lines.map(violation).collect()
}

/// The members' manifests: path from the root, and text.
pub fn manifests(metadata: &Metadata, root: &Path) -> Vec<(String, String)> {
    let read = |package: &Package| {
        let path = package.manifest_path.as_std_path();
        let text = fs::read_to_string(path).unwrap_or_default();
        let shown = path
            .strip_prefix(root)
            .unwrap_or(path)
            .to_string_lossy()
            .into_owned();
        (shown, text)
    };
    metadata
        .workspace_packages()
        .into_iter()
        .map(read)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs
            .iter()
            .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()))
            .collect()
    }

    fn is_forbidden(package: &str, dependency: &str) -> bool {
        let edges = edges(&[(package, dependency)]);
        RULES.iter().any(|rule| !breaches(rule, &edges).is_empty())
    }

    #[test]
    fn the_table_forbids_what_it_should() {
        for (package, dependency) in [
            ("coordinator", "sim-node"),
            ("coordinator", "madsim"),
            ("lifecycle", "tokio"),
            ("lifecycle", "madsim-tokio"),
            ("lifecycle", "rand_chacha"),
            ("sim-executor", "coordinator"),
            ("sim-node", "lifecycle"),
            ("proto", "madsim-tonic"),
            ("xtask", "serde"),
        ] {
            assert!(
                is_forbidden(package, dependency),
                "{package} -> {dependency}"
            );
        }
        for (package, dependency) in [
            ("coordinator", "madsim-tokio"),
            ("simulator", "madsim"),
            ("lifecycle", "serde"),
            ("sim-executor", "sim-node"),
        ] {
            assert!(
                !is_forbidden(package, dependency),
                "{package} -> {dependency}"
            );
        }
    }

    #[test]
    fn only_the_simulator_names_the_runtime() {
        let bad = [("sim-node", "madsim"), ("workspace-tests", "madsim-tokio")];
        assert_eq!(names_the_runtime(&edges(&bad)), edges(&bad));
        let good = [("simulator", "madsim"), ("coordinator", "madsim-tokio")];
        assert_eq!(names_the_runtime(&edges(&good)), []);
    }

    #[test]
    fn the_graph_is_read() {
        let metadata = metadata();
        let has = |edges: &[(String, String)], package: &str, dependency: &str| {
            edges.iter().any(|(a, b)| a == package && b == dependency)
        };
        assert!(has(&direct_edges(&metadata), "proto", "prost-types"));
        let whole = whole_graph_edges(&metadata);
        assert!(has(&whole, "proto", "bytes"), "by way of prost");
        assert!(
            !has(&whole, "workspace-tests", "cargo_metadata"),
            "only its tests use it"
        );
    }

    #[test]
    fn manifests_that_go_their_own_way_are_seen() {
        let lints = "[lints]\nworkspace = true\n";
        let of = |text: &str| manifest_problems("Cargo.toml", text);
        assert_eq!(of("[package]\nname = \"a\"").len(), 1);
        assert_eq!(of(&format!("{lints}[dependencies]\na = \"1\""))[0].line, 4);
        assert_eq!(
            of(&format!(
                "{lints}[target.x.dev-dependencies]\na = {{ version = \"1\" }}"
            ))
            .len(),
            1
        );
        assert_eq!(
            of(&format!(
                "{lints}[dependencies]\na.workspace = true\n[features]\nb = [\"a\"]"
            )),
            []
        );
        assert_eq!(of("not toml").len(), 1);
    }

    #[test]
    fn git_dependencies_are_seen() {
        let lock = "[[package]]\nname = \"a\"\nsource = \"git+https://example.org/a#1\"\n";
        assert_eq!(git_sources(lock)[0].line, 3);
        assert_eq!(
            git_sources("source = \"registry+https://example.org\"\n"),
            []
        );
    }
}
