//! Log lines: what is written, where and how.
//!
//! Only the relay's own lines follow the configured level. Libraries speak from `warn` on: what they say below that
//! may hold frames, headers or statements, and no body, password or token ever stands in a log.

use tracing::Subscriber;
use tracing_subscriber::Layer as _;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Config, LogFormat, LogLevel};

/// A subscriber which writes to `writer` as configured.
pub fn subscriber<W>(format: LogFormat, level: LogLevel, writer: W) -> impl Subscriber + Send + Sync
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let level = match level {
        LogLevel::Error => tracing::Level::ERROR,
        LogLevel::Warn => tracing::Level::WARN,
        LogLevel::Info => tracing::Level::INFO,
        LogLevel::Debug => tracing::Level::DEBUG,
        LogLevel::Trace => tracing::Level::TRACE,
    };
    let filter = Targets::new().with_default(level.min(tracing::Level::WARN)).with_target("relay_server", level);
    let layer = tracing_subscriber::fmt::layer().with_writer(writer);
    let layer = match format {
        LogFormat::Text => layer.with_target(false).boxed(),
        LogFormat::Json => layer.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(layer.with_filter(filter))
}

/// Installs the subscriber of this process: to standard error.
///
/// # Errors
/// If there is one already.
pub fn install(config: &Config) -> Result<(), tracing_subscriber::util::TryInitError> {
    subscriber(config.log_format, config.log_level, std::io::stderr).try_init()
}
