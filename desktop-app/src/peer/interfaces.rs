//! The addresses of this machine which links are made from.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs},
    vec,
};

use if_addrs::IfAddr;

/// Every address costs a socket in every connection, and a machine with containers has many.
const MAX_ADDRESSES: usize = 10;

/// What calls itself one network but is larger, a VPN for instance, isn't nearby. In bits.
const MIN_PREFIX_V4: u32 = 16;
const MIN_PREFIX_V6: u32 = 64;

/// The addresses as they are now, asked anew each time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Interfaces;

impl ToSocketAddrs for Interfaces {
    type Iter = vec::IntoIter<SocketAddr>;

    fn to_socket_addrs(&self) -> io::Result<Self::Iter> {
        let addresses: Vec<_> = addresses().into_iter().map(|ip| SocketAddr::new(ip, 0)).collect();
        Ok(addresses.into_iter())
    }
}

/// The usable addresses. A machine without any has 127.0.0.1, by which two profiles on it reach each other; where there are others
/// these do for that too, and nobody is bothered with 127.0.0.1: TURN servers refuse to relay to it, once for each check.
pub(super) fn addresses() -> BTreeSet<IpAddr> {
    let found = if_addrs::get_if_addrs().unwrap_or_default();
    let usable = found.into_iter().map(|interface| interface.ip()).filter(is_usable);
    // Ordered, so that the same ten are chosen each time.
    let mut addresses: BTreeSet<IpAddr> = usable.collect::<BTreeSet<_>>().into_iter().take(MAX_ADDRESSES).collect();
    if addresses.is_empty() {
        addresses.insert(IpAddr::V4(Ipv4Addr::LOCALHOST));
    }
    addresses
}

/// An IPv6 link-local address means nothing without its scope, which a candidate cannot carry.
fn is_usable(ip: &IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => !ip.is_unspecified() && !ip.is_loopback(),
        IpAddr::V6(ip) => !ip.is_unspecified() && !ip.is_loopback() && !ip.is_unicast_link_local(),
    }
}

/// Whether packets between these two stay nearby: one is loopback, both are private or link-local, or an interface of ours joins them
/// to one network, as is usual with IPv6.
pub(super) fn are_near(ours: IpAddr, theirs: IpAddr) -> bool {
    if ours.is_loopback() || theirs.is_loopback() {
        return true;
    }
    is_local(ours) && is_local(theirs) || {
        let interfaces = if_addrs::get_if_addrs().unwrap_or_default();
        interfaces.iter().any(|interface| match (&interface.addr, theirs) {
            (IfAddr::V4(own), IpAddr::V4(theirs)) => {
                let mask = own.netmask.to_bits();
                own.ip == ours
                    && mask.count_ones() >= MIN_PREFIX_V4
                    && own.ip.to_bits() & mask == theirs.to_bits() & mask
            }
            (IfAddr::V6(own), IpAddr::V6(theirs)) => {
                let mask = own.netmask.to_bits();
                own.ip == ours
                    && mask.count_ones() >= MIN_PREFIX_V6
                    && own.ip.to_bits() & mask == theirs.to_bits() & mask
            }
            _ => false,
        })
    }
}

/// An address which only machines nearby can reach: private, link-local or loopback.
fn is_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip.is_private() || ip.is_link_local() || ip.is_loopback(),
        IpAddr::V6(ip) => match ip.to_ipv4_mapped() {
            Some(ip) => is_local(IpAddr::V4(ip)),
            None => is_local_v6(ip),
        },
    }
}

fn is_local_v6(ip: Ipv6Addr) -> bool {
    ip.is_unique_local() || ip.is_unicast_link_local() || ip.is_loopback()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_is_always_an_address() {
        let addresses = addresses();
        assert!((1..=MAX_ADDRESSES).contains(&addresses.len()));
        assert!(addresses.len() == 1 || !addresses.iter().any(IpAddr::is_loopback), "{addresses:?}");
    }

    #[test]
    fn this_machine_is_near_itself() {
        for address in addresses() {
            assert!(are_near(address, address), "{address}");
            let far = "2001:db8::1".parse().unwrap();
            assert!(address.is_loopback() || !are_near(address, far), "{address}");
        }
    }

    #[test]
    fn nearby_and_far_are_told_apart() {
        for near in ["10.1.2.3", "192.168.0.1", "169.254.1.1", "127.0.0.1", "::1", "fe80::1", "fd00::1"] {
            assert!(is_local(near.parse().unwrap()), "{near}");
        }
        for far in ["8.8.8.8", "100.64.0.1", "2001:db8::1", "::ffff:8.8.8.8"] {
            assert!(!is_local(far.parse().unwrap()), "{far}");
        }
    }
}
