//! One hash for all processes and versions: what it decides is decided alike everywhere, and again.

/// FNV-1a of 64 bits over all parts, and MurmurHash3's last step, which makes every bit of it depend on every byte. It is for spreading
/// and not for secrets: who chooses the parts chooses the hash.
pub(crate) fn stable_hash(parts: &[&[u8]]) -> u64 {
    let bytes = parts.iter().copied().flatten();
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let hash = (hash ^ (hash >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    hash ^ (hash >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hash_stays_the_same_for_ever() {
        assert_eq!(stable_hash(&[]), 0xefd0_1f60_ba99_2926);
        for parts in [&[b"rescind".as_slice()], [b"res".as_slice(), b"cind"].as_slice()] {
            assert_eq!(stable_hash(parts), 0x6f13_78bf_8bc7_9e86);
        }
    }
}
