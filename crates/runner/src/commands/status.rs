//! `runner status`: how far an experiment is.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use super::dry_run::aligned;
use super::experiment::open;
use super::{FAILED, Outcome};
use crate::cli::StatusOptions;
use crate::plan::{Study, StudyPoint};
use crate::run::survey::{State, survey};

/// Time between two looks of `--watch`.
const LOOK: Duration = Duration::from_secs(2);

/// A point with its state.
#[derive(Serialize)]
struct Row<'a> {
    /// What distinguishes the variant, if there are several.
    #[serde(skip_serializing_if = "str::is_empty")]
    variant: &'a str,
    #[serde(flatten)]
    point: StudyPoint,
    #[serde(flatten)]
    state: State,
}

/// Looks at the results folder, again and again if that was asked for.
pub(super) fn status(options: &StatusOptions) -> Outcome {
    let (study, folder) = match open(&options.experiment) {
        Ok(opened) => opened,
        Err(faults) => return Outcome::bad_input(&faults),
    };
    loop {
        let (text, is_over) = look(&study, &folder, options);
        if is_over || !options.watch {
            return Outcome::success(text);
        }
        let mut out = std::io::stdout();
        if out.write_all(format!("{text}\n").as_bytes()).and_then(|()| out.flush()).is_err() {
            // Nobody reads it any more.
            return Outcome { code: FAILED, ..Outcome::default() };
        }
        std::thread::sleep(LOOK);
    }
}

/// What there is to see, and whether nothing more will change by itself.
fn look(study: &Study, folder: &Path, options: &StatusOptions) -> (String, bool) {
    let found = survey(study, folder);
    let is_over =
        !found.points.iter().any(|state| state.is_open() || matches!(state, State::Running { .. }));
    let points = study.points();
    if options.json {
        let label = |point: &StudyPoint| study.variants()[point.variant].label.as_str();
        let rows: Vec<Row<'_>> = points
            .into_iter()
            .zip(found.points)
            .map(|(point, state)| Row { variant: label(&point), point, state })
            .collect();
        let text = if options.watch {
            serde_json::to_string(&rows)
        } else {
            serde_json::to_string_pretty(&rows)
        };
        return (text.expect("rows hold finite numbers") + "\n", is_over);
    }
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for state in &found.points {
        *counts.entry(state.name()).or_default() += 1;
    }
    let counts: Vec<String> =
        counts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let mut text = format!("{}: {} points: {}\n\n", study.name(), points.len(), counts.join(", "));
    let shared = study.shared().into_iter().zip(&found.shared);
    let mut lines: Vec<[String; 3]> = shared
        .filter(|(_, state)| **state != State::Done)
        .map(|(shared, state)| [String::new(), study.shared_words(&shared), state.to_string()])
        .collect();
    lines.extend(points.iter().zip(&found.points).map(|(point, state)| {
        [point.point.index.to_string(), study.point_words(point), state.to_string()]
    }));
    let _ = write!(text, "{}", aligned(&lines, &[1, 2]));
    (text, is_over)
}
