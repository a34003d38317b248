//! The relay's command: reads the configuration, starts the relay, and stops it on SIGTERM or SIGINT.

use std::io::Write as _;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::Context as _;
use relay_server::config::{self, Config, ConfigError};
use relay_server::{Server, database, files, invite, logging};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The exit code after a mistake in the configuration.
const MISTAKEN: u8 = 2;

fn main() -> ExitCode {
    match start() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("relay-server: {error:#}");
            if error.is::<ConfigError>() { ExitCode::from(MISTAKEN) } else { ExitCode::FAILURE }
        }
    }
}

fn start() -> anyhow::Result<()> {
    let flags = config::command().get_matches();
    let (task, flags) = match flags.subcommand() {
        Some((task, flags)) => (Some(task), flags),
        None => (None, &flags),
    };
    let config = Config::load(flags, std::env::vars_os())?;
    if task == Some("invite") {
        let uses = flags.get_one::<u32>("uses").copied().unwrap_or(1);
        let days = flags.get_one::<u32>("days").copied().unwrap_or(7);
        println!("{}", invite(&config, uses, Duration::from_secs(u64::from(days) * 86_400))?);
        return Ok(());
    }
    if flags.get_flag("print_config") {
        print!("{}", config.to_toml());
        return Ok(());
    }
    logging::install(&config)?;
    let config = Config { max_connections: files::make_room(config.max_connections), ..config };
    let runtime = tokio::runtime::Runtime::new().context("the runtime could not be started")?;
    let result = runtime.block_on(serve(config));
    // A password may still be hashed, or the disk hang: neither keeps the process.
    runtime.shutdown_timeout(Duration::from_millis(500));
    result
}

async fn serve(config: Config) -> anyhow::Result<()> {
    let listener =
        TcpListener::bind(config.listen).await.with_context(|| format!("cannot listen on {}", config.listen))?;
    let address = listener.local_addr().context("the address is not known")?;
    let opening = [
        format!("Parley relay {} listens on http://{address}", env!("CARGO_PKG_VERSION")),
        format!("data:         {}", config.data.display()),
        format!("database:     {}", database(&config).display()),
        format!("registration: {}", relay_server::config::registration_word(config.registration)),
        "encryption:   NOT YET. Sealed chats are opaque to the relay by its rules, not by mathematics:".to_owned(),
        "              whoever has the database can read them. Use TLS in front of it all the same.".to_owned(),
    ];
    let server = Server::open(listener, config)?;
    let shutdown = CancellationToken::new();
    // Before anybody hears that the relay is there: from then on a signal has to stop it in order.
    stop_on_signal(shutdown.clone()).context("signals cannot be waited for")?;
    // Whoever started it may not be listening.
    let _ = writeln!(std::io::stdout(), "{}", opening.join("\n"));
    server.serve(shutdown).await?;
    Ok(())
}

/// Cancels the token once the system, or the person, wants the relay to stop.
fn stop_on_signal(shutdown: CancellationToken) -> std::io::Result<()> {
    #[cfg(unix)]
    let stop = {
        use tokio::signal::unix::{SignalKind, signal};
        let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
        async move {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        }
    };
    #[cfg(not(unix))]
    let stop = async {
        let _ = tokio::signal::ctrl_c().await;
    };
    tokio::spawn(async move {
        stop.await;
        shutdown.cancel();
    });
    Ok(())
}
