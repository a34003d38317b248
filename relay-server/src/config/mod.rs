//! The configuration: flags over environment over file over defaults.
//!
//! The relay starts without any. A mistake is told with its key, its value and what is allowed, and nothing starts.

mod settings;
mod value;

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::{Arg, ArgAction, ArgMatches, Command};

pub use parley_protocol::http::Registration;
pub use settings::Config;
use settings::{Given, SETTINGS, Setting};
pub use value::{Bytes, IceServers, Kept, LogFormat, LogLevel, Name, Network, registration_word};

const PREFIX: &str = "PARLEY_RELAY_";
/// What a frame needs beside its payload, in bytes.
const FRAME_ROOM: u64 = 2 * 1_024;
/// One cursor in a hello at its longest: `{"log":"…","seq":…,"entry":"…"},` with two ids and twenty digits.
const CURSOR_BYTES: u64 = 121;

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// A value that is not allowed.
    #[error("{place}: `{key}` is `{value}`; allowed is {allowed}")]
    Value {
        /// Where it stands.
        place: String,
        /// Of which setting.
        key: &'static str,
        /// As given.
        value: String,
        /// What would be right.
        allowed: String,
    },
    /// A setting which does not exist.
    #[error("{place}: there is no setting `{key}`{}", near.map_or_else(String::new, |near| format!("; did you mean `{near}`?")))]
    Unknown {
        /// Where it stands.
        place: String,
        /// As given.
        key: String,
        /// The setting with the nearest name.
        near: Option<&'static str>,
    },
    /// A variable of the relay's whose value is no text.
    #[error("environment variable {0}: its value is not Unicode, which a setting has to be")]
    NotText(String),
    /// The file is not there, or is not TOML.
    #[error("{}: {reason}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why, with the line.
        reason: String,
    },
}

/// The command line: every setting as a flag, and what stands beside them.
pub fn command() -> Command {
    let mut command = Command::new("relay-server")
        .version(env!("CARGO_PKG_VERSION"))
        .about("The Parley relay. Starts without any configuration.")
        .after_help(
            "Every setting can also be given in the environment (PARLEY_RELAY_ and its name in capitals) and in the \
             file, under its name with underscores. A flag is stronger than the environment, and that than the file.",
        )
        .arg(
            Arg::new("config")
                .long("config")
                .value_name("FILE")
                .env("PARLEY_RELAY_CONFIG")
                .global(true)
                .help("A TOML file with settings"),
        )
        .arg(
            Arg::new("print_config")
                .long("print-config")
                .action(ArgAction::SetTrue)
                .help("Show what is in force, as TOML with secrets masked, and stop"),
        )
        .subcommand(
            Command::new("invite")
                .about("Make an invite code for `registration = \"invite\"`, and print it")
                .arg(
                    Arg::new("uses")
                        .long("uses")
                        .default_value("1")
                        .value_parser(clap::value_parser!(u32).range(1..))
                        .help("How many people can make an account by it"),
                )
                .arg(
                    Arg::new("days")
                        .long("days")
                        .default_value("7")
                        .value_parser(clap::value_parser!(u32).range(1..3_651))
                        .help("For how many days it is good"),
                ),
        );
    let defaults = Config::default();
    for setting in SETTINGS {
        let default = match (setting.show)(&defaults) {
            _ if setting.help.contains("Default:") => String::new(),
            toml::Value::String(text) if text.is_empty() => " Default: none.".to_owned(),
            toml::Value::String(text) => format!(" Default: {text}."),
            toml::Value::Array(list) if list.is_empty() => " Default: none.".to_owned(),
            other => format!(" Default: {other}."),
        };
        let mut allowed = (setting.allowed)();
        if let Some(first) = allowed.get_mut(..1) {
            first.make_ascii_uppercase();
        }
        command = command.arg(
            Arg::new(setting.name)
                // Clap wants names that live for ever; this happens once a process.
                .long(&*setting.name.replace('_', "-").leak())
                .value_name("VALUE")
                .global(true)
                .allow_hyphen_values(true)
                .help(format!("{}{default} {allowed}.", setting.help.trim())),
        );
    }
    command
}

impl Config {
    /// Reads the settings from what was given on the command line, in the environment and in the file it names.
    ///
    /// # Errors
    /// The first mistake, weakest layer first.
    pub fn load(
        flags: &ArgMatches,
        environment: impl Iterator<Item = (OsString, OsString)>,
    ) -> Result<Self, ConfigError> {
        let mut config = Self::default();
        if let Some(path) = flags.get_one::<String>("config") {
            config.read_file(Path::new(path))?;
        }
        for (name, text) in environment {
            // A variable whose name is no text is none of the relay's.
            let Some((name, key)) = name.to_str().and_then(|name| Some((name, name.strip_prefix(PREFIX)?))) else {
                continue;
            };
            let Some(text) = text.to_str() else { return Err(ConfigError::NotText(name.to_owned())) };
            if key != "CONFIG" {
                let place = format!("environment variable {name}");
                config.set(&place, &key.to_lowercase(), Given::Text(text))?;
            }
        }
        for setting in SETTINGS {
            if let Ok(Some(text)) = flags.try_get_one::<String>(setting.name) {
                let place = format!("--{}", setting.name.replace('_', "-"));
                config.apply(setting, &place, Given::Text(text))?;
            }
        }
        config.check_together()?;
        Ok(config)
    }

    /// Values which are fine alone and not beside each other.
    fn check_together(&self) -> Result<(), ConfigError> {
        let wrong = |key, value: String, allowed: String| {
            Err(ConfigError::Value { place: "the configuration as a whole".to_owned(), key, value, allowed })
        };
        let payload = self.payload_bytes.0.max(self.mark_bytes.0).max(self.signal_bytes.0).max(self.topic_bytes.0);
        if self.frame_bytes.0 < payload + FRAME_ROOM {
            let allowed = format!("at least {} bytes, as a frame carries payloads of {payload}", payload + FRAME_ROOM);
            return wrong("frame_bytes", self.frame_bytes.0.to_string(), allowed);
        }
        let hello = (self.chats_per_account as u64).saturating_add(1).saturating_mul(CURSOR_BYTES) + FRAME_ROOM;
        if self.frame_bytes.0 < hello {
            let allowed = format!(
                "at least {hello} bytes, as a hello names each of an account's chats, which are {} (chats_per_account)",
                self.chats_per_account
            );
            return wrong("frame_bytes", self.frame_bytes.0.to_string(), allowed);
        }
        let requests = self.max_request.0.saturating_mul(4);
        if self.request_bytes.0 < requests {
            let allowed = format!(
                "at least {requests} bytes, as a fourth has room for one of {} (max_request)",
                self.max_request.0
            );
            return wrong("request_bytes", self.request_bytes.0.to_string(), allowed);
        }
        if self.dead_after <= self.ping {
            let allowed = format!("more than `ping`, which is {:?}", self.ping);
            return wrong("dead_after", format!("{:?}", self.dead_after), allowed);
        }
        Ok(())
    }

    /// What is in force, as a file that [`Self::load`] reads, but for secrets.
    #[must_use]
    pub fn to_toml(&self) -> String {
        SETTINGS.iter().fold(String::new(), |mut text, setting| {
            let value = (setting.show)(self);
            text.push_str(&format!(
                "# {}\n# Allowed: {}\n{} = {value}\n\n",
                setting.help.trim(),
                (setting.allowed)(),
                setting.name
            ));
            text
        })
    }

    fn read_file(&mut self, path: &Path) -> Result<(), ConfigError> {
        let wrong = |reason: String| ConfigError::File { path: path.to_owned(), reason };
        let text = std::fs::read_to_string(path).map_err(|error| wrong(error.to_string()))?;
        let table: toml::Table = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
        let place = path.display().to_string();
        table.iter().try_for_each(|(key, value)| self.set(&place, key, Given::Toml(value)))
    }

    fn set(&mut self, place: &str, key: &str, given: Given<'_>) -> Result<(), ConfigError> {
        match SETTINGS.iter().find(|setting| setting.name == key) {
            Some(setting) => self.apply(setting, place, given),
            None => Err(ConfigError::Unknown { place: place.to_owned(), key: key.to_owned(), near: nearest(key) }),
        }
    }

    fn apply(&mut self, setting: &Setting, place: &str, given: Given<'_>) -> Result<(), ConfigError> {
        if (setting.set)(self, given) {
            return Ok(());
        }
        // A list of servers may hold a credential, which an error must not repeat.
        let value = match given {
            _ if setting.name == "ice_servers" => "…".to_owned(),
            Given::Text(text) => text.to_owned(),
            Given::Toml(toml::Value::String(text)) => text.clone(),
            Given::Toml(value) => value.to_string(),
        };
        Err(ConfigError::Value { place: place.to_owned(), key: setting.name, value, allowed: (setting.allowed)() })
    }
}

/// The setting whose name takes the fewest edits, if it takes few.
fn nearest(key: &str) -> Option<&'static str> {
    let (distance, name) = SETTINGS.iter().map(|setting| (edits(key, setting.name), setting.name)).min()?;
    (distance <= 2.max(key.len() / 3)).then_some(name)
}

/// The Levenshtein distance.
fn edits(one: &str, other: &str) -> usize {
    let mut row: Vec<usize> = (0..=other.chars().count()).collect();
    for (line, a) in one.chars().enumerate() {
        let mut before = line;
        let mut left = line + 1;
        for (cell, b) in row.iter_mut().skip(1).zip(other.chars()) {
            let here = (before + usize::from(a != b)).min(left + 1).min(*cell + 1);
            before = std::mem::replace(cell, here);
            left = here;
        }
        if let Some(first) = row.first_mut() {
            *first = line + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(flags: &[&str], environment: &[(&str, &str)]) -> Result<Config, ConfigError> {
        let flags = command().try_get_matches_from([&["relay-server"], flags].concat()).unwrap();
        Config::load(&flags, environment.iter().map(|(key, value)| (OsString::from(key), OsString::from(value))))
    }

    fn file(text: &str) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        file
    }

    #[test]
    fn without_anything_the_defaults_hold() {
        assert_eq!(load(&[], &[]).unwrap(), Config::default());
    }

    #[test]
    fn flags_beat_the_environment_and_that_beats_the_file() {
        let file = file("password_queue = 1\npassword_hashers = 2\nregistration = 'closed'");
        let path = file.path().to_str().unwrap();
        let environment = [("PARLEY_RELAY_PASSWORD_QUEUE", "3"), ("PARLEY_RELAY_PASSWORD_HASHERS", "4")];
        let config = load(&["--config", path, "--password-queue", "5"], &environment).unwrap();
        assert_eq!((config.password_queue, config.password_hashers), (5, 4));
        assert_eq!(config.registration, Registration::Closed);
    }

    #[cfg(unix)]
    #[test]
    fn a_value_which_is_no_text_is_not_passed_over() {
        use std::os::unix::ffi::OsStringExt as _;
        let environment = [("PARLEY_RELAY_DATA".into(), OsString::from_vec(b"/srv/\xff".to_vec()))];
        let flags = command().try_get_matches_from(["relay-server"]).unwrap();
        let told = Config::load(&flags, environment.into_iter()).unwrap_err().to_string();
        assert!(told.contains("PARLEY_RELAY_DATA") && told.contains("not Unicode"), "{told}");
    }

    #[test]
    fn what_is_printed_is_what_is_read() {
        let config = load(&["--access-token-lifetime", "90s", "--max-request", "2MiB"], &[]).unwrap();
        let file = file(&config.to_toml());
        assert_eq!(load(&["--config", file.path().to_str().unwrap()], &[]).unwrap(), config);
    }

    #[test]
    fn a_mistake_names_the_key_the_value_and_what_is_allowed() {
        let file = file("acces_token_lifetime = '15m'");
        let path = file.path().to_str().unwrap();
        for (flags, environment, parts) in [
            (vec!["--registration", "maybe"], vec![], ["`registration`", "`maybe`", "open, invite, closed"]),
            (vec!["--access-token-lifetime", "5d"], vec![], ["--access-token-lifetime", "`5d`", "to 1d"]),
            (vec![], vec![("PARLEY_RELAY_LISTEN", "3030")], ["PARLEY_RELAY_LISTEN", "`3030`", "127.0.0.1:3030"]),
            (vec![], vec![("PARLEY_RELAY_LISTE", "x")], ["PARLEY_RELAY_LISTE", "`liste`", "`listen`"]),
            (vec!["--config", path], vec![], [path, "`acces_token_lifetime`", "`access_token_lifetime`"]),
        ] {
            let message = load(&flags, &environment).unwrap_err().to_string();
            assert!(parts.iter().all(|part| message.contains(part)), "{message}");
        }
    }
}
