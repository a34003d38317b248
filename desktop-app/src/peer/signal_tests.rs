use proptest::prelude::*;

use super::*;

fn link() -> LinkId {
    LinkId(0x00ab)
}

#[test]
fn a_signal_reads_as_it_was_written() {
    let candidate = Candidate("candidate:1 1 udp 2130706431 192.168.1.2 5000 typ host".to_owned());
    for kind in [
        SignalKind::Offer { sdp: "v=0\r\n".to_owned() },
        SignalKind::Answer { sdp: String::new() },
        SignalKind::Candidate { candidate },
        SignalKind::Bye { reason: CloseReason::Replaced },
    ] {
        let signal = Signal { link: link(), kind };
        assert_eq!(Signal::read(&signal.to_body()), Some(signal));
    }
}

#[test]
fn a_person_can_read_a_signal() {
    let bye = Signal { link: link(), kind: SignalKind::Bye { reason: CloseReason::Idle } };
    assert_eq!(bye.to_body(), r#"{"link":"00000000000000ab","kind":"bye","reason":"idle"}"#);
}

#[test]
fn addresses_we_shall_not_try_are_refused() {
    let read = |line: &str| {
        let body = format!(r#"{{"link":"00000000000000ab","kind":"candidate","candidate":"{line}"}}"#);
        Signal::read(&body)
    };
    assert!(read("candidate:1 1 UDP 1 ::1 5000 typ host").is_some());
    assert!(read("candidate:1 1 tcp 1 10.0.0.1 5000 typ host tcptype passive").is_none());
    assert!(read("candidate:1 1 udp 1 secret.example 5000 typ host").is_none());
    assert!(read("").is_none());
    assert!(read(&format!("candidate:1 1 udp 1 ::1 5000 typ host {}", "x".repeat(600))).is_none());
}

#[test]
fn what_is_too_long_is_refused() {
    let signal = Signal { link: link(), kind: SignalKind::Offer { sdp: "x".repeat(MAX_SDP + 1) } };
    assert_eq!(Signal::read(&signal.to_body()), None);
    assert_eq!(Signal::read(&" ".repeat(MAX_BODY + 1)), None);
}

#[test]
fn a_relayed_candidate_does_not_tell_where_we_are() {
    let line = "candidate:1 1 udp 1 198.51.100.7 40000 typ relay raddr 203.0.113.9 rport 5000";
    let candidate = Candidate(line.to_owned());
    assert_eq!(candidate.relayed_at(), Some(("198.51.100.7".parse().unwrap(), 40_000)));
    let hidden = candidate.without_origin();
    assert_eq!(hidden.0, line.replace("203.0.113.9", "0.0.0.0").replace("5000", "0"));
    assert_eq!(hidden.relayed_at(), candidate.relayed_at());
}

proptest! {
    #[test]
    fn nothing_makes_it_panic(body in ".{0,300}", line in "[ -~]{0,120}") {
        let _ = Signal::read(&body);
        let candidate = Candidate(line);
        let _ = (candidate.is_sound(), candidate.relayed_at(), candidate.without_origin());
    }
}
