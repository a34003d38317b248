//! `parley-bench`: makes a profile with a million messages and measures how quickly the app finds its way in it.
//!
//! `prepare` makes a relay and a profile that is signed in to it, with 200 chats of which one has 100,000 messages. `engine` measures
//! the engine alone on it. `relay` serves that relay, for measuring the window, and `talk` is somebody who writes on it. Figures are printed as a table and, with
//! `--json`, as one line for programs.

mod engine;
mod prepare;
mod talk;
mod words;
mod world;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(version, about)]
struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// Make the relay and the profile, unless they are there.
    Prepare {
        /// Where: the relay's data in `relay`, the profile in `profiles/bench`.
        data: PathBuf,
        /// How many messages in all; a tenth of them stands in one chat.
        #[arg(long, default_value_t = 1_000_000)]
        messages: u64,
    },
    /// Measure the engine on what was prepared.
    Engine {
        /// What `prepare` made.
        data: PathBuf,
        /// Print one line of JSON instead of a table.
        #[arg(long)]
        json: bool,
    },
    /// Write as somebody else, on the relay that is served.
    Talk {
        /// What `prepare` made.
        data: PathBuf,
        /// The chat's id.
        #[arg(long)]
        chat: parley_protocol::ChatId,
        /// How many messages.
        #[arg(long)]
        messages: u64,
        /// Milliseconds before each.
        #[arg(long)]
        pause: u64,
    },
    /// Serve the relay that was prepared, until it is stopped.
    Relay {
        /// What `prepare` made.
        data: PathBuf,
    },
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    match Args::parse().what {
        What::Prepare { data, messages } => prepare::prepare(&data, messages).await,
        What::Engine { data, json } => engine::measure(&data, json).await,
        What::Talk { data, chat, messages, pause } => {
            talk::talk(&data, chat, messages, std::time::Duration::from_millis(pause)).await
        }
        What::Relay { data } => {
            let world = world::World::start(&data).await?;
            println!("the relay listens at {}", world.url());
            tokio::signal::ctrl_c().await?;
            world.stop().await
        }
    }
}
