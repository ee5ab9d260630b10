//! The wire contract of the services around an indexer.
//!
//! One module per protobuf package. Each holds the package's messages and, with
//! the cargo feature `grpc`, its client and server modules, for instance
//! `block_streamer::block_streamer_client`. Package, service, method and field
//! names as well as field and enum numbers are those of deployed peers: they
//! are never renamed, renumbered or reused.

/// Package `blockstreamer`: streams that put matching blocks into Redis.
pub mod block_streamer {
    include!(concat!(env!("OUT_DIR"), "/blockstreamer.rs"));
}

/// Package `runner`: executors that run an indexer's code over its blocks.
pub mod runner {
    include!(concat!(env!("OUT_DIR"), "/runner.rs"));
}

/// Package `data_layer`: tasks that create or drop an indexer's database.
pub mod data_layer {
    include!(concat!(env!("OUT_DIR"), "/data_layer.rs"));
}

/// Package `indexer`: the admin service that the coordinator serves.
pub mod indexer {
    include!(concat!(env!("OUT_DIR"), "/indexer.rs"));
}

/// Package `coordinator.v1`: what the coordinator serves beyond the original.
#[expect(
    clippy::large_enum_variant,
    reason = "generated; a message is decoded once and moved on"
)]
pub mod coordinator {
    include!(concat!(env!("OUT_DIR"), "/coordinator.v1.rs"));
}

/// All packages as an encoded `google.protobuf.FileDescriptorSet`, without
/// source information; what gRPC reflection serves.
pub const FILE_DESCRIPTOR_SET: &[u8] =
    include_bytes!(concat!(env!("OUT_DIR"), "/descriptor_set.bin"));
