//! "Did you mean": the known word nearest to a wrong one. PURE.

/// `did you mean "vcpu_hour"?`, or the known words where none is near.
pub fn did_you_mean<'a>(wrong: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.into_iter().collect();
    match nearest(wrong, &known) {
        Some(word) => format!("did you mean {word:?}?"),
        None => format!("known are {}", known.join(", ")),
    }
}

/// Words longer than this are not compared: nobody mistypes them.
const WORD_MAX: usize = 64;

fn nearest<'a>(wrong: &str, known: &[&'a str]) -> Option<&'a str> {
    if wrong.chars().count() > WORD_MAX {
        return None;
    }
    let wrong = wrong.to_lowercase().replace(['-', ' '], "_");
    let scored = known.iter().map(|word| (distance(&wrong, word), *word));
    let (best, word) = scored.min_by_key(|(score, _)| *score)?;
    let allowed = (wrong.chars().count().max(word.len()) / 3).max(1);
    (best <= allowed).then_some(word)
}

/// Number of letters to insert, delete, replace or swap with the next.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().collect();
    let b: Vec<char> = b.chars().collect();
    let mut rows: Vec<Vec<usize>> = vec![(0..=b.len()).collect()];
    for i in 1..=a.len() {
        let mut row = vec![i; b.len() + 1];
        for j in 1..=b.len() {
            let replace = rows[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]);
            row[j] = replace.min(rows[i - 1][j] + 1).min(row[j - 1] + 1);
            if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                row[j] = row[j].min(rows[i - 2][j - 2] + 1);
            }
        }
        rows.push(row);
    }
    rows[a.len()][b.len()]
}
