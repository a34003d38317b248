use super::*;

const QUIET: Duration = Duration::from_millis(2_500);
const OVERDUE: Duration = Duration::from_millis(1_000);

fn settled(now: Instant) -> Pulse {
    let mut pulse = Pulse::new(now, QUIET, OVERDUE);
    let number = pulse.ping(now, 0);
    pulse.heard(now);
    assert_eq!(pulse.pong(now, number), Some(Duration::ZERO));
    pulse
}

#[test]
fn a_fresh_link_is_pinged_at_once_and_given_twice_the_time() {
    let now = Instant::now();
    let mut pulse = Pulse::new(now, QUIET, OVERDUE);
    assert_eq!(pulse.next(), (now, Due::Ping));
    pulse.ping(now, 0);
    assert_eq!(pulse.next(), (now + 2 * OVERDUE, Due::Overdue));
}

#[test]
fn silence_is_broken_after_a_while() {
    let now = Instant::now();
    let mut pulse = settled(now);
    assert_eq!(pulse.next(), (now + QUIET, Due::Ping));
    let later = now + Duration::from_secs(1);
    pulse.heard(later);
    assert_eq!(pulse.next(), (later + QUIET, Due::Ping));
}

#[test]
fn a_frame_is_followed_by_a_ping_but_not_each_by_one() {
    let now = Instant::now();
    let mut pulse = settled(now);
    let later = now + Duration::from_secs(1);
    pulse.sent();
    let (at, due) = pulse.next();
    assert!(at <= later && due == Due::Ping, "at once, since the last ping is long past");
    let number = pulse.ping(later, 0);
    assert_eq!(pulse.next(), (later + OVERDUE, Due::Overdue));
    pulse.heard(later);
    assert!(pulse.pong(later, number).is_some());
    pulse.sent();
    assert_eq!(pulse.next(), (later + PING_PAUSE, Due::Ping));
}

#[test]
fn without_a_sign_the_link_is_dead_and_with_one_it_is_not() {
    let now = Instant::now();
    let mut pulse = settled(now);
    pulse.sent();
    pulse.ping(now, 100);
    assert!(!pulse.is_dead(now + OVERDUE / 2, 100), "too early");
    let overdue = now + OVERDUE;
    assert!(!pulse.is_dead(overdue, 101), "it has acknowledged something");
    pulse.heard(overdue + OVERDUE / 2);
    assert!(!pulse.is_dead(overdue + OVERDUE, 101), "it has sent something");
    assert!(pulse.is_dead(overdue + OVERDUE * 3 / 2, 101));
}

#[test]
fn a_pong_for_no_ping_counts_for_nothing() {
    let now = Instant::now();
    let mut pulse = settled(now);
    pulse.sent();
    let number = pulse.ping(now, 0);
    assert_eq!(pulse.pong(now, number + 1), None);
    assert!(pulse.is_dead(now + OVERDUE, 0));
}
