//! Every fault of an experiment file says what, where, and what to do.

use std::path::Path;

use runner::commands::study_to_run;

use crate::golden::{Folder, Sheet, VALID, changed, fault_of, run_options};

#[test]
fn files_that_cannot_be_read_say_why() {
    let mut sheet = Sheet::default();
    let missing = study_to_run(&run_options(Path::new("nowhere/x.yaml"), &[])).unwrap_err();
    sheet.case("missing", &missing.to_string());
    let folder = Folder::new();
    let of_folder = study_to_run(&run_options(folder.path(), &[])).unwrap_err();
    sheet.case("a folder", &folder.relative(&of_folder.to_string()));
    let bad_name = folder.write("über uns.yaml", VALID);
    let of_name = study_to_run(&run_options(&bad_name, &[])).unwrap_err();
    sheet.case("a name that cannot name results", &folder.relative(&of_name.to_string()));
    let not_regular = study_to_run(&run_options(Path::new("/dev/null"), &[])).unwrap_err();
    sheet.case("not a regular file", &not_regular.to_string());
    sheet.case("not text", &fault_of([VALID.as_bytes(), &[0xff, 0xfe, 0]].concat(), &[]));
    sheet.case("too large", &fault_of(" ".repeat((1 << 20) + 1), &[]));
    sheet.case("empty", &fault_of("", &[]));
    sheet.case("comments only", &fault_of("# nothing\n---\n", &[]));
    let command = study_to_run(&run_options(Path::new("chekc"), &[])).unwrap_err();
    sheet.case("a misspelt command", &command.to_string());
    sheet.check("unreadable.txt");
}

#[test]
fn texts_that_are_not_yaml_say_where() {
    let mut sheet = Sheet::default();
    sheet.changes(&[
        ("tab", "  epochs: 5", "\tepochs: 5"),
        ("tab after a key", "  epochs: 5", "  epochs: 5\n\tx: 1"),
        ("indented too little", "  batch_size: 128\n", " batch_size: 128\n"),
        ("indented too far", "  batch_size: 128\n", "    batch_size: 128\n"),
        ("brace not closed", "{ stem: small } }", "{ stem: small }"),
        ("bracket not closed", "seeds: [0, 1]", "seeds: [0, 1"),
        ("quote not closed", "cost: flops", "cost: 'flops"),
        ("quote not closed at the end", "[uniform]", "['uniform]"),
        ("comma forgotten", "validation: 5000 }", "validation: 5000 train: 3 }"),
        ("two colons", "cost: flops", "cost: flops: macs"),
        ("anchor that is not there", "seeds: [0, 1]", "seeds: *all"),
        ("control character", "cost: flops", "cost: fl\u{1}ops"),
    ]);
    sheet.case("two documents", &fault_of(format!("{VALID}---\n{VALID}"), &[]));
    sheet.case(
        "nested too deeply",
        &fault_of(format!("schema: {}{}", "[".repeat(500_000), "]".repeat(500_000)), &[]),
    );
    sheet.case("a list", &fault_of("- schema\n- 1\n", &[]));
    sheet.case("a word", &fault_of("hello\n", &[]));
    sheet.case("a program", &fault_of("#!/bin/sh\nset -e\necho 'x'\n", &[]));
    sheet.check("not_yaml.txt");
}

#[test]
fn schema_is_read_before_anything_else() {
    let mut sheet = Sheet::default();
    sheet.changes(&[
        ("missing", "schema: 1\n", ""),
        ("from the future", "schema: 1\n", "schema: 2\nnew_key: 3\n"),
        ("zero", "schema: 1\n", "schema: 0\n"),
        ("a text", "schema: 1\n", "schema: one\n"),
        ("twice", "seeds: [0, 1]\n", "schema: 1\n"),
    ]);
    sheet.check("schema.txt");
}

#[test]
fn unknown_keys_name_the_nearest_known_one() {
    let mut sheet = Sheet::default();
    sheet.changes(&[
        ("at the top", "seeds: [0, 1]", "sedes: [0, 1]"),
        ("in a section", "  batch_size: 128\n", "  batch-size: 128\n"),
        ("in braces", "{ epochs: 3, batch_size: 128,", "{ epoch: 3, batch_size: 128,"),
        ("in a choice", "momentum: 0.9, nesterov", "momentun: 0.9, nesterov"),
        ("of another section", "  cost: flops", "  weight_decay: 0.1"),
        ("like nothing known", "  cost: flops", "  lambda: 3"),
        ("a number", "  cost: flops", "  7: 3"),
        ("in a logarithmic list", "num: 5", "nun: 5"),
        ("a misspelt choice", "{ sgd: { momentum: 0.9 } }, l", "{ sdg: { momentum: 0.9 } }, l"),
        ("a misspelt name", "cost: flops", "cost: flop"),
        ("a misspelt data set", "fashion-mnist", "fashion_mnist"),
        ("a data set without its hyphen", "fashion-mnist", "cifar10"),
        ("a data set that is not there", "fashion-mnist", "imagenet"),
        ("a misspelt baseline", "[uniform]", "[unifrom]"),
        ("a measure that is not there", "strength: gamma", "strength: taylor"),
    ]);
    sheet.check("unknown_key.txt");
}

#[test]
fn missing_and_repeated_keys_are_named() {
    let mut sheet = Sheet::default();
    sheet.changes(&[
        ("a section is missing", "architecture: { inception-v2: { stem: small } }\n", ""),
        ("a key is missing", "  epochs: 5\n", ""),
        ("a key is missing in braces", "{ epochs: 3, batch_size: 128,", "{ epochs: 3,"),
        ("a setting is missing", "{ peak: 0.1 }", "{}"),
        (
            "the number of classes is missing",
            "{ fashion-mnist: { validation: 5000 } }",
            "{ npz: { height: 28, width: 28, train: 500, validation: 100, test: 100 } }",
        ),
        ("a section is repeated", "baselines: [uniform]\n", "seeds: [2]\n"),
        ("a key is repeated", "  weight_decay: 5.0e-4\n", "  epochs: 7\n"),
        ("a key is repeated in braces", "nesterov: true", "momentum: 0.8"),
    ]);
    sheet.check("missing_key.txt");
}

#[test]
fn wrong_types_say_what_is_expected_and_what_is_there() {
    let mut sheet = Sheet::default();
    sheet.changes(&[
        ("a word for a number", "  epochs: 5", "  epochs: many"),
        ("a quoted number", "  epochs: 5", "  epochs: '5'"),
        ("a fraction for a whole number", "  epochs: 5", "  epochs: 5.5"),
        ("a float for a whole number", "  epochs: 5", "  epochs: 5.0"),
        ("nothing", "  epochs: 5", "  epochs:"),
        ("a list for a number", "  epochs: 5", "  epochs: [5]"),
        ("a number for a list", "seeds: [0, 1]", "seeds: 0"),
        ("a word in a list", "[0.5, 0.75, 1.0]", "[0.5, half, 1.0]"),
        ("a number for a switch", "nesterov: true", "nesterov: 1"),
        ("a word for a switch", "nesterov: true", "nesterov: yes please"),
        ("a number for a section", "{ flip: true, crop: 2 }", "3"),
        ("a number for a schedule", "{ constant: 0.05 }", "0.05"),
        ("a choice without settings", "{ sgd: { momentum: 0.9 } }, l", "sgd, l"),
        ("two choices", "{ constant: 0.05 }", "{ constant: 0.05, cosine: { peak: 0.1 } }"),
        ("no choice", "{ constant: 0.05 }", "{}"),
        ("a map for a name", "strength: gamma", "strength: { gamma: {} }"),
        ("a tag", "cost: flops", "cost: !flops x"),
        ("a value that goes on in the next line", "schema: 1\nseeds: [0, 1]", "schema: 1\n seeds"),
        ("three bounds", "[2.0, 20.0]", "[2.0, 20.0, 200.0]"),
        ("a word for strengths", "{ log: [2.0, 20.0], num: 5 }", "strong"),
        ("a long text", "cost: flops", "alive_threshold: a very long text that goes on for far longer than anybody would want to read in an error, and then some more"),
    ]);
    sheet.check("wrong_type.txt");
}

#[test]
fn numbers_out_of_range_say_the_range() {
    let mut sheet = Sheet::default();
    sheet.changes(&[
        ("zero epochs", "  epochs: 5", "  epochs: 0"),
        ("negative epochs", "  epochs: 5", "  epochs: -1"),
        ("an absurd number of epochs", "  epochs: 5", "  epochs: 1000000000"),
        ("a number of many digits", "  epochs: 5", "  epochs: 99999999999999999999999999"),
        (
            "a number of too many digits",
            "  epochs: 5",
            "  epochs: 9999999999999999999999999999999999999999999",
        ),
        ("a negative strength", "{ log: [2.0, 20.0], num: 5 }", "[4, -1]"),
        ("a single negative strength", "{ log: [2.0, 20.0], num: 5 }", "-1.5"),
        ("a logarithm of zero", "[2.0, 20.0]", "[0, 20.0]"),
        ("a falling logarithmic list", "[2.0, 20.0]", "[20.0, 2.0]"),
        ("one point of a logarithmic list", "num: 5", "num: 1"),
        ("multiplier zero", "[0.5, 0.75, 1.0]", "[0.5, 0, 1.0]"),
        ("multiplier of a billion", "[0.5, 0.75, 1.0]", "[0.5, 1.0e+9]"),
        ("not a number", "{ constant: 0.05 }", "{ constant: .nan }"),
        ("an infinite rate", "{ peak: 0.1 }", "{ peak: .inf }"),
        ("rate zero", "{ constant: 0.05 }", "{ constant: 0 }"),
        ("momentum one", "momentum: 0.9, nesterov", "momentum: 1.0, nesterov"),
        ("threshold one", "alive_threshold: 0.01", "alive_threshold: 1"),
        ("a negative decay", "weight_decay: 5.0e-4", "weight_decay: -5.0e-4"),
        ("a negative seed", "seeds: [0, 1]", "seeds: [0, -1]"),
        ("an absurd batch", "  batch_size: 128\n", "  batch_size: 1000000000\n"),
        (
            "too many channels",
            "{ fashion-mnist: { validation: 5000 } }",
            "{ npz: { height: 28, width: 28, channels: 5, classes: 3, train: 500, validation: 100, test: 100 } }",
        ),
        ("divisor zero", "baselines: [uniform]", "  channel_divisor: 0"),
    ]);
    sheet.check("out_of_range.txt");
}

#[test]
fn keys_that_contradict_are_all_reported() {
    let mut sheet = Sheet::default();
    let few = "{ fashion-mnist: { validation: 500, train: 100 } }";
    sheet.changes(&[
        ("no image left to train on", "validation: 5000", "validation: 60000"),
        ("more images than there are", "validation: 5000", "validation: 5000, train: 58000, test: 10001"),
        ("a batch larger than the data", "{ fashion-mnist: { validation: 5000 } }", few),
        (
            "more colour images than there are",
            "{ fashion-mnist: { validation: 5000 } }",
            "{ cifar-100: { validation: 5000, train: 45001 } }",
        ),
        (
            "a buffer for files in folders",
            "{ fashion-mnist: { validation: 5000 } }",
            "{ image-folder: { height: 28, width: 28, channels: 1, classes: 3, train: 500, validation: 100, test: 100, buffer: 9 } }",
        ),
        (
            "two channels",
            "{ fashion-mnist: { validation: 5000 } }",
            "{ tar-shards: { height: 28, width: 28, channels: 2, classes: 3, train: 500, validation: 100, test: 100 } }",
        ),
        (
            "augmented sound above what its rate can hold",
            "{ fashion-mnist: { validation: 5000 } }",
            "{ wav-folder: { classes: 3, train: 500, validation: 100, test: 100, sample_rate: 8000 } }",
        ),
        ("a warm-up longer than the training", "warmup_epochs: 0.5", "warmup_epochs: 6"),
        ("a rate that rises at the end", "{ peak: 0.1 }", "{ peak: 0.1, last: 0.2 }"),
        ("a crop as large as the image", "crop: 2", "crop: 28"),
        ("no seed", "seeds: [0, 1]", "seeds: []"),
        ("a seed twice", "seeds: [0, 1]", "seeds: [0, 1, 0]"),
        ("a multiplier twice", "[0.5, 0.75, 1.0]", "\n    - 0.5\n    - 0.75\n    - 0.5"),
        ("a baseline twice", "[uniform]", "[uniform, uniform]"),
        ("strengths without budgets", "[0.5, 0.75, 1.0]", "[]"),
        (
            "baselines without multipliers",
            "{ log: [2.0, 20.0], num: 5 }\n  width_multiplier: [0.5, 0.75, 1.0]",
            "[]\n  width_multiplier: []",
        ),
        (
            "nothing to do",
            "{ log: [2.0, 20.0], num: 5 }\n  width_multiplier: [0.5, 0.75, 1.0]\nbaselines: [uniform]",
            "[]\nbaselines: []",
        ),
    ]);
    let many = changed("warmup_epochs: 0.5", "warmup_epochs: 6")
        .replace("crop: 2", "crop: 28")
        .replace("seeds: [0, 1]", "seeds: [1, 1]")
        .replace("validation: 5000", "validation: 5000, test: 20000")
        .replace("{ peak: 0.1 }", "{ peak: 0.1, last: 0.2 }")
        .replace("[0.5, 0.75, 1.0]", "[1.0, 1.0]");
    sheet.case("many at once", &fault_of(many, &[]));
    sheet.check("contradiction.txt");
}

#[test]
fn networks_that_cannot_be_built_say_why() {
    let mut sheet = Sheet::default();
    sheet.changes(&[
        ("the image is too small", "stem: small", "stem: imagenet"),
        ("a depth that is not there", "inception-v2: { stem: small }", "resnet: { depth: 51 }"),
        ("a negative multiplier", "stem: small", "width_multiplier: -0.5"),
        (
            "a generated image is too large",
            "{ fashion-mnist: { validation: 5000 } }",
            "{ synthetic: { side: 256, channels: 16, train: 900000 } }",
        ),
    ]);
    let enormous = changed("{ stem: small }", "{ stem: small, width_multiplier: 100 }")
        .replace("[0.5, 0.75, 1.0]", "[1.0, 100.0]");
    sheet.case("the seed multiplied is beyond every limit", &fault_of(enormous, &[]));
    let points = changed("[0, 1]", "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9]")
        .replace(
            "[0.5, 0.75, 1.0]",
            &format!("{:?}", (1..=600).map(|i| f64::from(i) / 100.0).collect::<Vec<_>>()),
        )
        .replace("num: 5", "num: 300");
    sheet.case("more points than anybody can wait for", &fault_of(points, &[]));
    let values = (0..1001).map(|seed| seed.to_string()).collect::<Vec<_>>().join(", ");
    sheet.case("a list without end", &fault_of(changed("0, 1]", &format!("{values}]")), &[]));
    sheet.check("impossible.txt");
}

#[test]
fn aliases_of_aliases_are_refused_at_once() {
    let mut bomb = "schema: 1\na: &a [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, of) in ('b'..='z').zip('a'..='y') {
        let many = vec![format!("*{of}"); 8].join(", ");
        bomb += &[&format!("{name}: &{name} ["), many.as_str(), "]\n"].concat();
    }
    let mut sheet = Sheet::default();
    sheet.case("under unknown keys", &fault_of(&bomb, &[]));
    let inline = "seeds: [0, &a [0, 0], &b [*a, *a], &c [*b, *b], *c, *c]";
    sheet.changes(&[("under a known key", "seeds: [0, 1]", inline)]);
    sheet.check("aliases.txt");
}

#[test]
fn an_anchor_may_stand_for_a_section() {
    let text = changed("{ epochs: 3, b", "&recipe { epochs: 3, b");
    let (before, _) = text.split_once("retrain:").unwrap();
    let text = format!("{before}retrain: *recipe\nsweep: {{ regularization_strength: 3 }}\n");
    let folder = Folder::new();
    let file = folder.write("x.yaml", text);
    let study = study_to_run(&run_options(&file, &[])).unwrap();
    assert_eq!(study.first().search, study.first().retrain);
}
