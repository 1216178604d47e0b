//! Which ports are on which chassis.

use std::collections::{BTreeMap, BTreeSet};

use northflow_rules::ovsdb::Text;

use super::Failure;

/// Where ports are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Placement {
    /// Chassis and OpenFlow ports by logical port; `None` if the database says it.
    listed: Option<BTreeMap<Text, Vec<(Text, u16)>>>,
}

impl Placement {
    /// `auto`, or the name of a file: on each line a chassis, a logical port and its OpenFlow port, which may be
    /// left out. What follows a `#` does not count.
    pub fn read(argument: &str) -> Result<Placement, Failure> {
        if argument == "auto" {
            return Ok(Placement::default());
        }
        let text = std::fs::read_to_string(argument).map_err(|error| format!("{argument}: {error}"))?;
        Placement::parse(&text).map_err(|problem| format!("{argument}: {problem}").into())
    }

    fn parse(text: &str) -> Result<Placement, String> {
        let mut listed: BTreeMap<Text, Vec<(Text, u16)>> = BTreeMap::new();
        for (number, line) in (1..).zip(text.lines()) {
            let words: Vec<&str> = line.split('#').next().unwrap_or("").split_whitespace().collect();
            let (chassis, port, ofport) = match words[..] {
                [] => continue,
                [chassis, port] => (chassis, port, 0),
                [chassis, port, ofport] => match ofport.parse::<u16>() {
                    Ok(ofport) if ofport > 0 => (chassis, port, ofport),
                    _ => return Err(format!("line {number}: \"{ofport}\" is no OpenFlow port")),
                },
                _ => return Err(format!("line {number}: not a chassis, a port and an OpenFlow port")),
            };
            listed.entry(port.into()).or_default().push((chassis.into(), ofport));
        }
        Ok(Placement { listed: Some(listed) })
    }

    /// Whether the database says it.
    pub fn is_auto(&self) -> bool {
        self.listed.is_none()
    }

    /// The chassis that are named.
    pub fn chassis(&self) -> BTreeSet<Text> {
        self.listed.iter().flat_map(BTreeMap::values).flatten().map(|(chassis, _)| chassis.clone()).collect()
    }

    /// Where a port is: chassis and OpenFlow ports, which are 0 if any will do.
    pub fn of(&self, port: &str) -> &[(Text, u16)] {
        self.listed.as_ref().and_then(|listed| listed.get(port)).map_or(&[], Vec::as_slice)
    }

    /// The OpenFlow port of a port on a chassis, 0 if any will do.
    pub fn number(&self, port: &str, chassis: &str) -> u16 {
        self.of(port).iter().find(|(known, _)| **known == *chassis).map_or(0, |(_, number)| *number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_chassis_and_a_port() {
        let placement =
            Placement::parse("c1 p1 5\n\n# nobody\nc2 p2 # any\nc1 local 7\nc2 local 8\n").unwrap();
        assert_eq!(placement.of("p1"), [("c1".into(), 5)]);
        assert_eq!((placement.number("local", "c2"), placement.number("p2", "c2")), (8, 0));
        assert_eq!(placement.chassis().len(), 2);
        assert!(Placement::parse("c1 p1 0").is_err_and(|problem| problem.starts_with("line 1: ")));
        assert!(Placement::parse("c1").is_err() && !placement.is_auto());
    }
}
