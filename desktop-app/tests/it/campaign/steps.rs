//! Carrying out one step of a campaign.

use super::*;

impl Run {
    /// Carries out a step; what came of it, or `None` if it made no sense.
    pub(super) async fn carry_out(&mut self, step: Step) -> Option<String> {
        match step {
            Step::Say { slot, chat, count } => {
                let mut outcome = String::new();
                for _ in 0..count {
                    outcome += &self.say(slot, chat, false).await?;
                }
                Some(outcome)
            }
            Step::Edit { slot, chat, pick } => {
                let key = self.pick(slot, chat, pick, true).await?;
                self.count += 1;
                let (text, id) = (format!("edited {}", self.count), self.chats[chat]);
                let words = text.clone();
                let result = self.ask(slot, move |engine| async move { engine.edit(id, key, &words).await }).await?;
                let good = result.is_ok();
                self.done.entry((chat, key)).or_default().edits.push((slot, text.clone(), good));
                Some(format!(" {} to {text:?} {}", self.name_of(key), word(&result)))
            }
            Step::React { slot, chat, pick, emoji, on } => {
                let key = self.pick(slot, chat, pick, false).await?;
                let (id, emoji) = (self.chats[chat], EMOJI[emoji]);
                let result =
                    self.ask(slot, move |engine| async move { engine.react(id, key, emoji, on).await }).await?;
                let done = self.done.entry((chat, key)).or_default();
                done.reactions.entry(emoji).or_default().push((slot, on, result.is_ok()));
                Some(format!(" {} {}", self.name_of(key), word(&result)))
            }
            Step::Delete { slot, chat, pick } => {
                let key = self.pick(slot, chat, pick, true).await?;
                let id = self.chats[chat];
                let result = self.ask(slot, move |engine| async move { engine.delete(id, key).await }).await?;
                self.done.entry((chat, key)).or_default().deletes.push((slot, result.is_ok()));
                Some(format!(" {} {}", self.name_of(key), word(&result)))
            }
            Step::Hide { slot, chat, pick } => {
                let key = self.pick(slot, chat, pick, false).await?;
                let id = self.chats[chat];
                let result = self.ask(slot, move |engine| async move { engine.hide(id, vec![key]).await }).await?;
                if result.is_ok() || matches!(result, Err(EngineError::Unreachable(_))) {
                    self.hidden.push(Hid { slot, chat, key, sure: result.is_ok() });
                }
                Some(format!(" {}{}", self.name_of(key), word(&result)))
            }
            Step::Read { slot, chat } => {
                let before = self.keys(slot, chat).await?;
                let id = self.chats[chat];
                let result = self.ask(slot, move |engine| async move { engine.mark_read(id, None).await }).await?;
                let mut after = self.keys(slot, chat).await?;
                if slot >= FIRST {
                    // What came before a new device is read with what follows it.
                    after.extend(self.said.iter().filter(|said| said.chat == chat).map(|said| said.key));
                }
                let (sure, perhaps) = self.read.entry((ACCOUNTS[slot], chat)).or_default();
                if result.is_ok() {
                    sure.extend(before);
                }
                perhaps.extend(after);
                Some(word(&result))
            }
            Step::Cut { slot } => {
                self.slots[slot].as_ref()?.device.gate.cut();
                Some(String::new())
            }
            Step::Freeze { slot } => {
                self.slots[slot].as_ref()?.device.gate.freeze();
                Some(String::new())
            }
            Step::Slow { slot, millis } => {
                self.slots[slot].as_ref()?.device.gate.slow(Duration::from_millis(millis));
                Some(String::new())
            }
            Step::Heal { slot } => {
                let device = &self.slots[slot].as_ref()?.device;
                device.gate.slow(Duration::ZERO);
                device.gate.heal();
                Some(String::new())
            }
            Step::Kill { slot } => {
                self.running(slot)?;
                self.kill(slot).await;
                Some(String::new())
            }
            Step::Start { slot } => {
                let slot = self.slots[slot].as_mut().filter(|slot| !slot.device.is_running())?;
                slot.start().await;
                Some(String::new())
            }
            Step::KillRelay => {
                if !self.world.relay_runs() {
                    return None;
                }
                self.relay_full = false;
                self.world.kill_relay().await;
                Some(String::new())
            }
            Step::StartRelay => {
                if self.world.relay_runs() {
                    return None;
                }
                self.world.start_relay().await;
                Some(String::new())
            }
            Step::Links { slot, everybody } => {
                let direct_links = if everybody { DirectLinks::Everybody } else { DirectLinks::Never };
                let chosen = Settings { direct_links, ..Settings::default() };
                let result = self.ask(slot, move |engine| async move { engine.set_settings(chosen).await }).await?;
                Some(word(&result))
            }
            Step::Skew { slot, millis } => {
                self.slots[slot].as_ref()?.device.set_skew(millis);
                Some(String::new())
            }
            Step::Packets { .. } | Step::Silence { .. } | Step::HealPackets { .. } => self.trouble_packets(step),
            Step::Remove { account } => {
                let (group, whom) = (self.chats[GROUP], self.accounts[account]);
                let result = self.ask(0, move |engine| async move { engine.remove_member(group, whom).await }).await?;
                self.moved.insert(account);
                Some(word(&result))
            }
            Step::Add { account } => {
                if !self.moved.contains(&account) {
                    return None;
                }
                self.bring_back(account).await
            }
            Step::NewDevice { slot } => self.new_device(slot).await,
            Step::Copy { slot: number } => {
                let sent = self.said.iter().filter(|said| said.slot == number).count();
                let ran = self.slots[number].as_ref()?.device.is_running();
                if ran {
                    self.kill(number).await;
                }
                let slot = self.slots[number].as_mut()?;
                slot.copy = Some(Copied { folder: slot.device.copy_profile().await, sent });
                if ran {
                    slot.start().await;
                }
                Some(String::new())
            }
            Step::PutBack { slot } => self.put_back(slot).await,
            Step::CopyRelay => {
                let ran = self.world.relay_runs();
                if ran {
                    self.world.kill_relay().await;
                    self.relay_full = false;
                }
                self.relay_copy = Some(self.world.copy_relay());
                if ran {
                    self.world.start_relay().await;
                }
                Some(String::new())
            }
            Step::RestoreRelay => {
                let copy = self.relay_copy.take()?;
                if self.world.relay_runs() {
                    self.world.kill_relay().await;
                    self.relay_full = false;
                }
                self.world.restore_relay(&copy);
                self.world.start_relay().await;
                self.restored = true;
                Some(String::new())
            }
            Step::Fill { slot } => {
                let result = self.ask(slot, move |engine| async move { engine.fill_disk(true).await }).await?;
                self.slots[slot].as_mut()?.full = true;
                self.filled = true;
                Some(word(&result))
            }
            Step::Free { slot } => {
                if !self.running(slot)?.full {
                    return None;
                }
                self.free(slot).await;
                Some(String::new())
            }
            Step::FillRelay | Step::FreeRelay => {
                let full = step == Step::FillRelay;
                if !self.world.relay_runs() || self.relay_full == full {
                    return None;
                }
                self.world.fill_relay_disk(full).await;
                self.relay_full = full;
                self.filled = true;
                Some(String::new())
            }
            Step::Wait { millis } => {
                tokio::time::sleep(Duration::from_millis(millis)).await;
                Some(String::new())
            }
        }
    }

    pub(super) fn trouble_packets(&self, step: Step) -> Option<String> {
        match step {
            Step::Packets { slot, percent } => {
                let device = &self.slots[slot].as_ref()?.device;
                device.lose(f64::from(percent) / 100.0, u64::from(percent));
                device.delay_links(Duration::ZERO..Duration::from_millis(u64::from(percent) * 5));
            }
            Step::Silence { slot } => self.slots[slot].as_ref()?.device.stop_links(),
            Step::HealPackets { slot } => self.slots[slot].as_ref()?.device.heal_links(),
            _ => return None,
        }
        Some(String::new())
    }

    /// Says something; the ledger has it if it was acknowledged.
    pub(super) async fn say(&mut self, slot: usize, chat: usize, last: bool) -> Option<String> {
        let id = self.chats[chat];
        if !takes_part(ACCOUNTS[slot], chat) {
            return None;
        }
        let engine = self.running(slot)?.device.engine().clone();
        self.count += 1;
        let text = format!("{} {}.{slot}", self.count, NAMES[ACCOUNTS[slot]]);
        let message = Outgoing { text: text.clone(), ..Outgoing::default() };
        match tokio::time::timeout(SEND_WITHIN, engine.send(id, message)).await {
            Ok(Ok(key)) => {
                let outcome = format!(" {text:?}");
                self.said.push(Said { slot, chat, key, text, sure: true, last });
                Some(outcome)
            }
            Ok(Err(error)) => Some(format!(" {text:?} not taken: {error}")),
            Err(_) => {
                self.wrong.push(format!("`send` of {text:?} did not return within {SEND_WITHIN:?}"));
                Some(" no answer".to_owned())
            }
        }
    }

    /// Asks an engine for something that may need the relay; `None` if the device is down.
    async fn ask<W>(
        &self,
        slot: usize,
        work: impl FnOnce(Engine) -> W + Send + 'static,
    ) -> Option<Result<(), EngineError>>
    where
        W: Future<Output = Result<(), EngineError>> + Send + 'static,
    {
        let device = &self.running(slot)?.device;
        let late = || Err(EngineError::Unreachable("no answer yet".to_owned()));
        Some(
            device
                .on(move |engine| async move {
                    tokio::time::timeout(ASK_WITHIN, work(engine)).await.unwrap_or_else(|_| late())
                })
                .await,
        )
    }

    /// A message among the newest of a chat as a device shows it.
    async fn pick(&self, slot: usize, chat: usize, pick: u32, own: bool) -> Option<MessageKey> {
        let device = &self.running(slot)?.device;
        let id = self.chats[chat];
        let lines = device.on(move |engine| async move { engine.history(id, Page::Newest, 30).await }).await.ok()?;
        let lines: Vec<MessageView> = lines
            .into_iter()
            .filter(|line| line.kind == MessageKind::Text && !line.deleted && (line.own || !own))
            .collect();
        lines.get(pick as usize % lines.len().max(1)).map(|line| line.key)
    }

    async fn keys(&self, slot: usize, chat: usize) -> Option<BTreeSet<MessageKey>> {
        let device = &self.running(slot)?.device;
        device.engine().chat(self.chats[chat]).await.ok()?;
        let lines = device.lines(self.chats[chat]).await;
        Some(lines.into_iter().filter(|line| line.kind == MessageKind::Text).map(|line| line.key).collect())
    }

    pub(super) fn name_of(&self, key: MessageKey) -> String {
        let said = self.said.iter().find(|said| said.key == key);
        said.map_or_else(|| format!("{key:?}"), |said| format!("{:?}", said.text))
    }

    pub(super) async fn bring_back(&self, account: usize) -> Option<String> {
        let group = self.chats[GROUP];
        let name = NAMES[account];
        let result = self.ask(0, move |engine| async move { engine.add_member(group, name).await }).await?;
        Some(word(&result))
    }

    /// Another device of somebody signs in, if the relay can be had.
    async fn new_device(&mut self, slot: usize) -> Option<String> {
        if self.slots[slot].is_some() || !self.world.relay_runs() {
            return None;
        }
        let account = ACCOUNTS[slot];
        let device = self.world.device(NAMES[account], &format!("{} {slot}", NAMES[account])).await;
        let relay = device.relay();
        let request = sign_in(account);
        let result = device.on(move |engine| async move { engine.sign_in(&relay, request).await }).await.map(drop);
        if result.is_ok() {
            self.slots[slot] = Some(Slot::new(device, account, false));
        }
        Some(word(&result))
    }

    /// Kills a client. An old copy that never heard it is one cannot tell in its next life what of this one was sent: it
    /// leaves that to the person.
    async fn kill(&mut self, number: usize) {
        let Some(slot) = self.slots[number].as_mut() else { return };
        slot.full = false;
        slot.device.kill().await;
        let noticed =
            |told: &Arc<Mutex<Told>>| told.lock().unwrap().notices.iter().any(|notice| notice.starts_with("old_copy"));
        slot.unaware &= !slot.told.last().is_some_and(noticed);
        if slot.unaware {
            self.said.iter_mut().filter(|said| said.slot == number).for_each(|said| said.sure = false);
            self.doubt(number);
        }
    }

    /// Whether what this one edited, deleted or reacted to is to be seen is the person's to decide from now on.
    fn doubt(&mut self, number: usize) {
        for done in self.done.values_mut() {
            let by = |slot: &usize| *slot == number;
            done.unsure |= done.edits.iter().any(|(slot, ..)| by(slot))
                || done.deletes.iter().any(|(slot, _)| by(slot))
                || done.reactions.values().flatten().any(|(slot, ..)| by(slot));
        }
    }

    /// Stops a device, puts its old copy back, and starts it.
    async fn put_back(&mut self, number: usize) -> Option<String> {
        let copy = self.slots[number].as_mut()?.copy.take()?;
        if self.running(number).is_some() {
            self.kill(number).await;
        }
        let slot = self.slots[number].as_mut()?;
        slot.device.put_back(&copy.folder).await;
        slot.whole = false;
        slot.unaware = true;
        self.put_back = true;
        let waiting = waiting_in(copy.folder.path(), self.restored || self.relay_copy.is_some());
        for (at, said) in self.said.iter_mut().filter(|said| said.slot == number).enumerate() {
            // What the copy does not know of is gone; what waited in it is for the person to decide.
            if at >= copy.sent || waiting.contains(&said.key) {
                said.sure = false;
            }
        }
        self.doubt(number);
        self.hidden.iter_mut().filter(|hid| hid.slot == number).for_each(|hid| hid.sure = false);
        self.slots[number].as_mut()?.start().await;
        Some(String::new())
    }
}

fn word(result: &Result<(), EngineError>) -> String {
    match result {
        Ok(()) => String::new(),
        Err(error) => format!(" failed: {error}"),
    }
}

/// What a stopped profile has not seen through: what no route is known to have taken, and if the relay may be put back too,
/// whatever somebody's mark lacks.
fn waiting_in(folder: &std::path::Path, all: bool) -> BTreeSet<MessageKey> {
    let db = rusqlite::Connection::open(folder.join("parley.sqlite")).unwrap();
    let which = if all { "1" } else { "state IN ('waiting', 'accepted', 'failed')" };
    let me: String =
        db.query_row("SELECT value FROM settings WHERE key = 'me'", [], |row| row.get(0)).unwrap_or_default();
    let Ok(me) = serde_json::from_str::<desktop_app::views::Me>(&me) else { return BTreeSet::new() };
    let mut select = db.prepare(&format!("SELECT id FROM sent WHERE {which}")).unwrap();
    let ids = select.query_map([], |row| row.get::<_, [u8; 16]>(0)).unwrap();
    ids.map(|id| MessageKey { device: me.device, id: id.unwrap().into() }).collect()
}
