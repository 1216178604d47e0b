//! What a replay amounts to, as a page or a picture.

use std::fmt::Write as _;
use std::io;
use std::path::{Path, PathBuf};

use super::chart::{self, escaped, time};
use super::statistics::{Slow, Statistics};

/// Where a report goes, and as what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    path: PathBuf,
    is_page: bool,
}

impl Target {
    /// The file called `path`, whose name says what it is.
    pub fn parse(path: &str) -> Result<Target, String> {
        let is_page = match Path::new(path).extension().and_then(|extension| extension.to_str()) {
            Some("html" | "htm") => true,
            Some("svg") => false,
            _ => return Err("the name of a report ends in .html or .svg".to_owned()),
        };
        Ok(Target { path: path.into(), is_page })
    }

    /// Writes the report; `stages` are numbers of flows.
    pub fn write(&self, title: &str, statistics: &Statistics, stages: &[(String, usize)]) -> io::Result<()> {
        let charts = [chart::latency(statistics.points()), chart::bars("Logical flows by stage", stages)];
        let picture = chart::document(&charts);
        let text = if self.is_page { page(title, statistics, &picture) } else { picture };
        std::fs::write(&self.path, text)
            .map_err(|error| io::Error::new(error.kind(), format!("{}: {error}", self.path.display())))
    }
}

fn page(title: &str, statistics: &Statistics, picture: &str) -> String {
    let title = escaped(title);
    let mut text = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"><title>{title}</title>\n<style>\n\
         body {{ font-family: sans-serif; max-width: 960px; margin: auto }}\n\
         td, th {{ text-align: left; vertical-align: top; padding: 2px 10px }}\n\
         .number {{ text-align: right; white-space: nowrap }}\n</style></head>\n<body>\n<h1>{title}</h1>\n"
    );
    let within = |share| time(statistics.within(share));
    let total = u64::try_from(statistics.total.as_micros()).unwrap_or(u64::MAX);
    let _ = writeln!(
        text,
        "<p>{} transactions took {} in the rules: half of them less than {} each, 99 % less than {}.</p>",
        statistics.transactions,
        time(total),
        within(0.5),
        within(0.99),
    );
    text.push_str(picture);
    text.push_str(
        "<h2>The slowest transactions</h2>\n<table>\n<tr><th>Transaction</th><th>Time</th><th>Rows in</th>\
         <th>Rows out</th><th>What it was</th></tr>\n",
    );
    statistics.slowest().into_iter().for_each(|slow| text.push_str(&row(slow)));
    text + "</table>\n</body></html>\n"
}

fn row(slow: &Slow) -> String {
    let mut what = String::new();
    if let Some(date) = slow.date_ms {
        let _ = write!(what, "<i>{}</i><br>", utc(date));
    }
    if let Some(comment) = &slow.comment {
        let _ = write!(what, "<b>{}</b><br>", escaped(comment));
    }
    let causes: Vec<String> = slow.causes.iter().map(|cause| escaped(cause)).collect();
    what.push_str(&causes.join("<br>"));
    let (rows_in, rows_out) = slow.rows;
    if rows_in > slow.causes.len() {
        let _ = write!(what, "<br>and {} rows more", rows_in - slow.causes.len());
    }
    format!(
        "<tr><td class=\"number\">{}</td><td class=\"number\">{}</td><td class=\"number\">{rows_in}</td>\
         <td class=\"number\">{rows_out}</td><td>{what}</td></tr>\n",
        slow.transaction,
        time(slow.micros),
    )
}

/// Milliseconds since 1970 as date and time, UTC (civil calendar from days, after H. Hinnant).
fn utc(ms: i64) -> String {
    let (days, of_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    let shifted = days + 719_468;
    let (era, of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    let (seconds, ms) = (of_day / 1000, of_day % 1000);
    let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}.{ms:03} UTC")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::offline::Outcome;

    #[test]
    fn a_page_says_what_was_slow_and_why() {
        let mut statistics = Statistics::default();
        for micros in [100, 70_000] {
            let outcome = Outcome { time: Duration::from_micros(micros), ..Outcome::default() };
            let causes = (3, vec!["Logical_Switch <a> inserted".to_owned()]);
            statistics.transaction(&outcome, causes, Some("ls-add"), Some(1_700_000_000_123));
        }
        let picture = chart::document(&[chart::bars("b", &[("ls_in_l2_lkup".to_owned(), 3)])]);
        let page = page("log", &statistics, &picture);
        assert!(page.contains("70.0 ms") && page.contains("Logical_Switch &lt;a&gt; inserted"));
        assert!(page.contains("and 2 rows more") && page.contains("ls_in_l2_lkup"));
        assert!(page.contains("2023-11-14 22:13:20.123 UTC"));
    }

    #[test]
    fn the_name_says_what_a_report_is() {
        assert!(Target::parse("a/b.html").is_ok_and(|target| target.is_page));
        assert!(Target::parse("b.svg").is_ok_and(|target| !target.is_page));
        assert!(Target::parse("b.pdf").is_err());
    }
}
