//! Patterns on names.

/// Whether a name fits a pattern: `*` stands for any characters, also none, `?` for one.
pub(crate) fn fits(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    // fits[at]: whether the pattern up to here fits the first `at` characters.
    let mut fits = vec![false; name.len() + 1];
    fits[0] = true;
    for symbol in pattern {
        if symbol == '*' {
            for at in 1..=name.len() {
                fits[at] |= fits[at - 1];
            }
        } else {
            for at in (1..=name.len()).rev() {
                fits[at] = fits[at - 1] && (symbol == '?' || symbol == name[at - 1]);
            }
            fits[0] = false;
        }
    }
    fits[name.len()]
}

/// The names with the fewest edits from a pattern, whose `*` are left out, nearest first; equals in their order.
pub(crate) fn nearest<'a>(
    pattern: &str,
    names: impl Iterator<Item = &'a str>,
    count: usize,
) -> Vec<&'a str> {
    let plain: Vec<char> = pattern.chars().filter(|symbol| *symbol != '*').take(64).collect();
    let edits = |name: &str| edits(&plain, &name.chars().take(64).collect::<Vec<_>>());
    let mut found: Vec<(usize, &str)> = names.map(|name| (edits(name), name)).collect();
    found.sort_by_key(|(edits, _)| *edits);
    found.into_iter().take(count).map(|(_, name)| name).collect()
}

/// Insertions, deletions and substitutions that turn `a` into `b`.
fn edits(a: &[char], b: &[char]) -> usize {
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, one) in a.iter().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, other) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(one != other);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}
