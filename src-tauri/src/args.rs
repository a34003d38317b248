//! The command line.

use clap::Parser;

/// Parley: chat that goes directly whenever it can.
#[derive(Parser, Debug)]
#[command(
    version,
    after_help = "Profiles lie under $PARLEY_DATA, or `parley` in the user's data folder, as those of the terminal client do.\n\
                  PARLEY_LOG sets what is logged, as in PARLEY_LOG=info."
)]
pub(crate) struct Args {
    /// Which profile to open; it is made if it is new
    #[arg(long, value_name = "NAME")]
    pub(crate) profile: Option<String>,
    /// The relay to offer to a profile in which nobody has signed in yet
    #[arg(long, env = "PARLEY_RELAY", value_name = "URL")]
    pub(crate) relay: Option<String>,
    /// Start in the tray, if there is one
    #[arg(long)]
    pub(crate) hidden: bool,
    /// Keep the sign-in in the profile's folder, not in the system's keychain
    #[arg(long)]
    pub(crate) no_keychain: bool,
    /// A parley:// link to open
    #[arg(value_name = "LINK")]
    pub(crate) link: Option<String>,
}
