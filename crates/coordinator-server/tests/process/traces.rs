//! What is asked of a build that can send traces, and of one that cannot: what ships
//! is built without `otlp`.

use crate::service::{Service, Settings, program};
#[cfg(feature = "otlp")]
use crate::service::{run, text};

/// Starts it with these variables.
async fn started(variables: &[(&str, &str)]) -> Service {
    let settings = Settings::new();
    let config = settings.write();
    let mut command = program();
    command.arg("run").arg("--config").arg(config);
    Service::spawn(command.envs(variables.iter().copied())).await
}

/// The warnings so far that speak of traces.
fn warnings(service: &Service) -> Vec<String> {
    let lines = service.log.iter();
    let lines = lines.map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
    lines
        .filter(|line| line["level"] == "WARN")
        .filter_map(|line| Some(line["message"].as_str()?.to_owned()))
        .filter(|message| message.contains("traces"))
        .collect()
}

#[cfg(not(feature = "otlp"))]
#[tokio::test]
async fn a_build_without_them_says_so_and_runs() {
    for asked in [
        "OTEL_EXPORTER_OTLP_ENDPOINT",
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    ] {
        // It could not be honoured anywhere; here it is not even looked at.
        let variables = [
            (asked, "http://127.0.0.1:1"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
        ];
        let mut service = started(&variables).await;
        let said =
            format!("{asked} is set, but this build exports no traces: it was made without `otlp`");
        assert_eq!(warnings(&service), [said]);
        let (status, version) = service.page("/version").await;
        assert!(status == 200 && !version.contains("otlp"), "{version}");
        service.signal("-TERM").await;
        assert_eq!(service.end().await.code(), Some(0));
    }
}

#[cfg(feature = "otlp")]
#[tokio::test]
async fn a_build_with_them_does_not_warn_and_refuses_what_it_cannot_send() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    let mut service = started(&[endpoint]).await;
    assert_eq!(warnings(&service), [""; 0]);
    let (_, version) = service.page("/version").await;
    assert!(version.contains("otlp"), "{version}");
    service.signal("-TERM").await;
    assert_eq!(service.end().await.code(), Some(0));

    let settings = Settings::new();
    let config = settings.write();
    let variables = [endpoint, ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")];
    let output = run(&["--config", config.to_str().unwrap()], &variables).await;
    assert_eq!(output.status.code(), Some(78));
    let said = text(&output);
    assert!(said.contains("OTEL_EXPORTER_OTLP_PROTOCOL"), "{said}");
}

#[tokio::test]
async fn nobody_who_asks_for_none_hears_of_them() {
    let endpoint = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1");
    for variables in [
        &[("OTEL_EXPORTER_OTLP_ENDPOINT", "")][..],
        &[endpoint, ("OTEL_SDK_DISABLED", "true")],
        &[endpoint, ("OTEL_TRACES_EXPORTER", "none")],
    ] {
        let mut service = started(variables).await;
        assert_eq!(warnings(&service), [""; 0]);
        service.signal("-TERM").await;
        assert_eq!(service.end().await.code(), Some(0));
    }
}
