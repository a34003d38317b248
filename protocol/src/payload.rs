//! The sealed payload: one place that makes it from a message and one that takes it apart.
//!
//! A payload is base64 (standard alphabet, padded) of a JSON object with a version and a form. The one form so far
//! is `plain`: *not encrypted*, so whoever runs the relay could read it. An encrypted form takes its place beside
//! it; the relay and the routes carry either without looking.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::marks::Hidden;
use crate::{MarkRegister, SealedMessage};

/// The version of the payload's outer object.
pub const VERSION: u16 = 1;
/// The longest sealed payload, in characters of base64.
pub const MAX_PAYLOAD_BYTES: usize = 192 * 1024;
/// The longest body, in bytes of JSON: what fits into a payload with a kibibyte for the header.
pub const MAX_BODY_BYTES: usize = MAX_PAYLOAD_BYTES / 4 * 3 - 1024;

#[derive(Serialize, Deserialize)]
struct Outer<T> {
    v: u16,
    form: String,
    content: T,
}

/// Why a payload could not be taken apart.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum OpenError {
    /// It is not base64 of the outer object.
    #[error("the payload is damaged: {0}")]
    Damaged(String),
    /// It is of a version or form which this build does not know.
    #[error("the payload is of a newer form ({form}, version {v}); update the app to read it")]
    Newer {
        /// The version it names.
        v: u16,
        /// The form it names.
        form: String,
    },
}

/// Makes the payload of a message. The same message gives the same bytes.
#[must_use]
pub fn seal(message: &SealedMessage) -> String {
    wrap(message)
}

/// Takes a message's payload apart.
///
/// # Errors
/// [`OpenError`], and then nothing of the payload may be used.
pub fn open(payload: &str) -> Result<SealedMessage, OpenError> {
    unwrap(payload)
}

/// Makes the opaque text of a mark register.
#[must_use]
pub fn seal_marks(register: &MarkRegister) -> String {
    wrap(register)
}

/// Takes a mark register apart.
///
/// # Errors
/// [`OpenError`], and then nothing of the register may be used.
pub fn open_marks(text: &str) -> Result<MarkRegister, OpenError> {
    unwrap(text)
}

/// Makes the opaque text of what a person wants to see no more.
#[must_use]
pub fn seal_hidden(hidden: &Hidden) -> String {
    wrap(hidden)
}

/// Takes such a text apart.
///
/// # Errors
/// [`OpenError`], and then nothing of it may be used.
pub fn open_hidden(text: &str) -> Result<Hidden, OpenError> {
    unwrap(text)
}

fn wrap<T: Serialize>(content: &T) -> String {
    let outer = Outer { v: VERSION, form: "plain".to_owned(), content };
    // Only maps with keys that are not strings can fail here, and no content has any.
    STANDARD.encode(serde_json::to_vec(&outer).unwrap_or_default())
}

fn unwrap<T: DeserializeOwned>(payload: &str) -> Result<T, OpenError> {
    #[derive(Deserialize)]
    struct Tag {
        v: u16,
        form: String,
    }
    let damaged = |error: &dyn std::fmt::Display| OpenError::Damaged(error.to_string());
    let bytes = STANDARD.decode(payload).map_err(|error| damaged(&error))?;
    let tag: Tag = serde_json::from_slice(&bytes).map_err(|error| damaged(&error))?;
    if tag.v != VERSION || tag.form != "plain" {
        return Err(OpenError::Newer { v: tag.v, form: tag.form });
    }
    serde_json::from_slice::<Outer<T>>(&bytes).map(|outer| outer.content).map_err(|error| damaged(&error))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Body, Clock, DeviceId, EventId, MessageId, MessageKey, RunId};

    fn message() -> SealedMessage {
        SealedMessage {
            id: MessageId::new(),
            device: DeviceId::new(),
            run: RunId::new(),
            n: 1,
            membership: EventId::new(),
            after: None,
            clock: Clock { millis: 3, counter: 1 },
            sent_at: 3,
            body: Body::Text { text: "سلام".into(), reply_to: None, mentions: vec![] },
        }
    }

    #[test]
    fn what_is_sealed_opens_again() {
        let message = message();
        assert_eq!(open(&seal(&message)), Ok(message));
    }

    #[test]
    fn as_many_as_may_be_hidden_fit_into_a_register() {
        let hidden: Hidden =
            (0..Hidden::MOST).map(|_| MessageKey { device: DeviceId::new(), id: MessageId::new() }).collect();
        let text = seal_hidden(&hidden);
        assert!(text.len() <= 64 * 1024, "{} bytes", text.len());
        assert_eq!(open_hidden(&text), Ok(hidden));
    }

    #[test]
    fn a_newer_form_is_told_from_damage() {
        let newer = STANDARD.encode(r#"{"v":1,"form":"mls","content":"…"}"#);
        assert_eq!(open(&newer), Err(OpenError::Newer { v: 1, form: "mls".into() }));
        assert!(matches!(open("%%%"), Err(OpenError::Damaged(_))));
        assert!(matches!(open(&STANDARD.encode("{}")), Err(OpenError::Damaged(_))));
    }
}
