//! Errors as they cross a wire: a code which programs branch on and a sentence which a person can act on.

use serde::{Deserialize, Serialize};

macro_rules! codes {
    ($($(#[$doc:meta])* $name:ident = $word:literal, $status:literal;)*) => {
        /// What went wrong, for programs. The wire carries the word; HTTP also the status.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
        pub enum Code {
            $($(#[$doc])* $name,)*
            /// A word which this build does not know.
            Unknown,
        }

        impl Code {
            /// The word on the wire.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* Self::Unknown => "unknown" }
            }

            /// The HTTP status that fits.
            #[must_use]
            pub const fn status(self) -> u16 {
                match self { $(Self::$name => $status,)* Self::Unknown => 500 }
            }

            /// The inverse of [`Self::as_str`]; [`Code::Unknown`] for any other word.
            #[must_use]
            pub fn from_word(word: &str) -> Self {
                match word { $($word => Self::$name,)* _ => Self::Unknown }
            }
        }
    };
}

codes! {
    /// The request could not be read, or a value breaks its bounds.
    BadRequest = "bad_request", 400;
    /// No such route, chat, account, message or invite, or none that the caller may know of.
    NotFound = "not_found", 404;
    /// The route exists for other methods.
    MethodNotAllowed = "method_not_allowed", 405;
    /// No token, or one that is no longer good.
    Unauthorized = "unauthorized", 401;
    /// The access token has run out: refresh it.
    TokenExpired = "token_expired", 401;
    /// A refresh token came a second time; its whole family is revoked. Sign in again.
    TokenReused = "token_reused", 401;
    /// The device was revoked or the account deleted. Sign in again.
    DeviceRevoked = "device_revoked", 401;
    /// Unknown user or wrong password; the relay does not say which.
    WrongCredentials = "wrong_credentials", 401;
    /// The caller's role does not allow it.
    Forbidden = "forbidden", 403;
    /// The caller is not a member of the chat.
    NotMember = "not_member", 403;
    /// The relay takes no new accounts, or none without an invite code.
    RegistrationClosed = "registration_closed", 403;
    /// Another account has the name, one that looks like it, or the address.
    NameTaken = "name_taken", 409;
    /// It exists already, or what the request builds on has changed.
    Conflict = "conflict", 409;
    /// The same (chat, device, id) came with other bytes.
    IdConflict = "id_conflict", 409;
    /// The chat was deleted; its id is never used again.
    Gone = "gone", 410;
    /// Larger than the bound, which the message names.
    TooLarge = "too_large", 413;
    /// More often than the bound, which the message names.
    RateLimited = "rate_limited", 429;
    /// Past a quota, which the message names.
    QuotaExceeded = "quota_exceeded", 429;
    /// More at once than the bound, which the message names.
    LimitReached = "limit_reached", 429;
    /// For now the relay cannot store anything (a full disk, say). Try later; nothing was acknowledged.
    TryLater = "try_later", 503;
    /// An append came after a refused one of the same chat; say `resume` and begin at the oldest again.
    ResumeFirst = "resume_first", 409;
    /// The profile is an old copy of one that went on elsewhere.
    OldCopy = "old_copy", 409;
    /// A newer session of the same device took over.
    Replaced = "replaced", 409;
    /// The peer device has no session now.
    PeerOffline = "peer_offline", 409;
    /// The frame does not fit here: `hello` comes first, and once.
    OutOfOrder = "out_of_order", 400;
    /// The client speaks a version of the wire which this relay does not.
    VersionMismatch = "version_mismatch", 426;
    /// The relay is stopping.
    ShuttingDown = "shutting_down", 503;
    /// A fault of the relay.
    Internal = "internal", 500;
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Code {
    fn deserialize<D: serde::Deserializer<'de>>(input: D) -> Result<Self, D::Error> {
        let word = std::borrow::Cow::<'de, str>::deserialize(input)?;
        Ok(Self::from_word(&word))
    }
}

impl std::fmt::Display for Code {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(self.as_str())
    }
}

/// A code and a sentence.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize, thiserror::Error)]
#[error("{message} ({code})")]
pub struct ErrorBody {
    /// For programs.
    pub code: Code,
    /// For people: what happened, what is allowed, what to do.
    pub message: String,
    /// Seconds after which trying again makes sense, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<u64>,
}

impl ErrorBody {
    /// An error without a time to wait.
    #[must_use]
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), retry_after: None }
    }

    /// Whether the same request may succeed later without anybody changing it.
    #[must_use]
    pub const fn is_for_now(&self) -> bool {
        matches!(
            self.code,
            Code::TryLater | Code::QuotaExceeded | Code::RateLimited | Code::ResumeFirst | Code::ShuttingDown
        )
    }
}

/// The body of every HTTP error.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct ErrorAnswer {
    /// What went wrong.
    pub error: ErrorBody,
}
