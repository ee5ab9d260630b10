//! What the program was built from.

use serde::Serialize;

/// What the program was built from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct BuildInfo {
    /// The version of the workspace.
    pub version: &'static str,
    /// The git commit, if `COORDINATOR_COMMIT` named it during the build.
    pub commit: Option<&'static str>,
    /// The version of the compiler.
    pub rustc: &'static str,
    /// The optional parts that were compiled in, by name.
    pub features: Vec<&'static str>,
}

impl BuildInfo {
    /// This build. `features` names the optional parts of the program that this
    /// crate cannot know of.
    pub fn current(features: &[&'static str]) -> BuildInfo {
        let mut features = features.to_vec();
        if cfg!(feature = "otlp") {
            features.push("otlp");
        }
        features.sort_unstable();
        features.dedup();
        BuildInfo {
            version: env!("CARGO_PKG_VERSION"),
            commit: option_env!("COORDINATOR_COMMIT").filter(|commit| !commit.is_empty()),
            rustc: env!("TELEMETRY_RUSTC"),
            features,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_knows_its_compiler_and_its_parts() {
        let build = BuildInfo::current(&["store-redis", "otlp", "a"]);
        assert!(
            build.rustc.starts_with(|c: char| c.is_ascii_digit()),
            "{}",
            build.rustc
        );
        let others = BuildInfo::current(&["store-redis", "a", "a"]).features;
        assert!(others.contains(&"a") && others.contains(&"store-redis"));
        assert!(others.is_sorted());
        // Nobody else knows whether traces can be sent.
        assert_eq!(others.contains(&"otlp"), cfg!(feature = "otlp"));
        assert_eq!(build.features.iter().filter(|f| **f == "otlp").count(), 1);
    }
}
