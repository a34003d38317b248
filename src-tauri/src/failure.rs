//! How a call of the screen fails: a code which it branches on, and a sentence for a person.

use std::borrow::Cow;

use desktop_app::EngineError;
use serde::Serialize;

/// Codes on which the screen branches. The relay may send others.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(transparent)]
#[cfg_attr(
    test,
    derive(ts_rs::TS),
    ts(
        type = "| \"unreachable\" | \"signed_out\" | \"signed_in\" | \"profile_in_use\" | \"profile_newer\" | \"keychain\" | \
                \"storage\" | \"disk_full\" | \"not_found\" | \"left\" | \"invalid\" | \"closed\" | \"wrong_credentials\" | \"name_taken\" | \
                \"registration_closed\" | \"rate_limited\" | \"version_mismatch\" | (string & {})"
    )
)]
pub(crate) struct ErrorCode(pub(crate) Cow<'static, str>);

/// How every call fails.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[cfg_attr(test, derive(ts_rs::TS))]
pub(crate) struct Failure {
    /// For the screen.
    pub(crate) code: ErrorCode,
    /// For a person: what happened, and what to do.
    pub(crate) message: String,
    /// Seconds after which trying again makes sense.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(test, ts(optional))]
    pub(crate) retry_after: Option<u64>,
}

/// What every command gives.
pub(crate) type Answer<T> = Result<T, Failure>;

impl Failure {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self { code: ErrorCode(Cow::Borrowed(code)), message: sentence(message.into()), retry_after: None }
    }
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let code = match &error {
            EngineError::ProfileInUse(_) => "profile_in_use",
            EngineError::ProfileNewer => "profile_newer",
            EngineError::Keychain(_) => "keychain",
            EngineError::SignedOut => "signed_out",
            EngineError::SignedIn(_) => "signed_in",
            error if error.is_disk_full() => "disk_full",
            EngineError::Storage(_) | EngineError::NotWritten | EngineError::DiskFull | EngineError::Folder(_) => {
                "storage"
            }
            EngineError::Relay(body) => {
                return Self { retry_after: body.retry_after, ..Self::new(body.code.as_str(), body.message.clone()) };
            }
            EngineError::Unreachable(_) => "unreachable",
            EngineError::NotFound(_) => "not_found",
            EngineError::Left => "left",
            EngineError::Invalid(_) => "invalid",
            EngineError::Closed => "closed",
        };
        let advice = match &error {
            EngineError::Keychain(_) => {
                " Unlock the keychain and try again; or start with --no-keychain and sign in again."
            }
            EngineError::Storage(_) | EngineError::Folder(_) => {
                " Look whether the disk is full and the folder may be written, and try again."
            }
            _ => "",
        };
        Self::new(code, format!("{}{advice}", sentence(error.to_string())))
    }
}

/// With a capital at the start and a full stop at the end.
fn sentence(text: String) -> String {
    let mut letters = text.chars();
    let Some(first) = letters.next() else { return text };
    let mut whole: String = first.to_uppercase().chain(letters).collect();
    if !whole.ends_with(['.', '!', '?', '…']) {
        whole.push('.');
    }
    whole
}

#[cfg(test)]
mod tests {
    use parley_protocol::{Code, ErrorBody};

    use super::*;

    #[test]
    fn a_failure_is_a_code_and_a_sentence_that_says_what_to_do() {
        let refused = ErrorBody { retry_after: Some(7), ..ErrorBody::new(Code::RateLimited, "too many sign-ins") };
        for (error, code, words) in [
            (EngineError::ProfileInUse("x".into()), "profile_in_use", "The profile x is open in another process"),
            (EngineError::Keychain("it is locked".into()), "keychain", "it is locked. Unlock the keychain"),
            (EngineError::Folder(std::io::ErrorKind::StorageFull.into()), "disk_full", "disk is full"),
            (EngineError::Folder(std::io::ErrorKind::PermissionDenied.into()), "storage", "may be written"),
            (EngineError::Relay(refused), "rate_limited", "Too many sign-ins."),
            (EngineError::Closed, "closed", "The engine is closed."),
        ] {
            let failure = Failure::from(error);
            assert_eq!(failure.code.0, code);
            assert!(failure.message.contains(words), "{failure:?}");
        }
    }

    #[test]
    fn the_relay_s_time_to_wait_reaches_the_screen_and_nothing_else_does() {
        let body = ErrorBody { retry_after: Some(7), ..ErrorBody::new(Code::RateLimited, "slowly") };
        let said = serde_json::to_string(&Failure::from(EngineError::Relay(body))).unwrap();
        assert_eq!(said, r#"{"code":"rate_limited","message":"Slowly.","retry_after":7}"#);
        let said = serde_json::to_string(&Failure::from(EngineError::SignedOut)).unwrap();
        assert!(!said.contains("retry_after"), "{said}");
    }
}
