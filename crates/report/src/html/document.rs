//! The document: sections, and what stands between them.

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::Shown;
use super::answer::answer;
use super::data::Data;
use super::points::point_table;
use crate::error::Error;
use crate::figure::{curves_figure, pareto_figure, widths_figure};
use crate::paired::paired;

const STYLE: &str = include_str!("assets/page.css");

/// In the order in which they use each other.
const SCRIPTS: [&str; 6] = [
    include_str!("assets/svg.js"),
    include_str!("assets/axis.js"),
    include_str!("assets/chart.js"),
    include_str!("assets/widths.js"),
    include_str!("assets/curves.js"),
    include_str!("assets/page.js"),
];

/// What the page may load: nothing but what it holds.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'";

pub(super) fn document(shown: &Shown<'_>) -> Result<String, Error> {
    let page = shown.page;
    let paired = paired(&page.rows)?;
    let answer = answer(shown, &paired)?;
    let chart = pareto_figure(&shown.summaries, &page.name, &page.description)?;
    let curves = curves_figure(&page.curves, &page.name, "")?;
    let widths = page.featured()?.map(|(name, widths)| widths_figure(&widths, &name, ""));
    let data = Data::of(shown).to_json();
    let script = SCRIPTS.concat();
    let has_curves = !page.curves.is_empty();
    let markup = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(POLICY);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                title { (page.name) ": " (page.metric()) " against cost" }
                style { (PreEscaped(STYLE)) }
            }
            body {
                header {
                    h1 { (page.name) }
                    p { (page.description) }
                    (head(shown))
                }
                main {
                    section aria-labelledby="answer" {
                        h2 #answer { "Answer" }
                        (answer)
                    }
                    section aria-labelledby="chart-title" {
                        h2 #chart-title { (page.metric()) " against cost" }
                        div #chart { figure { (PreEscaped(chart)) } }
                    }
                    @if let Some(widths) = widths {
                        section aria-labelledby="widths-title" {
                            h2 #widths-title { "Widths, before and after" }
                            div #widths { figure { (PreEscaped(widths)) } }
                        }
                    }
                    @if has_curves {
                        section aria-labelledby="curves-title" {
                            h2 #curves-title { "Training curves" }
                            div #curves { figure { (PreEscaped(curves)) } }
                        }
                    }
                    section aria-labelledby="points-title" {
                        h2 #points-title { "Points" }
                        (point_table(shown, &paired))
                        (width_table(shown))
                    }
                    (provenance(shown))
                }
                script type="application/json" id="data" { (PreEscaped(data)) }
                script { (PreEscaped("\"use strict\";\n(() => {\n")) (PreEscaped(script)) (PreEscaped("})();\n")) }
            }
        }
    };
    Ok(markup.into_string() + "\n")
}

/// What the experiment asks and expects.
fn head(shown: &Shown<'_>) -> Markup {
    let page = shown.page;
    html! {
        dl {
            @for statement in &page.statements {
                @if statement.word.is_empty() { dd.alone { (statement.text) } }
                @else { dt { (statement.word) } dd { (statement.text) } }
            }
            @for change in &page.changes {
                dt { "Changed" } dd { code { "--set " (change) } }
            }
        }
    }
}

/// The widths of every network on the front, under its first seed.
fn width_table(shown: &Shown<'_>) -> Markup {
    let points: Vec<_> = shown
        .points
        .iter()
        .filter(|point| point.on_front)
        .map(|point| (point, shown.widths(point)))
        .filter(|(_, widths)| !widths.is_empty())
        .collect();
    html! {
        @if !points.is_empty() {
            details {
                summary { "Widths of the networks on the front" }
                p.note #layers-note { "Channels of every layer; of several seeds, under the first." }
                div.scroll {
                    table #layers aria-describedby="layers-note" {
                        thead {
                            tr {
                                th scope="col" { "layer" }
                                th scope="col" { "seed" }
                                @for (point, _) in &points { th scope="col" { (point.summary.name()) } }
                            }
                        }
                        tbody {
                            @for (row, layer) in shown.page.layers.iter().enumerate() {
                                tr {
                                    th scope="row" { (layer.name) }
                                    td { (layer.width) }
                                    @for (_, widths) in &points { td { (widths[row].after) } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// How the results came about.
fn provenance(shown: &Shown<'_>) -> Markup {
    html! {
        section #provenance aria-labelledby="provenance-title" {
            h2 #provenance-title { "Provenance" }
            @if shown.page.provenance.is_empty() {
                p { "It is not known how these results came about." }
            } @else {
                div.scroll {
                    table {
                        tbody {
                            @for fact in &shown.page.provenance {
                                tr {
                                    th scope="row" { (fact.name) }
                                    td.words { @for value in &fact.values { div { (value) } } }
                                }
                            }
                        }
                    }
                }
            }
        }
    }
}
