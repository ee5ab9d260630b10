//! Traces over OTLP, as the standard `OTEL_*` variables say.

use std::time::Duration;

use telemetry::logs::ExtraLayer;

use crate::config::Environment;

/// What is exported, if anything.
pub struct Traces {
    #[cfg(feature = "otlp")]
    exporter: Option<telemetry::otlp::Traces>,
}

/// Begins to export what the environment asks for. The layer goes beside the
/// log. Must be called within a tokio runtime.
///
/// # Errors
/// The variables make no sense; why, for people.
#[cfg(feature = "otlp")]
pub fn begin(_: &Environment) -> Result<(Option<ExtraLayer>, Traces), String> {
    let build = telemetry::BuildInfo::current(&[]);
    match telemetry::otlp::from_environment(&build) {
        Ok(Some((layer, exporter))) => {
            let exporter = Some(exporter);
            Ok((Some(layer), Traces { exporter }))
        }
        Ok(None) => Ok((None, Traces { exporter: None })),
        Err(error) => Err(error.to_string()),
    }
}

/// Nothing is exported in this build.
///
/// # Errors
/// None.
#[cfg(not(feature = "otlp"))]
pub fn begin(_: &Environment) -> Result<(Option<ExtraLayer>, Traces), String> {
    Ok((None, Traces {}))
}

/// A warning if traces are asked for that this build cannot export.
#[must_use]
pub fn in_vain(env: &Environment) -> Option<String> {
    const ENDPOINTS: [&str; 2] = [
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    ];
    let is = |name: &str, value: &str| {
        let set = env.path(name);
        set.is_some_and(|it| it.as_os_str().eq_ignore_ascii_case(value))
    };
    if is("OTEL_SDK_DISABLED", "true") || is("OTEL_TRACES_EXPORTER", "none") {
        return None;
    }
    let asked = ENDPOINTS
        .into_iter()
        .find(|name| env.path(name).is_some())?;
    let able = cfg!(feature = "otlp");
    (!able).then(|| {
        format!("{asked} is set, but this build exports no traces: it was made without `otlp`")
    })
}

impl Traces {
    /// Sends what waits.
    pub async fn end(self, patience: Duration) {
        #[cfg(feature = "otlp")]
        if let Some(exporter) = self.exporter
            && let Err(why) = exporter.shutdown(patience).await
        {
            tracing::warn!(why, "not all traces were sent");
        }
        #[cfg(not(feature = "otlp"))]
        let _ = patience;
    }
}
