//! The relay comes back from a backup that is older than what its clients know.

use desktop_app::views::{ChatStatus, Delivery};

use crate::raw::{Raw, text};
use crate::telling::{counted, pair_by_relay};
use crate::world::{World, eventually};

#[tokio::test]
async fn restored_to_just_before_an_accepted_message() {
    let mut world = World::new().await;
    let (alice, mut bob, chat) = pair_by_relay(&world).await;
    alice.say(chat, "one").await;
    bob.shows(chat, &["one"]).await;
    bob.kill().await;
    let copy = world.back_up_relay().await;
    let key = alice.say(chat, "two").await;
    alice.came(chat, key, Delivery::Sent).await;
    world.go_back_to(&copy).await;
    bob.start().await;
    bob.shows(chat, &["one", "two"]).await;
    alice.came(chat, key, Delivery::Delivered).await;
    alice.say(chat, "three").await;
    bob.shows(chat, &["one", "two", "three"]).await;
    alice.shows(chat, &["one", "two", "three"]).await;
    assert!(bob.gaps(chat).await.is_empty());
}

#[tokio::test]
async fn restored_to_fifty_entries_ago_while_one_was_away_all_along() {
    let mut world = World::new().await;
    let (alice, bob, mut carol) =
        (world.sign_up("alice").await, world.sign_up("bob").await, world.sign_up("carol").await);
    let chat = alice.group("Tea", &[&bob, &carol]).await;
    alice.say(chat, "start").await;
    for device in [&bob, &carol] {
        device.shows(chat, &["start"]).await;
    }
    carol.kill().await;
    let copy = world.back_up_relay().await;
    alice.say_all(chat, &counted(0..25)).await;
    eventually("bob has alice's", async || bob.texts(chat).await.len() == 26).await;
    bob.say_all(chat, &counted(25..50)).await;
    let mut expected = vec!["start".to_owned()];
    expected.extend(counted(0..50));
    alice.shows_all(chat, &expected).await;
    world.go_back_to(&copy).await;
    carol.start().await;
    carol.shows_all(chat, &expected).await;
    for device in [&alice, &bob] {
        device.shows_all(chat, &expected).await;
    }
    carol.say(chat, "here I am").await;
    expected.push("here I am".to_owned());
    for device in [&alice, &bob, &carol] {
        device.shows_all(chat, &expected).await;
        assert!(device.gaps(chat).await.is_empty());
    }
}

#[tokio::test]
async fn restored_to_just_before_somebody_was_added() {
    let mut world = World::new().await;
    let (alice, bob, carol) = (world.sign_up("alice").await, world.sign_up("bob").await, world.sign_up("carol").await);
    let chat = alice.group("Tea", &[&bob]).await;
    alice.say(chat, "two of us").await;
    bob.shows(chat, &["two of us"]).await;
    let copy = world.back_up_relay().await;
    alice.online().await;
    alice.engine().add_member(chat, "carol").await.unwrap();
    carol.has_chat(chat).await;
    alice.say(chat, "three of us").await;
    carol.shows(chat, &["three of us"]).await;
    world.kill_relay().await;
    for device in [&alice, &bob, &carol] {
        device.offline().await;
    }
    let waiting = carol.say(chat, "is anybody there?").await;
    world.restore_relay(&copy);
    world.start_relay().await;
    for device in [&alice, &bob] {
        device.shows(chat, &["two of us", "three of us", "is anybody there?"]).await;
        assert_eq!(device.view(chat).await.member_count, 3);
    }
    carol.finds(chat, ChatStatus::Active).await;
    carol.came(chat, waiting, Delivery::Delivered).await;
    alice.say(chat, "all here").await;
    carol.shows(chat, &["three of us", "is anybody there?", "all here"]).await;
}

#[tokio::test]
async fn restored_to_just_before_one_was_added_who_comes_last_and_reads_nothing_older() {
    let mut world = World::new().await;
    let (alice, bob, carol) = (world.sign_up("alice").await, world.sign_up("bob").await, world.sign_up("carol").await);
    let chat = alice.group("Tea", &[&bob]).await;
    alice.say(chat, "two of us").await;
    bob.shows(chat, &["two of us"]).await;
    let copy = world.back_up_relay().await;
    alice.online().await;
    alice.engine().add_member(chat, "carol").await.unwrap();
    carol.has_chat(chat).await;
    alice.say(chat, "three of us").await;
    carol.shows(chat, &["three of us"]).await;
    bob.shows(chat, &["two of us", "three of us"]).await;
    carol.gate.cut();
    world.go_back_to(&copy).await;
    alice.online().await;
    let key = alice.say(chat, "are we three?").await;
    alice.came(chat, key, Delivery::Sent).await;
    carol.gate.heal();
    carol.shows(chat, &["three of us", "are we three?"]).await;
    alice.came(chat, key, Delivery::Delivered).await;
    let answer = carol.say(chat, "we are").await;
    carol.came(chat, answer, Delivery::Delivered).await;
    bob.shows(chat, &["two of us", "three of us", "are we three?", "we are"]).await;
    carol.shows(chat, &["three of us", "are we three?", "we are"]).await;
}

#[tokio::test]
async fn restored_to_just_before_somebody_was_removed() {
    let mut world = World::new().await;
    let (alice, bob, carol) = (world.sign_up("alice").await, world.sign_up("bob").await, world.sign_up("carol").await);
    let chat = alice.group("Tea", &[&bob, &carol]).await;
    alice.say(chat, "three of us").await;
    carol.shows(chat, &["three of us"]).await;
    let copy = world.back_up_relay().await;
    alice.online().await;
    alice.engine().remove_member(chat, carol.account().await).await.unwrap();
    carol.finds(chat, ChatStatus::Left).await;
    alice.say(chat, "two of us").await;
    bob.shows(chat, &["three of us", "two of us"]).await;
    world.go_back_to(&copy).await;
    for device in [&alice, &bob, &carol] {
        device.online().await;
    }
    // Alice gives the removal back before anything else of hers.
    eventually("the relay knows it again", async || bob.view(chat).await.member_count == 2).await;
    let key = alice.say(chat, "only us").await;
    bob.shows(chat, &["three of us", "two of us", "only us"]).await;
    alice.came(chat, key, Delivery::Delivered).await;
    carol.finds(chat, ChatStatus::Left).await;
    carol.shows(chat, &["three of us"]).await;
    assert!(carol.engine().send(chat, Default::default()).await.is_err());
}

#[tokio::test]
async fn restored_to_before_the_chat_existed() {
    let mut world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    alice.never_direct().await;
    bob.never_direct().await;
    let copy = world.back_up_relay().await;
    alice.online().await;
    bob.online().await;
    let chat = alice.direct(&bob).await;
    bob.has_chat(chat).await;
    let group = bob.group("Tea", &[&alice]).await;
    bob.engine().describe(group, Some("Coffee".to_owned()), None).await.unwrap();
    alice.say(chat, "one").await;
    bob.shows(chat, &["one"]).await;
    alice.say(group, "eins").await;
    bob.shows(group, &["eins"]).await;
    world.kill_relay().await;
    for device in [&alice, &bob] {
        device.offline().await;
    }
    alice.say(chat, "two").await;
    world.restore_relay(&copy);
    world.start_relay().await;
    bob.shows(chat, &["one", "two"]).await;
    bob.say(chat, "three").await;
    alice.shows(chat, &["one", "two", "three"]).await;
    bob.say(group, "zwei").await;
    alice.shows(group, &["eins", "zwei"]).await;
    for device in [&alice, &bob] {
        eventually("the title is back", async || device.view(group).await.name == "Coffee").await;
        assert_eq!(device.view(chat).await.status, ChatStatus::Active);
    }
}

#[tokio::test]
async fn the_same_id_with_other_words_is_told_by_a_receiver() {
    let mut world = World::new().await;
    let alice = world.sign_up("alice").await;
    let mut mallory = Raw::sign_up(&world, "mallory").await;
    let chat = alice.engine().new_direct("mallory").await.unwrap();
    let membership = mallory.joins(chat).await;
    let copy = world.back_up_relay().await;
    mallory.reconnect().await;
    let first = mallory.next(membership, text("yes"));
    mallory.append(chat, &first).await;
    alice.shows(chat, &["yes"]).await;
    world.go_back_to(&copy).await;
    // The relay does not know the first one any more, and takes the second; alice does.
    mallory.reconnect().await;
    let mut ear = alice.listen();
    let mut second = first.clone();
    second.body = text("no");
    mallory.append(chat, &second).await;
    ear.hears_notice("id_conflict").await;
    alice.shows(chat, &["yes"]).await;
}

#[tokio::test]
async fn who_is_given_back_behind_a_new_device_hears_what_is_said() {
    let mut world = World::new().await;
    let (alice, bob, carol) = (world.sign_up("alice").await, world.sign_up("bob").await, world.sign_up("carol").await);
    let names = vec!["bob".into(), "carol".into()];
    let chat = alice.on(|engine| async move { engine.new_group("Tea", names).await }).await.unwrap();
    carol.has_chat(chat).await;
    alice.engine().remove_member(chat, carol.account().await).await.unwrap();
    eventually("carol is out", async || carol.view(chat).await.status == ChatStatus::Left).await;
    let copy = world.back_up_relay().await;
    alice.online().await;
    alice.engine().add_member(chat, "carol").await.unwrap();
    eventually("carol is back", async || carol.view(chat).await.status == ChatStatus::Active).await;
    let before = alice.say(chat, "before").await;
    for device in [&bob, &carol] {
        device.shows(chat, &["before"]).await;
    }
    alice.came(chat, before, Delivery::Delivered).await;
    for device in [&alice, &bob, &carol] {
        device.gate.cut();
    }
    world.go_back_to(&copy).await;
    // In the log, a new device comes before the one who is given back to it.
    let laptop = world.sign_in("bob", "bob's laptop").await;
    laptop.has_chat(chat).await;
    for device in [&alice, &bob, &carol] {
        device.gate.heal();
        device.online().await;
    }
    let after = alice.say(chat, "after").await;
    for device in [&bob, &carol, &laptop] {
        eventually("it came", async || device.engine().message(chat, after).await.is_ok()).await;
    }
    alice.came(chat, after, Delivery::Delivered).await;
}

#[tokio::test]
async fn what_was_said_since_a_device_went_is_shown_though_a_restored_relay_has_it_again() {
    let mut world = World::new().await;
    let (alice, bob, chat) = pair_by_relay(&world).await;
    let mut laptop = world.sign_in("alice", "alice's laptop").await;
    let mut phone = world.sign_in("alice", "alice's phone").await;
    for device in [&alice, &bob, &phone] {
        device.knows_devices(chat, 3).await;
    }
    let revoked = laptop.device_id().await;
    laptop.kill().await;
    alice.gate.cut();
    alice.offline().await;
    let copy = world.back_up_relay().await;
    phone.online().await;
    phone.engine().revoke_device(revoked).await.unwrap();
    bob.knows_devices(chat, 2).await;
    let key = bob.say(chat, "since then").await;
    phone.shows(chat, &["since then"]).await;
    phone.kill().await;
    // Only Bob knows of it now, and the laptop is signed up again.
    world.go_back_to(&copy).await;
    bob.came(chat, key, Delivery::Sent).await;
    alice.gate.heal();
    alice.shows(chat, &["since then"]).await;
    laptop.start().await;
    bob.knows_devices(chat, 3).await;
    bob.say(chat, "and now").await;
    alice.shows(chat, &["since then", "and now"]).await;
    eventually("the laptop has what is said to it", async || laptop.texts(chat).await == ["and now"]).await;
}

#[tokio::test]
async fn what_was_said_since_somebody_went_is_shown_though_they_went_another_time() {
    let mut world = World::new().await;
    let (mut alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let (carol, dave) = (world.sign_up("carol").await, world.sign_up("dave").await);
    let chat = alice.group("Tea", &[&bob, &carol, &dave]).await;
    for device in [&bob, &carol, &dave] {
        device.never_direct().await;
        device.has_chat(chat).await;
    }
    for device in [&carol, &dave] {
        device.gate.cut();
        device.offline().await;
    }
    let copy = world.back_up_relay().await;
    alice.online().await;
    alice.engine().remove_member(chat, carol.account().await).await.unwrap();
    eventually("bob has heard", async || bob.view(chat).await.member_count == 3).await;
    let key = bob.say(chat, "since then").await;
    alice.shows(chat, &["since then"]).await;
    alice.kill().await;
    bob.gate.cut();
    world.go_back_to(&copy).await;
    // For the relay she is there still, until she goes by herself.
    carol.gate.heal();
    carol.online().await;
    carol.engine().leave(chat).await.unwrap();
    bob.gate.heal();
    bob.came(chat, key, Delivery::Sent).await;
    dave.gate.heal();
    dave.shows(chat, &["since then"]).await;
    alice.start().await;
    let now = alice.say(chat, "and now").await;
    for device in [&bob, &dave] {
        eventually("it came", async || device.engine().message(chat, now).await.is_ok()).await;
    }
    assert_eq!(dave.view(chat).await.member_count, 3);
}

#[tokio::test]
async fn what_was_said_under_a_membership_that_comes_later_is_shown_once_it_came() {
    let mut world = World::new().await;
    let (alice, bob, carol) = (world.sign_up("alice").await, world.sign_up("bob").await, world.sign_up("carol").await);
    let laptop = world.sign_in("alice", "alice's laptop").await;
    let names = vec!["bob".into()];
    let chat = alice.on(|engine| async move { engine.new_group("Tea", names).await }).await.unwrap();
    for device in [&laptop, &bob] {
        device.has_chat(chat).await;
    }
    let copy = world.back_up_relay().await;
    laptop.gate.cut();
    laptop.offline().await;
    alice.online().await;
    alice.engine().add_member(chat, "carol").await.unwrap();
    for device in [&bob, &carol] {
        eventually("carol is in", async || device.engine().members(chat).await.is_ok_and(|members| members.len() == 3))
            .await;
    }
    alice.gate.cut();
    carol.gate.cut();
    world.go_back_to(&copy).await;
    // Only alice, who is away, may give carol back; and her laptop has never heard of her.
    bob.online().await;
    let early = bob.say(chat, "early").await;
    bob.came(chat, early, Delivery::Sent).await;
    laptop.gate.heal();
    laptop.online().await;
    alice.gate.heal();
    for device in [&alice, &laptop] {
        eventually("it came", async || device.engine().message(chat, early).await.is_ok()).await;
    }
}

#[tokio::test]
async fn an_old_removal_that_the_relay_need_not_keep_does_not_undo_a_new_addition() {
    let mut world = World::new().await;
    let (alice, bob, carol) = (world.sign_up("alice").await, world.sign_up("bob").await, world.sign_up("carol").await);
    let names = vec!["bob".into(), "carol".into()];
    let chat = alice.on(|engine| async move { engine.new_group("Tea", names).await }).await.unwrap();
    carol.has_chat(chat).await;
    alice.engine().remove_member(chat, carol.account().await).await.unwrap();
    eventually("carol is out", async || carol.view(chat).await.status == ChatStatus::Left).await;
    let kept = alice.say_all(chat, &counted(0..100)).await;
    alice.came(chat, kept[99], Delivery::Delivered).await;
    // Everybody has the removal and much that came after it, so it is trimmed.
    eventually("the log is trimmed", async || world.entries_kept(chat).await < 100).await;
    let copy = world.back_up_relay().await;
    alice.online().await;
    let lost = alice.say(chat, "lost").await;
    alice.came(chat, lost, Delivery::Delivered).await;
    bob.gate.cut();
    world.go_back_to(&copy).await;
    alice.online().await;
    alice.engine().add_member(chat, "carol").await.unwrap();
    bob.gate.heal();
    bob.online().await;
    eventually("bob sees carol", async || bob.engine().members(chat).await.unwrap().len() == 3).await;
    let after = bob.say(chat, "welcome back").await;
    eventually("carol hears it", async || carol.engine().message(chat, after).await.is_ok()).await;
    assert_eq!(bob.engine().members(chat).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_clock_that_jumps_ahead_throws_away_nothing_a_restored_relay_may_lack() {
    let mut world = World::new().await;
    let (mut alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let chat = alice.on(|engine| async move { engine.new_channel("News", "", true).await }).await.unwrap();
    bob.engine().join(chat).await.unwrap();
    alice.say(chat, "one").await;
    bob.shows(chat, &["one"]).await;
    let copy = world.back_up_relay().await;
    let key = alice.say(chat, "two").await;
    alice.came(chat, key, Delivery::Sent).await;
    bob.shows(chat, &["one", "two"]).await;
    // What an opening looks after, it does with a clock a year ahead.
    alice.kill().await;
    alice.set_skew(365 * 24 * 3_600_000);
    alice.start().await;
    alice.online().await;
    world.go_back_to(&copy).await;
    let carol = world.sign_up("carol").await;
    carol.engine().join(chat).await.unwrap();
    for device in [&alice, &bob, &carol] {
        device.shows(chat, &["one", "two"]).await;
    }
    alice.came(chat, key, Delivery::Sent).await;
    eventually("carol pages back to it", async || carol.line(chat, key).await.text == "two").await;
}

#[tokio::test]
async fn somebody_who_took_the_end_of_a_stay_that_a_restored_relay_forgot_is_heard_in_the_next_one() {
    for carol_comes_first in [true, false] {
        let mut world = World::new().await;
        let (alice, bob, carol) =
            (world.sign_up("alice").await, world.sign_up("bob").await, world.sign_up("carol").await);
        let chat = alice.group("Tea", &[&bob, &carol]).await;
        for device in [&alice, &bob, &carol] {
            device.never_direct().await;
            device.has_chat(chat).await;
        }
        let before = carol.say(chat, "before").await;
        carol.came(chat, before, Delivery::Delivered).await;
        let copy = world.back_up_relay().await;
        carol.online().await;
        alice.online().await;
        alice.engine().remove_member(chat, carol.account().await).await.unwrap();
        eventually("carol is out", async || carol.view(chat).await.status == ChatStatus::Left).await;
        alice.say_all(chat, &counted(0..3)).await;
        for device in [&alice, &bob, &carol] {
            device.gate.cut();
        }
        world.go_back_to(&copy).await;
        if carol_comes_first {
            carol.gate.heal();
            carol.online().await;
        }
        for device in [&alice, &bob] {
            device.gate.heal();
            device.online().await;
        }
        eventually("carol is out again", async || alice.view(chat).await.member_count == 2).await;
        alice.engine().add_member(chat, "carol").await.unwrap();
        let last = alice.say(chat, "welcome back").await;
        alice.came(chat, last, Delivery::Sent).await;
        carol.gate.heal();
        eventually("carol is in", async || carol.view(chat).await.status == ChatStatus::Active).await;
        let key = carol.say(chat, "here again").await;
        for device in [&alice, &bob] {
            eventually("it came", async || device.engine().message(chat, key).await.is_ok()).await;
        }
        assert_eq!(alice.view(chat).await.member_count, 3);
    }
}

#[tokio::test]
async fn whoever_knows_of_a_change_that_they_may_not_give_back_is_heard_by_all_the_same() {
    let mut world = World::new().await;
    let (alice, bob) = (world.sign_up("alice").await, world.sign_up("bob").await);
    let (carol, mut dave) = (world.sign_up("carol").await, world.sign_up("dave").await);
    let chat = alice.group("Tea", &[&bob, &carol, &dave]).await;
    alice.engine().set_role(chat, dave.account().await, parley_protocol::Role::Admin).await.unwrap();
    for device in [&alice, &bob, &carol, &dave] {
        device.never_direct().await;
        device.has_chat(chat).await;
    }
    for device in [&alice, &bob] {
        device.gate.cut();
        device.offline().await;
    }
    let copy = world.back_up_relay().await;
    for device in [&carol, &dave] {
        device.online().await;
    }
    dave.engine().remove_member(chat, bob.account().await).await.unwrap();
    eventually("carol has heard", async || carol.view(chat).await.member_count == 3).await;
    let since = carol.say(chat, "since then").await;
    eventually("dave has it", async || dave.engine().message(chat, since).await.is_ok()).await;
    dave.kill().await;
    carol.gate.cut();
    carol.offline().await;
    let waiting = carol.say(chat, "meanwhile").await;
    world.go_back_to(&copy).await;
    carol.gate.heal();
    // Only Carol knows that Bob was removed, and it is not hers to do.
    for device in [&alice, &bob] {
        device.gate.heal();
        device.online().await;
    }
    eventually("bob is there again", async || carol.view(chat).await.member_count == 4).await;
    let now = carol.say(chat, "and now").await;
    for device in [&alice, &bob] {
        for key in [waiting, now] {
            eventually("both have what is said now", async || device.engine().message(chat, key).await.is_ok()).await;
        }
        assert_eq!(device.gaps(chat).await, []);
    }
    // Dave may; and with it comes what was said under that membership.
    dave.start().await;
    for device in [&alice, &carol, &dave] {
        eventually("bob is out", async || device.view(chat).await.member_count == 3).await;
        eventually("all have what was said since", async || device.engine().message(chat, since).await.is_ok()).await;
    }
    let last = carol.say(chat, "at last").await;
    for device in [&alice, &dave] {
        eventually("both have the last", async || device.engine().message(chat, last).await.is_ok()).await;
    }
    assert!(bob.engine().message(chat, last).await.is_err());
}
