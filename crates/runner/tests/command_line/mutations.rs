//! Damaged files give a fault or a plan, and never a panic.

use proptest::prelude::*;
use runner::plan::Plan;
use runner::spec::{Override, Source};

use crate::golden::VALID;

/// What a person or an editor does to a file.
#[derive(Clone, Debug)]
enum Damage {
    Delete(usize),
    Insert(usize, &'static str),
    DropLine(usize),
    RepeatLine(usize),
    Indent(usize, usize),
    Byte(usize, u8),
    Number(usize, &'static str),
}

fn damage() -> impl Strategy<Value = Damage> {
    let sign = prop::sample::select(vec![
        "{", "}", "[", "]", ":", ": ", ",", "-", "- ", "\n", "\t", " ", "#", "'", "\"", "&a ",
        "*a", "!x ", "|\n", ">", "?", "%", "@", "\u{feff}", "\u{0}", "é", "---\n", "...\n", "<<: ",
        "~",
    ]);
    let number = prop::sample::select(vec![
        "0",
        "-1",
        "1e308",
        "-0.0",
        ".nan",
        ".inf",
        "18446744073709551616",
        "0x10",
        "1e-320",
        "",
        "[]",
        "{}",
        "true",
        "1_000",
        "'1'",
        "340282366920938463463374607431768211456",
    ]);
    prop_oneof![
        any::<usize>().prop_map(Damage::Delete),
        (any::<usize>(), sign).prop_map(|(at, sign)| Damage::Insert(at, sign)),
        any::<usize>().prop_map(Damage::DropLine),
        any::<usize>().prop_map(Damage::RepeatLine),
        (any::<usize>(), 0_usize..6).prop_map(|(at, spaces)| Damage::Indent(at, spaces)),
        (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
        (any::<usize>(), number).prop_map(|(at, number)| Damage::Number(at, number)),
    ]
}

fn damaged(mut bytes: Vec<u8>, damage: &Damage) -> Vec<u8> {
    if bytes.is_empty() {
        return bytes;
    }
    let length = bytes.len();
    let by_line = |bytes: &[u8], at: usize, change: &dyn Fn(&mut Vec<Vec<u8>>, usize)| {
        let mut lines: Vec<Vec<u8>> =
            bytes.split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
        let at = at % lines.len();
        change(&mut lines, at);
        lines.concat()
    };
    match *damage {
        Damage::Delete(at) => {
            bytes.remove(at % length);
            bytes
        }
        Damage::Insert(at, sign) => {
            let at = at % length;
            bytes.splice(at..at, sign.bytes());
            bytes
        }
        Damage::DropLine(at) => by_line(&bytes, at, &|lines, at| {
            lines.remove(at);
        }),
        Damage::RepeatLine(at) => {
            by_line(&bytes, at, &|lines, at| lines.insert(at, lines[at].clone()))
        }
        Damage::Indent(at, spaces) => by_line(&bytes, at, &|lines, at| {
            let text = lines[at].trim_ascii_start().to_vec();
            lines[at] = [" ".repeat(spaces).into_bytes(), text].concat();
        }),
        Damage::Byte(at, byte) => {
            bytes[at % length] = byte;
            bytes
        }
        Damage::Number(at, number) => {
            let digits: Vec<usize> = (0..length).filter(|i| bytes[*i].is_ascii_digit()).collect();
            if let Some(start) = (!digits.is_empty()).then(|| digits[at % digits.len()]) {
                let rest = bytes[start..].iter();
                let end = start + rest.take_while(|b| b.is_ascii_digit() || **b == b'.').count();
                bytes.splice(start..end, number.bytes());
            }
            bytes
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(1500) })]
    #[test]
    fn a_damaged_file_is_a_fault_or_a_plan(damages in prop::collection::vec(damage(), 1..6)) {
        let bytes = damages.iter().fold(VALID.as_bytes().to_vec(), damaged);
        let shown = Source::from_bytes("x.yaml", bytes)
            .map_err(Into::into)
            .and_then(|source| Plan::of(&source))
            .map_or_else(|faults: runner::diagnostic::Diagnostics| faults.to_string(), |_| String::new());
        prop_assert!(shown.is_empty() || shown.starts_with("error: "), "{shown}");
        prop_assert!(shown.lines().count() <= 40, "{shown}");
        prop_assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    }

    #[test]
    fn a_damaged_argument_is_a_fault_or_a_plan(
        argument in "[a-z_.\\[\\]0-9=]{0,12}(retrain|search|sweep|seeds|dataset)?[.=\\[]?[a-z_0-9.]{0,8}=.{0,20}",
    ) {
        let source = Source::from_bytes("x.yaml", VALID.into()).unwrap();
        let shown = Override::parse(&argument)
            .map_err(Into::into)
            .and_then(|change| Plan::of(&source.with_overrides(vec![change])))
            .map_or_else(|faults: runner::diagnostic::Diagnostics| faults.to_string(), |_| String::new());
        prop_assert!(shown.is_empty() || shown.starts_with("error: "), "{shown}");
        prop_assert!(!shown.contains(|c: char| c.is_control() && c != '\n'), "{shown:?}");
    }
}
