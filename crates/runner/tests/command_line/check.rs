//! `runner check` and `--dry-run`.

use runner::cli::CheckOptions;
use runner::commands::check::check;
use runner::commands::{dry_run, study_to_run};

use crate::golden::{Folder, Sheet, VALID, run_options};

#[test]
fn a_folder_is_checked_file_by_file() {
    let folder = Folder::new();
    folder.write("b.yaml", VALID);
    folder.write("a.yml", VALID.replace("seeds: [0, 1]", "seeds: [0]"));
    folder.write("deeper/c.yaml", VALID.replace("cost: flops", "cost: params"));
    folder.write("README.md", "not an experiment");
    folder.write(".hidden.yaml", "not an experiment");
    let options = CheckOptions { paths: vec![folder.path().to_owned()], json: false };
    let outcome = check(&options);
    assert_eq!((outcome.code, outcome.stderr.as_str()), (0, ""));
    let mut sheet = Sheet::default();
    sheet.case("three experiments", &outcome.stdout);
    sheet.check("check.txt");
}

#[test]
fn broken_files_do_not_hide_the_others() {
    let folder = Folder::new();
    folder.write("good.yaml", VALID);
    folder.write("bad.yaml", VALID.replace("epochs: 5", "epochs: 0"));
    folder.write("worse.yaml", "{");
    let missing = folder.path().join("missing.yaml");
    let options = CheckOptions { paths: vec![missing, folder.path().to_owned()], json: false };
    let outcome = check(&options);
    assert_eq!(outcome.code, 2);
    assert_eq!(outcome.stdout.lines().count(), 2, "{}", outcome.stdout);
    assert!(outcome.stdout.contains("\ngood "), "{}", outcome.stdout);
    let mut sheet = Sheet::default();
    sheet.case("faults", &folder.relative(&outcome.stderr));
    sheet.check("check_faults.txt");
}

#[test]
fn an_empty_folder_is_a_fault() {
    let folder = Folder::new();
    let outcome = check(&CheckOptions { paths: vec![folder.path().to_owned()], json: false });
    assert_eq!(outcome.code, 2);
    assert!(outcome.stderr.starts_with("error: there is no experiment file"), "{}", outcome.stderr);
}

#[test]
fn json_has_one_object_per_experiment() {
    let folder = Folder::new();
    folder.write("a.yaml", VALID);
    let outcome = check(&CheckOptions { paths: vec![folder.path().join("a.yaml")], json: true });
    let rows: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap();
    let keys: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    assert_eq!(keys, ["activations", "flops", "hash", "macs", "name", "params", "points"]);
    assert_eq!(rows[0]["name"], "a");
    assert_eq!(rows[0]["points"], 2 * (3 + 5 + 15));
}

#[test]
fn a_dry_run_lists_points_and_prices_what_is_known() {
    let folder = Folder::new();
    let text =
        VALID.replace("seeds: [0, 1]", "seeds: [7]").replace("{ log: [2.0, 20.0], num: 5 }", "[4]");
    let file = folder.write("x.yaml", text);
    let mut sheet = Sheet::default();
    for (title, more) in [
        ("charged for FLOPs", &[][..]),
        ("charged for parameters", &["--set", "regularizer.cost=params"]),
        ("two points only", &["--only", "1", "5"]),
    ] {
        let options = run_options(&file, more);
        sheet.case(title, &dry_run::describe(&study_to_run(&options).unwrap(), &options));
    }
    sheet.check("dry_run.txt");
    let options = run_options(&file, &["--dry-run", "--json"]);
    let json = dry_run::describe(&study_to_run(&options).unwrap(), &options);
    let rows: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(rows.as_array().unwrap().len(), 3 + 1 + 3);
    assert_eq!(rows[0]["arm"], "uniform");
    assert_eq!(rows[0]["flops"].as_u64().unwrap(), 2 * rows[0]["macs"].as_u64().unwrap());
    assert_eq!(rows[4]["budget"], rows[0]["flops"].as_f64().unwrap());
}
