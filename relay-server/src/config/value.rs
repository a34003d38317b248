//! The kinds of values that a setting can have: how each is read from text and from TOML, and how it is shown.
//!
//! Flags and environment variables are text; the file is TOML. Both are read by the same rules, so that a value
//! means the same wherever it stands.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use parley_protocol::frames::IceServer;
use parley_protocol::http::Registration;

/// A kind of value.
pub(crate) trait Value: Sized + Clone + PartialOrd {
    /// What is allowed, as it ends the sentence "allowed is …".
    fn allowed() -> String;
    /// From a flag or an environment variable.
    fn from_text(text: &str) -> Option<Self>;
    /// As the file and `--print-config` have it. Secrets are masked.
    fn to_toml(&self) -> toml::Value;
    /// From the file. What TOML writes without quotes may also stand in quotes.
    fn from_toml(value: &toml::Value) -> Option<Self> {
        match value {
            toml::Value::String(text) => Self::from_text(text),
            toml::Value::Integer(number) => Self::from_text(&number.to_string()),
            toml::Value::Boolean(truth) => Self::from_text(&truth.to_string()),
            _ => None,
        }
    }
}

/// A number of bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Bytes(pub u64);

/// How long something is kept; `None` for ever.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
pub struct Kept(pub Option<Duration>);

/// The most characters of a [`Name`].
const MAX_NAME: usize = 64;
/// The word of [`Kept`] for what does not end.
const FOR_EVER: &str = "forever";

/// How the operator calls the relay; may be empty.
#[derive(Clone, PartialEq, Eq, PartialOrd, Default, Debug)]
pub struct Name(pub String);

/// How log lines are written.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

/// The least that is logged.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
pub enum LogLevel {
    /// Faults of the relay.
    Error,
    /// Also what an operator should look at.
    Warn,
    /// Also starts, stops and sign-ins.
    Info,
    /// Also each request and session.
    Debug,
    /// Everything.
    Trace,
}

/// A range of addresses, `10.0.0.0/8`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Debug)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

impl Network {
    /// The network of all addresses that share the first `bits` with `address`.
    #[must_use]
    pub const fn new(address: IpAddr, bits: u8) -> Self {
        Self { address, bits }
    }

    /// Whether the address is one of it. An IPv4 address in IPv6 clothes counts as IPv4.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.address, address.to_canonical()) {
            (IpAddr::V4(ours), IpAddr::V4(theirs)) => {
                let mask = u32::MAX.checked_shl(32 - u32::from(self.bits)).unwrap_or(0);
                (ours.to_bits() ^ theirs.to_bits()) & mask == 0
            }
            (IpAddr::V6(ours), IpAddr::V6(theirs)) => {
                let mask = u128::MAX.checked_shl(128 - u32::from(self.bits)).unwrap_or(0);
                (ours.to_bits() ^ theirs.to_bits()) & mask == 0
            }
            _ => false,
        }
    }

    fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address.parse::<IpAddr>().ok()?, Some(bits.parse::<u8>().ok()?)),
            None => (text.parse::<IpAddr>().ok()?, None),
        };
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = bits.unwrap_or(most);
        (bits <= most).then_some(Self { address, bits })
    }
}

fn whole(number: u64) -> toml::Value {
    i64::try_from(number).map_or_else(|_| toml::Value::String(number.to_string()), toml::Value::Integer)
}

impl Value for u64 {
    fn allowed() -> String {
        "a whole number".to_owned()
    }
    fn from_text(text: &str) -> Option<Self> {
        text.replace('_', "").parse().ok()
    }
    fn to_toml(&self) -> toml::Value {
        whole(*self)
    }
}

impl Value for u32 {
    fn allowed() -> String {
        u64::allowed()
    }
    fn from_text(text: &str) -> Option<Self> {
        u64::from_text(text)?.try_into().ok()
    }
    fn to_toml(&self) -> toml::Value {
        whole(u64::from(*self))
    }
}

impl Value for usize {
    fn allowed() -> String {
        u64::allowed()
    }
    fn from_text(text: &str) -> Option<Self> {
        u64::from_text(text)?.try_into().ok()
    }
    fn to_toml(&self) -> toml::Value {
        whole(*self as u64)
    }
}

impl Value for bool {
    fn allowed() -> String {
        "true or false".to_owned()
    }
    fn from_text(text: &str) -> Option<Self> {
        match text {
            "true" | "on" | "yes" => Some(true),
            "false" | "off" | "no" => Some(false),
            _ => None,
        }
    }
    fn to_toml(&self) -> toml::Value {
        toml::Value::Boolean(*self)
    }
}

const SIZES: [(&str, u64); 4] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];

impl Value for Bytes {
    fn allowed() -> String {
        "a size such as 512B, 64KiB, 8MiB or 2GiB".to_owned()
    }
    fn from_text(text: &str) -> Option<Self> {
        let (number, unit) =
            SIZES.iter().find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit))).unwrap_or((text, 1));
        u64::from_text(number.trim())?.checked_mul(unit).map(Self)
    }
    fn to_toml(&self) -> toml::Value {
        let unit = SIZES.iter().find(|(_, unit)| self.0 != 0 && self.0.is_multiple_of(*unit));
        let (name, unit) = unit.copied().unwrap_or(("B", 1));
        toml::Value::String(format!("{}{name}", self.0 / unit))
    }
}

const TIMES: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("ms", 1), ("m", 60_000), ("s", 1_000)];

impl Value for Duration {
    fn allowed() -> String {
        "a time such as 500ms, 30s, 15m, 12h or 90d".to_owned()
    }
    fn from_text(text: &str) -> Option<Self> {
        // `ms` before `s` and `m`, as it ends and begins like them.
        let found = [("ms", 1)].iter().chain(&TIMES).find_map(|(name, unit)| Some((text.strip_suffix(name)?, *unit)));
        let (number, unit) = found.unwrap_or((text, 1_000));
        u64::from_text(number.trim())?.checked_mul(unit).map(Self::from_millis)
    }
    fn to_toml(&self) -> toml::Value {
        let millis = u64::try_from(self.as_millis()).unwrap_or(u64::MAX);
        let fits = |(name, unit): &&(&str, u64)| *name != "ms" && millis != 0 && millis.is_multiple_of(*unit);
        let (name, unit) = TIMES.iter().find(fits).copied().unwrap_or(("ms", 1));
        toml::Value::String(format!("{}{name}", millis / unit))
    }
}

impl Value for Kept {
    fn allowed() -> String {
        format!("`{FOR_EVER}`, or {} from 1s on", Duration::allowed())
    }
    fn from_text(text: &str) -> Option<Self> {
        if text == FOR_EVER {
            return Some(Self(None));
        }
        Duration::from_text(text).filter(|time| *time >= Duration::from_secs(1)).map(|time| Self(Some(time)))
    }
    fn to_toml(&self) -> toml::Value {
        self.0.map_or_else(|| toml::Value::String(FOR_EVER.to_owned()), |time| time.to_toml())
    }
}

impl Value for SocketAddr {
    fn allowed() -> String {
        "an address and a port, 127.0.0.1:3030 or [::]:3030".to_owned()
    }
    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok()
    }
    fn to_toml(&self) -> toml::Value {
        toml::Value::String(self.to_string())
    }
}

impl Value for Name {
    fn allowed() -> String {
        format!("a line of at most {MAX_NAME} characters")
    }
    fn from_text(text: &str) -> Option<Self> {
        let fits = text.chars().count() <= MAX_NAME && !text.chars().any(char::is_control);
        fits.then(|| Self(text.to_owned()))
    }
    fn to_toml(&self) -> toml::Value {
        toml::Value::String(self.0.clone())
    }
}

impl Value for PathBuf {
    fn allowed() -> String {
        "the path of a folder".to_owned()
    }
    fn from_text(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self::from(text))
    }
    fn to_toml(&self) -> toml::Value {
        toml::Value::String(self.display().to_string())
    }
}

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),* }) => {
        impl Value for $type {
            fn allowed() -> String {
                format!("one of {}", [$($word),*].join(", "))
            }
            fn from_text(text: &str) -> Option<Self> {
                match text { $($word => Some(Self::$variant),)* _ => None }
            }
            fn to_toml(&self) -> toml::Value {
                let word = match self { $(Self::$variant => $word),* };
                toml::Value::String(word.to_owned())
            }
        }
    };
}

/// The word for who may make an account.
#[must_use]
pub const fn registration_word(registration: Registration) -> &'static str {
    match registration {
        Registration::Open => "open",
        Registration::Invite => "invite",
        Registration::Closed => "closed",
    }
}

words!(Registration { Open = "open", Invite = "invite", Closed = "closed" });
words!(LogFormat { Text = "text", Json = "json" });
words!(LogLevel { Error = "error", Warn = "warn", Info = "info", Debug = "debug", Trace = "trace" });

/// The parts of a list: separated by commas in text, an array in the file.
fn list<T>(value: &toml::Value, one: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    value.as_array()?.iter().map(|part| one(part.as_str()?)).collect()
}

fn parts(text: &str) -> impl Iterator<Item = &str> {
    text.split(',').map(str::trim).filter(|part| !part.is_empty())
}

impl Value for Vec<Network> {
    fn allowed() -> String {
        "a list of addresses or networks, 127.0.0.1, 10.0.0.0/8".to_owned()
    }
    fn from_text(text: &str) -> Option<Self> {
        parts(text).map(Network::parse).collect()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        list(value, Network::parse)
    }
    fn to_toml(&self) -> toml::Value {
        let text = |network: &Network| toml::Value::String(format!("{}/{}", network.address, network.bits));
        toml::Value::Array(self.iter().map(text).collect())
    }
}

impl Value for Vec<String> {
    fn allowed() -> String {
        "a list of origins, https://chat.example.org".to_owned()
    }
    fn from_text(text: &str) -> Option<Self> {
        parts(text).map(origin).collect()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        list(value, origin)
    }
    fn to_toml(&self) -> toml::Value {
        toml::Value::Array(self.iter().cloned().map(toml::Value::String).collect())
    }
}

fn origin(text: &str) -> Option<String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://"))?;
    (!host.is_empty() && !host.contains(['/', '*', '?', '#', ' '])).then(|| text.to_owned())
}

/// The STUN and TURN servers which clients are told of.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct IceServers(pub Vec<IceServer>);

impl PartialOrd for IceServers {
    fn partial_cmp(&self, _: &Self) -> Option<std::cmp::Ordering> {
        None
    }
}

impl Value for IceServers {
    fn allowed() -> String {
        "a list of stun: or turn: addresses, or of tables {urls = […], username = \"…\", credential = \"…\"}".to_owned()
    }
    fn from_text(text: &str) -> Option<Self> {
        if text.trim_start().starts_with('[') {
            let table: toml::Table = toml::from_str(&format!("list = {text}")).ok()?;
            return Self::from_toml(table.get("list")?);
        }
        let plain = |url: &str| IceServer { urls: vec![url.to_owned()], ..IceServer::default() };
        Self(parts(text).map(plain).collect()).checked()
    }
    fn from_toml(value: &toml::Value) -> Option<Self> {
        let one = |part: &toml::Value| match part {
            toml::Value::String(url) => Some(IceServer { urls: vec![url.clone()], ..IceServer::default() }),
            table => table.clone().try_into().ok(),
        };
        Self(value.as_array()?.iter().map(one).collect::<Option<_>>()?).checked()
    }
    fn to_toml(&self) -> toml::Value {
        let one = |server: &IceServer| {
            let mut table = toml::Table::new();
            let urls = server.urls.iter().cloned().map(toml::Value::String).collect();
            table.insert("urls".to_owned(), toml::Value::Array(urls));
            if let Some(username) = &server.username {
                table.insert("username".to_owned(), toml::Value::String(username.clone()));
            }
            if server.credential.is_some() {
                table.insert("credential".to_owned(), toml::Value::String("********".to_owned()));
            }
            toml::Value::Table(table)
        };
        toml::Value::Array(self.0.iter().map(one).collect())
    }
}

impl IceServers {
    fn checked(self) -> Option<Self> {
        let known = |url: &String| ["stun:", "stuns:", "turn:", "turns:"].iter().any(|scheme| url.starts_with(scheme));
        self.0.iter().all(|server| !server.urls.is_empty() && server.urls.iter().all(known)).then_some(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_reads_the_same() {
        for text in ["500ms", "30s", "15m", "12h", "90d"] {
            let time = Duration::from_text(text).unwrap();
            assert_eq!(time.to_toml().as_str(), Some(text));
        }
        for text in ["0B", "100B", "64KiB", "3MiB", "2GiB"] {
            assert_eq!(Bytes::from_text(text).unwrap().to_toml().as_str(), Some(text));
        }
        assert_eq!(Bytes::from_text("99999999999GiB"), None);
        assert_eq!(Duration::from_text("5y"), None);
        for text in ["forever", "90d", "1s"] {
            assert_eq!(Kept::from_text(text).unwrap().to_toml().as_str(), Some(text));
        }
        assert_eq!(Kept::from_text("0s"), None);
    }

    #[test]
    fn a_network_holds_its_addresses() {
        let network = Network::parse("10.1.0.0/16").unwrap();
        assert!(network.contains("10.1.200.3".parse().unwrap()));
        assert!(network.contains("::ffff:10.1.0.1".parse().unwrap()));
        assert!(!network.contains("10.2.0.1".parse().unwrap()));
        assert!(Network::parse("0.0.0.0/0").unwrap().contains("8.8.8.8".parse().unwrap()));
        assert!(Network::parse("fd00::/8").unwrap().contains("fd12::1".parse().unwrap()));
        assert_eq!(Network::parse("10.0.0.0/33"), None);
    }

    #[test]
    fn ice_servers_come_as_text_and_as_tables_and_hide_the_credential() {
        let servers = IceServers::from_text("stun:a.example:3478, turn:b.example").unwrap();
        assert_eq!(servers.0.len(), 2);
        let text = r#"[{urls = ["turn:b.example"], username = "u", credential = "hidden"}]"#;
        let shown = IceServers::from_text(text).unwrap().to_toml().to_string();
        assert!(shown.contains("turn:b.example") && !shown.contains("hidden"), "{shown}");
        assert_eq!(IceServers::from_text("http://a"), None);
    }
}
