use report::curve::{CurveRow, Phase};
use report::html::{Fact, Layer, Network, Page, Statement};
use report::{Arm, Mode, PointRow, pareto, summarize};

use crate::sample::{row, sweep_of_three_seeds};

/// Text that would end an element or begin another, wherever it were written as it is.
const HOSTILE: &str = "</script><script>alert(1)</script><!-- \" ' &";

fn page(rows: Vec<PointRow>) -> Page {
    let network = |row: &PointRow| Network {
        widths: vec![row.flops as usize / 1_000_000, 4],
        latencies: vec![row.flops as f64 * 1e-6],
        search: row.regularization_strength.map(|strength| format!("strength-{strength}")),
        retraining: row.structure.clone(),
    };
    let curve = |epoch| CurveRow {
        phase: Phase::Search,
        name: "strength-4".to_owned(),
        epoch,
        loss: 2.0 / f64::from(epoch),
        accuracy: 0.5,
        penalty: 0.1,
        learning_rate: 0.05,
        alive_cost: Some(0.9),
    };
    Page {
        name: "sweep".to_owned(),
        description: "Inception on Fashion-MNIST".to_owned(),
        statements: vec![Statement { word: "Question".to_owned(), text: HOSTILE.to_owned() }],
        changes: vec!["seeds=[0, 1, 2]".to_owned()],
        networks: rows.iter().map(|row| Some(network(row))).collect(),
        planned: rows.len(),
        rows,
        layers: vec![
            Layer { name: HOSTILE.to_owned(), width: 5 },
            Layer { name: "last".to_owned(), width: 4 },
        ],
        devices: vec!["v100, batch 1".to_owned()],
        curves: vec![curve(1), curve(2)],
        provenance: vec![Fact { name: "compiler".to_owned(), values: vec![HOSTILE.to_owned()] }],
    }
}

/// What stands between two texts, the first time.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).unwrap().1.split_once(end).unwrap().0
}

/// Cells of the rows of a table: the number of a cell in full where it has one, else its text.
fn table(html: &str, id: &str) -> Vec<Vec<String>> {
    let body =
        between(between(html, &format!("<table id=\"{id}\""), "</table>"), "<tbody>", "</tbody>");
    let cell = |cell: &str| {
        let (tag, content) = cell.split_once('>').unwrap();
        if let Some((_, value)) = tag.split_once("data-value=\"") {
            return value.split('"').next().unwrap().to_owned();
        }
        content.split('<').map(|part| part.rsplit('>').next().unwrap()).collect::<String>()
    };
    let cells = |row: &str| {
        let row = row.replace("<th", "<td").replace("</th>", "</td>");
        row.split("<td").skip(1).map(|each| cell(each.split("</td>").next().unwrap())).collect()
    };
    body.split("<tr").skip(1).map(cells).collect()
}

#[test]
fn a_page_loads_nothing_and_no_text_becomes_markup() {
    let html = page(sweep_of_three_seeds()).to_html().unwrap();
    let elsewhere = html.replace("http://www.w3.org/2000/svg", "");
    assert!(!elsewhere.contains("http://") && !elsewhere.contains("https://"));
    assert!(!html.contains("src=") && !html.contains("<link") && !html.contains("@import"));
    assert!(!html.contains("alert(1)</script>"), "a text became markup");
    assert_eq!(html.matches("<script").count(), 2);
    assert_eq!(html.matches("</script>").count(), 2);
}

#[test]
fn equal_input_gives_equal_bytes_in_any_order_of_rows() {
    let rows = sweep_of_three_seeds();
    let reversed: Vec<PointRow> = rows.iter().rev().cloned().collect();
    assert_eq!(page(rows).to_html().unwrap(), page(reversed).to_html().unwrap());
}

#[test]
fn the_table_holds_the_numbers_of_the_pareto_file_in_its_order() {
    let rows = sweep_of_three_seeds();
    let summaries = summarize(&rows).unwrap();
    let csv = pareto::to_csv(&summaries);
    let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let column = |name: &str| header.iter().position(|it| *it == name).unwrap();
    let table = table(&page(rows).to_html().unwrap(), "points");
    assert_eq!(table.len(), csv.lines().count() - 1);
    for (cells, line) in table.iter().zip(csv.lines().skip(1)) {
        let fields: Vec<&str> = line.split(',').collect();
        let field = |name: &str| fields[column(name)];
        assert_eq!(cells[0] == "★", field("on_front") == "true", "{line}");
        assert_eq!(cells[2], field("n"));
        for (cell, name) in [(3, "flops"), (4, "params"), (5, "activations"), (8, "dead_channels")]
        {
            assert_eq!(cells[cell], field(name), "{name} of {line}");
        }
        for (cell, name) in [(6, "validation_accuracy"), (7, "test_accuracy")] {
            let expected = format!("{} ± {}", field(name), field(&format!("{name}_std")));
            assert_eq!(cells[cell], expected, "{name} of {line}");
        }
    }
}

#[test]
fn a_page_without_its_script_still_has_figures_and_tables() {
    let html = page(sweep_of_three_seeds()).to_html().unwrap();
    let body = between(&html, "<main>", "<script");
    assert_eq!(body.matches("<svg xmlns").count(), 3, "chart, widths and curves");
    assert_eq!(table(&html, "groups").len(), 2, "uniform and learned");
    assert_eq!(table(&html, "layers").len(), 2);
}

#[test]
fn of_one_seed_no_deviation_is_claimed() {
    let rows = vec![
        row(Arm::Uniform, 0.0, 0.5, 1_000_000, 0.88),
        row(Arm::Uniform, 0.0, 1.0, 4_000_000, 0.90),
        row(Arm::Shrink, 4.0, 1.0, 2_000_000, 0.90),
    ];
    let html = page(rows).to_html().unwrap();
    assert!(html.contains("There is one seed"));
    assert!(!between(&html, "<tbody>", "</table>").contains('±'));
}

#[test]
fn the_widths_shown_are_of_the_best_learned_point_on_the_front() {
    let shown = |rows| page(rows).featured().unwrap().map(|(name, widths)| (name, widths[0].after));
    let uniform = row(Arm::Uniform, 0.0, 1.0, 4_000_000, 0.95);
    let shrunk = row(Arm::Shrink, 4.0, 1.0, 2_000_000, 0.90);
    let dominated = row(Arm::Expand, 4.0, 1.2, 5_000_000, 0.91);
    assert_eq!(
        shown(vec![uniform.clone(), shrunk, dominated.clone()]),
        Some(("shrink 4".to_owned(), 2))
    );
    assert_eq!(shown(vec![uniform.clone(), dominated]), Some(("expand 4 to 1".to_owned(), 5)));
    assert_eq!(shown(vec![uniform]), Some(("uniform x1".to_owned(), 4)));
    assert_eq!(shown(Vec::new()), None);
}

#[test]
fn every_mode_is_a_series_and_a_kind_of_its_own() {
    let mut rows = sweep_of_three_seeds();
    let tuned: Vec<PointRow> = rows
        .iter()
        .filter(|row| row.arm == Arm::Shrink)
        .map(|row| PointRow { mode: Mode::FineTune, ..row.clone() })
        .collect();
    rows.extend(tuned);
    let html = page(rows).to_html().unwrap();
    let kinds: Vec<String> =
        table(&html, "groups").into_iter().map(|cells| cells[0].clone()).collect();
    assert_eq!(kinds, ["uniform", "learned", "learned, fine-tune"]);
    assert!(html.contains(r#""label":"shrink, fine-tune""#));
}

#[test]
fn a_page_of_an_unfinished_run_says_so() {
    let rows = sweep_of_three_seeds();
    let planned = rows.len() + 2;
    let of = |planned| Page { planned, ..page(rows.clone()) }.to_html().unwrap();
    assert!(of(planned).contains(&format!("{} of up to {planned} networks are here", rows.len())));
    assert!(!of(rows.len()).contains("networks are here"));
}

#[test]
fn an_experiment_without_a_finished_point_has_a_page() {
    let html = page(Vec::new()).to_html().unwrap();
    assert!(html.contains("no points to show"));
}
