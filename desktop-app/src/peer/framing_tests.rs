use proptest::prelude::*;

use super::*;

/// The messages of frames that wait together, and what all count.
fn sent(frames: &[Bytes]) -> (Vec<BytesMut>, usize) {
    let mut outbox = Outbox::default();
    frames.iter().for_each(|frame| outbox.push(frame.clone()));
    let (messages, costs): (Vec<_>, Vec<_>) = std::iter::from_fn(|| outbox.next()).unzip();
    assert_eq!(outbox.len(), 0);
    (messages, costs.iter().sum())
}

fn messages(frame: &Bytes) -> Vec<BytesMut> {
    sent(std::slice::from_ref(frame)).0
}

/// The frames in these, in order.
fn frames_of(read: Vec<Incoming>) -> Vec<Bytes> {
    let frames = read.into_iter().flat_map(|incoming| match incoming {
        Incoming::Frame(frame) => vec![frame],
        Incoming::Several(frames) => frames,
        _ => Vec::new(),
    });
    frames.collect()
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
}

#[test]
fn small_frames_that_wait_together_go_in_few_messages_and_nothing_else_about_them_changes() {
    for (length, count, most) in [(200, 256, 4), (MAX_WHOLE, 30, 10), (1, 1, 1), (1, 64, 1)] {
        let frames: Vec<_> = (0..count).map(|number| Bytes::from(vec![number as u8; length])).collect();
        let (messages, costs) = sent(&frames);
        assert_eq!(messages.len(), most, "{count} of {length}");
        assert!(messages.iter().all(|message| message.len() <= PIECE));
        assert_eq!(costs, count * cost(length));
        assert_eq!(frames_of(read_all(messages)), frames);
    }
}

#[test]
fn a_ping_may_stand_between_pieces_and_a_frame_may_not() {
    let pieces = messages(&Bytes::from(vec![3; PIECE + 1]));
    let mut assembler = Assembler::default();
    assert_eq!(assembler.read(pieces[0].clone()), Ok(Incoming::Part));
    assert_eq!(assembler.read(ping(7)), Ok(Incoming::Ping(7)));
    assert_eq!(assembler.read(pong(8)), Ok(Incoming::Pong(8)));
    assert_eq!(assembler.read(message(WHOLE, b"x")), Err(FramingError::Interrupted));
    assert_eq!(assembler.read(message(SEVERAL, b"\0\x01x")), Err(FramingError::Interrupted));
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
    assert_eq!(read(&[SEVERAL]), Err(FramingError::Empty));
    assert_eq!(read(&[SEVERAL, 0, 0]), Err(FramingError::Empty));
    for torn in [&[SEVERAL, 0][..], &[SEVERAL, 0, 2, 1], &[SEVERAL, 0, 1, 1, 0], &[SEVERAL, 255, 255, 1]] {
        assert_eq!(read(torn), Err(FramingError::Torn), "{torn:?}");
    }
    let too_many: Vec<u8> = [SEVERAL].into_iter().chain([0, 1, 9].repeat(MAX_TOGETHER + 1)).collect();
    assert_eq!(read(&too_many), Err(FramingError::Torn));
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
    fn frames_of_any_length_come_back(lengths in prop::collection::vec(prop_oneof![1..300usize, 1..200_000usize], 1..9)) {
        let frames: Vec<_> = lengths
            .iter()
            .map(|length| (0..*length).map(|at| (at * 31 % 253) as u8).collect::<Bytes>())
            .collect();
        let (messages, costs) = sent(&frames);
        prop_assert_eq!(costs, lengths.iter().map(|length| cost(*length)).sum::<usize>());
        let back = frames_of(read_all(messages));
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
