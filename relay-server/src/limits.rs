//! Every bound the relay keeps. Each is answered by an error that names it.

use std::num::NonZeroU32;
use std::time::Duration;

/// The bounds, as the operator set them; the default is good for a small community on a small machine.
#[derive(Clone, Debug)]
pub struct Limits {
    /// The longest frame that a client may send, in bytes.
    pub frame_bytes: usize,
    /// The longest payload of an append, in bytes (sealed: of its base64; open: of its JSON).
    pub payload_bytes: usize,
    /// The longest mark register, in bytes.
    pub mark_bytes: usize,
    /// The longest body of a signal, in bytes.
    pub signal_bytes: usize,
    /// The longest message on a topic, in bytes.
    pub topic_bytes: usize,
    /// Frames which wait for one session in memory before it is behind and reads from disk.
    pub session_queue: usize,
    /// Bytes which wait for one session in memory before it is behind.
    pub session_queue_bytes: usize,
    /// Appends of one session which are not answered yet; then the relay stops reading from it.
    pub session_appends: usize,
    /// Patterns which one session can be subscribed to.
    pub subscriptions: usize,
    /// Members of a group.
    pub group_members: usize,
    /// Chats which one account can be in.
    pub chats_per_account: usize,
    /// Frames which one account may send, a second.
    pub frames_per_second: NonZeroU32,
    /// How many of them at once.
    pub frames_burst: NonZeroU32,
    /// Signals which one account may send, a second.
    pub signals_per_second: NonZeroU32,
    /// How many of them at once.
    pub signals_burst: NonZeroU32,
    /// Topic messages which one account may publish, a second.
    pub topics_per_second: NonZeroU32,
    /// How many of them at once.
    pub topics_burst: NonZeroU32,
    /// Entries held of one sealed chat.
    pub chat_entries: u64,
    /// Bytes held of one chat.
    pub chat_bytes: u64,
    /// Bytes held of what one account sent.
    pub account_bytes: u64,
    /// Bytes held in the inbox of one device; past them the oldest items go.
    pub inbox_bytes: u64,
    /// How long a device that is away holds what was accepted for it.
    pub retention: Duration,
    /// How long the history of open chats is kept; `None` for ever.
    pub history_retention: Option<Duration>,
    /// How many entries lie behind the slowest cursor before they are deleted.
    pub trim_slack: u64,
    /// Entries of one page of catch-up.
    pub page_entries: usize,
    /// Bytes of one page of catch-up (one entry is always taken).
    pub page_bytes: usize,
    /// Jobs which wait for the writer.
    pub writer_queue: usize,
    /// Jobs in one transaction.
    pub writer_batch: usize,
    /// Connections which read the database.
    pub readers: usize,
    /// How often a silent session is pinged.
    pub ping: Duration,
    /// How long a session may be silent before it counts as dead.
    pub dead_after: Duration,
    /// How long a new socket may take until its hello.
    pub hello_within: Duration,
    /// At most one mark of one register in this time.
    pub mark_interval: Duration,
    /// How long presence is watched before a change is told, so that flapping is not.
    pub presence_delay: Duration,
    /// Accounts which are told of one account's presence.
    pub presence_audience: usize,
}

const fn nonzero(n: u32) -> NonZeroU32 {
    match NonZeroU32::new(n) {
        Some(n) => n,
        None => NonZeroU32::MIN,
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            frame_bytes: 256 * 1024,
            payload_bytes: parley_protocol::payload::MAX_PAYLOAD_BYTES,
            mark_bytes: 64 * 1024,
            signal_bytes: 20 * 1024,
            topic_bytes: 64 * 1024,
            session_queue: 256,
            session_queue_bytes: 512 * 1024,
            session_appends: 256,
            subscriptions: 256,
            group_members: 256,
            chats_per_account: 2_000,
            frames_per_second: nonzero(500),
            frames_burst: nonzero(2_000),
            signals_per_second: nonzero(50),
            signals_burst: nonzero(200),
            topics_per_second: nonzero(200),
            topics_burst: nonzero(400),
            chat_entries: 100_000,
            chat_bytes: 256 << 20,
            account_bytes: 512 << 20,
            inbox_bytes: 1 << 20,
            retention: Duration::from_hours(30 * 24),
            history_retention: None,
            trim_slack: 32,
            page_entries: 256,
            page_bytes: 256 * 1024,
            writer_queue: 4_096,
            writer_batch: 1_024,
            readers: 3,
            ping: Duration::from_secs(10),
            dead_after: Duration::from_secs(30),
            hello_within: Duration::from_secs(15),
            mark_interval: Duration::from_secs(1),
            presence_delay: Duration::from_millis(500),
            presence_audience: 2_000,
        }
    }
}
