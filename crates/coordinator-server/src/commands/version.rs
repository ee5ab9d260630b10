//! `version`.

use telemetry::BuildInfo;

use crate::cli::VersionFormat;
use crate::commands::Console;
use crate::exit::Exit;

/// Says which build this is.
pub fn version(format: VersionFormat, console: &mut Console<'_>) -> Exit {
    let build = BuildInfo::current(&[]);
    let text = match format {
        // Strings always have a JSON form.
        VersionFormat::Json => serde_json::to_string_pretty(&build).unwrap_or_default() + "\n",
        VersionFormat::Text => {
            let commit = match build.commit {
                Some(commit) => format!(" ({commit})"),
                None => String::new(),
            };
            let features = match build.features.is_empty() {
                true => "none".to_owned(),
                false => build.features.join(", "),
            };
            format!(
                "coordinator {}{commit}\nrustc {}\noptional parts: {features}\n",
                build.version, build.rustc
            )
        }
    };
    console.data(&text)
}
