//! How a command fails: a sentence for people, a word and an exit code for programs.

use desktop_app::EngineError;

/// Why a command failed. The exit codes are documented in `--help` and `docs/cli.md`; they never change their meaning.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The engine's own.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// What was typed does not make sense.
    #[error("{0}")]
    Usage(String),
    /// There is no such chat, message, person or device, or more than one.
    #[error("{0}")]
    NotFound(String),
    /// One is no longer in the chat.
    #[error("you are no longer in {0}; what was said there stays to be read")]
    Left(String),
    /// The relay said no in another way than by an error (a message it refused for good).
    #[error("{0}")]
    Refused(String),
    /// The message, or what was waited for, did not come that far in time.
    #[error("{0}")]
    Late(String),
    /// The terminal or a pipe failed.
    #[error("the terminal could not be used: {0}")]
    Terminal(#[from] std::io::Error),
    /// Whoever read the output has gone (`| head`): not an error worth a sentence.
    #[error("nobody reads the output")]
    Unread,
}

impl Failure {
    /// The process's exit code.
    pub(crate) fn exit(&self) -> u8 {
        match self {
            Self::Unread => 0,
            Self::Usage(_) | Self::Engine(EngineError::Invalid(_)) => 2,
            Self::Engine(EngineError::SignedOut) => 3,
            Self::Refused(_) | Self::Engine(EngineError::Relay(_)) => 4,
            Self::Engine(EngineError::Unreachable(_)) => 5,
            Self::Engine(EngineError::ProfileInUse(_)) => 6,
            Self::Late(_) => 7,
            Self::NotFound(_) | Self::Left(_) | Self::Terminal(_) | Self::Engine(_) => 1,
        }
    }

    /// The word for programs: the relay's own code if it answered, else one of ours.
    pub(crate) fn code(&self) -> &str {
        match self {
            Self::Usage(_) | Self::Engine(EngineError::Invalid(_)) => "usage",
            Self::NotFound(_) | Self::Engine(EngineError::NotFound(_)) => "not_found",
            Self::Left(_) | Self::Engine(EngineError::Left) => "left",
            Self::Refused(_) => "refused",
            Self::Late(_) => "not_in_time",
            Self::Terminal(_) | Self::Unread => "terminal",
            Self::Engine(error) => match error {
                EngineError::ProfileInUse(_) => "profile_in_use",
                EngineError::ProfileNewer => "profile_newer",
                EngineError::Keychain(_) => "keychain",
                EngineError::SignedOut => "signed_out",
                EngineError::SignedIn(_) => "signed_in",
                error if error.is_disk_full() => "disk_full",
                EngineError::Storage(_) | EngineError::NotWritten | EngineError::Folder(_) => "storage",
                EngineError::Relay(body) => body.code.as_str(),
                EngineError::Unreachable(_) => "unreachable",
                _ => "closed",
            },
        }
    }

    /// The sentence, with what to do where the engine's own does not say it in the words of this program.
    pub(crate) fn sentence(&self) -> String {
        match self {
            Self::Engine(EngineError::SignedOut) => {
                "nobody is signed in to this profile; `parley signup NAME` makes an account, `parley signin NAME` enters one"
                    .to_owned()
            }
            Self::Engine(EngineError::SignedIn(name)) => {
                format!("this profile belongs to {name}; `parley signout` first, or choose another with --profile DIR")
            }
            Self::Engine(EngineError::ProfileInUse(folder)) => format!(
                "another process has the profile {folder} open; close that one, or go on beside it as a second device \
                 of the account: `parley --profile DIR signin NAME`, with a folder of its own"
            ),
            Self::Engine(EngineError::Closed) => {
                "the engine has ended by a fault of its own; nothing that was acknowledged is lost, run the command again"
                    .to_owned()
            }
            Self::Engine(EngineError::Unreachable(reason)) => {
                format!("the relay cannot be reached: {reason}; check the network, or the address in --relay")
            }
            Self::Engine(EngineError::Relay(body)) => match body.retry_after {
                Some(seconds) => format!("the relay refused: {}; try again in {seconds} s", body.message),
                None => format!("the relay refused: {}", body.message),
            },
            other => other.to_string(),
        }
    }
}

/// What commands give.
pub(crate) type Result<T, E = Failure> = std::result::Result<T, E>;

#[cfg(test)]
mod tests {
    use parley_protocol::{Code, ErrorBody};

    use super::*;

    #[test]
    fn each_kind_of_failure_has_its_exit_code() {
        let relay = EngineError::Relay(ErrorBody::new(Code::WrongCredentials, "wrong"));
        for (failure, exit, code) in [
            (Failure::Usage(String::new()), 2, "usage"),
            (EngineError::SignedOut.into(), 3, "signed_out"),
            (relay.into(), 4, "wrong_credentials"),
            (EngineError::Unreachable(String::new()).into(), 5, "unreachable"),
            (EngineError::ProfileInUse(String::new()).into(), 6, "profile_in_use"),
            (Failure::Late(String::new()), 7, "not_in_time"),
            (EngineError::NotFound(String::new()).into(), 1, "not_found"),
            (EngineError::Keychain(String::new()).into(), 1, "keychain"),
            (EngineError::Closed.into(), 1, "closed"),
            (Failure::Left(String::new()), 1, "left"),
            (EngineError::Left.into(), 1, "left"),
        ] {
            assert_eq!((failure.exit(), failure.code()), (exit, code));
        }
    }
}
