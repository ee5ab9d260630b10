//! What a scrape shows, held against the catalogue and against what was called.

#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

use std::collections::BTreeMap;
use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use coordinator::registry::{RegistryError, RegistryTransport, ViewAnswer};
use coordinator::store::MemoryStore;
use coordinator::transport::{
    BlockStreamerTransport, CallError, CallResult, ExecutorTransport, ProvisionerTransport,
};
use coordinator::{Clock, Coordinator, Knobs, Ports};
use lifecycle::Timestamp;
use proto::{block_streamer as bs, data_layer as dl, runner as rn};
use telemetry::logs::LogTally;
use telemetry::metrics::{CoordinatorSource, Kind, find};
use telemetry::{BuildInfo, METRICS, Metrics, Readiness, Snapshot, Source};
use tonic::{Code, Status};

/// Services and a registry of which each method ends in its own way.
struct Fakes;

fn failing<T>(status: Status) -> CallResult<T> {
    Err(CallError::from(status))
}

#[async_trait]
impl BlockStreamerTransport for Fakes {
    async fn start_stream(&self, _: bs::StartStreamRequest) -> CallResult<bs::StartStreamResponse> {
        failing(Status::already_exists("it runs"))
    }

    async fn stop_stream(&self, _: bs::StopStreamRequest) -> CallResult<bs::StopStreamResponse> {
        failing(Status::internal("oops"))
    }

    async fn get_stream(&self, _: bs::GetStreamRequest) -> CallResult<bs::StreamInfo> {
        pending().await
    }

    async fn list_streams(&self, _: bs::ListStreamsRequest) -> CallResult<bs::ListStreamsResponse> {
        Ok(bs::ListStreamsResponse::default())
    }
}

#[async_trait]
impl ExecutorTransport for Fakes {
    async fn start_executor(
        &self,
        _: rn::StartExecutorRequest,
    ) -> CallResult<rn::StartExecutorResponse> {
        failing(Status::unavailable("down"))
    }

    async fn stop_executor(
        &self,
        _: rn::StopExecutorRequest,
    ) -> CallResult<rn::StopExecutorResponse> {
        failing(Status::not_found("gone"))
    }

    async fn get_executor(&self, _: rn::GetExecutorRequest) -> CallResult<rn::ExecutorInfo> {
        tokio::time::sleep(Duration::from_millis(300)).await;
        Ok(rn::ExecutorInfo::default())
    }

    async fn list_executors(
        &self,
        _: rn::ListExecutorsRequest,
    ) -> CallResult<rn::ListExecutorsResponse> {
        Ok(rn::ListExecutorsResponse::default())
    }
}

#[async_trait]
impl ProvisionerTransport for Fakes {
    async fn start_provisioning_task(
        &self,
        _: dl::ProvisionRequest,
    ) -> CallResult<dl::StartTaskResponse> {
        failing(Status::deadline_exceeded("slow"))
    }

    async fn get_task_status(
        &self,
        _: dl::GetTaskStatusRequest,
    ) -> CallResult<dl::GetTaskStatusResponse> {
        Ok(dl::GetTaskStatusResponse::default())
    }
}

#[async_trait]
impl RegistryTransport for Fakes {
    async fn view(&self, method: &str, _: &[u8]) -> Result<ViewAnswer, RegistryError> {
        match method {
            "list_all" => Err(RegistryError::RateLimited),
            _ => Ok(ViewAnswer {
                result: Bytes::from_static(b"null"),
                block_height: 1,
            }),
        }
    }
}

/// A registry that hears which of its answers were of no use.
#[derive(Default)]
struct Hears(Mutex<Vec<(u64, u64)>>);

#[async_trait]
impl RegistryTransport for Hears {
    async fn view(&self, _: &str, _: &[u8]) -> Result<ViewAnswer, RegistryError> {
        Err(RegistryError::RateLimited)
    }

    fn unusable(&self, height: u64, known: u64) {
        self.0.lock().unwrap().push((height, known));
    }

    fn unheard(&self) -> Option<String> {
        Some("it is gone".to_owned())
    }
}

impl Clock for Fakes {
    fn now(&self) -> Timestamp {
        Timestamp(1_000)
    }
}

fn ports() -> Ports {
    Ports {
        block_streamer: Arc::new(Fakes),
        executors: Arc::new(Fakes),
        provisioner: Arc::new(Fakes),
        registry: Arc::new(Fakes),
        store: Arc::new(MemoryStore::default()),
        clock: Arc::new(Fakes),
    }
}

fn metrics() -> (Metrics, Readiness) {
    let readiness = Readiness::new(&["store"]);
    let build = BuildInfo::current(&[]);
    let metrics = Metrics::new(build, Arc::<LogTally>::default(), readiness.clone());
    (metrics, readiness)
}

/// A source that says what it is told to.
struct Fixed(Snapshot);

impl Source for Fixed {
    fn snapshot(&self) -> Snapshot {
        self.0.clone()
    }
}

/// The samples of a page: name with labels, and value.
fn samples(page: &str) -> BTreeMap<String, f64> {
    page.lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap())
        })
        .collect()
}

fn call(metrics: &Metrics, service: &str, method: &str, code: &str) -> f64 {
    let page = metrics.encode().unwrap();
    let name = format!(
        "coordinator_calls_total{{service=\"{service}\",method=\"{method}\",code=\"{code}\"}}"
    );
    samples(&page).get(&name).copied().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn every_call_is_counted_under_its_own_name_and_answer() {
    let (metrics, _) = metrics();
    let ports = metrics.metered_ports(ports());
    let streamer = &ports.block_streamer;
    assert!(streamer.start_stream(Default::default()).await.is_err());
    assert!(streamer.stop_stream(Default::default()).await.is_err());
    assert!(streamer.list_streams(Default::default()).await.is_ok());
    let executors = &ports.executors;
    assert!(executors.start_executor(Default::default()).await.is_err());
    assert!(executors.stop_executor(Default::default()).await.is_err());
    assert!(executors.get_executor(Default::default()).await.is_ok());
    assert!(executors.list_executors(Default::default()).await.is_ok());
    let provisioner = &ports.provisioner;
    let started = provisioner.start_provisioning_task(Default::default());
    assert!(started.await.is_err());
    assert!(
        provisioner
            .get_task_status(Default::default())
            .await
            .is_ok()
    );
    assert!(ports.registry.view("list_all", b"{}").await.is_err());
    assert!(
        ports
            .registry
            .view("read_indexer_function", b"{}")
            .await
            .is_ok()
    );
    assert!(ports.registry.view("made_up", b"{}").await.is_ok());
    let store = &ports.store;
    assert!(store.get_many(&["a".to_owned()]).await.is_ok());
    assert!(
        store
            .compare_and_set("a", None, Some(b"1"), None)
            .await
            .is_ok()
    );
    assert!(
        store
            .compare_and_set("a", None, Some(b"2"), None)
            .await
            .is_ok()
    );
    assert!(store.set_add("s", "m").await.is_ok());
    assert_eq!(store.set_members("s").await.unwrap(), ["m"]);
    assert!(store.set_remove("s", "m").await.is_ok());
    assert!(store.queue_head("q").await.is_ok());
    assert!(store.delete(&["a".to_owned()]).await.is_ok());
    for (service, method, code) in [
        ("block_streamer", "StartStream", "ALREADY_EXISTS"),
        ("block_streamer", "StopStream", "INTERNAL"),
        ("block_streamer", "ListStreams", "OK"),
        ("executors", "StartExecutor", "UNAVAILABLE"),
        ("executors", "StopExecutor", "NOT_FOUND"),
        ("executors", "GetExecutor", "OK"),
        ("executors", "ListExecutors", "OK"),
        ("provisioner", "StartProvisioningTask", "DEADLINE_EXCEEDED"),
        ("provisioner", "GetTaskStatus", "OK"),
        ("registry", "list_all", "RATE_LIMITED"),
        ("registry", "read_indexer_function", "OK"),
        ("registry", "other", "OK"),
        ("store", "get_many", "OK"),
        ("store", "compare_and_set", "OK"),
        ("store", "compare_and_set", "CONFLICT"),
        ("store", "set_add", "OK"),
        ("store", "set_members", "OK"),
        ("store", "set_remove", "OK"),
        ("store", "queue_head", "OK"),
        ("store", "delete", "OK"),
    ] {
        assert_eq!(
            call(&metrics, service, method, code),
            1.0,
            "{method} {code}"
        );
    }
    let page = samples(&metrics.encode().unwrap());
    let of = "service=\"executors\",method=\"GetExecutor\"";
    let buckets =
        |le: &str| page[&format!("coordinator_call_duration_seconds_bucket{{le=\"{le}\",{of}}}")];
    assert_eq!((buckets("0.25"), buckets("0.5")), (0.0, 1.0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_nobody_waits_for_ends_all_the_same() {
    let (metrics, _) = metrics();
    let streamer = metrics.metered(Arc::new(Fakes));
    let in_flight = "coordinator_calls_in_flight{service=\"block_streamer\",method=\"GetStream\"}";
    let waiting = streamer.get_stream(Default::default());
    let mut waiting = Box::pin(tokio::time::timeout(Duration::from_secs(2), waiting));
    tokio::select! {
        biased;
        _ = &mut waiting => unreachable!("it never answers"),
        () = tokio::task::yield_now() => {}
    }
    assert_eq!(samples(&metrics.encode().unwrap())[in_flight], 1.0);
    assert!((&mut waiting).await.is_err());
    drop(waiting);
    assert_eq!(samples(&metrics.encode().unwrap())[in_flight], 0.0);
    assert_eq!(
        call(&metrics, "block_streamer", "GetStream", "ABANDONED"),
        1.0
    );
}

#[test]
fn calls_of_the_api_are_counted_by_method_and_answer() {
    let (metrics, _) = metrics();
    let api = metrics.api_calls();
    api.announce("a.B/C");
    let of = |labels: &str| {
        let page = samples(&metrics.encode().unwrap());
        page.get(&format!("coordinator_api_calls_total{{{labels}}}"))
            .copied()
    };
    let refused = "method=\"a.B/C\",code=\"UNAUTHENTICATED\"";
    assert_eq!(of(refused), Some(0.0));
    let time = Duration::from_millis(300);
    api.answered("a.B/C", Code::Unauthenticated, time);
    metrics.api_calls().answered("a.B/C", Code::Aborted, time);
    assert_eq!(of(refused), Some(1.0));
    assert_eq!(of("method=\"a.B/C\",code=\"ABORTED\""), Some(1.0));
    let page = samples(&metrics.encode().unwrap());
    let buckets = |le: &str| {
        let labels = format!("le=\"{le}\",method=\"a.B/C\"");
        page[&format!("coordinator_api_call_duration_seconds_bucket{{{labels}}}")]
    };
    assert_eq!((buckets("0.25"), buckets("0.5")), (0.0, 2.0));
}

fn full_snapshot() -> Snapshot {
    Snapshot {
        phases: BTreeMap::from([("Running", 3)]),
        states: BTreeMap::from([("Steady", 3)]),
        registered: 3,
        quarantined: 1,
        unreadable_records: 2,
        registry_behind_blocks: 670_000_000,
        registry_height: 120_000_000,
        registry_answer_age_seconds: Some(1.5),
        answers_dropped_older_total: 4,
        suspicious_listings_total: 5,
        panics_total: 6,
        services_down: BTreeMap::from([("store", true)]),
        held: 1,
        unsettled_longest_seconds: 7.0,
        shadow: true,
    }
}

#[test]
fn the_page_and_the_catalogue_agree() {
    let (metrics, readiness) = metrics();
    readiness.set("store", true, "answers");
    metrics.add_certificate("server", || Some(86_400.0));
    metrics.set_source(Arc::new(Fixed(full_snapshot())));
    metrics.api_calls().announce("a.B/C");
    let page = metrics.encode().unwrap();
    assert!(page.ends_with("# EOF\n"));
    let mut shown = BTreeMap::new();
    let mut helps = BTreeMap::new();
    for line in page.lines() {
        if let Some((name, kind)) = line
            .strip_prefix("# TYPE ")
            .and_then(|line| line.split_once(' '))
        {
            let suffix = match kind {
                "counter" => "_total",
                "info" => "_info",
                _ => "",
            };
            shown.insert(format!("{name}{suffix}"), kind.to_owned());
        }
        if let Some((name, help)) = line
            .strip_prefix("# HELP ")
            .and_then(|line| line.split_once(' '))
        {
            helps.insert(name.to_owned(), help.to_owned());
        }
    }
    let listed: BTreeMap<String, String> = METRICS
        .iter()
        .map(|metric| (metric.name.to_owned(), metric.kind.name().to_owned()))
        .collect();
    assert_eq!(shown, listed);
    for metric in METRICS {
        let base = metric
            .name
            .trim_end_matches("_total")
            .trim_end_matches("_info");
        assert_eq!(helps[base], format!("{}.", metric.help));
    }
    for sample in samples(&page).keys() {
        let (name, labels) = sample.split_once('{').unwrap_or((sample, ""));
        let metric = find(name).unwrap_or_else(|| panic!("{name} is not in the catalogue"));
        let mut labels: Vec<&str> = labels
            .split(',')
            .filter_map(|label| label.split_once('=').map(|(name, _)| name))
            .filter(|label| *label != "le" || metric.kind != Kind::Histogram)
            .collect();
        labels.sort_unstable();
        let mut expected = metric.labels.to_vec();
        expected.sort_unstable();
        assert_eq!(labels, expected, "{sample}");
    }
}

#[test]
fn values_reach_the_page() {
    let (metrics, readiness) = metrics();
    let before = samples(&metrics.encode().unwrap());
    assert_eq!(before["coordinator_ready"], 0.0);
    assert!(!before.contains_key("coordinator_indexers_registered"));
    metrics.set_source(Arc::new(Fixed(full_snapshot())));
    readiness.set("store", true, "answers");
    metrics.add_certificate("server", || Some(-5.0));
    metrics.add_certificate("services", || None);
    let after = samples(&metrics.encode().unwrap());
    for (name, value) in [
        ("coordinator_ready", 1.0),
        ("coordinator_ready_check{check=\"store\"}", 1.0),
        ("coordinator_ready_check{check=\"draining\"}", 1.0),
        ("coordinator_indexers{phase=\"Running\"}", 3.0),
        ("coordinator_loops{state=\"Steady\"}", 3.0),
        ("coordinator_indexers_held", 1.0),
        ("coordinator_unreadable_records", 2.0),
        ("coordinator_registry_behind_blocks", 670_000_000.0),
        ("coordinator_registry_height_blocks", 120_000_000.0),
        ("coordinator_registry_answer_age_seconds", 1.5),
        ("coordinator_registry_answers_dropped_older_total", 4.0),
        ("coordinator_registry_suspicious_listings_total", 5.0),
        ("coordinator_loop_panics_total", 6.0),
        ("coordinator_service_down{service=\"store\"}", 1.0),
        ("coordinator_longest_unsettled_seconds", 7.0),
        ("coordinator_shadow", 1.0),
        (
            "coordinator_certificate_expires_in_seconds{certificate=\"server\"}",
            -5.0,
        ),
    ] {
        assert_eq!(after[name], value, "{name}");
    }
    let services = "coordinator_certificate_expires_in_seconds{certificate=\"services\"}";
    assert!(!after.contains_key(services));
    assert!(after["coordinator_process_start_time_seconds"] > 1_700_000_000.0);
}

#[tokio::test]
async fn a_coordinator_is_a_source() {
    let (metrics, _) = metrics();
    let coordinator = Coordinator::new(Knobs::default(), metrics.metered_ports(ports()));
    let source = CoordinatorSource::new(Arc::new(coordinator), Arc::new(Fakes));
    metrics.set_source(Arc::new(source));
    let page = samples(&metrics.encode().unwrap());
    assert_eq!(page["coordinator_indexers{phase=\"Repairing\"}"], 0.0);
    assert_eq!(page["coordinator_indexers{phase=\"None\"}"], 0.0);
    assert!(page["coordinator_registry_answer_age_seconds"].is_infinite());
}

#[test]
fn a_metered_registry_hears_which_answers_were_of_no_use() {
    let hears = Arc::new(Hears::default());
    let ports = Ports {
        registry: hears.clone(),
        ..ports()
    };
    let registry = metrics().0.metered_ports(ports).registry;
    assert_eq!(registry.unheard().as_deref(), Some("it is gone"));
    registry.unusable(7, 9);
    assert_eq!(*hears.0.lock().unwrap(), [(7, 9)]);
}
