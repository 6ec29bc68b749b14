//! Numbers as people read them.

/// Four digits and a prefix: `1.935 G`.
pub(super) fn count(number: u64) -> String {
    prefixed(number as f64, &["", " k", " M", " G", " T", " P", " E"])
}

/// Four digits and a unit of time, from milliseconds: `517.5 us`.
pub(super) fn time(milliseconds: f64) -> String {
    let nanoseconds = milliseconds * 1e6;
    prefixed(nanoseconds, &[" ns", " us", " ms", " s"])
}

/// Percent of the whole: `12.3%`.
pub(super) fn share(part: f64, whole: f64) -> String {
    if whole > 0.0 { format!("{:.1}%", 100.0 * part / whole) } else { "-".to_owned() }
}

/// The number in steps of a thousand, each with its unit; the last unit takes whatever remains.
fn prefixed(number: f64, units: &[&str]) -> String {
    let mut number = number;
    let mut units = units.iter().peekable();
    let mut unit = units.next().unwrap_or(&"");
    let mut is_whole = number.fract() == 0.0;
    // Rounding to four digits must not make 1000.
    while number >= 999.95 && units.peek().is_some() {
        if number < 1000.0 && is_whole {
            break;
        }
        number /= 1000.0;
        is_whole = false;
        unit = units.next().unwrap_or(unit);
    }
    let digits = match number {
        _ if is_whole => 0,
        number if number >= 999.95 => 0,
        number if number >= 99.995 => 1,
        number if number >= 9.9995 => 2,
        _ => 3,
    };
    format!("{number:.digits$}{unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_have_four_digits() {
        for (number, shown) in [
            (0, "0"),
            (7, "7"),
            (999, "999"),
            (1000, "1.000 k"),
            (10_977, "10.98 k"),
            (999_949, "999.9 k"),
            (999_999, "1.000 M"),
            (3_869_716_480, "3.870 G"),
            (u64::MAX, "18.45 E"),
        ] {
            assert_eq!(count(number), shown);
        }
    }

    #[test]
    fn times_have_their_unit() {
        for (milliseconds, shown) in [
            (0.0, "0 ns"),
            (0.000_051_2, "51.20 ns"),
            (0.173_320, "173.3 us"),
            (0.517_523, "517.5 us"),
            (12.0, "12.00 ms"),
            (3_869_716.5, "3870 s"),
        ] {
            assert_eq!(time(milliseconds), shown);
        }
    }

    #[test]
    fn a_share_of_nothing_is_no_number() {
        assert_eq!(share(1.0, 8.0), "12.5%");
        assert_eq!(share(0.0, 0.0), "-");
    }
}
