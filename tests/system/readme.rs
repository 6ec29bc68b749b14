//! Whatever README says about speed is what `results/bench` says. `scripts/readme-figures` writes it anew.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::fs;
use std::path::Path;

type Row = BTreeMap<String, String>;

/// Where a text begins and ends that is written from a file.
const BEGIN: &str = "<!-- measured: ";
const END: &str = "<!-- end -->";

/// Rows of a file of `results/bench` by the names of its columns; none if it was not measured yet.
fn rows(root: &Path, file: &str) -> Option<Vec<Row>> {
    let text = fs::read_to_string(root.join("results/bench").join(file)).ok()?;
    let mut lines = text.lines().map(|line| line.split(',').map(str::to_owned));
    let names: Vec<String> = lines.next()?.collect();
    Some(lines.map(|cells| names.iter().cloned().zip(cells).collect()).collect())
}

fn number(row: &Row, column: &str) -> f64 {
    row[column].parse().unwrap_or_else(|_| panic!("`{column}` of {row:?}"))
}

/// How long the main job takes.
fn main_job(rows: &[Row]) -> String {
    let minutes = number(&rows[0], "seconds") / 60.0;
    if minutes < 1.5 { "about a minute".to_owned() } else { format!("about {minutes:.0} minutes") }
}

/// Networks against PyTorch: training, inference and memory.
fn peers(rows: &[Row]) -> String {
    let mut text = "\n| network | batch | images/s in training | PyTorch | ratio | inference, batch 1 | batch 32 | memory |\n\
                    |---|---|---|---|---|---|---|---|\n"
        .to_owned();
    for row in rows.iter().filter(|row| row["mode"] == "train") {
        let ratio = |mode: &str, batch: Option<&str>| {
            let same = |it: &&Row| {
                it["network"] == row["network"]
                    && it["mode"] == mode
                    && batch.is_none_or(|batch| it["batch"] == batch)
            };
            rows.iter()
                .find(same)
                .map_or_else(String::new, |it| format!("{:.2}", number(it, "ratio")))
        };
        let _ = writeln!(
            text,
            "| {} | {} | {:.0} | {:.0} | {:.2} | {} | {} | {} |",
            row["network"],
            row["batch"],
            number(row, "ours"),
            number(row, "pytorch"),
            number(row, "ratio"),
            ratio("inference", Some("1")),
            ratio("inference", Some("32")),
            ratio("memory", None)
        );
    }
    text
}

/// The dearest of searches by batch-norm scales.
fn search(rows: &[Row]) -> String {
    let of_gamma = rows.iter().filter(|row| row["search"] == "gamma");
    let most = of_gamma.map(|row| number(row, "ratio")).fold(0.0, f64::max);
    format!("{:.1} %", 100.0 * (most - 1.0).max(0.0))
}

/// The text with everything between marks written from what was measured.
fn written(readme: &str, root: &Path) -> String {
    let (mut text, mut rest) = (String::new(), readme);
    while let Some(at) = rest.find(BEGIN) {
        let (before, from) = rest.split_at(at);
        let name_ends = from.find(" -->").expect("a mark ends") + " -->".len();
        let end = from.find(END).expect("a mark has an end");
        let (mark, old) = (&from[..name_ends], &from[name_ends..end]);
        let file = &mark[BEGIN.len()..name_ends - " -->".len()];
        let rows = rows(root, file).filter(|rows| !rows.is_empty());
        let new = rows.map(|rows| match file {
            "main.csv" => main_job(&rows),
            "cpu.csv" => peers(&rows),
            "search.csv" => search(&rows),
            _ => panic!("nobody knows what to say of `{file}`"),
        });
        text.push_str(before);
        text.push_str(mark);
        text.push_str(new.as_deref().unwrap_or(old));
        text.push_str(END);
        rest = &from[end + END.len()..];
    }
    text.push_str(rest);
    text
}

#[test]
fn the_readme_says_what_was_measured() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let path = root.join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let expected = written(&readme, root);
    if std::env::var_os("UPDATE_GOLDEN").is_some() && readme != expected {
        fs::write(&path, &expected).unwrap();
        return;
    }
    for (number, (found, expected)) in readme.lines().zip(expected.lines()).enumerate() {
        assert_eq!(found, expected, "line {} of README; run scripts/readme-figures", number + 1);
    }
    assert_eq!(readme.lines().count(), expected.lines().count(), "run scripts/readme-figures");
}

#[test]
fn measurements_are_told_in_the_marked_places_alone() {
    let root = tempfile::tempdir().unwrap();
    let bench = root.path().join("results/bench");
    fs::create_dir_all(&bench).unwrap();
    fs::write(bench.join("main.csv"), "experiment,cores,seconds\nx,2,150\n").unwrap();
    fs::write(
        bench.join("cpu.csv"),
        "network,mode,batch,ours,pytorch,ratio\nA,train,64,30,20,1.5\nA,inference,32,9,4,2.25\nA,memory,64,5,6,1.2\n",
    )
    .unwrap();
    let readme = "It takes <!-- measured: main.csv -->ages<!-- end -->.\n\n<!-- measured: cpu.csv --><!-- end -->\n\
                  <!-- measured: search.csv -->nothing<!-- end -->\n";
    let text = written(readme, root.path());
    assert!(
        text.starts_with("It takes <!-- measured: main.csv -->about 2 minutes<!-- end -->.\n"),
        "{text}"
    );
    assert!(
        text.contains("\n| A | 64 | 30 | 20 | 1.50 |  | 2.25 | 1.20 |\n<!-- end -->"),
        "{text}"
    );
    assert!(text.ends_with("<!-- measured: search.csv -->nothing<!-- end -->\n"), "{text}");
    assert_eq!(written(&text, root.path()), text);
}
