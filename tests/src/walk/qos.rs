//! Rules of traffic shaping.

use super::{Model, Random};

const MATCHES: &[&str] = &["ip4", "ip4 && tcp.dst == 80", "1", ""];

const SETTINGS: &[&str] = &[
    "priority=0",
    "priority=32767",
    "direction=to-lport",
    "direction=from-lport",
    "action:dscp=0",
    "action:dscp=63",
    "action:mark=1",
    "action:mark=4294967295",
    "action={}",
    "bandwidth:rate=1",
    "bandwidth:rate=4294967295",
    "bandwidth:burst=7",
    "bandwidth={}",
    "'match=\"udp\"'",
];

impl Model {
    /// One command about shaping; `None` if what it needs is not there.
    pub(super) fn shaping(&mut self, random: &mut Random) -> Option<String> {
        match random.below(5) {
            0..=1 => {
                let (switch, row) = (self.switch(random)?, self.identifier(random));
                self.shapers.push((row.clone(), switch.clone()));
                let direction = random.pick(&["from-lport", "to-lport"])?;
                let (priority, matches) = (random.below(4), random.pick(MATCHES)?);
                let what = random.pick(&["action:dscp=7", "action:mark=9", "bandwidth:rate=100"])?;
                Some(format!(
                    "nbctl --id={row} create QoS direction={direction} priority={priority} 'match=\"{matches}\"' {what} \
                     -- add Logical_Switch {switch} qos_rules {row}"
                ))
            }
            2..=3 => {
                let row = self.shaper(random)?.0;
                Some(format!("nbctl set QoS {row} {}", random.pick(SETTINGS)?))
            }
            _ => {
                let (row, switch) = self.shaper(random)?;
                self.shapers.retain(|(other, _)| *other != row);
                Some(format!("nbctl remove Logical_Switch {switch} qos_rules {row}"))
            }
        }
    }

    fn shaper(&mut self, random: &mut Random) -> Option<(String, String)> {
        self.shapers.retain(|(_, switch)| self.switches.contains(switch));
        random.pick(&self.shapers).cloned()
    }
}
