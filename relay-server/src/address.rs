//! Where a request comes from: the peer, or what a trusted proxy says of it.

use std::net::{IpAddr, Ipv6Addr};

use http::HeaderMap;

use crate::config::Network;

/// What rates are counted by: an IPv4 address, or the /64 of an IPv6 address, as one household or host has a whole
/// /64 to choose from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) struct Source(IpAddr);

impl Source {
    /// The source that an address counts as.
    pub(crate) fn of(address: IpAddr) -> Self {
        Self(match address.to_canonical() {
            IpAddr::V6(six) => IpAddr::V6(Ipv6Addr::from_bits(six.to_bits() & !u128::from(u64::MAX))),
            four @ IpAddr::V4(_) => four,
        })
    }
}

/// The address of the client behind a connection from `peer`.
///
/// `X-Forwarded-For` is read from its end, as only what the trusted proxies have added to it is true: the first
/// address which is not a trusted proxy is the client.
pub(crate) fn client(peer: IpAddr, headers: &HeaderMap, trusted: &[Network]) -> IpAddr {
    let is_trusted = |address: IpAddr| trusted.iter().any(|network| network.contains(address));
    let peer = peer.to_canonical();
    if !is_trusted(peer) {
        return peer;
    }
    let mut found = peer;
    let lines = headers.get_all("x-forwarded-for").iter().rev();
    for part in lines.filter_map(|line| line.to_str().ok()).flat_map(|line| line.rsplit(',')) {
        let Ok(address) = part.trim().parse::<IpAddr>() else { break };
        found = address.to_canonical();
        if !is_trusted(found) {
            break;
        }
    }
    found
}

/// Whether some proxy stands between, so that the peer is not the client.
pub(crate) fn is_forwarded(headers: &HeaderMap) -> bool {
    ["x-forwarded-for", "forwarded", "x-real-ip"].iter().any(|name| headers.contains_key(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_trusted_proxy_added_is_believed() {
        let proxy: IpAddr = "10.0.0.1".parse().unwrap();
        let trusted = [Network::new(proxy, 24)];
        let client_of = |peer: IpAddr, line: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("x-forwarded-for", line.parse().unwrap());
            client(peer, &headers, &trusted).to_string()
        };
        assert_eq!(client_of(proxy, "203.0.113.9"), "203.0.113.9");
        assert_eq!(client_of(proxy, "1.1.1.1, 203.0.113.9, 10.0.0.2"), "203.0.113.9", "the client made the rest up");
        assert_eq!(client_of(proxy, "nonsense"), "10.0.0.1");
        assert_eq!(client_of("198.51.100.1".parse().unwrap(), "1.1.1.1"), "198.51.100.1");
    }

    #[test]
    fn an_ipv6_network_is_one_source() {
        let source = |text: &str| Source::of(text.parse().unwrap());
        assert_eq!(source("2001:db8:1:2::1"), source("2001:db8:1:2:ffff::"));
        assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
        assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    }
}
