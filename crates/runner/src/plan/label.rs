//! Settings of axes in words.

use serde_yaml::Value;

/// The shortest ends of dotted keys that tell them apart: `strength` and `epochs` of `regularizer.strength` and `search.epochs`.
pub(super) fn keys(keys: &[&str]) -> Vec<String> {
    let end = |key: &str, words: usize| {
        let all: Vec<&str> = key.split('.').collect();
        all[all.len().saturating_sub(words)..].join(".")
    };
    keys.iter()
        .map(|key| {
            let is_clear = |words: &usize| {
                keys.iter().filter(|other| end(other, *words) == end(key, *words)).count() == 1
            };
            let words = (1..key.split('.').count()).find(is_clear);
            words.map_or_else(|| (*key).to_owned(), |words| end(key, words))
        })
        .collect()
}

/// Every value in words, no two alike.
pub(super) fn values<'a>(values: impl Iterator<Item = &'a Value> + Clone) -> Vec<String> {
    let short: Vec<String> = values.clone().map(words).collect();
    let mut sorted = short.clone();
    sorted.sort();
    sorted.dedup();
    if sorted.len() == short.len() {
        short
    } else {
        values.map(|it| json(it).to_string()).collect()
    }
}

/// `gamma`, `0.5`, `gate`, `group-lasso{grouping:l2}`, `[1,2]`.
fn words(value: &Value) -> String {
    match value {
        Value::Null => "none".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Sequence(list) => {
            format!("[{}]", list.iter().map(words).collect::<Vec<_>>().join(","))
        }
        Value::Mapping(map) => {
            let entry = |(key, value): (&Value, &Value)| match value {
                Value::Mapping(below) if below.is_empty() => words(key),
                Value::Mapping(_) => format!("{}{{{}}}", words(key), words(value)),
                Value::Null
                | Value::Bool(_)
                | Value::Number(_)
                | Value::String(_)
                | Value::Sequence(_)
                | Value::Tagged(_) => format!("{}:{}", words(key), words(value)),
            };
            map.iter().map(entry).collect::<Vec<_>>().join(",")
        }
        Value::Tagged(tagged) => format!("{}:{}", tagged.tag, words(&tagged.value)),
    }
}

/// The same value in JSON, whose keys are texts.
pub(super) fn json(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Bool(value) => (*value).into(),
        Value::Number(number) => match (number.as_u64(), number.as_i64(), number.as_f64()) {
            (Some(number), _, _) => number.into(),
            (None, Some(number), _) => number.into(),
            (None, None, number) => number.into(),
        },
        Value::String(text) => text.clone().into(),
        Value::Sequence(list) => list.iter().map(json).collect(),
        Value::Mapping(map) => {
            let entries = map.iter().map(|(key, value)| (words(key), json(value)));
            serde_json::Value::Object(entries.collect())
        }
        Value::Tagged(tagged) => json(&tagged.value),
    }
}

/// A text as a part of the name of a file: letters, digits, `.`, `_` and `-`, at most 80.
pub(super) fn file_name(text: &str) -> String {
    let mut name = String::new();
    for c in text.chars() {
        let plain = c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
        if plain {
            name.push(c);
        } else if c == ' ' {
            name.push('_');
        } else if !name.ends_with('-') {
            name.push('-');
        }
    }
    name.trim_matches(['-', '.']).chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_as_short_as_they_can_be() {
        assert_eq!(keys(&["regularizer.strength", "search.epochs"]), ["strength", "epochs"]);
        assert_eq!(keys(&["search.epochs", "retrain.epochs"]), ["search.epochs", "retrain.epochs"]);
        assert_eq!(keys(&["seeds"]), ["seeds"]);
        assert_eq!(keys(&["a.b", "b"]), ["a.b", "b"]);
    }

    #[test]
    fn values_are_words_that_differ() {
        let of = |text: &str| {
            let list: Vec<Value> = serde_yaml::from_str(text).unwrap();
            values(list.iter())
        };
        assert_eq!(of("[gamma, { gate: {} }, 3, 0.5, ~]"), ["gamma", "gate", "3", "0.5", "none"]);
        assert_eq!(of("[{ group-lasso: { grouping: l2 } }]"), ["group-lasso{grouping:l2}"]);
        assert_eq!(of("[gate, { gate: {} }]"), ["\"gate\"", "{\"gate\":{}}"]);
    }

    #[test]
    fn file_names_hold_plain_signs() {
        assert_eq!(
            file_name("strength=group-lasso{grouping:l2} epochs=6"),
            "strength-group-lasso-grouping-l2-_epochs-6"
        );
        assert_eq!(file_name("../x"), "x");
    }
}
