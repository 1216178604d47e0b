//! Samples and what is said about them.

use serde::Serialize;

/// The middle of some samples, and the half of them around it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Summary {
    /// The median.
    pub median: f64,
    /// A quarter of the samples is below.
    pub low: f64,
    /// A quarter of the samples is above.
    pub high: f64,
}

impl Summary {
    /// The summary of `samples`, all zero if there are none.
    pub fn of(samples: impl IntoIterator<Item = f64>) -> Summary {
        let mut sorted: Vec<f64> = samples.into_iter().collect();
        sorted.sort_by(f64::total_cmp);
        let at = |share: f64| {
            let place = (sorted.len().saturating_sub(1)) as f64 * share;
            sorted.get(place.round() as usize).copied().unwrap_or(0.0)
        };
        Summary { median: at(0.5), low: at(0.25), high: at(0.75) }
    }
}

/// `part / whole`, infinite where there is nothing to divide by.
pub fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { f64::INFINITY }
}

/// A cell of a table, a dash where there is no figure.
pub fn or_dash(figure: Option<String>) -> String {
    figure.unwrap_or_else(|| "-".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_takes_the_middle_and_the_quarters() {
        let summary = Summary::of([9.0, 1.0, 5.0, 3.0, 7.0]);
        assert_eq!(summary, Summary { median: 5.0, low: 3.0, high: 7.0 });
        assert_eq!(Summary::of([]), Summary::default());
    }

    #[test]
    fn ratio_to_nothing_is_infinite() {
        assert_eq!(ratio(1.0, 4.0), 0.25);
        assert_eq!(ratio(1.0, 0.0), f64::INFINITY);
    }
}
