//! Statistics of durations: the `stopwatch/*` commands of ovn-northd.
//!
//! A stopwatch keeps count, minimum, maximum, two moving averages and the 95th percentile. The percentile is exact for
//! the first samples and from then on estimated in constant memory by the P² algorithm (Jain and Chlamtac, "The P²
//! algorithm for dynamic calculation of quantiles and histograms without storing observations", CACM 28(10), 1985).

use std::fmt::Write as _;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::process::unixctl::Commands;

/// The unit in which a stopwatch counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds.
    Milliseconds,
    /// Microseconds.
    Microseconds,
    /// Nanoseconds.
    Nanoseconds,
}

impl Unit {
    fn name(self) -> &'static str {
        match self {
            Unit::Milliseconds => "msec",
            Unit::Microseconds => "usec",
            Unit::Nanoseconds => "nsec",
        }
    }

    fn count(self, duration: Duration) -> u64 {
        let count = match self {
            Unit::Milliseconds => duration.as_millis(),
            Unit::Microseconds => duration.as_micros(),
            Unit::Nanoseconds => duration.as_nanos(),
        };
        u64::try_from(count).unwrap_or(u64::MAX)
    }
}

/// The stopwatches of a daemon, in the order of their creation. Clones share them.
#[derive(Debug, Clone, Default)]
pub struct Stopwatches {
    all: Arc<Mutex<Vec<Stopwatch>>>,
}

impl Stopwatches {
    /// The stopwatch called `name`, made if there is none.
    pub fn create(&self, name: &str, unit: Unit) -> Stopwatch {
        let mut all = self.lock();
        if let Some(found) = all.iter().find(|stopwatch| &*stopwatch.name == name) {
            return found.clone();
        }
        let stopwatch = Stopwatch { name: name.into(), unit, samples: Arc::default() };
        all.push(stopwatch.clone());
        stopwatch
    }

    /// Adds `stopwatch/show` and `stopwatch/reset` to `commands`.
    pub fn register(&self, commands: &Commands) {
        let shown = self.clone();
        commands
            .add("stopwatch/show", "[NAME]", 0..=1, move |args| shown.show(args.first().map(String::as_str)));
        let reset = self.clone();
        commands.add("stopwatch/reset", "[NAME]", 0..=1, move |args| {
            let chosen = |stopwatch: &&Stopwatch| args.first().is_none_or(|name| **name == *stopwatch.name);
            reset.lock().iter().filter(chosen).for_each(Stopwatch::reset);
            Ok(String::new())
        });
    }

    fn show(&self, name: Option<&str>) -> Result<String, String> {
        let all = self.lock();
        let chosen: Vec<&Stopwatch> =
            all.iter().filter(|one| name.is_none_or(|name| name == &*one.name)).collect();
        if name.is_some() && chosen.is_empty() {
            return Err("No such stopwatch".to_owned());
        }
        Ok(chosen.into_iter().map(Stopwatch::show).collect())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Stopwatch>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A named series of durations. Clones share it.
#[derive(Debug, Clone)]
pub struct Stopwatch {
    name: Arc<str>,
    unit: Unit,
    samples: Arc<Mutex<Samples>>,
}

impl Stopwatch {
    /// Takes in one duration.
    pub fn record(&self, duration: Duration) {
        self.lock().add(self.unit.count(duration) as f64);
    }

    /// Runs `work` and takes in how long it took.
    pub fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let start = Instant::now();
        let result = work();
        self.record(start.elapsed());
        result
    }

    fn reset(&self) {
        *self.lock() = Samples::default();
    }

    fn show(&self) -> String {
        let (samples, unit, mut out) = (self.lock(), self.unit.name(), String::new());
        // Writing to a string does not fail.
        let _ = write!(
            out,
            "Statistics for '{}'\n  Total samples: {}\n  Maximum: {:.0} {unit}\n  Minimum: {:.0} {unit}\n  \
             95th percentile: {:.6} {unit}\n  Short term average: {:.6} {unit}\n  Long term average: {:.6} {unit}\n",
            self.name,
            samples.count,
            samples.max,
            samples.min,
            samples.percentile(),
            samples.short_term,
            samples.long_term,
        );
        out
    }

    fn lock(&self) -> MutexGuard<'_, Samples> {
        self.samples.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The quantile that is shown.
const QUANTILE: f64 = 0.95;
/// Samples that are kept and sorted for an exact quantile; with more, the estimate is good enough.
const EXACT: usize = 49;
/// The weight of a new sample in the two averages.
const SHORT_TERM: f64 = 0.5;
const LONG_TERM: f64 = 0.01;

#[derive(Debug, Default)]
struct Samples {
    count: u64,
    min: f64,
    max: f64,
    short_term: f64,
    long_term: f64,
    /// All samples, sorted, until there are more than [`EXACT`].
    sorted: Vec<f64>,
    estimate: Option<Quantile>,
}

impl Samples {
    fn add(&mut self, sample: f64) {
        let first = self.count == 0;
        self.count += 1;
        self.min = if first { sample } else { self.min.min(sample) };
        self.max = self.max.max(sample);
        self.short_term =
            if first { sample } else { sample.mul_add(SHORT_TERM, (1.0 - SHORT_TERM) * self.short_term) };
        self.long_term =
            if first { sample } else { sample.mul_add(LONG_TERM, (1.0 - LONG_TERM) * self.long_term) };
        if let Some(estimate) = &mut self.estimate {
            estimate.add(sample);
            return;
        }
        self.sorted.insert(self.sorted.partition_point(|kept| *kept <= sample), sample);
        if self.sorted.len() > EXACT {
            self.estimate = Some(Quantile::of_sorted(&self.sorted));
            self.sorted = Vec::new();
        }
    }

    fn percentile(&self) -> f64 {
        match &self.estimate {
            Some(estimate) => estimate.heights[2],
            None => {
                let index = (QUANTILE * self.sorted.len() as f64) as usize;
                self.sorted.get(index).copied().unwrap_or(0.0)
            }
        }
    }
}

/// The five markers of P²: minimum, half the quantile, the quantile, halfway from it to the maximum, maximum.
#[derive(Debug)]
struct Quantile {
    heights: [f64; 5],
    /// How many samples lie below each marker.
    positions: [f64; 5],
    /// Where the markers ought to lie.
    desired: [f64; 5],
}

/// Where each marker lies, as a share of the samples: also by how much its place moves with each one.
const SHARES: [f64; 5] = [0.0, QUANTILE / 2.0, QUANTILE, (1.0 + QUANTILE) / 2.0, 1.0];

impl Quantile {
    /// Markers placed on `sorted`, which has at least five samples.
    fn of_sorted(sorted: &[f64]) -> Quantile {
        let last = sorted.len().saturating_sub(1) as f64;
        let desired = SHARES.map(|share| share * last);
        let positions = desired.map(f64::round);
        Quantile { heights: positions.map(|position| sorted[position as usize]), positions, desired }
    }

    fn add(&mut self, sample: f64) {
        self.heights[0] = self.heights[0].min(sample);
        self.heights[4] = self.heights[4].max(sample);
        let cell = (1..4).rfind(|marker| sample >= self.heights[*marker]).unwrap_or(0);
        self.positions.iter_mut().skip(cell + 1).for_each(|position| *position += 1.0);
        self.desired.iter_mut().zip(SHARES).for_each(|(desired, share)| *desired += share);
        (1..4).for_each(|marker| self.adjust(marker));
    }

    /// Moves an inner marker one place towards where it ought to lie, if it is off by that much and there is room.
    fn adjust(&mut self, marker: usize) {
        let off = self.desired[marker] - self.positions[marker];
        let room_above = self.positions[marker + 1] - self.positions[marker] > 1.0;
        let room_below = self.positions[marker] - self.positions[marker - 1] > 1.0;
        let step = match off {
            _ if off >= 1.0 && room_above => 1.0,
            _ if off <= -1.0 && room_below => -1.0,
            _ => return,
        };
        let parabolic = self.parabolic(marker, step);
        let between = self.heights[marker - 1] < parabolic && parabolic < self.heights[marker + 1];
        self.heights[marker] = if between { parabolic } else { self.linear(marker, step) };
        self.positions[marker] += step;
    }

    /// The height at `step` from a marker, on the parabola through it and its neighbours.
    fn parabolic(&self, marker: usize, step: f64) -> f64 {
        let ([below, here, above], [q_below, q_here, q_above]) = [&self.positions, &self.heights]
            .map(|values| [values[marker - 1], values[marker], values[marker + 1]])
            .into();
        let rise = (here - below + step) * (q_above - q_here) / (above - here);
        let fall = (above - here - step) * (q_here - q_below) / (here - below);
        q_here + step / (above - below) * (rise + fall)
    }

    /// The height at `step` from a marker, on the line to the neighbour on that side.
    fn linear(&self, marker: usize, step: f64) -> f64 {
        let neighbour = if step > 0.0 { marker + 1 } else { marker - 1 };
        let slope = (self.heights[neighbour] - self.heights[marker])
            / (self.positions[neighbour] - self.positions[marker]);
        step.mul_add(slope, self.heights[marker])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_samples_are_exact() {
        let stopwatches = Stopwatches::default();
        let stopwatch = stopwatches.create("ovn-northd-loop", Unit::Milliseconds);
        for millis in [4, 2, 6] {
            stopwatch.record(Duration::from_millis(millis));
        }
        assert_eq!(
            stopwatches.show(Some("ovn-northd-loop")).unwrap(),
            "Statistics for 'ovn-northd-loop'\n  Total samples: 3\n  Maximum: 6 msec\n  Minimum: 2 msec\n  \
             95th percentile: 6.000000 msec\n  Short term average: 4.500000 msec\n  Long term average: 4.000200 msec\n"
        );
        assert_eq!(stopwatches.show(Some("none")), Err("No such stopwatch".to_owned()));
    }

    #[test]
    fn many_samples_come_close() {
        let mut samples = Samples::default();
        // A permutation of 0..9973 (a prime) that is in no simple order.
        (0..9973_u64).for_each(|i| samples.add((i * 4_321 % 9_973) as f64));
        assert!((samples.percentile() - 9_474.0).abs() < 100.0, "{}", samples.percentile());
        assert_eq!((samples.min, samples.max, samples.count), (0.0, 9_972.0, 9_973));
        assert!(samples.sorted.is_empty());
    }

    #[test]
    fn equal_samples_stay_put() {
        let mut samples = Samples::default();
        (0..200).for_each(|_| samples.add(7.0));
        assert_eq!(samples.percentile(), 7.0);
    }
}
