//! The argument of `-v` and `vlog/set`.

use std::fmt;

use super::modules::{self, ALL};
use super::sinks::{self, SINKS};
use super::{DESTINATIONS, Destination, Level, Module};

/// Why a log specification was refused. Whoever wrote the option or the command is to correct it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SpecError {
    /// `PATTERN` without a destination.
    MissingDestination,
    /// `PATTERN` with a destination that does not exist.
    UnknownDestination(String),
    /// `FACILITY` with a name that RFC 5424 does not know.
    InvalidFacility,
    /// Two destinations in one specification.
    MultipleDestinations,
    /// Two levels in one specification.
    MultipleLevels,
    /// Two modules in one specification.
    MultipleModules,
    /// A word that is neither module, destination nor level.
    UnknownWord(String),
}

impl fmt::Display for SpecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SpecError::MissingDestination => f.write_str("missing destination"),
            SpecError::UnknownDestination(word) => write!(f, "unknown destination \"{word}\""),
            SpecError::InvalidFacility => f.write_str("invalid facility"),
            SpecError::MultipleDestinations => f.write_str("cannot specify multiple destinations"),
            SpecError::MultipleLevels => f.write_str("cannot specify multiple levels"),
            SpecError::MultipleModules => f.write_str("cannot specify multiple modules"),
            SpecError::UnknownWord(word) => write!(f, "no destination, level, or module \"{word}\""),
        }
    }
}

impl std::error::Error for SpecError {}

/// Facility names of RFC 5424, section 6.2.1; the position is the code.
const FACILITIES: [&str; 24] = [
    "kern", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "clock", "authpriv", "ftp",
    "ntp", "audit", "alert", "clock2", "local0", "local1", "local2", "local3", "local4", "local5", "local6",
    "local7",
];

const SEPARATORS: [char; 4] = [' ', ',', ':', '\t'];

/// What a specification asks for.
#[derive(Debug, PartialEq, Eq)]
enum Spec<'a> {
    Pattern(Option<Destination>, &'a str),
    Facility(u8),
    Levels(Option<&'static str>, Option<Destination>, Level),
}

pub(super) fn apply(spec: &str) -> Result<(), SpecError> {
    match parse(spec)? {
        Spec::Pattern(destination, pattern) => {
            let mut sinks = sinks::lock(&SINKS);
            chosen(destination).for_each(|destination| sinks.set_pattern(destination, pattern));
        }
        Spec::Facility(code) => sinks::lock(&SINKS).set_facility(code),
        Spec::Levels(module, destination, level) => {
            for module in ALL.iter().filter(|candidate| module.is_none_or(|name| name == candidate.name())) {
                chosen(destination).for_each(|destination| module.set_level(destination, level));
            }
        }
    }
    Ok(())
}

fn chosen(destination: Option<Destination>) -> impl Iterator<Item = Destination> {
    DESTINATIONS.into_iter().filter(move |candidate| destination.is_none_or(|wanted| wanted == *candidate))
}

fn parse(spec: &str) -> Result<Spec<'_>, SpecError> {
    let (first, rest) = word(spec);
    match first {
        Some(first) if first.eq_ignore_ascii_case("PATTERN") => parse_pattern(rest),
        Some(first) if first.eq_ignore_ascii_case("FACILITY") => {
            let code = FACILITIES.iter().position(|name| name.eq_ignore_ascii_case(rest));
            // "authpriv" is a facility, but not one that this option ever took.
            let code =
                code.filter(|code| FACILITIES[*code] != "authpriv").ok_or(SpecError::InvalidFacility)?;
            u8::try_from(code).map(Spec::Facility).map_err(|_| SpecError::InvalidFacility)
        }
        _ => parse_levels(spec),
    }
}

fn parse_pattern(rest: &str) -> Result<Spec<'_>, SpecError> {
    let (name, pattern) = word(rest);
    let name = name.ok_or(SpecError::MissingDestination)?;
    if name.eq_ignore_ascii_case("ANY") {
        return Ok(Spec::Pattern(None, pattern));
    }
    let destination =
        Destination::from_name(name).ok_or_else(|| SpecError::UnknownDestination(name.to_owned()))?;
    Ok(Spec::Pattern(Some(destination), pattern))
}

fn parse_levels(spec: &str) -> Result<Spec<'_>, SpecError> {
    let (mut module, mut destination, mut level): (Option<&Module>, _, _) = (None, None, None);
    for word in spec.split(SEPARATORS).filter(|word| !word.is_empty()) {
        if word.eq_ignore_ascii_case("ANY") {
            continue;
        } else if let Some(found) = Destination::from_name(word) {
            if destination.replace(found).is_some() {
                return Err(SpecError::MultipleDestinations);
            }
        } else if let Some(found) = Level::from_name(word) {
            if level.replace(found).is_some() {
                return Err(SpecError::MultipleLevels);
            }
        } else if let Some(found) = modules::find(word) {
            if module.replace(found).is_some() {
                return Err(SpecError::MultipleModules);
            }
        } else {
            return Err(SpecError::UnknownWord(word.to_owned()));
        }
    }
    Ok(Spec::Levels(module.map(Module::name), destination, level.unwrap_or(Level::Dbg)))
}

/// The first word of `text`, and what follows the one separator after it.
fn word(text: &str) -> (Option<&str>, &str) {
    let text = text.trim_start_matches(SEPARATORS);
    match text.split_once(SEPARATORS) {
        _ if text.is_empty() => (None, ""),
        Some((word, rest)) => (Some(word), rest),
        None => (Some(text), ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        assert_eq!(parse("").unwrap(), Spec::Levels(None, None, Level::Dbg));
        assert_eq!(
            parse("console:emer").unwrap(),
            Spec::Levels(None, Some(Destination::Console), Level::Emer)
        );
        assert_eq!(parse("INFO, any northd").unwrap(), Spec::Levels(Some("northd"), None, Level::Info));
    }

    #[test]
    fn patterns_keep_their_separators() {
        let spec = parse("PATTERN:console:%D{%H:%M} %p, %m").unwrap();
        assert_eq!(spec, Spec::Pattern(Some(Destination::Console), "%D{%H:%M} %p, %m"));
        assert_eq!(parse("pattern:ANY:x").unwrap(), Spec::Pattern(None, "x"));
    }

    #[test]
    fn facilities() {
        assert_eq!(parse("FACILITY:daemon").unwrap(), Spec::Facility(3));
        assert_eq!(parse("FACILITY:local7").unwrap(), Spec::Facility(23));
        assert_eq!(parse("FACILITY:ntp").unwrap(), Spec::Facility(12));
        for bad in ["FACILITY", "FACILITY:foo", "FACILITY:authpriv"] {
            assert_eq!(parse(bad), Err(SpecError::InvalidFacility), "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(spec in "(pattern|facility|console|file|dbg|any|northd|[ ,:\t]|\\PC){0,8}") {
            let parsed = parse(&spec);
            proptest::prop_assert!(parsed.is_ok() || !parsed.unwrap_err().to_string().is_empty());
        }
    }

    #[test]
    fn refusals_in_the_words_of_open_vswitch() {
        for (spec, text) in [
            ("foo", "no destination, level, or module \"foo\""),
            ("console:file", "cannot specify multiple destinations"),
            ("dbg:info", "cannot specify multiple levels"),
            ("northd:coverage", "cannot specify multiple modules"),
            ("PATTERN", "missing destination"),
            ("PATTERN:zork:x", "unknown destination \"zork\""),
        ] {
            assert_eq!(parse(spec).unwrap_err().to_string(), text);
        }
    }
}
