//! A core by itself, whose peer links take as much as the test lets them.

use std::sync::Arc;

use bytes::Bytes;
use parley_protocol::frames::{Cursor, LogCursor, Sender};
use parley_protocol::marks::Held;
use parley_protocol::{
    ChatKind, ChatState, EntryId, EventId, LifeId, LogId, MarkRegister, Member, Role, RunId, VERSION,
};
use serde_json::json;

use super::*;
use crate::peer::{CloseReason, DownReason, LinkId, PathKind, PeerEvent};
use crate::views::Route;

/// A core on a new profile, in a direct chat with one other device.
struct Alone {
    core: Core,
    chat: ChatId,
    peer: DeviceId,
    /// What the peer links are given.
    commands: mpsc::Receiver<PeerCommand>,
    /// What the relay link is given.
    link_commands: mpsc::UnboundedReceiver<LinkCommand>,
    _folder: tempfile::TempDir,
    _rest: Box<dyn std::any::Any>,
}

impl Alone {
    /// Its peer links have room for so many commands.
    fn with_room(room: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let profile = Profile::open(folder.path()).unwrap();
        let (sender, commands) = mpsc::channel(room);
        let (link, link_commands) = mpsc::unbounded_channel();
        let (tasks, task_queue) = mpsc::unbounded_channel();
        let start_peers = Box::new(move |_, _| sender.clone());
        let outlets =
            Outlets { events: broadcast::channel(64).0, link, start_peers, tasks, rolled_back: Arc::default() };
        let mut core = Core::open(profile, Arc::new(|| 1), outlets, PeerConfig::default(), None).unwrap();
        let (chat, peer) = (ChatId::new(), DeviceId::new());
        core.step(vec![Input::Command(Box::new(move |core, tx, _| sign_in(core, tx, chat, peer)))]).unwrap();
        Self { core, chat, peer, commands, link_commands, _folder: folder, _rest: Box::new(task_queue) }
    }

    fn step(&mut self, inputs: Vec<Input>) {
        self.core.step(inputs).unwrap();
    }

    fn link() -> LinkId {
        serde_json::from_value(json!("0000000000000001")).unwrap()
    }

    fn opens_link(&mut self) {
        self.step(vec![Input::Peer(PeerEvent::Up { peer: self.peer, link: Self::link(), path: PathKind::Lan })]);
    }

    fn hears(&mut self, frame: &serde_json::Value) {
        let frame = Bytes::from(frame.to_string());
        self.step(vec![Input::Peer(PeerEvent::Received { peer: self.peer, link: Self::link(), frame })]);
    }

    fn hears_hello(&mut self) {
        let opening = Opening { count: 1, life: LifeId(uuid::Uuid::new_v4()) };
        self.hears(&json!({"type": "hello", "opening": opening, "recent": []}));
    }

    /// A session begins, and the relay answers the hello.
    fn begins_session(&mut self, session: u64, welcome: &serde_json::Value) -> Vec<LogCursor> {
        let device = self.core.device();
        self.step(vec![Input::RelayUp { session, device }]);
        let sent = std::iter::from_fn(|| self.link_commands.try_recv().ok());
        let cursors = sent
            .filter_map(|command| match command {
                LinkCommand::Send { frame, .. } => match serde_json::from_str(&frame).unwrap() {
                    ClientFrame::Hello { cursors, .. } => Some(cursors),
                    _ => None,
                },
                _ => None,
            })
            .last();
        self.hears_relay(session, welcome);
        cursors.unwrap()
    }

    fn hears_relay(&mut self, session: u64, frame: &serde_json::Value) {
        let frame = serde_json::from_value(frame.clone()).unwrap();
        self.step(vec![Input::RelayFrame { session, frame: Box::new(frame) }]);
    }

    /// What has been given to the peer links.
    fn given(&mut self) -> Vec<PeerCommand> {
        std::iter::from_fn(|| self.commands.try_recv().ok()).collect()
    }
}

fn sign_in(core: &mut Core, tx: &Connection, chat: ChatId, peer: DeviceId) -> Sql<()> {
    let me = Me {
        account: AccountId::new(),
        username: "alice".to_owned(),
        device: DeviceId::new(),
        relay: "http://127.0.0.1:1".to_owned(),
    };
    settings::set(tx, "me", &me)?;
    let member = |account, name: &str, device| Member {
        account,
        username: name.to_owned(),
        role: Role::Owner,
        devices: BTreeSet::from([device]),
    };
    let members = [member(me.account, "alice", me.device), member(AccountId::new(), "bob", peer)];
    let state = ChatState {
        id: chat,
        kind: ChatKind::Direct,
        sealed: true,
        title: String::new(),
        description: String::new(),
        created_at: 0,
        retention: None,
        membership: EventId::new(),
        members: members.into_iter().map(|member| (member.account, member)).collect(),
    };
    chats::put(tx, &state, 0)?;
    core.become_known_as(me);
    Ok(())
}

#[test]
fn a_link_that_misses_a_frame_is_left_for_a_fresh_one_and_the_relay_carries() {
    let mut alone = Alone::with_room(1);
    // The hello takes the room that there is; the marks after it find none.
    alone.opens_link();
    alone.hears_hello();
    assert!(alone.core.next_deadline() <= Instant::now() + Duration::from_millis(20));
    assert!(matches!(alone.given()[..], [PeerCommand::Send { .. }]));
    alone.step(vec![]);
    let (peer, chat) = (alone.peer, alone.chat);
    assert_eq!(alone.given(), [PeerCommand::Close { peer, reason: CloseReason::Fault }]);
    assert!(alone.core.links.is_empty());
    assert!(alone.core.marks_due.contains_key(&chat), "marks that the link did not take are told to the relay");
    // The link says so too, later.
    let reason = DownReason::Closed(CloseReason::Fault);
    alone.step(vec![Input::Peer(PeerEvent::Down { peer, link: Alone::link(), reason })]);
    alone.opens_link();
    assert!(matches!(alone.given()[..], [PeerCommand::Send { .. }]), "the fresh link is greeted");
}

#[test]
fn a_link_that_is_not_wanted_any_more_is_closed_however_far_behind_the_links_are() {
    let mut alone = Alone::with_room(1);
    alone.opens_link();
    let never = Settings { direct_links: crate::views::DirectLinks::Never, ..Settings::default() };
    alone.step(vec![Input::Command(Box::new(move |core, tx, out| core.set_settings(tx, never, out)))]);
    let (peer, chat) = (alone.peer, alone.chat);
    assert!(alone.core.marks_due.contains_key(&chat));
    alone.step(vec![]);
    assert!(matches!(alone.given()[..], [PeerCommand::Send { .. }]));
    alone.step(vec![]);
    assert_eq!(alone.given(), [PeerCommand::Close { peer, reason: CloseReason::Unwanted }]);
    alone.step(vec![]);
    assert_eq!(alone.given(), [], "once");
}

#[test]
fn what_cannot_be_told_before_the_welcome_does_not_keep_the_core_awake() {
    let mut alone = Alone::with_room(8);
    alone.core.session = Some(session::Session::new(1));
    alone.core.marks_due.insert(alone.chat, Instant::now());
    alone.step(vec![]);
    assert!(alone.core.next_deadline() > Instant::now() + Duration::from_secs(60));
    alone.core.session.as_mut().unwrap().phase = session::SessionPhase::Open;
    assert!(alone.core.next_deadline() <= Instant::now() + Duration::from_millis(20));
}

#[test]
fn a_refusal_is_asked_about_soon_once_somebody_took_what_others_said() {
    let mut alone = Alone::with_room(8);
    let mut session = session::Session::new(1);
    session.phase = session::SessionPhase::Open;
    let refused = session::Refused { until: Instant::now() + Duration::from_secs(30) };
    session.feeds.insert(alone.chat, session::Feed { refused: Some(refused), ..session::Feed::default() });
    alone.core.session = Some(session);
    let (chat, from) = (alone.chat, Sender { account: AccountId::new(), device: alone.peer });
    let mut register = MarkRegister::default();
    let held = Held { upto: 5, missing: Vec::new() };
    register.delivered.0.entry(DeviceId::new()).or_default().insert(RunId::new(), held);
    let marks = move |core: &mut Core, tx: &Connection, out: &mut Effects| {
        core.merge_marks(tx, chat, from, &register, Route::Relay, out)
    };
    alone.step(vec![Input::Command(Box::new(marks))]);
    let feed = &alone.core.session.as_ref().unwrap().feeds[&chat];
    assert!(feed.refused.unwrap().until < Instant::now() + Duration::from_secs(1));
}

#[test]
fn a_chat_that_was_left_is_named_to_the_relay_until_a_welcome_has_said_that_it_is_gone() {
    let mut alone = Alone::with_room(8);
    let (chat, me) = (alone.chat, alone.core.me.clone().unwrap());
    let log = LogId::from(chat);
    let welcome = |logs: serde_json::Value, gone: serde_json::Value| {
        json!({
            "type": "welcome", "version": VERSION, "account": me.account, "username": "alice", "device": me.device,
            "now": 1, "logs": logs, "gone": gone, "ice_servers": [], "max_frame": 262_144, "blocked": [],
        })
    };
    let gone = json!({ "chat": chat, "reason": "not_member" });
    let begin = Cursor { seq: 1, entry: EntryId::new() };
    let stands = json!({ "log": log, "start": "resumed", "position": begin, "head": 1 });
    alone.step(vec![Input::Command(Box::new(move |_, tx, _| chats::set_cursor(tx, chat, begin)))]);
    let _ = alone.begins_session(1, &welcome(json!([stands]), json!([])));
    let end = Cursor { seq: 2, entry: EntryId::new() };
    let change = json!({ "kind": "member_removed", "account": me.account });
    alone.hears_relay(
        1,
        &json!({
            "type": "entry", "log": log, "seq": end.seq, "entry": end.entry, "at": 1,
            "from": { "account": me.account, "device": me.device }, "id": EventId::new(), "change": change,
        }),
    );
    let mut last = gone.clone();
    last["type"] = json!("gone");
    alone.hears_relay(1, &last);
    // The relay may not have taken the ack: it gives the chat from its beginning to whoever does not name it.
    let named = alone.begins_session(2, &welcome(json!([]), json!([gone])));
    assert!(named.contains(&LogCursor { log, cursor: end }), "{named:?}");
    let named = alone.begins_session(3, &welcome(json!([]), json!([])));
    assert!(named.iter().all(|cursor| cursor.log != log), "{named:?}");
}
