use proptest::prelude::*;
use report::{Arm, Error, Metric, Mode, row, summarize};

use crate::sample::{any_row, sweep};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn rows_read_back_as_they_were(mut rows in prop::collection::vec(any_row(), 1..5), of in 0..2_usize) {
        for row in &mut rows {
            row.metric = Metric::ALL[of];
        }
        prop_assert_eq!(row::from_csv(&row::to_csv(&rows)).unwrap(), rows);
    }

    #[test]
    fn any_text_is_read_or_refused(text in ".{0,200}", cut in 0..400_usize) {
        let _ = row::from_csv(&text);
        let whole = row::to_csv(&sweep()[..2]);
        let cut = cut.min(whole.len());
        let _ = row::from_csv(&format!("{}{text}{}", &whole[..cut], &whole[cut..]));
    }
}

#[test]
fn no_rows_are_a_line_of_columns() {
    let text = row::to_csv(&[]);
    assert_eq!(text.lines().collect::<Vec<_>>(), [row::COLUMNS.join(",")]);
    assert_eq!(row::from_csv(&text).unwrap(), []);
}

#[test]
fn the_columns_are_the_fields_in_order() {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.serialize(&sweep()[0]).unwrap();
    let text = String::from_utf8(writer.into_inner().unwrap()).unwrap();
    let columns = [&row::COLUMNS[..], &row::MORE_COLUMNS].concat();
    assert_eq!(text.lines().next().unwrap(), columns.join(","));
}

#[test]
fn targets_and_cycles_add_their_columns_only_where_there_are_any() {
    let before = row::to_csv(&sweep());
    assert!(before.starts_with(&(row::COLUMNS.join(",") + "\n")), "{before}");
    let mut rows = sweep();
    let last = rows.last_mut().unwrap();
    (last.regularization_strength, last.target) = (None, Some("50% flops".to_owned()));
    last.cycle = 3;
    let after = row::to_csv(&rows);
    for (before, after) in before.lines().zip(after.lines()).take(rows.len()).skip(1) {
        assert_eq!(after, format!("{before},,1"));
    }
    assert!(after.ends_with(",50% flops,3\n"), "{after}");
    assert_eq!(row::from_csv(&after).unwrap(), rows);
}

#[test]
fn a_mode_adds_its_column_only_where_a_network_was_not_trained_from_scratch() {
    let mut rows = sweep();
    rows[4].cycle = 2;
    let before = row::to_csv(&rows);
    assert!(!before.contains("mode"), "{before}");
    rows[5].mode = Mode::FineTune;
    let after = row::to_csv(&rows);
    for (before, (after, row)) in before.lines().skip(1).zip(after.lines().skip(1).zip(&rows)) {
        assert_eq!(after, format!("{before},{}", row.mode));
    }
    assert_eq!(row::from_csv(&after).unwrap(), rows);
    let unknown = after.replace(",fine-tune", ",finetune");
    let refused = row::from_csv(&unknown).unwrap_err();
    assert!(matches!(refused, Error::Value { column: "mode", .. }), "{refused}");
}

#[test]
fn the_columns_of_scores_are_named_by_the_metric() {
    let mut rows = sweep();
    let accuracy = row::to_csv(&rows);
    for row in &mut rows {
        row.metric = Metric::MeanAveragePrecision;
    }
    let precision = row::to_csv(&rows);
    let header = row::COLUMNS.join(",").replace("_accuracy", "_mean_average_precision");
    assert_eq!(precision.lines().next(), Some(&*header));
    assert!(precision.lines().skip(1).eq(accuracy.lines().skip(1)));
    assert_eq!(row::from_csv(&precision).unwrap(), rows);
    let refused = row::from_csv(&precision.replace("0.8641", "86.41")).unwrap_err().to_string();
    assert_eq!(
        refused,
        "line 2: `validation_mean_average_precision` is `86.41`, expected a fraction from 0 to 1"
    );
    let half = precision.replacen("test_mean_average_precision", "test_accuracy", 1);
    assert!(matches!(row::from_csv(&half), Err(Error::Header { .. })));
    rows[3].metric = Metric::Accuracy;
    assert_eq!(
        summarize(&rows).unwrap_err().to_string(),
        "found rows scored by mean average precision and by accuracy, expected one metric; keep them in separate files"
    );
}

#[test]
fn an_arm_reads_back_from_its_word() {
    for arm in Arm::ALL {
        assert_eq!(arm.to_string().parse(), Ok(arm));
    }
    assert_eq!("Shrink".parse::<Arm>(), Err(Error::Arm { found: "Shrink".to_owned() }));
}

#[test]
fn lines_may_end_as_on_windows() {
    let text = row::to_csv(&sweep());
    assert_eq!(row::from_csv(&text.replace('\n', "\r\n")).unwrap(), sweep());
}

const GOOD: &str = "shrink,4.0,,1.0,0,1645000,3290000,20562,7311,0.9074,0.8974,5,12,5f3a";

/// What `from_csv` says to a file whose third line is given.
fn refusal(third: &str) -> String {
    let text = format!("{}\n{GOOD}\n{third}\n", row::COLUMNS.join(","));
    row::from_csv(&text).unwrap_err().to_string()
}

#[test]
fn a_refusal_names_line_column_and_value() {
    let cases = [
        (
            GOOD.replace("20562", "many"),
            "line 3: `params` is `many`, expected a whole number of at least 0",
        ),
        (
            GOOD.replace("20562", "-1"),
            "line 3: `params` is `-1`, expected a whole number of at least 0",
        ),
        (
            GOOD.replace("shrink", "prune"),
            "line 3: `arm` is `prune`, expected `uniform`, `shrink`, `expand`, `shuffled`, `random`, `l1-norm` or \
             `group-norm`",
        ),
        (
            GOOD.replace("0.9074", "90.74"),
            "line 3: `validation_accuracy` is `90.74`, expected a fraction from 0 to 1",
        ),
        (
            GOOD.replace("0.8974", "NaN"),
            "line 3: `test_accuracy` is `NaN`, expected a fraction from 0 to 1",
        ),
        (GOOD.replace("3290000", "0"), "line 3: `flops` is `0`, expected a whole number above 0"),
        (
            GOOD.replace("shrink,4.0", "shrink,"),
            "line 3: `regularization_strength` is ``, expected nothing for `uniform` and where there is a \
             target, and a finite number of at least 0 otherwise",
        ),
        (
            GOOD.replace("shrink", "uniform"),
            "line 3: `regularization_strength` is `4`, expected nothing for `uniform` and where there is a \
             target, and a finite number of at least 0 otherwise",
        ),
        (
            GOOD.replace("4.0,,", "4.0,1.0,"),
            "line 3: `budget` is `1`, expected a finite number above 0 for `expand`, and nothing for all others",
        ),
        (
            GOOD.replace("4.0,,1.0", "4.0,,1.1"),
            "line 3: `width_multiplier` is `1.1`, expected a finite number above 0, and 1 unless `uniform` or \
             `expand`",
        ),
        (
            GOOD.replace(",5f3a", ""),
            "line 3: found 13 fields instead of 14; expected comma-separated values with one row per line",
        ),
    ];
    for (third, message) in cases {
        assert_eq!(refusal(&third), message);
    }
}

#[test]
fn a_line_number_counts_empty_and_quoted_lines() {
    let bad = GOOD.replace("20562", "many");
    let text = format!(
        "{}\n\n{}\n\n\n{bad}\n",
        row::COLUMNS.join(","),
        GOOD.replace("5f3a", "\"5f\n3a\"")
    );
    let message = row::from_csv(&text).unwrap_err().to_string();
    assert!(message.starts_with("line 7: `params`"), "{message}");
}

#[test]
fn other_columns_are_refused() {
    let text = row::to_csv(&sweep()).replacen("arm,", "kind,", 1);
    assert!(
        matches!(row::from_csv(&text), Err(Error::Header { found, .. }) if found.starts_with("kind,"))
    );
    assert!(matches!(row::from_csv(""), Err(Error::Header { .. })));
}

#[test]
fn a_message_quotes_at_most_the_beginning_of_a_value() {
    let message = refusal(&GOOD.replace("20562", &"9".repeat(100_000)));
    assert!(message.len() < 200, "{} bytes", message.len());
}
