//! Changes to a file: what damage, another program or an attacker could make of it.

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// The longest file that is made.
const LONGEST: usize = 1 << 16;
const NUMBERS: [u64; 12] = [
    0,
    1,
    0x7f,
    0xff,
    0x7fff,
    0xffff,
    0x7fff_ffff,
    0x8000_0000,
    0xffff_ffff,
    0x1_0000_0000,
    0x7fff_ffff_ffff_ffff,
    u64::MAX,
];
const WORDS: [&str; 16] = [
    "-1",
    "1e308",
    ".nan",
    ".inf",
    "18446744073709551616",
    "9223372036854775807",
    "1e-320",
    "[[[[[[[[",
    "{{{{{{{{",
    "&a [*a, *a]",
    "<<: ",
    "\u{feff}",
    "\n",
    ": ",
    "- ",
    "é",
];

/// `bytes` with some changes, also such as take pieces from `other`.
pub(crate) fn mutated(bytes: &[u8], other: &[u8], random: &mut ChaCha8Rng) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..1 << random.random_range(0..4_u32) {
        change(&mut bytes, other, random);
    }
    bytes.truncate(LONGEST);
    if random.random_range(0..4) > 0 {
        mend_checksums(&mut bytes);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut ChaCha8Rng) {
    let at = random.random_range(0..=bytes.len());
    // Headers stand at the beginning.
    let at = if random.random_range(0..3) == 0 { at.min(random.random_range(0..64)) } else { at };
    let length = random.random_range(0..=64).min(bytes.len() - at);
    let number = NUMBERS[random.random_range(0..NUMBERS.len())];
    match random.random_range(0..12) {
        0 => bytes.truncate(at),
        1 => drop(bytes.drain(at..at + length)),
        2 => {
            let piece = bytes[at..at + length].to_vec();
            for _ in 0..random.random_range(1..20) {
                bytes.splice(at..at, piece.iter().copied());
            }
        }
        3 => {
            let from = random.random_range(0..=other.len());
            let piece = &other[from..(from + length).min(other.len())];
            bytes.splice(at..at + length, piece.iter().copied());
        }
        4 => drop(bytes.splice(at..at, WORDS[random.random_range(0..WORDS.len())].bytes())),
        5 => {
            let width = 1 << random.random_range(0..4);
            put(bytes, at, &number.to_le_bytes()[..width]);
        }
        6 => {
            let width = 1 << random.random_range(0..4);
            put(bytes, at, &number.to_be_bytes()[8 - width..]);
        }
        7 => {
            let digits: Vec<usize> =
                (0..bytes.len()).filter(|&at| bytes[at].is_ascii_digit()).collect();
            if !digits.is_empty() {
                let at = digits[random.random_range(0..digits.len())];
                bytes.splice(at..=at, number.to_string().into_bytes());
            }
        }
        8 => bytes.insert(at, random.random()),
        _ if at < bytes.len() => match random.random_range(0..2) {
            0 => bytes[at] ^= 1 << random.random_range(0..8),
            _ => bytes[at] = random.random(),
        },
        _ => {}
    }
}

fn put(bytes: &mut [u8], at: usize, value: &[u8]) {
    for (out, value) in bytes[at..].iter_mut().zip(value) {
        *out = *value;
    }
}

/// Makes the headers of a tar file valid again, so that changes reach what stands behind their checksums.
fn mend_checksums(bytes: &mut [u8]) {
    for block in bytes.chunks_exact_mut(512).filter(|block| block[257..262] == *b"ustar") {
        block[148..156].fill(b' ');
        let sum: u32 = block.iter().map(|&byte| u32::from(byte)).sum();
        block[148..155].copy_from_slice(format!("{sum:06o}\0").as_bytes());
    }
}
