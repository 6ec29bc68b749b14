//! What people look at, made from results alone, and how the results came about.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

use crate::program::{Folder, PROGRAM, expect_code, results, wait_until};

fn report(folder: &Path) -> Output {
    Command::new(PROGRAM).arg("report").arg(folder).output().unwrap()
}

fn text(folder: &Path, name: &str) -> String {
    fs::read_to_string(folder.join(name)).unwrap()
}

fn provenance(folder: &Path) -> Value {
    serde_json::from_str(&text(folder, "provenance.json")).unwrap()
}

#[test]
fn a_finished_run_has_a_page_that_is_made_again_from_its_results_alone() {
    let folder = Folder::new();
    let head = "# A small thing.\n#\n# Question   Is <it> small?\n# Predict    Yes.\n";
    fs::write(folder.experiment(), head.to_owned() + crate::program::SMALL).unwrap();
    expect_code(&folder.run("results", &["--set", "seeds=[0, 1]"]), 0);
    let results_folder = folder.path("results/small");
    let html = text(&results_folder, "report.html");
    let elsewhere = html.replace("http://www.w3.org/2000/svg", "");
    assert!(!elsewhere.contains("http://") && !elsewhere.contains("https://"));
    for part in ["Is &lt;it&gt; small?", "Yes.", "--set seeds=[0, 1]", "strength-200-seed-1"] {
        assert!(html.contains(part), "no {part}");
    }
    let rows = report::row::from_csv(&text(&results_folder, "points.csv")).unwrap();
    for summary in report::summarize(&rows).unwrap() {
        let (mean, std) = (summary.test_score, summary.test_std.unwrap());
        assert!(html.contains(&format!("data-value=\"{mean:?} ± {std:?}\"")), "{summary:?}");
    }
    let curves = report::curve::from_csv(&text(&results_folder, "curves.csv")).unwrap();
    let of_search = curves.iter().filter(|row| row.name == "strength-200-seed-1");
    let shares: Vec<Option<f64>> = of_search.map(|row| row.alive_cost).collect();
    assert!(shares.len() == 2 && shares.iter().all(Option::is_some), "{shares:?}");

    let before = results(&results_folder);
    fs::remove_dir_all(results_folder.join("state")).unwrap();
    for name in
        ["report.html", "summary.txt", "pareto.csv", "pareto.svg", "widths.svg", "curves.svg"]
    {
        fs::remove_file(results_folder.join(name)).unwrap();
    }
    let again = report(&results_folder);
    expect_code(&again, 0);
    assert!(String::from_utf8_lossy(&again.stdout).contains(&text(&results_folder, "summary.txt")));
    assert_eq!(text(&results_folder, "report.html"), html);
    assert!(results(&results_folder) == before);
}

#[test]
fn a_page_is_made_of_whatever_is_there() {
    let folder = Folder::new();
    expect_code(&folder.run("results", &["--only", "0", "2"]), 0);
    let results = folder.path("results/small");
    for name in ["curves.csv", "provenance.json", "experiment.yaml"] {
        fs::remove_file(results.join(name)).unwrap();
    }
    fs::remove_dir_all(results.join("structures")).unwrap();
    expect_code(&report(&results), 0);
    let html = text(&results, "report.html");
    assert!(html.contains("It is not known how these results came about."));
    assert!(html.contains("uniform x0.5") && html.contains("shrink 200"));
}

#[test]
fn a_folder_without_results_is_refused_by_what_it_lacks() {
    let folder = Folder::new();
    let refused = report(&folder.path("nowhere"));
    expect_code(&refused, 2);
    assert_eq!(
        folder.anonymous(&refused.stderr),
        "error: `FOLDER/nowhere` holds no results: it has no `plan.json`\n"
    );
    expect_code(&folder.run("results", &["--only", "0"]), 0);
    fs::write(folder.path("results/small/points.csv"), "arm\n").unwrap();
    let refused = report(&folder.path("results/small"));
    expect_code(&refused, 2);
    let message = folder.anonymous(&refused.stderr);
    assert!(
        message.starts_with("error: in `FOLDER/results/small/points.csv`: line 1:"),
        "{message}"
    );
}

#[test]
fn every_process_that_worked_on_a_run_is_recorded_and_no_other() {
    let folder = Folder::new();
    expect_code(&folder.run("results", &["--only", "0", "--jobs", "1"]), 0);
    let more = ["--jobs", "2", "--threads", "1", "--simd", "portable", "--keep-going"];
    expect_code(&folder.run("results", &more), 0);
    let results = folder.path("results/small");
    let html = text(&results, "report.html");
    expect_code(&folder.run("results", &more), 0);

    let found = provenance(&results);
    let processes = found["processes"].as_array().unwrap();
    assert_eq!(processes.len(), 2, "the third run had nothing to do");
    for process in processes {
        assert!(process["begin"].is_string() && process["end"].is_string(), "{process}");
        assert_eq!(process["program"]["cargo_lock"].as_str().unwrap().len(), 64);
        assert!(process["program"]["rustc"].as_str().unwrap().starts_with("rustc "), "{process}");
    }
    let given = &processes[1]["circumstances"];
    assert_eq!(given["instructions"], "portable");
    assert_eq!((&given["jobs"], &given["threads"]), (&2.into(), &1.into()));
    let arguments = processes[1]["arguments"].as_array().unwrap();
    assert_eq!(arguments.last().unwrap(), "--keep-going");
    let streams = found["streams"].as_array().unwrap();
    let names: Vec<_> = streams.iter().map(|stream| stream["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["retrain", "search"]);
    let key = datasets::Streams::new(0).derive("search").seed();
    assert_eq!(streams[1]["key"], format!("{key:016x}"));

    assert_eq!(html, text(&results, "report.html"));
    assert!(html.contains("jobs: 1, threads of each") && html.contains("(1 of 2)"));
    assert!(!html.contains(processes[0]["begin"].as_str().unwrap()), "a time is on the page");
}

#[test]
fn a_process_that_was_killed_is_on_record_without_an_end() {
    let folder = Folder::new();
    let arguments = ["--only", "0", "--jobs", "1"];
    let mut child = folder.start("results", &arguments);
    let records = folder.path("results/small/state/processes");
    let is_json = |path: &Path| path.extension().is_some_and(|extension| extension == "json");
    wait_until(&mut child, "it recorded itself", || {
        fs::read_dir(&records)
            .is_ok_and(|mut entries| entries.any(|it| is_json(&it.unwrap().path())))
    });
    child.kill().unwrap();
    child.wait().unwrap();
    expect_code(&folder.run("results", &arguments), 0);
    let results = folder.path("results/small");
    let found = provenance(&results);
    let ends: Vec<bool> =
        found["processes"].as_array().unwrap().iter().map(|it| it["end"].is_string()).collect();
    assert_eq!(ends, [false, true]);
    assert!(text(&results, "report.html").contains("2, of which 1 did not come to an end"));
}

#[test]
fn data_files_are_recorded_with_their_hashes() {
    let folder = tempfile::tempdir().unwrap();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut command = Command::new(PROGRAM);
    command.arg(root.join("experiments/smoke.yaml")).arg("--results").arg(folder.path());
    expect_code(&command.args(["--only", "0"]).output().unwrap(), 0);
    let found = provenance(&folder.path().join("smoke"));
    let data = found["processes"][0]["circumstances"]["data"].as_array().unwrap();
    let sums = text(root, "crates/datasets/data/fashion-mnist/SHA256SUMS");
    assert_eq!(data.len(), 4);
    for file in data {
        let line =
            format!("{}  {}", file["sha256"].as_str().unwrap(), file["name"].as_str().unwrap());
        assert!(sums.lines().any(|sum| sum == line), "{line}");
    }
}
