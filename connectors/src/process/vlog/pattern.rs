//! Log lines by pattern: ovs-appctl(8), "vlog/set PATTERN".

use std::fmt::Write as _;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use super::Level;

/// One message, before it is laid out.
#[derive(Debug)]
pub(super) struct Record<'a> {
    pub module: &'static str,
    pub level: Level,
    pub text: &'a str,
    /// How many messages the thread has logged, this one included.
    pub number: u32,
    /// Empty for the main thread.
    pub thread: &'a str,
}

/// What a pattern can show besides the message.
#[derive(Debug)]
pub(super) struct Context<'a> {
    pub program: &'a str,
    /// The facility code of RFC 5424 times eight.
    pub facility: u8,
    pub now: SystemTime,
}

/// Lays out `record` by `pattern`. Dates are in UTC, those of `%d` too.
pub(super) fn format(pattern: &str, record: &Record<'_>, context: &Context<'_>) -> String {
    let mut out = String::with_capacity(128);
    let mut rest = pattern;
    while let Some(at) = rest.find('%') {
        out.push_str(&rest[..at]);
        rest = expand(&rest[at + 1..], record, context, &mut out);
    }
    out.push_str(rest);
    out
}

/// Expands what follows a `%` and gives the rest of the pattern.
fn expand<'p>(spec: &'p str, record: &Record<'_>, context: &Context<'_>, out: &mut String) -> &'p str {
    let (left, spec) = flag(spec, '-');
    let (zero, spec) = flag(spec, '0');
    let digits = spec.len() - spec.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    // A width is a matter of a few columns: a larger one is a slip that must not eat the memory.
    let width = spec[..digits].parse::<usize>().unwrap_or(0).min(256);
    let spec = &spec[digits..];
    let Some(conversion) = spec.chars().next() else { return "" };
    let mut rest = &spec[conversion.len_utf8()..];
    let start = out.len();
    match conversion {
        'A' => out.push_str(context.program),
        'B' => put(out, u32::from(context.facility) + u32::from(record.level.severity())),
        'c' => {
            (_, rest) = braces(rest, "");
            out.push_str(record.module);
        }
        'd' | 'D' => {
            let (format, after) = braces(rest, "%Y-%m-%d %H:%M:%S.###");
            rest = after;
            date(format, context.now, out);
        }
        'E' => out.push_str(&host_name()),
        'm' => out.push_str(record.text),
        'N' => put(out, record.number),
        'n' => out.push('\n'),
        'p' => out.push_str(record.level.name()),
        'P' => put(out, std::process::id()),
        'r' => put(out, start_instant().elapsed().as_millis()),
        't' => out.push_str(if record.thread.is_empty() { "main" } else { record.thread }),
        'T' if record.thread.is_empty() => {}
        'T' => put(out, format_args!("({})", record.thread)),
        other => out.push(other),
    }
    let pad = width.saturating_sub(out.len() - start);
    match left {
        true => out.extend(std::iter::repeat_n(if zero { '0' } else { ' ' }, pad)),
        false => out.insert_str(start, &(if zero { "0" } else { " " }).repeat(pad)),
    }
    rest
}

fn put(out: &mut String, value: impl std::fmt::Display) {
    // Writing to a string does not fail.
    let _ = write!(out, "{value}");
}

fn flag(spec: &str, flag: char) -> (bool, &str) {
    spec.strip_prefix(flag).map_or((false, spec), |rest| (true, rest))
}

/// The text in braces at the start of `spec`, or `default`; and what follows.
fn braces<'p>(spec: &'p str, default: &'p str) -> (&'p str, &'p str) {
    match spec.strip_prefix('{') {
        Some(inside) => inside.split_once('}').unwrap_or((inside, "")),
        None => (default, spec),
    }
}

fn host_name() -> String {
    rustix::system::uname().nodename().to_string_lossy().into_owned()
}

/// When this process began, as far as the log knows.
pub(super) fn start_instant() -> Instant {
    static START: OnceLock<Instant> = OnceLock::new();
    *START.get_or_init(Instant::now)
}

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];

/// Appends `now` in UTC by a strftime(3) format, with `###` for milliseconds.
pub(super) fn date(format: &str, now: SystemTime, out: &mut String) {
    let since = now.duration_since(UNIX_EPOCH).unwrap_or(Duration::ZERO);
    let (seconds, millis) = (since.as_secs(), since.subsec_millis());
    let (days, time) = (seconds / 86_400, seconds % 86_400);
    let (hour, minute, second) = (time / 3_600, time / 60 % 60, time % 60);
    let (year, month, day) = civil(days);
    let month_name = MONTHS[usize::from(month) - 1];
    let mut rest = format;
    while let Some(at) = rest.find(['%', '#']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(after) = rest.strip_prefix("###") {
            put(out, format_args!("{millis:03}"));
            rest = after;
            continue;
        }
        let Some(after) = rest.strip_prefix('%') else {
            out.push('#');
            rest = &rest[1..];
            continue;
        };
        let Some(conversion) = after.chars().next() else { return };
        rest = &after[conversion.len_utf8()..];
        match conversion {
            'Y' => put(out, year),
            'y' => put(out, format_args!("{:02}", year % 100)),
            'm' => put(out, format_args!("{month:02}")),
            'd' => put(out, format_args!("{day:02}")),
            'e' => put(out, format_args!("{day:2}")),
            'H' => put(out, format_args!("{hour:02}")),
            'M' => put(out, format_args!("{minute:02}")),
            'S' => put(out, format_args!("{second:02}")),
            'T' => put(out, format_args!("{hour:02}:{minute:02}:{second:02}")),
            'F' => put(out, format_args!("{year}-{month:02}-{day:02}")),
            's' => put(out, seconds),
            'b' | 'h' => out.push_str(month_name),
            'a' => out.push_str(DAYS[(days % 7) as usize]),
            'Z' => out.push_str("UTC"),
            'z' => out.push_str("+0000"),
            'n' => out.push('\n'),
            't' => out.push('\t'),
            '%' => out.push('%'),
            other => {
                out.push('%');
                out.push(other);
            }
        }
    }
    out.push_str(rest);
}

/// Year, month and day of the Gregorian calendar, by days since 1970-01-01. Counts years from March, so that the leap day
/// comes last, in eras of 400 years, which all have 146,097 days.
fn civil(days: u64) -> (u64, u8, u8) {
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * from_march + 2) / 5 + 1;
    let month = if from_march < 10 { from_march + 3 } else { from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month as u8, day as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(millis: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_millis(millis)
    }

    fn line(pattern: &str, thread: &str) -> String {
        let record = Record { module: "northd", level: Level::Info, text: "text", number: 1, thread };
        format(
            pattern,
            &record,
            &Context { program: "ovn-northd", facility: 128, now: at(1_767_225_600_042) },
        )
    }

    #[test]
    fn default_patterns() {
        assert_eq!(
            line("%D{%Y-%m-%dT%H:%M:%S.###Z}|%05N|%c%T|%p|%m", ""),
            "2026-01-01T00:00:00.042Z|00001|northd|INFO|text"
        );
        assert_eq!(line("ovs|%05N|%c%T|%p|%m", "w1"), "ovs|00001|northd(w1)|INFO|text");
    }

    #[test]
    fn padding_and_odd_patterns() {
        assert_eq!(line("[%6p][%-6p][%06N][%t]", ""), "[  INFO][INFO  ][000001][main]");
        assert_eq!(line("%A %B %c{ignored} %q %% 100%", ""), "ovn-northd 133 northd q % 100");
        assert_eq!(line("%D{%H", ""), "00");
    }

    proptest::proptest! {
        #[test]
        fn any_pattern_gives_a_line(pattern in "([%#{}0-9A-Za-z -]|\\PC){0,40}") {
            let out = line(&pattern, "w1");
            proptest::prop_assert!(pattern.contains(['%']) || out == pattern);
        }
    }

    #[test]
    fn dates() {
        let show = |format, millis| {
            let mut out = String::new();
            date(format, at(millis), &mut out);
            out
        };
        assert_eq!(show("%F %T.###", 951_826_205_007), "2000-02-29 12:10:05.007");
        assert_eq!(show("%a %h %e %y # %k", 0), "Thu Jan  1 70 # %k");
        assert_eq!(show("%F", 4_107_542_400_000), "2100-03-01");
    }
}
