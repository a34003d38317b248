//! Live frames from device to device: WebRTC signals, and who is typing. Nothing of them is stored.

use parley_protocol::frames::Sender;
use parley_protocol::{ChatId, Code, DeviceId, ErrorBody, RelayFrame};
use tokio_tungstenite::tungstenite::Utf8Bytes;

use crate::relay::Relay;

impl Relay {
    /// Hands a signal to a device that shares the chat and has a session. That `from` is in the chat is the session's
    /// to know. Somebody who blocks, or is blocked, looks like one who is offline.
    ///
    /// # Errors
    /// `too_large`, `rate_limited`, `peer_offline`.
    pub(crate) fn signal(&self, from: Sender, chat: ChatId, to: DeviceId, body: String) -> Result<(), ErrorBody> {
        let most = self.limits.signal_bytes;
        if body.len() > most {
            let message = format!("the signal has {} bytes; at most {most} are allowed (signal_bytes)", body.len());
            return Err(ErrorBody::new(Code::TooLarge, message));
        }
        self.rates.signals.take(from.account)?;
        let offline = || ErrorBody::new(Code::PeerOffline, "the device has no session now, or is not in this chat");
        let peer = self.live.feeds.follower(chat.into(), to).filter(|peer| peer.is_member()).ok_or_else(offline)?;
        if self.live.blocks.between(from.account, peer.mailbox.who.account) {
            return Err(offline());
        }
        let frame = RelayFrame::Signal { chat, from, body }.encode().into();
        if peer.mailbox.push_live(frame) { Ok(()) } else { Err(offline()) }
    }

    /// Tells the chat's other devices that somebody is typing, or stopped. Not in crowds.
    pub(crate) fn typing(&self, from: Sender, chat: ChatId, on: bool) {
        let followers = self.live.feeds.followers(chat.into());
        if followers.len() > self.limits.group_members {
            return;
        }
        let frame: Utf8Bytes = RelayFrame::Typing { chat, from, on }.encode().into();
        for follower in followers {
            let whose = follower.mailbox.who;
            if whose.device != from.device
                && follower.is_member()
                && !self.live.blocks.between(from.account, whose.account)
            {
                // A full queue loses it, as live frames may be.
                follower.mailbox.push_live(frame.clone());
            }
        }
    }
}
