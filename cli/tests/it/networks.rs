//! Networks for a test: network namespaces, joined by cables that can be pulled, and NATs between them. Needs the right to make
//! namespaces, and says so where it isn't given.

use std::io::Write as _;
use std::process::{Command, Stdio};

use crate::processes::Place;

fn ip(line: &str) -> bool {
    let output = Command::new("ip").args(line.split(' ')).output();
    output.is_ok_and(|output| output.status.success())
}

fn must(line: &str) {
    assert!(ip(line), "ip {line}");
}

/// Network namespaces; they go with everything in them when this is dropped.
pub(crate) struct Networks {
    tag: String,
    names: Vec<String>,
}

/// What a NAT does with what it passes on. All of them drop what comes from outside unasked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Nat {
    /// A port inside is the same port outside, whoever it talks to.
    Cone,
    /// Each place that a port inside talks to sees another port outside.
    Symmetric,
    /// As `Cone`, but UDP doesn't pass.
    NoUdp,
}

impl Networks {
    /// Namespaces of these names, nothing in them; `None` where they may not be made. The tag tells the networks of one test from
    /// those of another.
    pub(crate) fn new(tag: &str, names: &[&str]) -> Option<Self> {
        let tag = format!("p{}{tag}", std::process::id());
        let mut networks = Self { tag, names: Vec::new() };
        for name in names {
            let name = networks.name(name);
            if !ip(&format!("netns add {name}")) {
                println!("SKIPPED: no network namespace may be made here (ip netns add)");
                return None;
            }
            must(&format!("-n {name} link set lo up"));
            networks.names.push(name);
        }
        Some(networks)
    }

    fn name(&self, who: &str) -> String {
        format!("{}{who}", self.tag)
    }

    pub(crate) fn place(&self, who: &str) -> Place {
        Place(Some(self.name(who)))
    }

    /// `ip` there, which must succeed.
    pub(crate) fn ip(&self, who: &str, line: &str) {
        must(&format!("-n {} {line}", self.name(who)));
    }

    /// The near end of a cable, in the namespace that was named first, or the far one.
    pub(crate) fn end(&self, cable: char, far: bool) -> String {
        format!("{}{cable}{}", self.tag, if far { 'y' } else { 'x' })
    }

    /// A cable between two of them, with an address for each end.
    pub(crate) fn cable(&self, one: (&str, &str), other: (&str, &str), cable: char) {
        let (near, far) = (self.end(cable, false), self.end(cable, true));
        must(&format!(
            "link add {near} netns {} type veth peer name {far} netns {}",
            self.name(one.0),
            self.name(other.0)
        ));
        for ((who, address), device) in [(one, near), (other, far)] {
            self.ip(who, &format!("addr add {address}/24 dev {device}"));
            self.ip(who, &format!("link set {device} up"));
        }
    }

    /// A cable of which only the near end has an address: something in the other namespace carries on what comes out there.
    pub(crate) fn plain_cable(&self, one: (&str, &str), other: &str, cable: char) {
        let (near, far) = (self.end(cable, false), self.end(cable, true));
        must(&format!(
            "link add {near} netns {} type veth peer name {far} netns {}",
            self.name(one.0),
            self.name(other)
        ));
        self.ip(one.0, &format!("addr add {}/24 dev {near}", one.1));
        self.ip(one.0, &format!("link set {near} up"));
        self.ip(other, &format!("link set {far} up"));
    }

    /// From now on this one passes on what is for others.
    pub(crate) fn forward(&self, who: &str) {
        let on = "echo 1 > /proc/sys/net/ipv4/ip_forward";
        assert!(self.place(who).command("sh").args(["-c", on]).status().unwrap().success());
    }

    /// Whether the kernel lets this one be a NAT.
    pub(crate) fn can_be_nat(&self, who: &str) -> bool {
        let probe = "add table ip probe; add chain ip probe from { type nat hook postrouting priority srcnat; }; delete table ip probe";
        let can = self.place(who).command("nft").arg(probe).output().is_ok_and(|output| output.status.success());
        if !can {
            println!("SKIPPED: this kernel makes no NAT (nft)");
        }
        can
    }

    /// From now on this one is a NAT, and nothing else than it was told before. `outside` is its interface there.
    pub(crate) fn nat(&self, who: &str, outside: &str, kind: Nat) {
        let masquerade = match kind {
            Nat::Cone | Nat::NoUdp => "masquerade",
            Nat::Symmetric => "masquerade fully-random",
        };
        let udp = if kind == Nat::NoUdp { "meta l4proto udp drop;" } else { "" };
        let rules = format!(
            "flush ruleset
            table ip home {{
                chain from {{ type nat hook postrouting priority srcnat; oifname \"{outside}\" {masquerade}; }}
                chain to {{ type filter hook input priority filter; iifname \"{outside}\" ct state new drop; }}
                chain through {{
                    type filter hook forward priority filter; {udp}
                    iifname \"{outside}\" ct state new drop;
                }}
            }}"
        );
        let mut nft = self.place(who).command("nft").args(["-f", "-"]).stdin(Stdio::piped()).spawn().unwrap();
        nft.stdin.take().unwrap().write_all(rules.as_bytes()).unwrap();
        assert!(nft.wait().unwrap().success(), "nft: {rules}");
    }
}

impl Drop for Networks {
    fn drop(&mut self) {
        for name in &self.names {
            ip(&format!("netns del {name}"));
        }
    }
}
