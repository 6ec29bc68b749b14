use proptest::prelude::*;
use report::Error;
use report::curve::{CurveRow, Phase, from_csv, to_csv};
use report::figure::curves_figure;

fn any_curve_row() -> impl Strategy<Value = CurveRow> {
    let number = || prop_oneof![any::<f64>().prop_filter("finite", |it| it.is_finite()), 0.0..1.0];
    let phase = prop_oneof![Just(Phase::Search), Just(Phase::Retrain)];
    (
        phase,
        "[ -~]{1,12}",
        any::<u32>(),
        [number(), number(), number(), number()],
        prop::option::of(number()),
    )
        .prop_map(
            |(phase, name, epoch, [loss, accuracy, penalty, learning_rate], alive_cost)| CurveRow {
                phase,
                name,
                epoch,
                loss,
                accuracy,
                penalty,
                learning_rate,
                alive_cost,
            },
        )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn curves_read_back_as_they_were(rows in prop::collection::vec(any_curve_row(), 0..8)) {
        prop_assert_eq!(from_csv(&to_csv(&rows)).unwrap(), rows);
    }

    #[test]
    fn no_text_that_claims_to_be_curves_panics(text in "(phase,name,epoch,loss,accuracy,penalty,learning_rate,alive_cost\n)?[ -~\n]{0,80}") {
        let _ = from_csv(&text);
    }
}

#[test]
fn faults_name_their_line() {
    let header = "phase,name,epoch,loss,accuracy,penalty,learning_rate,alive_cost\n";
    let good = "search,a,1,0.5,0.5,0,0.1,1\n";
    let fault = |text: &str| from_csv(text).unwrap_err();
    assert!(matches!(fault("epoch,loss\n"), Error::Header { .. }));
    assert!(matches!(
        fault(&format!("{header}{good}search,a,2,x,0.5,0,0.1,1\n")),
        Error::Csv { line: 3, .. }
    ));
    assert!(matches!(
        fault(&format!("{header}{good}{good}grow,a,2,1,0.5,0,0.1,1\n")),
        Error::Csv { line: 4, .. }
    ));
}

#[test]
fn an_epoch_without_a_loss_is_left_out_of_the_figure() {
    let row = |epoch, loss| CurveRow {
        phase: Phase::Retrain,
        name: "a".to_owned(),
        epoch,
        loss,
        accuracy: 0.5,
        penalty: 0.0,
        learning_rate: 0.1,
        alive_cost: None,
    };
    let rows = [row(1, 2.0), row(2, 1.0), row(3, f64::NAN), row(4, f64::INFINITY)];
    assert_eq!(curves_figure(&rows, "t", "").unwrap(), curves_figure(&rows[..2], "t", "").unwrap());
}
