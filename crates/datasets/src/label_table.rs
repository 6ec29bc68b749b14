//! Tables that say which labels files have, where a file may have several or none.
//!
//! A table is CSV whose first line names its columns: `fname` first, then `labels`, as in FSD50K (Fonseca et al. 2020). Further
//! columns say nothing. A file is named by its path, whose ending `.wav` may be left out; its labels are separated by commas, and so in
//! quotes where there are several.
//!
//! ```csv
//! fname,labels
//! 64760,"Electric_guitar,Guitar,Music"
//! 16399,Speech
//! 63010,
//! ```

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::folder::{samples_among, shuffled};
use crate::stored::Place;
use crate::{DatasetError, LabelSets, Medium, ReadRange, StoredSet};

/// The columns that a table begins with.
const COLUMNS: [&str; 2] = ["fname", "labels"];

/// A table, row by row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelTable {
    file: String,
    text: String,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Row {
    /// Its first byte in the text.
    start: usize,
    name: String,
    labels: Vec<String>,
}

impl LabelTable {
    /// Reads a table; `file` names it in errors.
    ///
    /// # Errors
    ///
    /// With line and column: what is no CSV, other columns, a row without a name, a label that is empty, stands twice in its row, or
    /// holds what could separate two.
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, DatasetError> {
        let bytes = bytes.strip_prefix("\u{feff}".as_bytes()).unwrap_or(bytes);
        let text = String::from_utf8_lossy(bytes).into_owned();
        let mut table = Self { file: file.to_owned(), text, rows: Vec::new() };
        if let Err(error) = std::str::from_utf8(bytes) {
            return Err(table.fault(error.valid_up_to(), 0, "is no UTF-8 text".to_owned()));
        }
        table.rows = table.parse()?;
        Ok(table)
    }

    fn parse(&self) -> Result<Vec<Row>, DatasetError> {
        let mut reader =
            csv::ReaderBuilder::new().has_headers(false).from_reader(self.text.as_bytes());
        let mut rows = Vec::new();
        let mut is_header = true;
        for record in reader.records() {
            let record = record.map_err(|error| self.no_csv(&error))?;
            let start = self.start(record.position());
            if is_header {
                if !record.iter().take(2).eq(COLUMNS) {
                    let found: Vec<&str> =
                        record.iter().take(4).map(|name| shortened(name, 40)).collect();
                    let reason =
                        format!("found the columns `{}`, expected `fname,labels`", found.join(","));
                    return Err(self.fault(start, 0, reason));
                }
                is_header = false;
                continue;
            }
            let (name, labels) =
                (record.get(0).unwrap_or_default(), record.get(1).unwrap_or_default());
            if name.is_empty() {
                return Err(self.fault(start, 0, "a row names no file".to_owned()));
            }
            let labels = labels_of(labels).map_err(|reason| self.fault(start, 1, reason))?;
            rows.push(Row { start, name: name.to_owned(), labels });
        }
        if is_header {
            return Err(self.fault(0, 0, "the table is empty, expected `fname,labels`".to_owned()));
        }
        Ok(rows)
    }

    /// All labels that occur, sorted: the classes.
    pub fn class_names(&self) -> Vec<String> {
        let mut names: Vec<String> = self.rows.iter().flat_map(|row| row.labels.clone()).collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// The classes of each of `paths`, in the order of these.
    fn classes_of(
        &self,
        paths: &[String],
        classes: &[String],
    ) -> Result<Vec<Vec<u32>>, DatasetError> {
        let numbers: BTreeMap<&str, u32> = classes.iter().map(String::as_str).zip(0..).collect();
        let places: BTreeMap<&str, usize> = paths.iter().map(String::as_str).zip(0..).collect();
        let mut found: Vec<Option<(&Row, Vec<u32>)>> = vec![None; paths.len()];
        for row in &self.rows {
            let fault = |field, reason| Err(self.fault(row.start, field, reason));
            let name = shortened(&row.name, 80);
            let whole = format!("{}.wav", row.name);
            let Some(&at) = places.get(&*row.name).or_else(|| places.get(&*whole)) else {
                return fault(
                    0,
                    format!("there is no file `{name}` or `{name}.wav` in the folder"),
                );
            };
            if let Some((earlier, _)) = &found[at] {
                let (line, _) = self.position(earlier.start, 0);
                return fault(0, format!("`{name}` has a row already, line {line}"));
            }
            let mut members = Vec::with_capacity(row.labels.len());
            for label in &row.labels {
                let Some(number) = numbers.get(&**label) else {
                    let label = shortened(label, 80);
                    return fault(1, format!("`{label}` is no label of the training data"));
                };
                members.push(*number);
            }
            found[at] = Some((row, members));
        }
        let labels = found.into_iter().zip(paths).map(|(found, path)| match found {
            Some((_, members)) => Ok(members),
            None => Err(DatasetError::NotInTable { file: path.clone(), table: self.file.clone() }),
        });
        labels.collect()
    }

    /// The first byte of a record; the reader's position is where the record before it ended.
    fn start(&self, position: Option<&csv::Position>) -> usize {
        let ended = position.map_or(0, |position| position.byte() as usize).min(self.text.len());
        let rest = &self.text.as_bytes()[ended..];
        ended + rest.iter().take_while(|&&byte| matches!(byte, b'\r' | b'\n')).count()
    }

    fn no_csv(&self, error: &csv::Error) -> DatasetError {
        let reason = if let csv::ErrorKind::UnequalLengths { expected_len, len, .. } = error.kind()
        {
            format!(
                "found {len} fields where the first line has {expected_len}: put several labels in quotes"
            )
        } else {
            error.to_string()
        };
        self.fault(self.start(error.position()), 0, reason)
    }

    fn fault(&self, start: usize, field: usize, reason: String) -> DatasetError {
        let (line, column) = self.position(start, field);
        DatasetError::LabelTable { file: self.file.clone(), line, column, reason }
    }

    /// Line and column, from 1, of a field of the record that begins at `start`.
    fn position(&self, start: usize, field: usize) -> (usize, usize) {
        let start = self.text.floor_char_boundary(start);
        let (mut in_quotes, mut fields) = (false, 0);
        let within = self.text[start..].char_indices().find(|&(_, c)| {
            let is_there = fields == field;
            match c {
                '"' => in_quotes = !in_quotes,
                ',' if !in_quotes => fields += 1,
                _ => {}
            }
            is_there
        });
        let before = &self.text[..within.map_or(self.text.len(), |(at, _)| start + at)];
        let line = before.bytes().filter(|&byte| byte == b'\n').count() + 1;
        let column = before.chars().rev().take_while(|&c| c != '\n').count() + 1;
        (line, column)
    }
}

/// The labels in a field.
fn labels_of(field: &str) -> Result<Vec<String>, String> {
    if field.is_empty() {
        return Ok(Vec::new());
    }
    let mut labels: Vec<String> = Vec::new();
    for label in field.split(',') {
        let shown = shortened(label, 80);
        if label.is_empty() {
            return Err("a label is empty".to_owned());
        }
        if label.trim() != label {
            return Err(format!("`{shown}` has space around it: separate labels by commas alone"));
        }
        if label.contains(';') {
            return Err(format!(
                "`{shown}` holds a semicolon: separate labels by commas, in quotes"
            ));
        }
        if labels.iter().any(|earlier| earlier == label) {
            return Err(format!("the label `{shown}` stands twice"));
        }
        labels.push(label.to_owned());
    }
    Ok(labels)
}

/// The beginning of a text, at most so many bytes.
fn shortened(text: &str, most: usize) -> &str {
    &text[..text.floor_char_boundary(most)]
}

/// The training and the test part of files in folders, with the labels that a table gives each. The number of a class is its place in
/// `classes`; folders say nothing. Each part is the paths of its files, its table and what reads a path, without a range.
///
/// Samples are shuffled once, as those of [`folder`](crate::folder()).
///
/// # Errors
///
/// With line and column: a row whose file is not there or has a row already, a label that is no class. A file of the medium without a
/// row, no sample, a medium out of range.
pub fn labelled(
    parts: [(Vec<String>, &LabelTable, Arc<ReadRange>); 2],
    classes: &[String],
    medium: Medium,
) -> Result<[StoredSet; 2], DatasetError> {
    let [(mut train, train_table, read_train), (mut test, test_table, read_test)] = parts;
    samples_among(&mut train, &medium)?;
    samples_among(&mut test, &medium)?;
    let mut members = train_table.classes_of(&train, classes)?;
    members.extend(test_table.classes_of(&test, classes)?);
    let (sets, numbers) = LabelSets::of_samples(classes.len(), members)?;
    let (train_labels, test_labels) = numbers.split_at(train.len());
    let part = |paths, labels: &[u32], read| {
        let place = |(file, &label)| Place { file, label, bytes: None };
        let places = (0..).zip(labels).map(place).collect();
        let set = shuffled(paths, places, classes.len(), medium, read)?;
        Ok(set.with_label_sets(sets.clone()))
    };
    Ok([part(train, train_labels, read_train)?, part(test, test_labels, read_test)?])
}
