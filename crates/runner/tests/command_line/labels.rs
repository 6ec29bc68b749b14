//! Key `labels`: how many labels a sample has.

use datasets::Labels;
use report::Metric;
use runner::plan::{Plan, metric};
use runner::spec::Source;

use crate::golden::{Sheet, changed, fault_of};

const DATASET: &str = "dataset: { fashion-mnist: { validation: 5000 } }";
const AUGMENTATION: &str = "  augmentation: { flip: true, crop: 2 }\n";

/// The valid file on other data, and without what is for images alone.
fn on(dataset: &str) -> String {
    changed(DATASET, &format!("dataset: {{ {dataset} }}")).replace(AUGMENTATION, "").replace(
        "inception-v2: { stem: small }",
        "audio-resnet: { depth: 18, width_multiplier: 0.125 }",
    )
}

fn plan(text: String) -> Plan {
    Plan::of(&Source::from_bytes("x.yaml", text.into()).unwrap()).unwrap()
}

#[test]
fn several_labels_are_in_the_plan_and_one_is_not() {
    for (set, classes) in [
        ("synthetic: { side: 16, LABELS train: 512 }", [4, 3]),
        (
            "npz: { height: 16, width: 16, classes: 5, LABELS train: 512, validation: 64, test: 64 }",
            [5, 5],
        ),
        ("wav-folder: { classes: 7, LABELS train: 512, validation: 64, test: 64 }", [7, 7]),
    ] {
        let of = |labels: &str| plan(on(&set.replace("LABELS", labels)));
        let [one, said, several] = ["", "labels: one,", "labels: several,"].map(of);
        assert!(!one.to_json().contains("labels"), "{set}");
        assert_eq!(said.hash(), one.hash());
        assert!(several.to_json().contains("\"labels\":\"several\""), "{set}");
        assert_eq!(serde_json::from_str::<Plan>(&several.to_json()).unwrap(), several);
        assert_eq!([one.classes, several.classes], classes);
        assert_eq!([one.labels, several.labels], [Labels::One, Labels::Several]);
        assert_eq!(
            [one.labels, several.labels].map(metric),
            [Metric::Accuracy, Metric::MeanAveragePrecision]
        );
    }
}

#[test]
fn faults_say_how_many_labels_there_can_be() {
    let mut sheet = Sheet::default();
    for (title, dataset) in [
        ("a number", "synthetic: { labels: 2 }"),
        (
            "a misspelt word",
            "wav-folder: { classes: 7, labels: many, train: 512, validation: 64, test: 64 }",
        ),
        ("a set whose images have one", "fashion-mnist: { labels: several }"),
        (
            "an empty value",
            "npz: { height: 16, width: 16, classes: 5, labels: , train: 512, validation: 64, test: 64 }",
        ),
    ] {
        sheet.case(title, &fault_of(on(dataset), &[]));
    }
    sheet.check("labels.txt");
}
