//! What must hold once everything has come to rest.

use super::*;

/// A message as a device shows it, as far as all have to agree.
#[derive(Clone, PartialEq, Debug)]
struct Line {
    key: MessageKey,
    text: String,
    deleted: bool,
    reactions: BTreeMap<String, BTreeSet<AccountId>>,
}

/// A chat as a device shows it.
struct Shown {
    slot: usize,
    chat: usize,
    status: Option<ChatStatus>,
    unread: u64,
    lines: Vec<Line>,
    /// What is shown though the person wants to see it no more.
    hidden: Vec<MessageKey>,
    gaps: Vec<(DeviceId, String)>,
    deliveries: BTreeMap<MessageKey, Delivery>,
}

impl Shown {
    fn failed(&self, key: MessageKey) -> bool {
        matches!(self.deliveries.get(&key), Some(Delivery::Failed { .. }))
    }
}

impl Run {
    /// Everything that is wrong now, as sentences.
    pub(super) async fn judge(&self) -> Vec<String> {
        let mut wrong = Vec::new();
        for chat in 0..CHATS {
            let mut shown = Vec::new();
            for slot in 0..SLOTS {
                if let Some(slot_ref) = self.running(slot)
                    && takes_part(slot_ref.account, chat)
                {
                    shown.push(self.shown(slot, chat).await);
                }
            }
            self.judge_chat(chat, &shown, &mut wrong);
        }
        self.judge_events(&mut wrong);
        wrong
    }

    async fn shown(&self, slot: usize, chat: usize) -> Shown {
        let device = &self.slots[slot].as_ref().unwrap().device;
        let id = self.chats[chat];
        let view = device.engine().chat(id).await.ok();
        let mut shown = Shown {
            slot,
            chat,
            status: view.as_ref().map(|view| view.status),
            unread: view.map_or(0, |view| view.unread),
            lines: Vec::new(),
            hidden: Vec::new(),
            gaps: Vec::new(),
            deliveries: BTreeMap::new(),
        };
        if shown.status.is_none() {
            return shown;
        }
        let hidden = self.hidden_by(ACCOUNTS[slot], chat);
        for line in device.lines(id).await {
            match line.kind {
                MessageKind::Text if hidden.contains_key(&line.key) => shown.hidden.push(line.key),
                MessageKind::Text => {
                    let reactions = line.reactions.into_iter();
                    let reactions = reactions.map(|one| (one.emoji, one.accounts.into_iter().collect())).collect();
                    if line.own {
                        shown.deliveries.insert(line.key, line.delivery);
                    }
                    let reactions = if line.deleted { BTreeMap::new() } else { reactions };
                    shown.lines.push(Line { key: line.key, text: line.text, deleted: line.deleted, reactions });
                }
                MessageKind::Gap { count, why } => shown.gaps.push((line.key.device, format!("{count:?} {why}"))),
                MessageKind::Change { .. } => {}
            }
        }
        shown
    }

    /// What somebody hid in a chat, and whether there is no doubt that they did.
    fn hidden_by(&self, account: usize, chat: usize) -> BTreeMap<MessageKey, bool> {
        let mut hidden = BTreeMap::new();
        for hid in self.hidden.iter().filter(|hid| hid.chat == chat && ACCOUNTS[hid.slot] == account) {
            *hidden.entry(hid.key).or_default() |= hid.sure;
        }
        hidden
    }

    /// What one device of somebody hid is shown on none of theirs.
    fn judge_hidden(&self, view: &Shown, at: &str, wrong: &mut Vec<String>) {
        let hidden = self.hidden_by(ACCOUNTS[view.slot], view.chat);
        for key in view.hidden.iter().filter(|key| hidden.get(key) == Some(&true)) {
            wrong.push(format!("{at}: shows {}, which was hidden", self.name_of(*key)));
        }
    }

    /// Whether a slot was in the audience of everything that was said in the chat.
    fn is_whole(&self, slot: usize, chat: usize) -> bool {
        let is = |slot: &Slot| slot.whole && (chat != GROUP || !self.moved.contains(&slot.account));
        self.slots[slot].as_ref().is_some_and(is)
    }

    fn judge_chat(&self, chat: usize, shown: &[Shown], wrong: &mut Vec<String>) {
        for view in shown {
            let at = self.place(view);
            if view.status != Some(ChatStatus::Active) {
                wrong.push(format!("{at}: the chat is {:?}", view.status));
                continue;
            }
            self.judge_doubles(view, &at, wrong);
            self.judge_order(view, &at, wrong);
            if self.is_whole(view.slot, chat) && !(self.put_back || (self.restored && chat == CHANNEL)) {
                // What one who was taken out had waiting failed there; the others see that something is missing.
                let theirs = |device: DeviceId| {
                    let by = self.said.iter().find(|said| said.key.device == device).map(|said| said.slot);
                    // One which the restored relay had forgotten is another device now.
                    let forgotten = |by: usize| self.restored && !self.slots[by].as_ref().is_some_and(|by| by.whole);
                    by.is_some_and(|by| (chat == GROUP && self.moved.contains(&ACCOUNTS[by])) || forgotten(by))
                };
                let gaps = view.gaps.iter().filter(|(device, _)| !theirs(*device));
                wrong.extend(gaps.map(|(_, gap)| format!("{at}: shows a gap: {gap}")));
            }
            self.judge_lost(view, shown, &at, wrong);
            self.judge_hidden(view, &at, wrong);
            self.judge_words(view, &at, wrong);
            self.judge_deliveries(view, &at, wrong);
        }
        let whole: Vec<&Shown> = shown.iter().filter(|view| self.is_whole(view.slot, chat)).collect();
        let Some(first) = whole.first() else { return };
        for other in &whole[1..] {
            self.compare(first, other, wrong);
        }
        self.judge_unread(chat, shown, wrong);
    }

    fn place(&self, view: &Shown) -> String {
        let name = &self.slots[view.slot].as_ref().unwrap().device.name;
        let chat = ["alice–bob", "alice–carol", "the group", "the channel"][view.chat];
        format!("{name}.{} in {chat}", view.slot)
    }

    fn judge_doubles(&self, view: &Shown, at: &str, wrong: &mut Vec<String>) {
        let mut keys = BTreeSet::new();
        let mut texts = BTreeMap::new();
        for line in &view.lines {
            if !keys.insert(line.key) {
                wrong.push(format!("{at}: shows {} twice", self.name_of(line.key)));
            }
            if !line.deleted && !line.text.starts_with("edited") && texts.insert(line.text.clone(), line.key).is_some()
            {
                // What an old copy had waiting may go out again under its new device, if it says so.
                if !self.put_back {
                    wrong.push(format!("{at}: shows {:?} twice, under two keys", line.text));
                }
            }
        }
    }

    /// What one device sent is shown in the order it was sent. What failed is not sent: in a channel it stands at the end
    /// until the person decides, and there an old copy may find later messages of its device in the log.
    fn judge_order(&self, view: &Shown, at: &str, wrong: &mut Vec<String>) {
        let order: BTreeMap<MessageKey, usize> =
            self.said.iter().enumerate().map(|(order, said)| (said.key, order)).collect();
        let mut last: BTreeMap<DeviceId, (usize, MessageKey)> = BTreeMap::new();
        for line in &view.lines {
            let Some(order) = order.get(&line.key) else { continue };
            if view.chat == CHANNEL && view.failed(line.key) {
                continue;
            }
            if let Some((before, key)) = last.insert(line.key.device, (*order, line.key))
                && before > *order
            {
                wrong.push(format!(
                    "{at}: shows {} before {}, which was sent first",
                    self.name_of(key),
                    self.name_of(line.key)
                ));
            }
        }
    }

    /// What was acknowledged is there.
    fn judge_lost(&self, view: &Shown, all: &[Shown], at: &str, wrong: &mut Vec<String>) {
        let mut has: BTreeSet<MessageKey> = view.lines.iter().map(|line| line.key).collect();
        let hidden = self.hidden_by(ACCOUNTS[view.slot], view.chat);
        // It may be what was hidden under that name.
        let hidden_anew = hidden.keys().any(|key| !self.said.iter().any(|said| said.key == *key));
        has.extend(hidden.into_keys());
        let texts: BTreeSet<&str> = view.lines.iter().map(|line| line.text.as_str()).collect();
        // It may have other words under that name by now.
        let edited_anew = self.done.iter().any(|((chat, key), done)| {
            *chat == view.chat && !done.edits.is_empty() && !self.said.iter().any(|said| said.key == *key)
        });
        let mut lost = Vec::new();
        for said in self.said.iter().filter(|said| said.chat == view.chat && !has.contains(&said.key)) {
            // What an old copy said before it became another device goes out under that one's name.
            let anew = !self.slots[said.slot].as_ref().is_some_and(|slot| slot.whole);
            if anew && (texts.contains(said.text.as_str()) || edited_anew || hidden_anew) {
                continue;
            }
            let done = self.done.get(&(said.chat, said.key));
            let deleted = done.is_some_and(|done| !done.deletes.is_empty());
            let sender = all.iter().find(|view| view.slot == said.slot);
            let is_it = |line: &&Line| line.key == said.key || (anew && line.text == said.text);
            let failed = sender.is_some_and(|view| view.lines.iter().filter(is_it).any(|line| view.failed(line.key)));
            // One who was taken out of the group in between may fail to say something, and then it says so.
            let may_fail = said.chat == GROUP && self.moved.contains(&ACCOUNTS[said.slot]);
            let owed = (said.sure && self.is_whole(view.slot, view.chat)) || said.last;
            if owed && !deleted && !(failed && may_fail) {
                lost.push(format!("{:?}{}", said.text, if failed { " (failed)" } else { "" }));
            }
        }
        if !lost.is_empty() {
            wrong.push(format!("{at}: lacks {} acknowledged: {}", lost.len(), lost.join(", ")));
        }
    }

    /// Whether something was done by one who was put back, or whom the restored relay had forgotten: that may have failed since,
    /// and says so there.
    fn is_doubtful(&self, done: &Done) -> bool {
        let is_other = |slot: &usize| !self.slots[*slot].as_ref().is_some_and(|slot| slot.whole);
        let reacted = done.reactions.values().flatten().map(|(slot, ..)| slot);
        let by =
            done.edits.iter().map(|(slot, ..)| slot).chain(done.deletes.iter().map(|(slot, _)| slot)).chain(reacted);
        done.unsure || (self.restored && by.into_iter().any(is_other))
    }

    /// Edits, deletes and reactions of which there can be no doubt.
    fn judge_words(&self, view: &Shown, at: &str, wrong: &mut Vec<String>) {
        if !self.is_whole(view.slot, view.chat) {
            return;
        }
        let group = |slot: usize| view.chat == GROUP && self.moved.contains(&ACCOUNTS[slot]);
        // What was said in a channel by one who is another device now may never be given back to a restored relay; what
        // others do to it waits with them.
        let orphaned = |key: MessageKey| {
            let said = self.said.iter().find(|said| said.key == key);
            let is_whole = |said: &Said| self.slots[said.slot].as_ref().is_some_and(|slot| slot.whole);
            self.restored && view.chat == CHANNEL && !said.is_some_and(is_whole)
        };
        for line in view.lines.iter().filter(|line| !orphaned(line.key)) {
            let Some(done) = self.done.get(&(view.chat, line.key)).filter(|done| !self.is_doubtful(done)) else {
                if !line.deleted
                    && let Some(said) = self.said.iter().find(|said| said.key == line.key)
                    && !self.done.contains_key(&(view.chat, line.key))
                    && said.text != line.text
                {
                    wrong.push(format!("{at}: shows {:?} as {:?}", said.text, line.text));
                }
                continue;
            };
            let name = self.name_of(line.key);
            if done.deletes.iter().any(|(slot, good)| *good && !group(*slot)) && !line.deleted {
                wrong.push(format!("{at}: still shows {name}, which was deleted"));
            }
            if line.deleted && done.deletes.is_empty() {
                wrong.push(format!("{at}: shows {name} as deleted, and nobody did that"));
            }
            if line.deleted {
                continue;
            }
            let by: BTreeSet<usize> = done.edits.iter().map(|(slot, ..)| *slot).collect();
            if by.len() == 1
                && done.edits.iter().all(|(slot, _, good)| *good && !group(*slot))
                && let Some((_, text, _)) = done.edits.last()
                && *text != line.text
            {
                wrong.push(format!("{at}: shows {name} as {:?}, but it was edited to {text:?}", line.text));
            }
            for (emoji, reactions) in &done.reactions {
                let by: BTreeSet<usize> = reactions.iter().map(|(slot, ..)| *slot).collect();
                for (account, who) in NAMES.into_iter().enumerate() {
                    let mut slots = by.iter().filter(|slot| ACCOUNTS[**slot] == account);
                    let (Some(slot), None) = (slots.next(), slots.next()) else { continue };
                    let mine: Vec<_> = reactions.iter().filter(|(by, ..)| by == slot).collect();
                    if group(*slot) || mine.iter().any(|(_, _, good)| !good) {
                        continue;
                    }
                    let on = mine.last().is_some_and(|(_, on, _)| *on);
                    let shown = line.reactions.get(*emoji).is_some_and(|all| all.contains(&self.accounts[account]));
                    if on != shown {
                        wrong.push(format!("{at}: {emoji} of {who} on {name} is {shown}, not {on}"));
                    }
                }
            }
        }
    }

    fn judge_deliveries(&self, view: &Shown, at: &str, wrong: &mut Vec<String>) {
        if !self.is_whole(view.slot, view.chat) {
            return;
        }
        let mut early = Vec::new();
        for said in self.said.iter().filter(|said| said.chat == view.chat && said.slot == view.slot) {
            let Some(delivery) = view.deliveries.get(&said.key) else { continue };
            let good = match delivery {
                Delivery::Delivered | Delivery::Read => true,
                // Channels have no marks; and who left or was replaced may have taken a message or not.
                Delivery::Sent => view.chat == CHANNEL || self.put_back || self.restored || view.chat == GROUP,
                Delivery::Waiting | Delivery::Received | Delivery::Failed { .. } => false,
            };
            let deleted = self.done.get(&(said.chat, said.key)).is_some_and(|done| !done.deletes.is_empty());
            if !good && !deleted {
                early.push(format!("{:?} is {delivery:?}", said.text));
            }
        }
        if !early.is_empty() {
            wrong.push(format!("{at}: {} messages did not come through: {}", early.len(), early.join(", ")));
        }
    }

    /// Whether all have to agree on a message: not on one whose fate hangs on a profile that was put back.
    fn is_certain(&self, chat: usize, key: MessageKey) -> bool {
        let said = self.said.iter().find(|said| said.key == key);
        let touched = self.done.get(&(chat, key)).is_some_and(|done| self.is_doubtful(done));
        let moved = |said: &Said| chat == GROUP && self.moved.contains(&ACCOUNTS[said.slot]);
        // What was said by one who is another device now may stand under the other name.
        let anew = |said: &Said| !self.slots[said.slot].as_ref().is_some_and(|slot| slot.whole) && self.put_back;
        said.is_some_and(|said| said.sure && !moved(said) && !anew(said)) && !touched
    }

    fn compare(&self, one: &Shown, other: &Shown, wrong: &mut Vec<String>) {
        let mut hidden = self.hidden_by(ACCOUNTS[one.slot], one.chat);
        hidden.extend(self.hidden_by(ACCOUNTS[other.slot], other.chat));
        let certain = |view: &Shown| -> Vec<Line> {
            let is = |line: &&Line| self.is_certain(view.chat, line.key) && !hidden.contains_key(&line.key);
            view.lines.iter().filter(is).cloned().collect()
        };
        let (mut left, mut right) = (certain(one), certain(other));
        // Cancelled before it went anywhere, or deleted: the tombstone may be on one side alone.
        let deleted: BTreeSet<MessageKey> =
            left.iter().chain(&right).filter(|line| line.deleted).map(|line| line.key).collect();
        let keys = |lines: &[Line]| lines.iter().map(|line| line.key).collect::<BTreeSet<_>>();
        let (in_left, in_right) = (keys(&left), keys(&right));
        left.retain(|line| in_right.contains(&line.key) || !deleted.contains(&line.key));
        right.retain(|line| in_left.contains(&line.key) || !deleted.contains(&line.key));
        if left == right {
            return;
        }
        let mut diff = vec![format!("{} (<) and {} (>) differ:", self.place(one), self.place(other))];
        for at in 0..left.len().max(right.len()) {
            let (l, r) = (left.get(at), right.get(at));
            if l != r {
                let text = |line: Option<&Line>| line.map_or_else(|| "nothing".to_owned(), |line| self.tell(line));
                diff.push(format!("    {at:4} < {}\n         > {}", text(l), text(r)));
            }
            if diff.len() > 12 {
                diff.push("    …".to_owned());
                break;
            }
        }
        wrong.push(diff.join("\n"));
    }

    fn tell(&self, line: &Line) -> String {
        let reactions: Vec<String> =
            line.reactions.iter().map(|(emoji, all)| format!("{emoji}{}", all.len())).collect();
        let deleted = if line.deleted { " (deleted)" } else { "" };
        format!("{} {:?}{deleted} {}", self.name_of(line.key), line.text, reactions.join(" "))
    }

    /// Unread counts agree on the devices of an account, and are what was not shown.
    fn judge_unread(&self, chat: usize, shown: &[Shown], wrong: &mut Vec<String>) {
        for account in 0..self.accounts.len() {
            let views: Vec<&Shown> =
                shown.iter().filter(|view| ACCOUNTS[view.slot] == account && self.is_whole(view.slot, chat)).collect();
            for (one, other) in views.iter().zip(views.iter().skip(1)).filter(|_| !self.put_back) {
                // Whoever lacks something that nobody is owed (`judge_lost`) does not count it.
                let (more, less) = (lacking(other, one), lacking(one, other));
                if one.unread > other.unread + more || other.unread > one.unread + less {
                    let each = [one, other].map(|view| format!("{} has {}", self.place(view), view.unread));
                    wrong.push(format!("unread counts differ: {}", each.join(", ")));
                }
            }
            if self.put_back || self.restored || (chat == GROUP && !self.moved.is_empty()) {
                continue;
            }
            let (sure, perhaps) = self.read.get(&(account, chat)).cloned().unwrap_or_default();
            for view in views {
                let others = view
                    .lines
                    .iter()
                    .filter(|line| !line.deleted)
                    .map(|line| line.key)
                    .filter(|key| !self.said.iter().any(|said| said.key == *key && ACCOUNTS[said.slot] == account));
                let (mut least, mut most) = (0, 0);
                for key in others {
                    most += u64::from(!sure.contains(&key));
                    least += u64::from(!perhaps.contains(&key));
                }
                // Of what may be hidden or not, some may be unread.
                most += view.hidden.len() as u64;
                if view.unread < least || view.unread > most {
                    let at = self.place(view);
                    wrong.push(format!("{at}: {} unread, not {least} to {most}", view.unread));
                }
            }
        }
    }

    /// Each message is told once, in the order of its sender.
    fn judge_events(&self, wrong: &mut Vec<String>) {
        let order: BTreeMap<MessageKey, usize> =
            self.said.iter().enumerate().map(|(order, said)| (said.key, order)).collect();
        for (number, slot) in self.slots.iter().enumerate() {
            let Some(slot) = slot else { continue };
            for (life, told) in slot.told.iter().enumerate() {
                let told = told.lock().unwrap();
                let at = format!("events of {}.{number} in life {life}", slot.device.name);
                let mut seen = BTreeSet::new();
                let mut last: BTreeMap<(ChatId, DeviceId), (usize, MessageKey)> = BTreeMap::new();
                for (chat, key) in &told.messages {
                    if !seen.insert((*chat, *key)) {
                        wrong.push(format!("{at}: {} came twice", self.name_of(*key)));
                    }
                    let Some(order) = order.get(key) else { continue };
                    if let Some((before, earlier)) = last.insert((*chat, key.device), (*order, *key))
                        && before > *order
                        && !self.put_back
                        // What was on its way while one was taken out comes late, once one is back.
                        && !(*chat == self.chats[GROUP] && self.moved.contains(&slot.account))
                        // What was said before it came is news to it if a restored relay is given it back only now.
                        && !(*chat == self.chats[CHANNEL] && self.restored && !slot.whole)
                    {
                        let (earlier, later) = (self.name_of(earlier), self.name_of(*key));
                        wrong.push(format!("{at}: {earlier} came before {later}, which was sent first"));
                    }
                }
                if told.lagged {
                    wrong.push(format!("{at}: some were missed"));
                }
            }
        }
    }
}

/// How many messages one device shows and the other does not.
fn lacking(one: &Shown, other: &Shown) -> u64 {
    let has: BTreeSet<MessageKey> = one.lines.iter().map(|line| line.key).collect();
    other.lines.iter().filter(|line| !line.deleted && !has.contains(&line.key)).count() as u64
}
