//! `runner plan`: the points of an experiment, for people and for programs that start them.

use std::fmt::Write as _;

use super::experiment::open;
use super::{Outcome, dry_run};
use crate::cli::{ListOptions, PlanFormat};
use crate::plan::Study;
use crate::run::survey::survey;

/// Lists the points; trains nothing, writes nothing.
pub fn plan(options: &ListOptions) -> Outcome {
    let (study, folder) = match open(&options.experiment) {
        Ok(opened) => opened,
        Err(faults) => return Outcome::bad_input(&faults),
    };
    Outcome::success(match options.format {
        PlanFormat::Table => dry_run::table(&study, &folder, &[]),
        PlanFormat::Json => dry_run::json(&study, &folder, &[]),
        PlanFormat::Tsv => {
            let mut text = "point\tstate\twords\n".to_owned();
            for (point, state) in study.points().iter().zip(survey(&study, &folder).points) {
                let (index, words) = (point.point.index, study.point_words(point));
                let _ = writeln!(text, "{index}\t{}\t{words}", state.name());
            }
            text
        }
        PlanFormat::K8s => indexed_job(&study, options),
    })
}

/// The manifest of a Job whose pod of index N does point N. A pod that is evicted or stops after a checkpoint is started again
/// without end, one whose point fails is not.
fn indexed_job(study: &Study, options: &ListOptions) -> String {
    let ListOptions { experiment, format: _, image, claim, jobs } = options;
    let text = |path: &std::path::Path| path.display().to_string();
    let mut words = vec!["point".to_owned(), text(&experiment.file)];
    words.extend(["--results".to_owned(), text(&experiment.results)]);
    words.extend(experiment.set.iter().flat_map(|change| ["--set".to_owned(), change.clone()]));
    let quoted = |word: &String| serde_json::Value::from(word.as_str()).to_string();
    let words: Vec<String> = words.iter().map(quoted).collect();
    let (image, claim, words) = (quoted(image), quoted(claim), words.join(", "));
    let (name, points) = (host_name(study.name()), study.points().len());
    format!(
        "\
# Afterwards, `runner collect` in the same folder writes the results.
apiVersion: batch/v1
kind: Job
metadata:
  name: {name}
spec:
  completionMode: Indexed
  completions: {points}
  parallelism: {jobs}
  backoffLimitPerIndex: 3
  maxFailedIndexes: {points}
  podFailurePolicy:
    rules:
      - action: Ignore                       # stopped after a checkpoint
        onExitCodes: {{ containerName: runner, operator: In, values: [85] }}
      - action: Ignore                       # evicted, or its node is gone
        onPodConditions: [{{ type: DisruptionTarget }}]
      - action: FailIndex                    # the point failed, or the input is bad
        onExitCodes: {{ containerName: runner, operator: In, values: [1, 2] }}
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 60      # for the checkpoint
      containers:
        - name: runner
          image: {image}
          args: [{words}]
          workingDir: /work
          volumeMounts: [{{ name: work, mountPath: /work }}]
      volumes:
        - name: work
          persistentVolumeClaim: {{ claimName: {claim} }}
"
    )
}

/// A name as Kubernetes wants it: lower-case letters, digits and hyphens, at most 63.
fn host_name(name: &str) -> String {
    let fit = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let name: String = name.chars().map(fit).take(50).collect();
    let name = name.trim_matches('-');
    if name.is_empty() { "experiment".to_owned() } else { name.to_owned() }
}
