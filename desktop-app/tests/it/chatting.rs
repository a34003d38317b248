//! What people do every day.

use desktop_app::views::{Delivery, Route};
use parley_protocol::{MessageId, MessageKey};

use crate::world::World;

#[tokio::test]
async fn two_people_who_are_online_talk_directly() {
    let world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = alice.direct(&bob).await;
    bob.has_chat(chat).await;
    alice.say(chat, "hello").await;
    bob.shows(chat, &["hello"]).await;
    alice.linked(chat).await;
    bob.linked(chat).await;
    let answer = bob.say(chat, "hello yourself").await;
    alice.shows(chat, &["hello", "hello yourself"]).await;
    bob.came(chat, answer, Delivery::Delivered).await;
    assert_eq!(bob.engine().message(chat, answer).await.unwrap().route, Route::Lan, "an own message says how it went");
    alice.engine().mark_read(chat, None).await.unwrap();
    bob.came(chat, answer, Delivery::Read).await;
}

#[tokio::test]
async fn bob_gets_what_alice_sent_while_he_was_away() {
    let world = World::new().await;
    let (alice, mut bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = alice.direct(&bob).await;
    bob.has_chat(chat).await;
    bob.kill().await;
    let mut keys = Vec::new();
    for n in 0..50 {
        keys.push(alice.say(chat, &n.to_string()).await);
    }
    alice.came(chat, keys[49], Delivery::Sent).await;
    bob.start().await;
    let expected: Vec<String> = (0..50).map(|n| n.to_string()).collect();
    bob.shows(chat, &expected.iter().map(String::as_str).collect::<Vec<_>>()).await;
    for key in keys {
        alice.came(chat, key, Delivery::Delivered).await;
    }
    assert_eq!(bob.view(chat).await.unread, 50);
}

#[tokio::test]
async fn receipts_of_many_messages_tell_what_each_line_does() {
    let mut world = World::new().await;
    let (alice, mut bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = alice.direct(&bob).await;
    bob.has_chat(chat).await;
    let mut keys = Vec::new();
    for words in ["read", "read too", "delivered"] {
        keys.push(alice.say(chat, words).await);
    }
    bob.shows(chat, &["read", "read too", "delivered"]).await;
    bob.engine().mark_read(chat, Some(keys[1])).await.unwrap();
    alice.came(chat, keys[1], Delivery::Read).await;
    alice.came(chat, keys[2], Delivery::Delivered).await;
    bob.kill().await;
    keys.push(alice.say(chat, "sent").await);
    alice.came(chat, keys[3], Delivery::Sent).await;
    world.kill_relay().await;
    keys.push(alice.say(chat, "waiting").await);

    let unknown = MessageKey { id: MessageId::new(), ..keys[0] };
    let asked = [&keys[..], &[unknown]].concat();
    let receipts = alice.engine().receipts(chat, asked).await.unwrap();
    let expected = [Delivery::Read, Delivery::Read, Delivery::Delivered, Delivery::Sent, Delivery::Waiting];
    assert_eq!(receipts, keys.into_iter().zip(expected).collect::<Vec<_>>());
    for (key, delivery) in receipts {
        assert_eq!(alice.delivery(chat, key).await, delivery);
    }
}

#[tokio::test]
async fn they_go_on_when_the_relay_dies() {
    let mut world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = alice.direct(&bob).await;
    bob.has_chat(chat).await;
    alice.linked(chat).await;
    bob.linked(chat).await;
    world.kill_relay().await;
    alice.say(chat, "still there?").await;
    bob.shows(chat, &["still there?"]).await;
    let answer = bob.say(chat, "yes").await;
    alice.shows(chat, &["still there?", "yes"]).await;
    bob.came(chat, answer, Delivery::Delivered).await;
    world.start_relay().await;
    alice.online().await;
    bob.online().await;
    alice.say(chat, "it is back").await;
    bob.shows(chat, &["still there?", "yes", "it is back"]).await;
}
