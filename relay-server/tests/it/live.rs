//! What is live only: topics, signals, marks, presence.

use std::time::Duration;

use parley_protocol::frames::{Activity, MarkScope, PresenceState, RelayFrame};
use parley_protocol::{ChatKind, ClientFrame, Code};
use relay_server::chats;
use relay_server::limits::Limits;

use crate::support::{Profile, TestRelay, limits, sealed, until};

#[tokio::test(flavor = "multi_thread")]
async fn topics_reach_patterns_once_and_a_slow_subscriber_is_told_what_it_lost_but_misses_nothing_of_its_chats() {
    const MESSAGES: u64 = 400;
    let relay = TestRelay::with(Limits {
        session_queue: 16,
        topics_burst: 10_000.try_into().unwrap(),
        topics_per_second: 10_000.try_into().unwrap(),
        ..limits()
    });
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let mut b = relay.dial_with(&bob.profile, 512).await;
    let patterns = vec!["news.*".to_owned(), "news.>".to_owned(), "news.tea".to_owned()];
    b.send(&ClientFrame::Subscribe { req: 1, patterns }).await;
    assert_eq!(b.done(1).await, 3);
    a.send(&ClientFrame::Subscribers { req: 2, topic: "news.tea".into() }).await;
    assert_eq!(a.done(2).await, 1);
    let data = "x".repeat(200);
    for req in 0..MESSAGES {
        a.send(&ClientFrame::Publish { req: 10 + req, topic: "news.tea".into(), data: data.clone() }).await;
        if req % 10 == 0 {
            a.append(chat, sealed(&(req / 10).to_string())).await;
        }
    }
    a.done(9 + MESSAGES).await;
    let (mut topics, mut lost, mut texts) = (0, 0, 0);
    while topics + lost < MESSAGES || texts < MESSAGES / 10 {
        match b.next().await {
            RelayFrame::Topic { .. } => topics += 1,
            RelayFrame::TopicLost { count } => lost += count,
            RelayFrame::Entry(entry) if entry.log == chat.into() => {
                let expected = sealed(&texts.to_string());
                assert_eq!(entry.content, parley_protocol::frames::Content::Payload(expected));
                texts += 1;
            }
            _ => {}
        }
    }
    assert!(lost > 0 && topics > 0, "{topics} topics, {lost} lost");
    b.send(&ClientFrame::Unsubscribe { req: 3, patterns: vec!["news.*".into(), "news.>".into()] }).await;
    assert_eq!(b.done(3).await, 1);
    b.send(&ClientFrame::Publish { req: 4, topic: "news.*".into(), data: String::new() }).await;
    assert_eq!(b.error().await.0, Code::BadRequest);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_signal_goes_to_a_device_that_shares_the_chat_and_is_there() {
    let relay = TestRelay::start();
    let (alice, bob, carol) = (relay.person("alice").await, relay.person("bob").await, relay.person("carol").await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let mut c = relay.open(&carol.profile).await;
    let (to_bob, to_carol) = (bob.profile.who.device, carol.profile.who.device);
    let signal = |to, body: &str| ClientFrame::Signal { chat, to, body: body.to_owned() };
    a.send(&signal(to_bob, "offer")).await;
    assert_eq!(a.error().await, (Code::PeerOffline, Some(to_bob)));
    a.send(&signal(to_carol, "offer")).await;
    assert_eq!(a.error().await, (Code::PeerOffline, Some(to_carol)), "carol is not in this chat");
    c.send(&signal(to_bob, "offer")).await;
    assert_eq!(c.error().await, (Code::NotMember, Some(to_bob)));

    let mut b = relay.open(&bob.profile).await;
    a.send(&signal(to_bob, "offer")).await;
    let got = b.wait(|frame| match frame {
        RelayFrame::Signal { from, body, .. } => Some((*from, body.clone())),
        _ => None,
    });
    assert_eq!(got.await, (alice.profile.who, "offer".to_owned()));
    a.send(&signal(to_bob, &"x".repeat(21 * 1024))).await;
    assert_eq!(a.error().await.0, Code::TooLarge);

    // Whoever blocks looks as if offline.
    let (blocker, blocked) = (bob.account, alice.account);
    let block = relay.relay.store().write(move |batch| {
        batch.after_commit(move |live| live.blocks.set(blocker, [blocked]));
        Ok(())
    });
    block.await.unwrap();
    until(|| {
        let (one, other) = (blocker, blocked);
        let between = relay.relay.blocks_between(one, other);
        async move { between }
    })
    .await;
    a.send(&signal(to_bob, "offer")).await;
    assert_eq!(a.error().await, (Code::PeerOffline, Some(to_bob)));
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_are_coalesced_and_come_again_at_catch_up() {
    let relay = TestRelay::with(Limits { mark_interval: Duration::from_millis(300), ..limits() });
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let mut b = relay.open(&bob.profile).await;
    for n in 0..50 {
        a.send(&ClientFrame::Mark { chat, scope: MarkScope::Chat, mark: n.to_string() }).await;
    }
    let mut seen = Vec::new();
    while seen.last().is_none_or(|mark| mark != "49") {
        seen.push(
            b.wait(|frame| match frame {
                RelayFrame::Marks { mark, from, .. } if *from == alice.profile.who => Some(mark.clone()),
                _ => None,
            })
            .await,
        );
    }
    assert!(seen.len() <= 3, "{seen:?}");
    drop(b);
    let mut b = relay.open(&bob.profile).await;
    let mut again = Vec::new();
    b.wait(|frame| {
        if let RelayFrame::Marks { mark, .. } = frame {
            again.push(mark.clone());
        }
        matches!(frame, RelayFrame::MarksEnd).then_some(())
    })
    .await;
    assert_eq!(again, ["49"], "all come before their end");
    let channel = relay.chat(&alice, ChatKind::PrivateChannel, false, &[&bob]).await.id;
    a.wait(|frame| matches!(frame, RelayFrame::Log(view) if view.log == channel.into()).then_some(())).await;
    a.send(&ClientFrame::Mark { chat: channel, scope: MarkScope::Chat, mark: "{}".into() }).await;
    assert_eq!(a.error().await.0, Code::BadRequest, "in channels a mark is one's own");
}

#[tokio::test(flavor = "multi_thread")]
async fn friends_see_who_is_there_and_strangers_do_not() {
    let relay = TestRelay::start();
    let (alice, bob, carol) = (relay.person("alice").await, relay.person("bob").await, relay.person("carol").await);
    relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await;
    let mut a = relay.open(&alice.profile).await;
    let _c = relay.open(&carol.profile).await;
    let mut b = relay.open(&bob.profile).await;
    let of_bob = |frame: &RelayFrame| match frame {
        RelayFrame::Presence(presence) => {
            assert_ne!(presence.account, carol.account);
            (presence.account == bob.account).then(|| presence.clone())
        }
        _ => None,
    };
    let there = a.wait(of_bob).await;
    assert_eq!((there.state, there.devices.as_slice()), (PresenceState::Online, [bob.profile.who.device].as_slice()));
    b.send(&ClientFrame::Presence { state: Activity::Away }).await;
    assert_eq!(a.wait(of_bob).await.state, PresenceState::Away);
    drop(b);
    let left = a.wait(of_bob).await;
    assert_eq!(left.state, PresenceState::Offline);
    assert!(left.last_seen.is_some());
    // Who comes later is told who is there already.
    let mut b = relay.open(&bob.profile).await;
    let around = b.wait(|frame| match frame {
        RelayFrame::Presence(presence) if presence.account == alice.account => Some(presence.state),
        _ => None,
    });
    assert_eq!(around.await, PresenceState::Online);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_shows_contacts_alone_that_she_is_there_is_gone_for_the_others() {
    let relay = TestRelay::start();
    let (alice, bob, carol) = (relay.person("alice").await, relay.person("bob").await, relay.person("carol").await);
    let group = relay.chat(&alice, ChatKind::Group, true, &[&bob, &carol]).await.id;
    relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await;
    let of_alice = |frame: &RelayFrame| match frame {
        RelayFrame::Presence(presence) if presence.account == alice.account => Some(presence.state),
        _ => None,
    };
    let shows = async |level: i64| {
        let account = alice.account;
        let set = move |batch: &mut relay_server::store::Batch<'_>| {
            let set = "UPDATE accounts SET show_presence = ?2 WHERE id = ?1";
            batch.sql().execute(set, rusqlite::params![account.as_bytes(), level])?;
            Ok(())
        };
        relay.relay.store().write(set).await.unwrap();
        relay.relay.presence_changed(account);
    };
    let (mut b, mut c) = (relay.open(&bob.profile).await, relay.open(&carol.profile).await);
    let mut a = relay.open(&alice.profile).await;
    assert_eq!((b.wait(of_alice).await, c.wait(of_alice).await), (PresenceState::Online, PresenceState::Online));
    shows(2).await;
    assert_eq!(c.wait(of_alice).await, PresenceState::Offline);
    a.send(&ClientFrame::Presence { state: Activity::Away }).await;
    // Had Bob been told that she is gone, he would hear of it first.
    assert_eq!(b.wait(of_alice).await, PresenceState::Away);
    let seen = async |by| {
        let members = chats::members(&relay.relay, by, group, None, None).await.unwrap().members;
        members.iter().find(|member| member.user.id == alice.account).unwrap().user.presence
    };
    assert_eq!(seen(bob.profile.who).await, PresenceState::Away);
    assert_eq!(seen(carol.profile.who).await, PresenceState::Offline);
    // Whoever comes later is told the same.
    drop(b);
    let mut b = relay.open(&bob.profile).await;
    assert_eq!(b.wait(of_alice).await, PresenceState::Away);
    shows(1).await;
    assert_eq!(c.wait(of_alice).await, PresenceState::Away);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_hides_is_told_to_their_own_devices_alone() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let phone = Profile::new(alice.account, relay.device(alice.account).await);
    let chat = relay.chat(&alice, ChatKind::Direct, true, &[&bob]).await.id;
    let mut a = relay.open(&alice.profile).await;
    let mut p = relay.open(&phone).await;
    let mut b = relay.open(&bob.profile).await;
    let marks = |frame: &RelayFrame| match frame {
        RelayFrame::Marks { scope, mark, .. } => Some((*scope, mark.clone())),
        _ => None,
    };
    for (scope, mark) in [(MarkScope::Hidden, "hidden"), (MarkScope::Chat, "seen")] {
        a.send(&ClientFrame::Mark { chat, scope, mark: mark.into() }).await;
    }
    assert_eq!(b.wait(marks).await, (MarkScope::Chat, "seen".to_owned()));
    let both = [p.wait(marks).await, p.wait(marks).await];
    assert!(both.contains(&(MarkScope::Hidden, "hidden".to_owned())), "{both:?}");
    drop((p, b));
    let (mut p, mut b) = (relay.open(&phone).await, relay.open(&bob.profile).await);
    assert_eq!(b.wait(marks).await, (MarkScope::Chat, "seen".to_owned()));
    let both = [p.wait(marks).await, p.wait(marks).await];
    assert!(both.contains(&(MarkScope::Hidden, "hidden".to_owned())), "{both:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_hides_is_seen_by_his_own_devices_alone() {
    let relay = TestRelay::start();
    let (alice, bob) = (relay.person("alice").await, relay.person("bob").await);
    let chat = relay.chat(&alice, ChatKind::Group, true, &[&bob]).await.id;
    let hide = relay.relay.store().write(move |batch| {
        batch.sql().execute("UPDATE accounts SET show_presence = 0 WHERE id = ?1", [alice.account.as_bytes()])?;
        Ok(())
    });
    hide.await.unwrap();
    let phone = Profile::new(alice.account, relay.device(alice.account).await);
    let mut b = relay.open(&bob.profile).await;
    let mut a = relay.open(&alice.profile).await;
    let both = |frame: &RelayFrame| match frame {
        RelayFrame::Presence(own) if own.account == alice.account => Some(own.devices.len()).filter(|n| *n == 2),
        _ => None,
    };
    let mut p = relay.open(&phone).await;
    // Who was there is told, and who comes is told of those who are there.
    a.wait(both).await;
    p.wait(both).await;
    drop(p);
    a.wait(|frame| match frame {
        RelayFrame::Presence(own) if own.account == alice.account => Some(own.devices.len()).filter(|n| *n == 1),
        _ => None,
    })
    .await;
    let members = chats::members(&relay.relay, alice.profile.who, chat, None, None).await.unwrap().members;
    let own = members.iter().find(|member| member.user.id == alice.account).unwrap();
    assert_eq!(own.user.presence, PresenceState::Online);
    let seen = chats::members(&relay.relay, bob.profile.who, chat, None, None).await.unwrap().members;
    let hidden = seen.iter().find(|member| member.user.id == alice.account).unwrap();
    assert_eq!(hidden.user.presence, PresenceState::Offline);

    // Bob has heard nothing of her: whatever there was came before her message.
    a.say(chat, "hi").await;
    loop {
        match b.next().await {
            RelayFrame::Presence(presence) => assert_ne!(presence.account, alice.account),
            RelayFrame::Entry(entry) if entry.log == chat.into() && entry.from == alice.profile.who => break,
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn marks_for_somebody_who_reads_nothing_wait_in_the_database_and_come_once_he_reads() {
    const QUEUE: usize = 16 << 10;
    const DEVICES: usize = 8;
    let relay = TestRelay::with(Limits { session_queue_bytes: QUEUE, page_bytes: QUEUE, ..limits() });
    let (alice, bob, carol) = (relay.person("alice").await, relay.person("bob").await, relay.person("carol").await);
    let chat = relay.chat(&alice, ChatKind::Group, true, &[&bob, &carol]).await.id;
    let mut devices = std::collections::BTreeSet::new();
    let mut sessions = Vec::new();
    for _ in 0..DEVICES {
        let device = relay.device(alice.account).await;
        devices.insert(device);
        sessions.push(relay.open(&Profile::new(alice.account, device)).await);
    }
    let mut b = relay.dial_with(&bob.profile, 256).await;
    let mut c = relay.open(&carol.profile).await;
    until(|| {
        let there = relay.relay.is_online(bob.profile.who.device);
        async move { there }
    })
    .await;
    for session in &mut sessions {
        session.send(&ClientFrame::Mark { chat, scope: MarkScope::Chat, mark: "m".repeat(6_000) }).await;
    }
    let marks_of = async |client: &mut crate::support::Client| {
        let mut missing = devices.clone();
        while !missing.is_empty() {
            let from = client.wait(|frame| match frame {
                RelayFrame::Marks { from, mark, .. } if mark.len() == 6_000 => Some(from.device),
                _ => None,
            });
            missing.remove(&from.await);
        }
    };
    // Whoever reads has them all; for the other one little waits.
    marks_of(&mut c).await;
    let load = relay.relay.load(bob.profile.who.device).unwrap();
    assert!(load.bytes <= QUEUE, "{load:?}");
    marks_of(&mut b).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_binary_message_is_answered_with_what_to_do() {
    let relay = TestRelay::start();
    let alice = relay.person("alice").await;
    let mut a = relay.open(&alice.profile).await;
    a.send_binary(b"{}").await;
    let message = a.wait(|frame| match frame {
        RelayFrame::Error { error, .. } if error.code == Code::BadRequest => Some(error.message.clone()),
        _ => None,
    });
    assert!(message.await.contains("text message"));
    a.send(&ClientFrame::Subscribers { req: 1, topic: "x".into() }).await;
    a.done(1).await;
}
