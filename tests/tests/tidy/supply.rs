//! Where dependencies come from and under which terms: what `deny.toml` says,
//! for every crate that any build of the workspace uses. Advisories need the
//! network and are left to the workflow.

use std::collections::BTreeSet;
use std::fs;

use cargo_metadata::{Metadata, Package};
use spdx::{Expression, LicenseItem};

/// What `deny.toml` allows and forbids.
pub struct Policy {
    licences: BTreeSet<String>,
    banned: Vec<Ban>,
}

struct Ban {
    name: String,
    wrappers: Vec<String>,
}

/// Reads the policy.
///
/// # Panics
/// The file is missing or not of the expected shape.
pub fn policy() -> Policy {
    let path = crate::source::root().join("deny.toml");
    let text = fs::read_to_string(path).expect("deny.toml can be read");
    parse(&text)
}

fn parse(text: &str) -> Policy {
    let table: toml::Table = text.parse().expect("deny.toml is TOML");
    let words = |value: Option<&toml::Value>| -> Vec<String> {
        let list = value.and_then(toml::Value::as_array);
        list.into_iter()
            .flatten()
            .filter_map(|word| word.as_str().map(str::to_owned))
            .collect()
    };
    let of = |section: &str, key: &str| table.get(section).and_then(|it| it.get(key)).cloned();
    let bans = of("bans", "deny").expect("bans.deny is there");
    let ban = |ban: &toml::Value| Ban {
        name: ban["crate"].as_str().expect("a name").to_owned(),
        wrappers: words(ban.get("wrappers")),
    };
    Policy {
        licences: words(of("licenses", "allow").as_ref())
            .into_iter()
            .collect(),
        banned: bans.as_array().expect("a list").iter().map(ban).collect(),
    }
}

/// Names of the workspace's own list of dependencies that `used` by no manifest, or for
/// which `told` gives no reason.
pub fn unexplained(manifest: &str, used: &str, told: &str) -> Vec<String> {
    let table: toml::Table = manifest.parse().expect("Cargo.toml is TOML");
    let all = table["workspace"]["dependencies"]
        .as_table()
        .expect("a table");
    let foreign = all.iter().filter(|(_, of)| of.get("path").is_none());
    let is_part = |c: char| c.is_alphanumeric() || c == '-' || c == '_';
    let told: BTreeSet<&str> = told.split(|c| !is_part(c)).collect();
    let begins = |name: &str| {
        let mut lines = used.lines();
        lines.any(|line| {
            let rest = line.strip_prefix(name);
            rest.is_some_and(|rest| rest.starts_with('.') || rest.starts_with(" ="))
        })
    };
    let mut problems = Vec::new();
    for (name, _) in foreign {
        if !begins(name) {
            problems.push(format!(
                "{name}: no crate uses it; take it out of Cargo.toml"
            ));
        }
        if !told.contains(name.as_str()) {
            problems.push(format!(
                "{name}: ARCHITECTURE.md says in \"Choices of libraries\" why there is each one"
            ));
        }
    }
    problems
}

/// Crates whose licence is not among the allowed ones.
pub fn unlicensed(policy: &Policy, packages: &[Package]) -> Vec<String> {
    let problem = |package: &Package| {
        let named = package.license.as_deref();
        let Some(text) = named else {
            let told = format!("{} {} names no licence", package.name, package.version);
            return package.license_file.is_none().then_some(told);
        };
        (!is_allowed(policy, text)).then(|| {
            format!(
                "{} {} is under `{text}`, which deny.toml does not allow",
                package.name, package.version
            )
        })
    };
    packages.iter().filter_map(problem).collect()
}

fn is_allowed(policy: &Policy, text: &str) -> bool {
    let Ok(expression) = Expression::parse_mode(text, spdx::ParseMode::LAX) else {
        return false;
    };
    expression.evaluate(|requirement| {
        let LicenseItem::Spdx { id, .. } = &requirement.license else {
            return false;
        };
        let addition = requirement.addition.as_ref();
        let name = match addition {
            Some(addition) => format!("{} WITH {addition}", id.name),
            None => id.name.to_owned(),
        };
        policy.licences.contains(&name)
    })
}

/// Crates that are forbidden, and who brings them although nobody may.
pub fn banned(policy: &Policy, metadata: &Metadata) -> Vec<String> {
    let nodes = metadata
        .resolve
        .as_ref()
        .map_or(&[][..], |resolve| &resolve.nodes);
    let mut found = Vec::new();
    for node in nodes {
        let user = metadata[&node.id].name.to_string();
        for dependency in &node.deps {
            let name = metadata[&dependency.pkg].name.to_string();
            for ban in &policy.banned {
                if ban.name == name && !ban.wrappers.contains(&user) {
                    found.push(format!("{user} brings {name}, which deny.toml bans"));
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_without_a_use_or_a_reason_is_seen() {
        let manifest = "[workspace.dependencies]\nown = { path = \"own\" }\nhttp = \"1\"\n";
        let used = "[dependencies]\nhttp.workspace = true\n";
        assert!(unexplained(manifest, used, "HTTP: `http`, hyper").is_empty());
        assert_eq!(unexplained(manifest, "http-body = 1", "http").len(), 1);
        assert_eq!(unexplained(manifest, used, "http-body").len(), 1);
    }

    fn strict() -> Policy {
        parse(
            r#"
            [licenses]
            allow = ["MIT", "Apache-2.0", "Apache-2.0 WITH LLVM-exception"]
            [bans]
            deny = [{ crate = "sled" }, { crate = "madsim", wrappers = ["simulator"] }]
            "#,
        )
    }

    #[test]
    fn licences_are_judged_as_they_are_meant() {
        for good in [
            "MIT",
            "MIT OR Apache-2.0",
            "MIT/Apache-2.0",
            "GPL-3.0 OR MIT",
            "Apache-2.0 WITH LLVM-exception",
            "(MIT OR GPL-3.0) AND Apache-2.0",
        ] {
            assert!(is_allowed(&strict(), good), "{good}");
        }
        for bad in ["GPL-3.0", "MIT AND GPL-3.0", "", "not a licence"] {
            assert!(!is_allowed(&strict(), bad), "{bad}");
        }
    }

    #[test]
    fn the_policy_of_the_workspace_is_read() {
        let policy = policy();
        assert!(policy.licences.contains("MIT"));
        assert!(policy.banned.iter().any(|ban| ban.name == "openssl-sys"));
    }
}
