//! Parley in a terminal: the engine of the desktop app behind commands, for people and for scripts.

mod args;
mod clean;
mod commands;
mod conversation;
mod failure;
mod lines;
mod output;
mod paint;
mod pick;
mod session;
mod when;
mod wrap;

use std::process::ExitCode;

use clap::Parser as _;
use tracing_subscriber::EnvFilter;

use crate::args::Cli;
use crate::failure::Failure;
use crate::output::Out;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let out = Out::new(cli.global.json);
    log_to_stderr();
    let ended = match tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build() {
        Ok(runtime) => {
            let ended = runtime.block_on(commands::run(cli, out));
            // A prompt may still hold a thread; it ends with the process.
            runtime.shutdown_background();
            ended
        }
        Err(error) => Err(Failure::Terminal(error)),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            out.fail(&failure);
            ExitCode::from(failure.exit())
        }
    }
}

/// Quiet unless `RUST_LOG` says otherwise.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
