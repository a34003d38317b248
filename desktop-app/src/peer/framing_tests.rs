use proptest::prelude::*;

use super::*;

fn messages(frame: &Bytes) -> Vec<BytesMut> {
    let mut outgoing = Outgoing::new(frame.clone()).unwrap();
    let messages = std::iter::from_fn(|| outgoing.next()).collect();
    assert!(outgoing.is_done());
    messages
}

fn read_all(messages: Vec<BytesMut>) -> Vec<Incoming> {
    let mut assembler = Assembler::default();
    messages.into_iter().map(|message| assembler.read(message).unwrap()).collect()
}

#[test]
fn a_small_frame_is_one_message_and_a_large_one_several() {
    for (length, count) in [(1, 1), (MAX_WHOLE, 1), (MAX_WHOLE + 1, 1), (PIECE, 1), (PIECE + 1, 2), (MAX_FRAME, 18)] {
        let frame = Bytes::from(vec![3; length]);
        let messages = messages(&frame);
        assert_eq!(messages.len(), count, "{length}");
        assert!(messages.iter().all(|message| message.len() < 1 << 16));
        let mut read = read_all(messages);
        assert_eq!(read.pop(), Some(Incoming::Frame(frame)));
        assert!(read.iter().all(|incoming| *incoming == Incoming::Part));
    }
    assert!(Outgoing::new(Bytes::new()).is_none());
    assert!(Outgoing::new(Bytes::from(vec![0; MAX_FRAME + 1])).is_none());
}

#[test]
fn a_ping_may_stand_between_pieces_and_a_frame_may_not() {
    let pieces = messages(&Bytes::from(vec![3; PIECE + 1]));
    let mut assembler = Assembler::default();
    assert_eq!(assembler.read(pieces[0].clone()), Ok(Incoming::Part));
    assert_eq!(assembler.read(ping(7)), Ok(Incoming::Ping(7)));
    assert_eq!(assembler.read(pong(8)), Ok(Incoming::Pong(8)));
    assert_eq!(assembler.read(message(WHOLE, b"x")), Err(FramingError::Interrupted));
}

#[test]
fn what_breaks_the_rules_is_an_error() {
    let mut assembler = Assembler::default();
    let mut read = |bytes: &[u8]| assembler.read(BytesMut::from(bytes));
    assert_eq!(read(&[]), Err(FramingError::Empty));
    assert_eq!(read(&[WHOLE]), Err(FramingError::Empty));
    assert_eq!(read(&[LAST]), Err(FramingError::Empty));
    assert_eq!(read(&[9, 1]), Err(FramingError::UnknownKind(9)));
    assert_eq!(read(&[PING, 1]), Err(FramingError::BadLength(1)));
    assert_eq!(read(&[BYE]), Err(FramingError::BadLength(0)));
    let piece = message(MORE, &[0; PIECE]);
    let mut outcome = Ok(Incoming::Part);
    for _ in 0..MAX_FRAME / PIECE + 1 {
        outcome = assembler.read(piece.clone());
    }
    assert_eq!(outcome, Err(FramingError::TooLong));
    assert!(assembler.pieces.len() <= MAX_FRAME);
}

#[test]
fn every_reason_survives_the_wire() {
    for reason in CloseReason::ALL {
        assert_eq!(Assembler::default().read(bye(reason)), Ok(Incoming::Bye(reason)));
    }
    assert_eq!(CloseReason::from_byte(200), CloseReason::Unwanted);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn frames_of_any_length_come_back(lengths in prop::collection::vec(1..200_000usize, 1..5)) {
        let frames: Vec<_> = lengths
            .iter()
            .map(|length| (0..*length).map(|at| (at * 31 % 253) as u8).collect::<Bytes>())
            .collect();
        let read = read_all(frames.iter().flat_map(messages).collect());
        let back: Vec<_> = read
            .into_iter()
            .filter_map(|incoming| match incoming {
                Incoming::Frame(frame) => Some(frame),
                _ => None,
            })
            .collect();
        prop_assert!(back == frames);
    }

    #[test]
    fn no_bytes_make_it_panic_or_grow(
        messages in prop::collection::vec(prop::collection::vec(0..8u8, 0..40), 0..40)
    ) {
        let mut assembler = Assembler::default();
        for message in messages {
            let _ = assembler.read(BytesMut::from(message.as_slice()));
            prop_assert!(assembler.pieces.len() <= MAX_FRAME);
        }
    }
}
