//! Networks in CIDR notation. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) is the same
//! address, and so is a network of such.

use std::net::IpAddr;

use ipnet::{IpNet, Ipv4Net};

/// Leading bits of an IPv6 address that holds an IPv4 address.
const MAPPED_BITS: u8 = 96;

/// A network that addresses may lie in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network(IpNet);

/// Why a text is no network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// An address without the length of the prefix.
    #[error("\"{0}\" is an address; write {0}/{length} for that address alone", length = if .0.is_ipv4() { 32 } else { 128 })]
    Address(IpAddr),
    /// Something else.
    #[error("\"{0}\" is not a network; write for example 10.0.0.0/8 or fd00::/8")]
    Syntax(String),
}

impl Network {
    /// Parses a network; bits beyond the prefix are of no consequence.
    pub fn parse(text: &str) -> Result<Self, NetworkError> {
        let network: IpNet = text.parse().map_err(|_| match text.parse() {
            Ok(address) => NetworkError::Address(address),
            Err(_) => NetworkError::Syntax(super::excerpt::cut(text, 64).into_owned()),
        })?;
        Ok(Self(canonical(network)))
    }

    /// Whether a text is an address that lies in the network.
    pub fn holds(&self, address: &str) -> bool {
        address
            .parse()
            .is_ok_and(|address: IpAddr| self.0.contains(&address.to_canonical()))
    }
}

fn canonical(network: IpNet) -> IpNet {
    let length = network.prefix_len();
    match network.addr().to_canonical() {
        IpAddr::V4(address) if network.addr().is_ipv6() && length >= MAPPED_BITS => {
            Ipv4Net::new(address, length - MAPPED_BITS).map_or(network, IpNet::V4)
        }
        _ => network,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(network: &str, address: &str) -> bool {
        Network::parse(network)
            .expect("valid network")
            .holds(address)
    }

    #[test]
    fn addresses_of_both_families_lie_in_their_networks() {
        assert!(holds("10.0.0.0/8", "10.255.0.1"));
        assert!(!holds("10.0.0.0/8", "11.0.0.1"));
        assert!(holds("10.9.9.9/8", "10.255.0.1"));
        assert!(holds("fd00::/8", "fd12::1"));
        assert!(!holds("fd00::/8", "10.0.0.1"));
        assert!(holds("0.0.0.0/0", "192.0.2.1"));
        assert!(!holds("::/0", "192.0.2.1"));
    }

    #[test]
    fn a_mapped_address_is_the_ipv4_address() {
        assert!(holds("10.0.0.0/8", "::ffff:10.0.0.1"));
        assert!(holds("::ffff:10.0.0.0/104", "10.0.0.1"));
        assert!(holds("::ffff:10.0.0.0/104", "::ffff:10.0.0.1"));
        assert!(!holds("::ffff:10.0.0.0/104", "11.0.0.1"));
    }

    #[test]
    fn what_is_no_address_lies_nowhere() {
        for text in ["", "10.0.0", "10.0.0.1:443", "fe80::1%eth0", "web-0"] {
            assert!(!holds("0.0.0.0/0", text) && !holds("::/0", text), "{text}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused_with_the_remedy() {
        let refused = |text| Network::parse(text).expect_err("no network").to_string();
        assert_eq!(
            refused("10.0.0.1"),
            "\"10.0.0.1\" is an address; write 10.0.0.1/32 for that address alone"
        );
        assert_eq!(
            refused("10.0.0.0/33"),
            "\"10.0.0.0/33\" is not a network; write for example 10.0.0.0/8 or fd00::/8"
        );
    }
}
