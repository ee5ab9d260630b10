# syntax=docker/dockerfile:1.7

# Two images from one build:
#
#   docker build --target coordinator --tag coordinator .
#   docker build --target fakes --tag coordinator-fakes .
#
# The first is the product. The second holds the fake services of a trial
# (deploy/compose/compose.yaml). Compiled dependencies and downloads live in
# cache mounts, so that a second build compiles only what has changed.

ARG RUST_VERSION=1.95
# Both stages come from the same release of Debian: what is linked against one
# glibc runs with no older one.
ARG DEBIAN=bookworm
ARG RUNTIME=gcr.io/distroless/cc-debian12:nonroot

FROM rust:${RUST_VERSION}-slim-${DEBIAN} AS build
ARG RUST_VERSION
# The toolchain of the image, not the one that rust-toolchain.toml would download.
ENV RUSTUP_TOOLCHAIN=${RUST_VERSION} CARGO_TERM_COLOR=never CARGO_INCREMENTAL=0
WORKDIR /src
COPY . .

FROM build AS build-coordinator
# Optional parts: `otlp` exports traces.
ARG FEATURES=""
# The commit that /version and `coordinator version` tell.
ARG COORDINATOR_COMMIT=""
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    COORDINATOR_COMMIT="${COORDINATOR_COMMIT}" cargo build --locked --release \
        --package coordinator-server --bin coordinator --features "${FEATURES}" \
    && mkdir /out \
    # Line numbers make a backtrace readable, and compressed they cost little.
    && objcopy --compress-debug-sections=zlib target/release/coordinator /out/coordinator

FROM build AS build-fakes
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/src/target,sharing=locked \
    cargo build --locked --release \
        --package sim-block-streamer --package sim-executor --package sim-registry --bins \
    && install -D --strip --target-directory /out target/release/sim-block-streamer \
        target/release/sim-executor target/release/sim-registry

# For trials only: services that behave like the real ones and do no work.
FROM ${RUNTIME} AS fakes
LABEL org.opencontainers.image.title="coordinator-fakes" \
      org.opencontainers.image.description="Fake services for a trial of the coordinator" \
      org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build-fakes /out/ /usr/local/bin/
USER 65532:65532
STOPSIGNAL SIGTERM

# The product, last, so that it is what `docker build .` makes.
FROM ${RUNTIME} AS coordinator
ARG COORDINATOR_COMMIT=""
LABEL org.opencontainers.image.title="coordinator" \
      org.opencontainers.image.description="Keeps block streams, executors and data layers in line with a registry" \
      org.opencontainers.image.licenses="Apache-2.0" \
      org.opencontainers.image.revision="${COORDINATOR_COMMIT}"
COPY --from=build-coordinator /out/coordinator /usr/local/bin/coordinator
# By number: Kubernetes cannot tell of a name whether it is root.
USER 65532:65532
# 9003 is the operators' API, 9180 probes and metrics. Both listen on the
# container's own loopback until the settings say otherwise.
EXPOSE 9003 9180
# The root file system may be read-only. Only an embedded store writes, to the
# volume that COORDINATOR_DATA_DIR names.
STOPSIGNAL SIGTERM
# Platforms that probe by HTTP ask /healthz and /readyz on 9180 instead.
HEALTHCHECK --interval=30s --timeout=5s --start-period=10s \
    CMD ["/usr/local/bin/coordinator", "probe", "live"]
ENTRYPOINT ["/usr/local/bin/coordinator"]
CMD ["run"]
