//! The relay which a measured profile is signed in to. It listens on the port that the profile knows.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use relay_server::config::Config;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Where the port is written down, beside the relay's data.
const PORT: &str = "port";

/// The address of the relay of a folder, which has run before.
pub(crate) fn url(data: &Path) -> anyhow::Result<String> {
    let port = std::fs::read_to_string(data.join(PORT)).context("the relay has never run")?;
    Ok(format!("http://127.0.0.1:{}", port.trim()))
}

/// A relay that runs.
pub(crate) struct World {
    port: u16,
    stop: CancellationToken,
    served: JoinHandle<()>,
}

impl World {
    /// Starts the relay of a folder, on the port it had before or on a free one.
    pub(crate) async fn start(data: &Path) -> anyhow::Result<Self> {
        std::fs::create_dir_all(data)?;
        let known = std::fs::read_to_string(data.join(PORT)).ok().and_then(|text| text.trim().parse().ok());
        let listener = TcpListener::bind(("127.0.0.1", known.unwrap_or(0)))
            .await
            .with_context(|| format!("the profile's relay needs port {}; stop what uses it", known.unwrap_or(0)))?;
        let port = listener.local_addr()?.port();
        std::fs::write(data.join(PORT), port.to_string())?;
        // Preparing signs up and creates faster than any person.
        let config = Config {
            data: data.join("relay"),
            requests_per_account: 100_000,
            requests_per_address: 100_000,
            signups_per_address: 100_000,
            ..Config::default()
        };
        let server = relay_server::Server::open(listener, config)?;
        let stop = CancellationToken::new();
        let ended = stop.clone();
        let served = tokio::spawn(async move {
            if let Err(error) = server.serve(ended).await {
                eprintln!("the relay stopped: {error}");
            }
        });
        let world = Self { port, stop, served };
        for _ in 0..200 {
            if tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_ok() {
                return Ok(world);
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        anyhow::bail!("the relay does not answer")
    }

    /// Its address.
    pub(crate) fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Stops it in order.
    pub(crate) async fn stop(self) -> anyhow::Result<()> {
        self.stop.cancel();
        Ok(self.served.await?)
    }
}
