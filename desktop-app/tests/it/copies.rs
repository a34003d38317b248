//! Old copies of a profile: who is believed that it is one, and how it becomes a new device when that is not easy.

use desktop_app::Event;
use desktop_app::peer::{PeerCommand, PeerConfig, PeerEvent, PeerLinks};
use desktop_app::views::{Connection, Delivery};
use parley_protocol::{ChatId, ClientFrame, DeviceId, EventId, RelayFrame, payload};
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::raw::{Raw, text};
use crate::telling::{pair, pair_by_relay};
use crate::world::{Device, PATIENCE, World, eventually};

/// Makes a device an old copy of itself: what it did since is known to the relay.
async fn make_old_copy(device: &mut Device) {
    device.kill().await;
    let copy = device.copy_profile().await;
    device.start().await;
    device.online().await;
    device.kill().await;
    device.put_back(&copy).await;
}

/// Waits until a device is another than it was.
async fn is_new(device: &Device, before: DeviceId) {
    let new = async || device.engine().me().await.unwrap().is_some_and(|me| me.device != before);
    eventually(&format!("{} is another device", device.name), new).await;
    device.online().await;
}

/// A link that is spoken by hand.
struct RawLink {
    raw: Raw,
    chat: ChatId,
    peer: DeviceId,
    link: desktop_app::peer::LinkId,
    commands: mpsc::Sender<PeerCommand>,
    _events: mpsc::Receiver<PeerEvent>,
}

impl RawLink {
    /// Dials a device through the relay and waits until the link is open.
    async fn dial(mut raw: Raw, chat: ChatId, peer: DeviceId) -> Self {
        let (told, mut events) = mpsc::channel(64);
        let commands = PeerLinks::start(raw.device, PeerConfig::default(), told);
        commands.send(PeerCommand::Dial { peer }).await.unwrap();
        let opening = async {
            loop {
                tokio::select! {
                    event = events.recv() => match event.unwrap() {
                        PeerEvent::Up { link, .. } => return link,
                        PeerEvent::Signal { to, body } => raw.send(&ClientFrame::Signal { chat, to, body }).await,
                        _ => {}
                    },
                    frame = raw.next_frame() => if let RelayFrame::Signal { from, body, .. } = frame {
                        commands.send(PeerCommand::Signal { from: from.device, body }).await.unwrap();
                    },
                }
            }
        };
        let link = tokio::time::timeout(PATIENCE, opening).await.expect("the link opens");
        Self { raw, chat, peer, link, commands, _events: events }
    }

    async fn say(&self, frame: Value) {
        let frame = frame.to_string().into();
        self.commands.send(PeerCommand::Send { peer: self.peer, link: self.link, frame }).await.unwrap();
    }

    /// Puts the link in step and sends a message on it.
    async fn talk(&mut self, membership: EventId, words: &str) {
        self.say(json!({"type": "marks", "chat": self.chat, "register": {}})).await;
        let message = payload::seal(&self.raw.next(membership, text(words)));
        self.say(json!({"type": "message", "chat": self.chat, "payload": message})).await;
    }
}

fn an_opening() -> Value {
    json!({"count": 1_000, "life": uuid::Uuid::new_v4()})
}

#[tokio::test]
async fn a_stranger_who_takes_a_profile_for_an_old_copy_is_not_believed() {
    let world = World::new().await;
    let alice = world.sign_up("alice").await;
    let mut mallory = Raw::sign_up(&world, "mallory").await;
    let device = alice.device_id().await;
    let chat = alice.on(|engine| async move { engine.new_direct("mallory").await }).await.unwrap();
    let membership = mallory.joins(chat).await;
    let mut link = RawLink::dial(mallory, chat, device).await;
    link.say(json!({"type": "hello", "opening": an_opening(), "recent": []})).await;
    link.say(json!({"type": "old_copy", "opening": an_opening()})).await;
    link.talk(membership, "you are old").await;
    alice.shows(chat, &["you are old"]).await;
    // Whoever begins to become another device has no session from that moment on.
    alice.engine().subscribers("any").await.unwrap();
    assert_eq!(alice.device_id().await, device);
    let key = alice.say(chat, "am I?").await;
    alice.came(chat, key, Delivery::Sent).await;
    assert_eq!(key.device, device);
}

#[tokio::test]
async fn a_copy_that_a_restored_relay_lets_pass_is_found_out_by_a_device_of_ones_own() {
    let mut world = World::new().await;
    let (alice, mut bob, chat) = pair(&world).await;
    let phone = world.sign_in("bob", "phone").await;
    phone.has_chat(chat).await;
    let linked = async |device: &Device| {
        let all = async || device.view(chat).await.route.linked == 2;
        eventually(&format!("{} is linked with both", device.folder.display()), all).await;
    };
    linked(&phone).await;
    bob.kill().await;
    let copy = bob.copy_profile().await;
    let backup = world.back_up_relay().await;
    phone.online().await;
    bob.start().await;
    let device = bob.device_id().await;
    // Its marks have come, so the phone knows this opening.
    linked(&bob).await;
    bob.kill().await;
    bob.put_back(&copy).await;
    // The relay does not know of the second opening any more.
    world.go_back_to(&backup).await;
    phone.online().await;
    bob.start().await;
    is_new(&bob, device).await;
    bob.say(chat, "the copy").await;
    alice.shows(chat, &["the copy"]).await;
    phone.shows(chat, &["the copy"]).await;
    linked(&bob).await;
    bob.say(chat, "the copy, directly").await;
    alice.shows(chat, &["the copy", "the copy, directly"]).await;
}

#[tokio::test]
async fn a_copy_that_a_restored_relay_lets_pass_loses_nothing_silently() {
    let mut world = World::new().await;
    let (alice, mut bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    bob.linked(chat).await;
    bob.kill().await;
    let copy = bob.copy_profile().await;
    let backup = world.back_up_relay().await;
    alice.online().await;
    bob.start().await;
    bob.linked(chat).await;
    alice.linked(chat).await;
    let device = bob.device_id().await;
    let key = alice.say(chat, "for the original").await;
    alice.came(chat, key, Delivery::Delivered).await;
    bob.kill().await;
    bob.put_back(&copy).await;
    world.go_back_to(&backup).await;
    bob.start().await;
    bob.online().await;
    alice.online().await;
    // Alice knows the profile's later opening, and makes no use of a link with this one; the relay carries.
    let key = bob.say(chat, "the copy").await;
    bob.came(chat, key, Delivery::Delivered).await;
    alice.shows(chat, &["for the original", "the copy"]).await;
    alice.say(chat, "are you whole?").await;
    bob.shows(chat, &["the copy", "are you whole?"]).await;
    assert_eq!(bob.gaps(chat).await, [(Some(1), "lost".to_owned())]);
    assert_eq!(bob.device_id().await, device);
}

#[tokio::test]
async fn an_old_copy_asks_for_a_new_device_until_it_is_answered() {
    let world = World::new().await;
    let (alice, mut bob, chat) = pair_by_relay(&world).await;
    let device = bob.device_id().await;
    make_old_copy(&mut bob).await;
    let path = "/api/devices/replace";
    bob.gate.break_at(path);
    let later = r#"{"error": {"code": "try_later", "message": "not now", "retry_after": 1}}"#;
    bob.gate.answer_at(path, "503 Service Unavailable", later);
    bob.gate.answer_at(path, "502 Bad Gateway", "<html>");
    let often = r#"{"error": {"code": "rate_limited", "message": "not so often"}}"#;
    bob.gate.answer_at(path, "429 Too Many Requests", often);
    bob.start().await;
    is_new(&bob, device).await;
    assert!(bob.gate.has_refused_all());
    bob.say(chat, "the copy").await;
    alice.shows(chat, &["the copy"]).await;
}

#[tokio::test]
async fn an_old_copy_that_is_refused_for_good_is_signed_out() {
    let world = World::new().await;
    let (_alice, mut bob, _chat) = pair_by_relay(&world).await;
    make_old_copy(&mut bob).await;
    let limit = r#"{"error": {"code": "limit_reached", "message": "an account has at most 50 devices here"}}"#;
    bob.gate.answer_at("/api/devices/replace", "429 Too Many Requests", limit);
    bob.start().await;
    let out = async || match bob.engine().connection().await.unwrap() {
        Connection::SignedOut { reason } => reason.is_some_and(|reason| reason.contains("at most 50 devices")),
        _ => false,
    };
    eventually("bob is signed out", out).await;
}

#[tokio::test]
async fn a_restored_relay_that_takes_nothing_for_now_is_given_it_again_in_the_same_session() {
    let mut world = World::new().await;
    let (alice, mut bob, carol) =
        (world.sign_up("alice").await, world.sign_up("bob").await, world.sign_up("carol").await);
    let chat = alice.group("Tea", &[&bob]).await;
    let backup = world.back_up_relay().await;
    alice.online().await;
    alice.engine().add_member(chat, "carol").await.unwrap();
    carol.has_chat(chat).await;
    // Nobody else gives anything back.
    bob.kill().await;
    carol.gate.cut();
    let path = format!("/api/chats/{chat}/restore");
    alice.gate.break_at(&path);
    let later = r#"{"error": {"code": "try_later", "message": "not now", "retry_after": 1}}"#;
    alice.gate.answer_at(&path, "503 Service Unavailable", later);
    let left = |event: &Event| matches!(event, Event::Connection(Connection::Offline { .. } | Connection::Connecting));
    let mut ear = alice.listen();
    world.go_back_to(&backup).await;
    ear.hears("the relay is gone", left).await;
    ear.hears("it is back", |event| matches!(event, Event::Connection(Connection::Online { .. }))).await;
    let key = alice.say(chat, "all here").await;
    alice.came(chat, key, Delivery::Sent).await;
    assert!(alice.gate.has_refused_all());
    assert!(!ear.heard().iter().any(left), "it is the same session");
    carol.gate.heal();
    carol.shows(chat, &["all here"]).await;
}
