//! Streams: how one stands, and what the original does about it.

use std::time::Duration;

use proto::block_streamer::{
    GetStreamRequest, ProcessingState, StartStreamRequest, StopStreamRequest, StreamInfo,
};
use tokio::time::sleep;
use tonic::Code;

use super::Original;
use super::registry::{Config, StartBlock};
use super::state::State;

/// How long it does nothing before it restarts something that is unwell.
pub(super) const UNWELL_PAUSE: Duration = Duration::from_secs(600);

/// A health report older than this tells of a stream that stands still.
const HEALTH_AGE_MAX: Duration = Duration::from_secs(180);

enum Status {
    Active,
    /// It was there in this version, and is no more.
    Inactive,
    /// Another version runs, or was the last one.
    Outdated,
    NotStarted,
    Unhealthy,
}

impl Original {
    async fn stream(&self, config: &Config) -> Result<Option<StreamInfo>, String> {
        let request = GetStreamRequest {
            account_id: config.account.clone(),
            function_name: config.function.clone(),
        };
        match self.ports.block_streamer.get_stream(request).await {
            Ok(info) => Ok(Some(info)),
            Err(error) if error.status.code() == Code::NotFound => Ok(None),
            Err(error) => Err(format!("GetStream: {error}")),
        }
    }

    async fn stream_status(&self, config: &Config, state: &State) -> Result<Status, String> {
        let version = config.version();
        let Some(stream) = self.stream(config).await? else {
            return Ok(match state.block_stream_synced_at {
                Some(synced) if synced == version => Status::Inactive,
                Some(_) => Status::Outdated,
                None => Status::NotStarted,
            });
        };
        Ok(if stream.version != version {
            Status::Outdated
        } else if self.is_unwell(&stream) {
            Status::Unhealthy
        } else {
            Status::Active
        })
    }

    fn is_unwell(&self, stream: &StreamInfo) -> bool {
        let Some(health) = &stream.health else {
            return true;
        };
        let now = Duration::from_millis(self.ports.clock.now().0);
        let updated = Duration::from_secs(health.updated_at_timestamp_secs);
        let stale = now.saturating_sub(updated) > HEALTH_AGE_MAX;
        stale || health.processing_state == i32::from(ProcessingState::Stalled)
    }

    /// Makes the stream what the entry asks for.
    pub(super) async fn synchronise_stream(
        &self,
        config: &Config,
        state: &mut State,
    ) -> Result<(), String> {
        match self.stream_status(config, state).await? {
            Status::Active => return Ok(()),
            Status::Inactive => self.resume_stream(config).await?,
            Status::Outdated => self.reconfigure_stream(config).await?,
            Status::NotStarted => {
                let height = match config.start_block() {
                    StartBlock::Height(height) => height,
                    StartBlock::Latest | StartBlock::Continue => config.version(),
                };
                self.start_stream(config, height).await?;
            }
            Status::Unhealthy => {
                sleep(UNWELL_PAUSE).await;
                self.stop_stream(config).await?;
                self.resume_stream(config).await?;
            }
        }
        // The start was acknowledged; whether a block was processed nobody asks.
        state.block_stream_synced_at = Some(config.version());
        Ok(())
    }

    async fn resume_stream(&self, config: &Config) -> Result<(), String> {
        let height = self.after_the_last(config).await?;
        self.start_stream(config, height).await
    }

    async fn reconfigure_stream(&self, config: &Config) -> Result<(), String> {
        self.stop_stream(config).await?;
        let height = match config.start_block() {
            StartBlock::Continue => self.after_the_last(config).await?,
            StartBlock::Latest => config.version(),
            StartBlock::Height(height) => height,
        };
        if !matches!(config.start_block(), StartBlock::Continue) {
            let deleted = self.ports.store.delete(&[config.queue()]).await;
            deleted.map_err(|error| error.to_string())?;
        }
        self.start_stream(config, height).await
    }

    /// One block after the cursor, whoever left it there; without one the version.
    async fn after_the_last(&self, config: &Config) -> Result<u64, String> {
        let last = self.last_block(&config.account, &config.function).await?;
        Ok(last.map_or(config.version(), |height| height.saturating_add(1)))
    }

    async fn start_stream(&self, config: &Config, height: u64) -> Result<(), String> {
        let Some(rule) = config.wire_rule() else {
            // It says that it did, and marks the version as running.
            return Ok(());
        };
        let request = StartStreamRequest {
            start_block_height: height,
            account_id: config.account.clone(),
            function_name: config.function.clone(),
            version: config.version(),
            redis_stream: config.queue(),
            rule: Some(rule),
        };
        let started = self.ports.block_streamer.start_stream(request).await;
        started
            .map(|_| ())
            .map_err(|error| format!("StartStream: {error}"))
    }

    /// Stops the stream if the streamer lists one.
    ///
    /// # Errors
    /// Either call failed; that it is gone by now counts as a failure too.
    pub(super) async fn stop_stream(&self, config: &Config) -> Result<(), String> {
        let Some(stream) = self.stream(config).await? else {
            return Ok(());
        };
        let request = StopStreamRequest {
            stream_id: stream.stream_id,
        };
        let stopped = self.ports.block_streamer.stop_stream(request).await;
        stopped
            .map(|_| ())
            .map_err(|error| format!("StopStream: {error}"))
    }
}
