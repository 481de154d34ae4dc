//! How many rejections one peer may cause.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::net::{IpAddr, Ipv6Addr};
use std::num::NonZeroU32;

use governor::{DefaultDirectRateLimiter, Quota, RateLimiter};

/// What one peer may cause before its messages verify, or without a token. A signed rejection costs a signature, the most expensive step.
pub(crate) const REJECTIONS_PER_PEER: Quota = Quota::per_second(PER_SECOND).allow_burst(BURST);
const PER_SECOND: NonZeroU32 = NonZeroU32::new(500).unwrap();
const BURST: NonZeroU32 = NonZeroU32::new(2000).unwrap();

/// How many budgets there are. Peers share them by a hash that cannot be predicted from outside, so that the memory is fixed however
/// many addresses a peer uses. Sharing costs a peer only a signed rejection, and only while another peer is flooding.
const BUDGETS: usize = 4096;

/// One budget for each group of peers with the same hash.
pub(crate) struct RejectionBudgets {
    hasher: RandomState,
    budgets: Vec<DefaultDirectRateLimiter>,
}

impl RejectionBudgets {
    pub(crate) fn new(quota: Quota) -> Self {
        Self { hasher: RandomState::new(), budgets: (0..BUDGETS).map(|_| RateLimiter::direct(quota)).collect() }
    }

    /// Takes one rejection off the peer's budget; `false` where the budget is spent.
    pub(crate) fn spend(&self, peer: Option<IpAddr>) -> bool {
        let bucket = self.hasher.hash_one(peer.map(network)) % BUDGETS as u64;
        let budget = usize::try_from(bucket).ok().and_then(|bucket| self.budgets.get(bucket));
        budget.is_some_and(|budget| budget.check().is_ok())
    }
}

/// What counts as one peer: an IPv4 address, or the first 64 bits of an IPv6 address, which one customer usually has alone.
fn network(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V4(address) => address.into(),
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_peer_gets_no_more_rejections_once_its_budget_is_spent() {
        let hour = std::time::Duration::from_secs(3600);
        let two = Quota::with_period(hour).unwrap().allow_burst(NonZeroU32::new(2).unwrap());
        let budgets = RejectionBudgets::new(two);
        let peer = |host: u8| Some(IpAddr::from([192, 0, 2, host]));
        assert!(budgets.spend(peer(1)) && budgets.spend(peer(1)) && !budgets.spend(peer(1)));
        assert!((2..12).any(|other| budgets.spend(peer(other))), "others have budgets of their own");
    }

    #[test]
    fn a_peer_is_an_ipv4_address_or_an_ipv6_network() {
        let of = |text: &str| network(text.parse().unwrap()).to_string();
        assert_eq!(of("192.0.2.1"), "192.0.2.1");
        assert_eq!(of("::ffff:192.0.2.1"), "192.0.2.1");
        assert_eq!(of("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    }
}
