//! SHA-256 by FIPS 180-4, so that a suite checks digests without the library that an adapter uses.

/// The digest in small hexadecimal digits.
#[must_use]
pub fn sha256(text: &[u8]) -> String {
    let primes: Vec<u128> = (2_u128..).filter(|n| (2..*n).all(|divisor| n % divisor != 0)).take(64).collect();
    // The first 32 bits of the fractions of roots.
    let fraction = |scaled: u128, power: u32| root(scaled, power) as u32;
    let round: Vec<u32> = primes.iter().map(|prime| fraction(prime << 96, 3)).collect();
    let mut state: Vec<u32> = primes[..8].iter().map(|prime| fraction(prime << 64, 2)).collect();
    let mut padded = text.to_vec();
    padded.push(0x80);
    while padded.len() % 64 != 56 {
        padded.push(0);
    }
    padded.extend((text.len() as u64 * 8).to_be_bytes());
    for block in padded.chunks_exact(64) {
        compress(&mut state, &round, block);
    }
    state.iter().map(|word| format!("{word:08x}")).collect()
}

/// The largest integer whose power is at most `n`.
fn root(n: u128, power: u32) -> u128 {
    let (mut low, mut high) = (0, 1 << 40);
    while high - low > 1 {
        let middle: u128 = (low + high) / 2;
        if middle.checked_pow(power).is_some_and(|whole| whole <= n) { low = middle } else { high = middle }
    }
    low
}

fn compress(state: &mut [u32], round: &[u32], block: &[u8]) {
    let mut words: Vec<u32> =
        block.chunks_exact(4).map(|four| four.iter().fold(0, |word, byte| word << 8 | u32::from(*byte))).collect();
    for n in 16..64 {
        let (near, far) = (words[n - 2], words[n - 15]);
        let near = near.rotate_right(17) ^ near.rotate_right(19) ^ near >> 10;
        let far = far.rotate_right(7) ^ far.rotate_right(18) ^ far >> 3;
        words.push(words[n - 16].wrapping_add(far).wrapping_add(words[n - 7]).wrapping_add(near));
    }
    let mut now = state.to_vec();
    for (word, constant) in words.iter().zip(round) {
        let [a, b, c, e, f, g] = [0, 1, 2, 4, 5, 6].map(|place| now[place]);
        let choice = (e & f) ^ (!e & g);
        let majority = (a & b) ^ (a & c) ^ (b & c);
        let of_e = e.rotate_right(6) ^ e.rotate_right(11) ^ e.rotate_right(25);
        let of_a = a.rotate_right(2) ^ a.rotate_right(13) ^ a.rotate_right(22);
        let mixed = [of_e, choice, *constant, *word].into_iter().fold(now[7], u32::wrapping_add);
        now.rotate_right(1);
        now[4] = now[4].wrapping_add(mixed);
        now[0] = mixed.wrapping_add(of_a).wrapping_add(majority);
    }
    for (word, mixed) in state.iter_mut().zip(now) {
        *word = word.wrapping_add(mixed);
    }
}

#[cfg(test)]
mod tests {
    use super::sha256;

    /// Published examples, and the lengths around which the padding changes.
    #[test]
    fn the_published_digests_come_out() {
        let a = |times: usize| "a".repeat(times);
        for (text, digest) in [
            (String::new(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc".to_owned(), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (a(55), "9f4390f8d30c2dd92ec9f095b65e2b9ae9b0a925a5258e241c9f1e910f734318"),
            (a(56), "b35439a4ac6f0948b6d6f9e3c6af0f5f590ce20f1bde7090ef7970686ec6738a"),
            (a(64), "ffe054fe7ae0cb6dc65c3af9b61d5209f439851db43d0ba5997337df154668eb"),
            (a(119), "31eba51c313a5c08226adf18d4a359cfdfd8d2e816b13f4af952f7ea6584dcfb"),
        ] {
            assert_eq!(sha256(text.as_bytes()), digest, "{text}");
        }
    }
}
