//! The tables in the documentation against the graphs.

use std::collections::BTreeMap;

use architectures::Stem;
use graph::{Graph, Node, Op};

use crate::{STEMS, seed};

#[test]
fn the_documented_tables_are_the_graphs() {
    let source = include_str!("../../src/inception_v2.rs");
    for stem in STEMS {
        let heading = match stem {
            Stem::Imagenet => "# Stem `imagenet`",
            Stem::Small => "# Stem `small`",
        };
        let section = source.split_once(heading).unwrap().1;
        let documented: Vec<&str> = section
            .lines()
            .skip_while(|line| !line.starts_with("//! | `"))
            .take_while(|line| line.starts_with("//! | `"))
            .collect();
        assert_eq!(documented, rows(&seed(stem)));
    }
}

/// The table of a graph, one stage a row: a stage is what shares the first part of a name.
fn rows(graph: &Graph) -> Vec<String> {
    let mut stages: Vec<(&str, Vec<&Node>)> = Vec::new();
    for (_, node) in graph.nodes() {
        let stage = node.name.split('/').next().unwrap_or_default();
        match stages.last_mut() {
            Some((last, nodes)) if *last == stage => nodes.push(node),
            Some(_) | None => stages.push((stage, vec![node])),
        }
    }
    stages.retain(|(stage, _)| *stage != "image" && *stage != "Logits");
    stages.iter().map(|(stage, nodes)| row(stage, nodes)).collect()
}

fn row(stage: &str, nodes: &[&Node]) -> String {
    let cells: BTreeMap<char, String> = ('0'..='3')
        .map(|branch| {
            let inside =
                nodes.iter().filter(|node| node.name.contains(&format!("Branch_{branch}/")));
            (branch, inside.filter_map(|node| cell(node)).collect::<Vec<_>>().join(", "))
        })
        .collect();
    // A reduction has no lone 1x1, so its branches start in the second column.
    let columns = if cells[&'3'].is_empty() { ['3', '0', '1', '2'] } else { ['0', '1', '2', '3'] };
    let by = if nodes.iter().any(|node| is_strided(node)) { " by 2" } else { "" };
    let shape = nodes[nodes.len() - 1].shape;
    let cells = columns.map(|column| match cells[&column].as_str() {
        "" => " |".to_owned(),
        cell => format!(" {cell} |"),
    });
    format!("//! | `{stage}`{by} | {shape} |{}", cells.concat())
}

fn cell(node: &Node) -> Option<String> {
    if let Op::Conv2d(conv) = &node.op {
        return Some(conv.out.to_string());
    }
    let pool = node.op.kind().strip_suffix("-pool");
    pool.map(str::to_owned)
}

fn is_strided(node: &Node) -> bool {
    node.op.to_string().contains("stride 2x2")
}
