//! What a conversation has shown: each message under the number by which the person names it.

use std::collections::HashMap;

use desktop_app::views::{Delivery, MessageKind, MessageView, Position};
use parley_protocol::MessageKey;

/// Own messages whose receipts are followed.
const FOLLOWED: usize = 200;

/// What was shown, and how it looked.
#[derive(Default)]
pub(crate) struct Shown {
    numbers: HashMap<MessageKey, usize>,
    /// By number, less one.
    messages: Vec<MessageView>,
    others: HashMap<MessageKey, ()>,
    oldest: Option<Position>,
    newest: Option<Position>,
    /// The day of the line that was shown last.
    pub(crate) day: String,
}

impl Shown {
    /// Whether a line was shown.
    pub(crate) fn has(&self, key: MessageKey) -> bool {
        self.numbers.contains_key(&key) || self.others.contains_key(&key)
    }

    /// Takes a line that is about to be shown; gives the number of a message, nothing for other lines.
    pub(crate) fn add(&mut self, line: &MessageView) -> Option<usize> {
        self.note_place(line);
        if line.kind != MessageKind::Text {
            self.others.insert(line.key, ());
            return None;
        }
        self.messages.push(line.clone());
        self.numbers.insert(line.key, self.messages.len());
        Some(self.messages.len())
    }

    fn note_place(&mut self, line: &MessageView) {
        // A message of one's own that waits may yet get another place.
        if line.own && line.delivery == Delivery::Waiting {
            return;
        }
        self.oldest = Some(self.oldest.map_or(line.position, |oldest| oldest.min(line.position)));
        self.newest = Some(self.newest.map_or(line.position, |newest| newest.max(line.position)));
    }

    /// Takes a message as it is now; gives how it was, with its number.
    pub(crate) fn update(&mut self, line: &MessageView) -> Option<(usize, MessageView)> {
        let number = *self.numbers.get(&line.key)?;
        self.note_place(line);
        let old = self.messages.get_mut(number.checked_sub(1)?)?;
        Some((number, std::mem::replace(old, line.clone())))
    }

    /// Takes how far a message came; gives how far that was before, with its number.
    pub(crate) fn deliver(&mut self, key: MessageKey, delivery: Delivery) -> Option<(usize, Delivery)> {
        let number = *self.numbers.get(&key)?;
        let message = self.messages.get_mut(number.checked_sub(1)?)?;
        Some((number, std::mem::replace(&mut message.delivery, delivery)))
    }

    /// The message of a number.
    pub(crate) fn message(&self, number: usize) -> Option<&MessageView> {
        self.messages.get(number.checked_sub(1)?)
    }

    /// The number of a message.
    pub(crate) fn number(&self, key: MessageKey) -> Option<usize> {
        self.numbers.get(&key).copied()
    }

    /// Where the oldest line stands.
    pub(crate) fn oldest(&self) -> Option<Position> {
        self.oldest
    }

    /// Where the newest line stands whose place is settled.
    pub(crate) fn newest(&self) -> Option<Position> {
        self.newest
    }

    /// The newest own messages which may still come further.
    pub(crate) fn unsettled(&self) -> Vec<MessageKey> {
        let own = self.messages.iter().rev().filter(|message| message.own && !message.deleted);
        own.take(FOLLOWED).filter(|message| message.delivery != Delivery::Read).map(|message| message.key).collect()
    }

    /// Whether an own message is on this device only.
    pub(crate) fn any_waiting(&self) -> bool {
        self.messages.iter().any(|message| message.own && message.delivery == Delivery::Waiting)
    }
}

#[cfg(test)]
mod tests {
    use parley_protocol::DeviceId;

    use super::*;
    use crate::lines::tests::view;

    fn at(place: i64, mut view: MessageView) -> MessageView {
        view.position = Position(place, 0, DeviceId::nil(), 0);
        view
    }

    #[test]
    fn messages_are_numbered_as_they_are_shown_and_other_lines_are_not() {
        let mut shown = Shown::default();
        let (first, second) = (at(1, view("one")), at(3, view("two")));
        let mut gap = at(2, view(""));
        gap.kind = MessageKind::Gap { count: None, why: "lost".to_owned() };
        assert_eq!(shown.add(&first), Some(1));
        assert_eq!(shown.add(&gap), None);
        assert_eq!(shown.add(&second), Some(2));
        assert!(shown.has(gap.key) && shown.has(first.key));
        assert_eq!(shown.number(second.key), Some(2));
        assert_eq!(shown.message(2).map(|message| message.text.as_str()), Some("two"));
        assert_eq!((shown.message(0), shown.message(3)), (None, None));
        assert_eq!((shown.oldest(), shown.newest()), (Some(first.position), Some(second.position)));
    }

    #[test]
    fn a_message_that_waits_has_no_place_yet() {
        let mut shown = Shown::default();
        let mut own = at(9, view("mine"));
        (own.own, own.delivery) = (true, Delivery::Waiting);
        shown.add(&own);
        assert_eq!(shown.newest(), None);
        assert!(shown.any_waiting());
        let mut sent = at(4, own.clone());
        sent.delivery = Delivery::Sent;
        let (number, old) = shown.update(&sent).unwrap();
        assert_eq!((number, old.delivery), (1, Delivery::Waiting));
        assert_eq!(shown.newest(), Some(sent.position));
        assert_eq!(shown.unsettled(), [own.key]);
    }
}
