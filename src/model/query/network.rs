//! Ranges of network addresses, as in `10.0.0.0/8`.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// A range of IPv4 or IPv6 addresses. An IPv4 address written as IPv6 (`::ffff:10.0.0.1`) counts as
/// IPv4.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

impl Network {
    /// Whether it contains this address.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own, own_bits) = bits(self.address);
        let (other, other_bits) = bits(address.to_canonical());
        let host = own_bits - u32::from(self.prefix);
        // A shift by all bits would overflow.
        let of_network = |bits: u128| bits.checked_shr(host).unwrap_or(0);
        own_bits == other_bits && of_network(own) == of_network(other)
    }
}

fn bits(address: IpAddr) -> (u128, u32) {
    match address {
        IpAddr::V4(address) => (u32::from(address).into(), 32),
        IpAddr::V6(address) => (address.into(), 128),
    }
}

/// The address in a text of a payload, which may have a port or a zone. In a list of proxies
/// (`X-Forwarded-For`), the first is the client's.
pub(super) fn address_in(text: &str) -> Option<IpAddr> {
    let first = text.split(',').next().unwrap_or(text).trim();
    if let Ok(address) = first.parse() {
        return Some(address);
    }
    let bare = match first.strip_prefix('[') {
        Some(rest) => rest.split(']').next()?,
        None if first.matches(':').count() == 1 => first.split(':').next()?,
        None => first,
    };
    let bare = bare.split('%').next()?;
    bare.parse().ok()
}

impl FromStr for Network {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        const FORMS: &str =
            "expected a range of addresses, such as 203.0.113.0/24 or 2001:db8::/32";
        let (address, prefix) = match text.split_once('/') {
            Some((address, prefix)) => (address, Some(prefix)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| FORMS)?;
        let (_, most) = bits(address);
        let prefix = match prefix {
            None => most,
            Some(digits) if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|prefix| *prefix <= most).ok_or(FORMS)?
            }
            Some(_) => return Err(FORMS.to_owned()),
        };
        // As in `contains`, an IPv4 address inside IPv6 counts as IPv4.
        let (address, prefix) = match address {
            IpAddr::V6(inner) if prefix >= 96 && is_mapped(inner) => {
                (address.to_canonical(), prefix - 96)
            }
            _ => (address, prefix),
        };
        let prefix = u8::try_from(prefix).map_err(|_| FORMS)?;
        Ok(Self { address, prefix })
    }
}

fn is_mapped(address: Ipv6Addr) -> bool {
    address.to_ipv4_mapped().is_some()
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_has_its_addresses_and_no_others() {
        let has = |network: &str, text: &str| {
            let network: Network = network.parse().unwrap();
            address_in(text).is_some_and(|address| network.contains(address))
        };
        for (network, inside, outside) in [
            ("203.0.113.0/24", "203.0.113.255", "203.0.114.0"),
            ("203.0.113.7/24", "203.0.113.0", "203.0.112.7"),
            ("203.0.113.7", "203.0.113.7", "203.0.113.8"),
            ("10.0.0.0/8", "::ffff:10.1.2.3", "::10.1.2.3"),
            ("::ffff:10.0.0.0/104", "10.255.0.1", "11.0.0.0"),
            ("2001:db8::/32", "2001:db8:ffff::1", "2001:db9::1"),
            ("10.0.0.0/31", "10.0.0.1", "10.0.0.2"),
            ("fe80::/10", "fe80::1%eth0", "::1"),
            ("10.0.0.0/8", "10.1.2.3, 203.0.113.7", "203.0.113.7, 10.1.2.3"),
            ("10.0.0.0/8", "10.1.2.3:8080", "web-1:8080"),
            ("2001:db8::/32", "[2001:db8::1]:443", "[]:443"),
        ] {
            assert!(has(network, inside), "{inside} in {network}");
            assert!(!has(network, outside), "{outside} in {network}");
        }
        assert!(has("0.0.0.0/0", "198.51.100.1") && !has("0.0.0.0/0", "2001:db8::1"));
        assert!(has("::/0", "2001:db8::1"));
        for wrong in ["", "10.0.0.0/33", "10.0.0/8", "10.0.0.0/", "10.0.0.0/+8", "::/129", "web"] {
            assert!(wrong.parse::<Network>().is_err(), "{wrong}");
        }
    }
}
