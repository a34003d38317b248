//! Fills a profile with made-up history, so that a large one can be measured. The lines stand in the database as if they had
//! come long ago; nothing is sent to anybody.

use parley_protocol::{AccountId, ChatId, DeviceId, MessageId, MessageKey, Millis, RunId};

use crate::engine::Engine;
use crate::error::Result;
use crate::store::chats;
use crate::store::messages::{self, Line};
use crate::views::Route;

/// A message that was never sent.
#[derive(Clone, Debug)]
pub struct Filling {
    /// Where it stands.
    pub chat: ChatId,
    /// Who is said to have sent it.
    pub account: AccountId,
    /// With which device.
    pub device: DeviceId,
    /// The run it is numbered in.
    pub run: RunId,
    /// Its number in that run.
    pub n: u64,
    /// The wall clock of its sender, and its place in the conversation.
    pub at: Millis,
    /// Its words.
    pub text: String,
    /// Whether it is beyond the read mark.
    pub unread: bool,
}

impl Engine {
    /// Writes made-up messages, in one transaction.
    ///
    /// # Errors
    /// The profile cannot be written.
    pub async fn fill(&self, fillings: Vec<Filling>) -> Result<()> {
        self.ask(move |_, tx, _| {
            for filling in fillings {
                let (chat, at) = (filling.chat, filling.at);
                messages::insert(tx, &line(filling))?;
                chats::touch(tx, chat, at)?;
            }
            Ok(Ok(()))
        })
        .await
    }
}

fn line(filling: Filling) -> Line {
    Line {
        chat: filling.chat,
        key: MessageKey { device: filling.device, id: MessageId::new() },
        account: filling.account,
        kind: "text",
        sort: (super::store::int(filling.at), 0),
        number: Some((filling.run, filling.n)),
        seq: None,
        sent_at: filling.at,
        received_at: filling.at,
        text: filling.text,
        reply_to: None,
        mentions: Vec::new(),
        mentions_me: false,
        unread: filling.unread,
        route: Route::Relay,
    }
}
