//! Direct links whose network fails in the middle of a conversation: the relay carries on, and the link comes back.

use std::time::{Duration, Instant};

use desktop_app::Event;
use desktop_app::views::{Delivery, MessageKind, MessageView};
use parley_protocol::{ChatId, DeviceId, MessageKey};
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;

use crate::telling::pair;
use crate::world::{Device, PATIENCE, World, eventually};

/// What somebody says, one number after the other, and what the other was told of.
struct Talk<'a> {
    chat: ChatId,
    people: [&'a Device; 2],
    said: [Vec<MessageKey>; 2],
    events: [Receiver<Event>; 2],
}

impl<'a> Talk<'a> {
    fn new(chat: ChatId, people: [&'a Device; 2]) -> Self {
        Self { chat, people, said: Default::default(), events: people.map(|device| device.engine().events()) }
    }

    /// Both say their next numbers, a few every moment.
    async fn say(&mut self, count: usize) {
        for n in 0..count {
            for who in 0..2 {
                let text = self.said[who].len().to_string();
                self.said[who].push(self.people[who].say(self.chat, &text).await);
            }
            if n % 4 == 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }

    /// Alice says one thing; how long it takes until Bob has it.
    async fn time_one(&mut self) -> Duration {
        let began = Instant::now();
        let text = self.said[0].len().to_string();
        let key = self.people[0].say(self.chat, &text).await;
        self.said[0].push(key);
        while self.people[1].engine().message(self.chat, key).await.is_err() {
            assert!(began.elapsed() < PATIENCE, "a message does not come");
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        began.elapsed()
    }

    /// Each shows every number of both once and in order, and was told of each of the other's once and in order.
    async fn must_be_whole(self) {
        let Self { chat, people, said, mut events } = self;
        let ids = [people[0].device_id().await, people[1].device_id().await];
        for (here, person) in people.iter().enumerate() {
            for (who, said) in said.iter().enumerate() {
                let what = format!("{} shows all of {}", person.name, people[who].name);
                eventually(&what, async || keys_of(&person.lines(chat).await, ids[who]).len() >= said.len()).await;
                assert_eq!(&keys_of(&person.lines(chat).await, ids[who]), said, "{what}");
            }
            let there = 1 - here;
            assert_eq!(told(&mut events[here], said[there].len()).await, said[there], "{} was told", person.name);
        }
    }
}

fn keys_of(lines: &[MessageView], device: DeviceId) -> Vec<MessageKey> {
    let texts = lines.iter().filter(|line| line.kind == MessageKind::Text && line.key.device == device);
    texts.map(|line| line.key).collect()
}

/// The messages which a listener was told of: so many, and what else comes in a moment.
async fn told(events: &mut Receiver<Event>, count: usize) -> Vec<MessageKey> {
    let mut keys = Vec::new();
    loop {
        let patience = if keys.len() < count { PATIENCE } else { Duration::from_millis(100) };
        match tokio::time::timeout(patience, events.recv()).await {
            Ok(Ok(Event::Message { key, .. })) => keys.push(key),
            Ok(Ok(_)) => {}
            Ok(Err(RecvError::Lagged(missed))) => panic!("the listener missed {missed} events"),
            Ok(Err(RecvError::Closed)) | Err(_) => return keys,
        }
    }
}

#[tokio::test]
async fn a_network_that_swallows_the_link_makes_the_relay_carry_on_until_it_heals() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    bob.linked(chat).await;
    let mut talk = Talk::new(chat, [&alice, &bob]);
    for round in 0..3 {
        talk.say(40).await;
        // One side's network, the other's, both.
        let (alone, both) = (if round == 1 { &bob } else { &alice }, round == 2);
        alone.stop_links();
        if both {
            bob.stop_links();
        }
        let took = talk.time_one().await;
        println!("round {round}: a message came by the relay {took:?} after the link had fallen silent");
        talk.say(40).await;
        alice.relayed(chat).await;
        bob.relayed(chat).await;
        let took = talk.time_one().await;
        println!("round {round}: a later one in {took:?}");
        alice.heal_links();
        bob.heal_links();
        talk.say(40).await;
        let healed = Instant::now();
        alice.linked(chat).await;
        bob.linked(chat).await;
        println!("round {round}: direct again {:?} after the talk on the healed network", healed.elapsed());
    }
    talk.say(40).await;
    talk.must_be_whole().await;
}

/// That this takes less than a second is for the deadline's own test to say: here nothing but that deadline can bring it about.
#[tokio::test]
async fn a_message_without_a_mark_goes_by_the_relay_though_its_link_is_up() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    bob.linked(chat).await;
    let held = bob.engine().hold().await.unwrap();
    let key = alice.say(chat, "are you there?").await;
    alice.came(chat, key, Delivery::Sent).await;
    alice.relayed(chat).await;
    // No other link can be made now: what comes to life again is the one that was there.
    alice.gate.cut();
    alice.offline().await;
    drop(held);
    alice.came(chat, key, Delivery::Delivered).await;
    alice.linked(chat).await;
    alice.say(chat, "good").await;
    bob.shows(chat, &["are you there?", "good"]).await;
    assert_eq!(bob.gaps(chat).await, []);
}

#[tokio::test]
async fn a_link_that_loses_doubles_and_delays_packets_loses_no_message() {
    let world = World::new().await;
    let (alice, bob, chat) = pair(&world).await;
    alice.linked(chat).await;
    bob.linked(chat).await;
    let mut talk = Talk::new(chat, [&alice, &bob]);
    talk.say(20).await;
    for (device, seed) in [(&alice, 1), (&bob, 2)] {
        device.lose(0.1, seed);
        device.delay_links(Duration::from_millis(5)..Duration::from_millis(40));
    }
    talk.say(300).await;
    let mut times = Vec::new();
    for _ in 0..20 {
        times.push(talk.time_one().await);
    }
    times.sort();
    println!("a message on the bad network: median {:?}, worst {:?}", times[10], times[19]);
    alice.heal_links();
    bob.heal_links();
    alice.linked(chat).await;
    bob.linked(chat).await;
    talk.say(20).await;
    talk.must_be_whole().await;
}
