//! What a message says, and the header which a sealed one carries inside its payload.

use serde::{Deserialize, Serialize};

use crate::{AccountId, Clock, DeviceId, EventId, MessageId, Millis, RunId};

/// The longest text of a message, in bytes of UTF-8.
pub const MAX_TEXT_BYTES: usize = 64 * 1024;
/// The longest reaction, in bytes: enough for any one emoji with its modifiers.
pub const MAX_EMOJI_BYTES: usize = 64;
/// The most accounts that one message can mention.
pub const MAX_MENTIONS: usize = 100;

/// Names a message within its chat: the device that sent it and the id which that device drew (DELIVERY rule 3).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct MessageKey {
    /// The sending device.
    pub device: DeviceId,
    /// The id which that device drew.
    pub id: MessageId,
}

/// What a message says. In open chats the relay reads it; in sealed chats it is inside the payload.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Body {
    /// Words.
    Text {
        /// At most [`MAX_TEXT_BYTES`].
        text: String,
        /// The message which this one answers.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reply_to: Option<MessageKey>,
        /// Accounts which are told about it even if the chat is muted; at most [`MAX_MENTIONS`].
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        mentions: Vec<AccountId>,
    },
    /// New words for an older message of the same account. The newest edit wins; a delete beats every edit.
    Edit {
        /// Which message.
        target: MessageKey,
        /// At most [`MAX_TEXT_BYTES`].
        text: String,
        /// As in `text`.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        mentions: Vec<AccountId>,
    },
    /// Takes an older message of the same account back, for everyone; a tombstone stays.
    Delete {
        /// Which message.
        target: MessageKey,
    },
    /// Adds or takes back one reaction of the sending account.
    React {
        /// Which message.
        target: MessageKey,
        /// One emoji, at most [`MAX_EMOJI_BYTES`].
        emoji: String,
        /// `false` takes it back.
        on: bool,
    },
    /// Nothing: stands under the number of a message that was cancelled before it was handed to any route.
    Empty,
}

impl Body {
    /// Whether the body keeps its bounds; the error is a sentence that names the bound.
    ///
    /// # Errors
    /// A text that is empty or too long, an emoji that is empty or too long, too many mentions.
    pub fn check(&self) -> Result<(), String> {
        let text = |text: &str, mentions: &[AccountId]| {
            if text.trim().is_empty() {
                return Err("the message is empty".to_owned());
            }
            if text.len() > MAX_TEXT_BYTES {
                return Err(format!("the text has {} bytes; at most {MAX_TEXT_BYTES} are allowed", text.len()));
            }
            if mentions.len() > MAX_MENTIONS {
                return Err(format!("the message mentions {}; at most {MAX_MENTIONS} are allowed", mentions.len()));
            }
            Ok(())
        };
        match self {
            Self::Text { text: words, mentions, .. } | Self::Edit { text: words, mentions, .. } => {
                text(words, mentions)
            }
            Self::React { emoji, .. } if emoji.is_empty() || emoji.len() > MAX_EMOJI_BYTES => {
                Err(format!("a reaction is one emoji of at most {MAX_EMOJI_BYTES} bytes"))
            }
            Self::React { .. } | Self::Delete { .. } | Self::Empty => Ok(()),
        }
    }

    /// The older message which this one changes; `None` for one that stands for itself.
    #[must_use]
    pub const fn target(&self) -> Option<MessageKey> {
        match self {
            Self::Edit { target, .. } | Self::Delete { target } | Self::React { target, .. } => Some(*target),
            Self::Text { .. } | Self::Empty => None,
        }
    }

    /// Whether this change, made after another one by the same account, leaves nothing of it.
    #[must_use]
    pub fn supersedes(&self, older: &Self) -> bool {
        match (self, older) {
            (Self::Edit { target, .. }, Self::Edit { target: same, .. })
            | (Self::Delete { target }, Self::Edit { target: same, .. } | Self::Delete { target: same }) => {
                target == same
            }
            (Self::React { target, emoji, .. }, Self::React { target: same, emoji: alike, .. }) => {
                target == same && emoji == alike
            }
            _ => false,
        }
    }
}

/// The end of a run: its last number, and the membership it began under.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct RunEnd {
    /// Which run.
    pub run: RunId,
    /// Its last number, at least 1.
    pub n: u64,
    /// The membership it began under, so that a newcomer knows it was not in its audience.
    pub membership: EventId,
}

/// A message of a sealed chat: everything that nobody in between may set (DELIVERY rules 1 to 4).
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SealedMessage {
    /// Its id; equal to the append's.
    pub id: MessageId,
    /// Who sent it; equal to the device which the route vouches for.
    pub device: DeviceId,
    /// The run it belongs to.
    pub run: RunId,
    /// Its number in the run: 1, 2, 3 …
    pub n: u64,
    /// The membership which the run began under.
    pub membership: EventId,
    /// In the first message of a run: the end of the sender's run before, if there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<RunEnd>,
    /// Orders the chat.
    pub clock: Clock,
    /// The sender's wall clock: what a person reads.
    pub sent_at: Millis,
    /// What it says.
    pub body: Body,
}
