//! Every setting of the relay in one table: its name, kind, default, bounds and what it does.
//!
//! A name is the same everywhere: `access_token_lifetime` in the file, `--access-token-lifetime` as a flag,
//! `PARLEY_RELAY_ACCESS_TOKEN_LIFETIME` in the environment. `--help`, the checks and `--print-config` come from here.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use parley_protocol::http::Registration;

use super::value::{Bytes, IceServers, Kept, LogFormat, LogLevel, Name, Network, Value};
use crate::limits::Limits;

const fn seconds(n: u64) -> Duration {
    Duration::from_secs(n)
}

const fn minutes(n: u64) -> Duration {
    seconds(n * 60)
}

const fn days(n: u64) -> Duration {
    minutes(n * 60 * 24)
}

const fn kib(n: u64) -> Bytes {
    Bytes(n << 10)
}

const fn mib(n: u64) -> Bytes {
    kib(n << 10)
}

/// One row of the table.
pub(crate) struct Setting {
    pub(crate) name: &'static str,
    pub(crate) help: &'static str,
    pub(crate) allowed: fn() -> String,
    pub(crate) set: fn(&mut Config, Given<'_>) -> bool,
    pub(crate) show: fn(&Config) -> toml::Value,
}

/// A value as it was given.
#[derive(Clone, Copy)]
pub(crate) enum Given<'a> {
    Text(&'a str),
    Toml(&'a toml::Value),
}

fn read<T: Value>(given: Given<'_>, bounds: Option<(T, T)>) -> Option<T> {
    let value = match given {
        Given::Text(text) => T::from_text(text.trim()),
        Given::Toml(value) => T::from_toml(value),
    }?;
    bounds.is_none_or(|(low, high)| low <= value && value <= high).then_some(value)
}

fn allowed<T: Value>(bounds: Option<(T, T)>) -> String {
    let plain = |value: T| match value.to_toml() {
        toml::Value::String(text) => text,
        other => other.to_string(),
    };
    match bounds {
        Some((low, high)) => format!("{}, from {} to {}", T::allowed(), plain(low), plain(high)),
        None => T::allowed(),
    }
}

macro_rules! settings {
    (@bounds $low:expr, $high:expr) => { Some(($low, $high)) };
    (@bounds) => { None };
    ($($(#[doc = $doc:literal])+ $name:ident: $type:ty = $default:expr $(, $low:expr => $high:expr)?;)*) => {
        /// What is in force.
        #[derive(Clone, PartialEq, Debug)]
        pub struct Config {
            $($(#[doc = $doc])+ pub $name: $type,)*
        }

        impl Default for Config {
            fn default() -> Self {
                Self { $($name: $default,)* }
            }
        }

        pub(crate) const SETTINGS: &[Setting] = &[$(Setting {
            name: stringify!($name),
            help: concat!($($doc),+),
            allowed: || allowed::<$type>(settings!(@bounds $($low, $high)?)),
            set: |config, given| match read::<$type>(given, settings!(@bounds $($low, $high)?)) {
                Some(value) => {
                    config.$name = value;
                    true
                }
                None => false,
            },
            show: |config| config.$name.to_toml(),
        },)*];
    };
}

settings! {
    /// Address and port to listen on; port 0 takes a free one.
    listen: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 3030);
    /// Folder of the database and the key. Default: $XDG_DATA_HOME/parley/relay.
    data: PathBuf = default_data();
    /// How the relay is called when an app shows it; without one the app shows its host.
    name: Name = Name::default();
    /// Who may make an account: anybody, those with a code of `relay-server invite`, or nobody.
    registration: Registration = Registration::Open;

    /// How long an access token is good.
    access_token_lifetime: Duration = minutes(15), seconds(1) => days(1);
    /// How long a device that is not used stays signed in.
    refresh_token_lifetime: Duration = days(90), minutes(1) => days(3_650);
    /// Passwords hashed at once; each takes a processor, and 19 MiB which are kept.
    password_hashers: usize = default_hashers(), 1 => 64;
    /// Passwords that may wait for their turn; more are told to try later.
    password_queue: usize = 64, 1 => 10_000;
    /// Devices of one account.
    devices_per_account: usize = 20, 1 => 1_000;

    /// STUN and TURN servers which clients are told of.
    ice_servers: IceServers = IceServers(Vec::new());
    /// Whether people see who is online.
    presence: bool = true;

    /// Proxies whose X-Forwarded-For is believed.
    trusted_proxies: Vec<Network> = Vec::new();
    /// Origins of web pages that may use the HTTP routes (CORS); empty for none.
    cors_origins: Vec<String> = Vec::new();
    /// Addresses which may read /metrics.
    metrics_from: Vec<Network> = loopback();

    /// Connections at once; the next one is refused with an error. Each needs a file descriptor.
    max_connections: usize = 20_000, 1 => 1_000_000;
    /// Connections at once from one address (an IPv6 /64 counts as one); trusted proxies are exempt.
    max_connections_per_address: usize = 1_000, 1 => 1_000_000;
    /// The longest body of an HTTP request.
    max_request: Bytes = mib(1), kib(1) => mib(64);
    /// Bytes of such bodies at once, of all requests together, and a fourth of it from one address; the first 16 KiB of each
    /// are not counted.
    request_bytes: Bytes = mib(64), kib(4) => mib(1 << 14);
    /// HTTP requests a second from one address.
    requests_per_address: u32 = 200, 1 => 1_000_000;
    /// HTTP requests a second of one account.
    requests_per_account: u32 = 50, 1 => 1_000_000;
    /// New accounts an hour from one address.
    signups_per_address: u32 = 100, 1 => 1_000_000;
    /// Failed sign-ins of one account from one address, or ten times as many of either, before each next one has to wait
    /// longer.
    free_signin_failures: u32 = 10, 1 => 1_000_000;

    /// The longest frame that a client may send.
    frame_bytes: Bytes = kib(256), kib(4) => mib(64);
    /// The longest payload of a message (sealed: of its base64; open: of its JSON).
    payload_bytes: Bytes = kib(192), kib(1) => mib(32);
    /// The longest mark register.
    mark_bytes: Bytes = kib(64), kib(1) => mib(1);
    /// The longest body of a WebRTC signal.
    signal_bytes: Bytes = kib(20), kib(1) => mib(1);
    /// The longest message on a topic.
    topic_bytes: Bytes = kib(64), Bytes(1) => mib(16);
    /// Frames that one account may send, a second.
    frames_per_second: u32 = 500, 1 => 10_000_000;
    /// How many of them at once.
    frames_burst: u32 = 2_000, 1 => 10_000_000;
    /// Signals that one account may send, a second.
    signals_per_second: u32 = 50, 1 => 1_000_000;
    /// How many of them at once.
    signals_burst: u32 = 200, 1 => 1_000_000;
    /// Topic messages that one account may publish, a second.
    topics_per_second: u32 = 200, 1 => 10_000_000;
    /// How many of them at once.
    topics_burst: u32 = 400, 1 => 10_000_000;
    /// Members of a group; channels have no bound.
    group_members: usize = 256, 2 => 10_000;
    /// Chats that one account can be in.
    chats_per_account: usize = 2_000, 1 => 100_000;
    /// Patterns that one session can be subscribed to.
    subscriptions: usize = 256, 1 => 100_000;

    /// How long a device that is away holds what was accepted for it in sealed chats.
    retention: Duration = days(30), seconds(1) => days(3_650);
    /// Entries held of one sealed chat.
    chat_entries: u64 = 100_000, 10 => 1_000_000_000;
    /// Bytes held of one chat.
    chat_bytes: Bytes = mib(256), kib(64) => mib(1 << 20);
    /// Bytes held of what one account sent.
    account_bytes: Bytes = mib(512), kib(64) => mib(1 << 20);
    /// Bytes held in the inbox of one device; past them its oldest items go.
    inbox_bytes: Bytes = mib(1), kib(16) => mib(1 << 10);
    /// How long the history of channels and other open chats is kept.
    history_retention: Kept = Kept(None);

    /// Frames that wait for one session in memory before it reads from disk instead.
    session_queue: usize = 256, 8 => 100_000;
    /// Bytes that wait for one session in memory before it reads from disk instead.
    session_queue_bytes: Bytes = kib(512), kib(16) => mib(64);
    /// Jobs that wait for the database's writer.
    writer_queue: usize = 4_096, 16 => 1_000_000;
    /// Jobs in one transaction.
    writer_batch: usize = 1_024, 1 => 100_000;
    /// Connections that read the database.
    readers: usize = 3, 1 => 64;
    /// How often a silent session is pinged.
    ping: Duration = seconds(10), Duration::from_millis(100) => minutes(10);
    /// How long a session may be silent before it counts as dead; longer than `ping`.
    dead_after: Duration = seconds(30), Duration::from_millis(200) => minutes(60);
    /// How long a new socket may take until its hello.
    hello_within: Duration = seconds(15), Duration::from_millis(100) => minutes(10);

    /// How log lines are written.
    log_format: LogFormat = LogFormat::Text;
    /// The least that is logged.
    log_level: LogLevel = LogLevel::Info;
}

fn default_data() -> PathBuf {
    directories::ProjectDirs::from("", "", "parley")
        .map_or_else(|| PathBuf::from("parley-data"), |found| found.data_dir().to_owned())
        .join("relay")
}

fn default_hashers() -> usize {
    // Half of the processors, so that a storm of sign-ins leaves chat the other half; and no more memory than a relay has
    // otherwise.
    std::thread::available_parallelism().map_or(1, |n| (n.get() / 2).clamp(1, 4))
}

fn loopback() -> Vec<Network> {
    vec![Network::new(IpAddr::V4(Ipv4Addr::new(127, 0, 0, 0)), 8), Network::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 128)]
}

impl Config {
    /// The bounds which chats and sessions keep.
    #[must_use]
    pub fn limits(&self) -> Limits {
        let size = |bytes: Bytes| usize::try_from(bytes.0).unwrap_or(usize::MAX);
        let rate = |n: u32| NonZeroU32::new(n).unwrap_or(NonZeroU32::MIN);
        Limits {
            frame_bytes: size(self.frame_bytes),
            payload_bytes: size(self.payload_bytes),
            mark_bytes: size(self.mark_bytes),
            signal_bytes: size(self.signal_bytes),
            topic_bytes: size(self.topic_bytes),
            session_queue: self.session_queue,
            session_queue_bytes: size(self.session_queue_bytes),
            subscriptions: self.subscriptions,
            group_members: self.group_members,
            chats_per_account: self.chats_per_account,
            frames_per_second: rate(self.frames_per_second),
            frames_burst: rate(self.frames_burst),
            signals_per_second: rate(self.signals_per_second),
            signals_burst: rate(self.signals_burst),
            topics_per_second: rate(self.topics_per_second),
            topics_burst: rate(self.topics_burst),
            chat_entries: self.chat_entries,
            chat_bytes: self.chat_bytes.0,
            account_bytes: self.account_bytes.0,
            inbox_bytes: self.inbox_bytes.0,
            retention: self.retention,
            history_retention: self.history_retention.0,
            writer_queue: self.writer_queue,
            writer_batch: self.writer_batch,
            readers: self.readers,
            ping: self.ping,
            dead_after: self.dead_after,
            hello_within: self.hello_within,
            ..Limits::default()
        }
    }
}
