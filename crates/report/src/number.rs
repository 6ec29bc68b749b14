//! Numbers as people read them.

/// About four significant digits in at most seven characters for a number that is not negative: `0.75`, `3.557`,
/// `1204`, `1e-10`.
pub(crate) fn compact(value: f64) -> String {
    if value == 0.0 {
        return "0".to_owned();
    }
    if (1e-2..999_999.5).contains(&value) {
        let decimals = (3 - value.log10().floor() as i32).max(0) as usize;
        return trimmed(&format!("{value:.decimals$}")).to_owned();
    }
    let precise = scientific(value, 2);
    if precise.len() <= 7 { precise } else { scientific(value, 0) }
}

/// A count: whole below a hundred million, then with an exponent; at most eight characters.
pub(crate) fn count(value: f64) -> String {
    if value < 99_999_999.5 { format!("{value:.0}") } else { scientific(value, 2) }
}

/// A difference in points with its sign; a difference that rounds to zero is `+0.00`.
pub(crate) fn signed_points(points: f64) -> String {
    let text = format!("{points:+.2}");
    if text == "-0.00" { "+0.00".to_owned() } else { text }
}

/// A decimal number without trailing zeros.
pub(crate) fn trimmed(decimal: &str) -> &str {
    if decimal.contains('.') {
        decimal.trim_end_matches('0').trim_end_matches('.')
    } else {
        decimal
    }
}

fn scientific(value: f64, decimals: usize) -> String {
    let text = format!("{value:.decimals$e}");
    match text.split_once('e') {
        Some((mantissa, exponent)) => format!("{}e{exponent}", trimmed(mantissa)),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compact_keeps_four_digits_and_seven_characters() {
        let written = [
            (0.0, "0"),
            (1.0, "1"),
            (0.75, "0.75"),
            (3.556_558_820_077_846, "3.557"),
            (0.012_345, "0.01235"),
            (9999.6, "10000"),
            (999_999.4, "999999"),
            (999_999.5, "1e6"),
            (1e-10, "1e-10"),
            (1.234e-5, "1.23e-5"),
            (1.234e-300, "1e-300"),
        ];
        for (value, text) in written {
            assert_eq!(compact(value), text);
            assert!(text.len() <= 7);
        }
    }

    #[test]
    fn a_count_is_whole_until_it_is_too_long() {
        assert_eq!(count(25_586.5), "25586");
        assert_eq!(count(99_999_999.4), "99999999");
        assert_eq!(count(138_357_544.0), "1.38e8");
    }

    #[test]
    fn a_difference_that_rounds_to_zero_has_no_minus() {
        assert_eq!(signed_points(-0.001), "+0.00");
        assert_eq!(signed_points(-0.42), "-0.42");
        assert_eq!(signed_points(1.0), "+1.00");
    }
}
