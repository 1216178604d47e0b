//! What the reference wrote into an empty southbound database.

/// The recorded rows of `table`, one a line.
pub fn recorded(table: &str) -> Vec<&'static str> {
    let lines = include_str!("testdata/fresh-southbound.txt").lines().filter(|line| !line.starts_with('#'));
    lines
        .skip_while(|line| *line != table)
        .skip(1)
        .take_while(|line| line.starts_with("  "))
        .map(str::trim)
        .collect()
}
