//! Parley in a terminal: the engine of the desktop app behind commands, for people and for scripts.

mod args;
mod clean;
mod commands;
mod conversation;
mod emoji;
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
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return refuse(&error),
    };
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

/// Ends on a command line that cannot be read, or one that asks for help.
fn refuse(error: &clap::Error) -> ExitCode {
    let is_help = !error.use_stderr();
    let mut words = std::env::args_os().skip(1).take_while(|word| word != "--");
    if !is_help && words.any(|word| word == "--json") {
        // What is wrong stands before the first empty line; how it would be right, after it.
        let said = error.render().to_string();
        let wrong: Vec<&str> = said.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
        // The failure itself is what the process ends with.
        let _ = Out::new(true).error("usage", wrong.join(" ").trim_start_matches("error: "));
    }
    // Without anybody to tell there is nothing else to do.
    let _ = error.print();
    if is_help { ExitCode::SUCCESS } else { ExitCode::from(Failure::Usage(String::new()).exit()) }
}

/// Quiet unless `RUST_LOG` says otherwise.
fn log_to_stderr() {
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("off"));
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).init();
}
