//! Meters, and what of the packets that go to controllers they limit.

use super::{Model, Random};

const PROTOCOLS: &[&str] = &[
    "arp",
    "arp-resolve",
    "dhcpv4-opts",
    "dhcpv6-opts",
    "dns",
    "event-elb",
    "icmp4-error",
    "icmp6-error",
    "igmp",
    "nd-na",
    "nd-ns",
    "nd-ns-resolve",
    "nd-ra-opts",
    "tcp-reset",
    "bfd",
    "reject",
    "svc-monitor",
    "dhcpv4-relay",
    "odd",
];

impl Model {
    /// One command about meters; `None` if what it needs is not there.
    pub(super) fn metering(&mut self, random: &mut Random) -> Option<String> {
        let meter = format!("m{}", random.below(4));
        match random.below(14) {
            0..=2 if self.meters.insert(meter.clone()) => {
                let fair = random.pick(&["", "fair=true", "fair=false"])?;
                let unit = random.pick(&["pktps", "kbps"])?;
                Some(format!(
                    "nbctl -- --id=@b create Meter_Band action=drop rate={} burst_size={} \
                     -- create Meter name={meter} unit={unit} bands=@b {fair}",
                    random.below(9) + 1,
                    random.below(3)
                ))
            }
            3 if self.meters.contains(&meter) => {
                let column =
                    random.pick(&["fair=true", "fair=false", "fair=[]", "unit=kbps", "external_ids:a=b"])?;
                Some(format!("nbctl set Meter {meter} {column}"))
            }
            4 if self.meters.contains(&meter) => Some(format!(
                "nbctl -- --id=@b create Meter_Band action=drop rate={} -- add Meter {meter} bands @b",
                random.below(9) + 1
            )),
            5 if self.meters.remove(&meter) => Some(format!("nbctl destroy Meter {meter}")),
            6 => {
                let row = self.identifier(random);
                self.protections.push(row.clone());
                let (name, protocol) = (self.fresh("copp"), random.pick(PROTOCOLS)?);
                Some(format!("nbctl --id={row} create Copp name={name} meters:{protocol}={meter}"))
            }
            7..=8 => {
                let (row, protocol) = (random.pick(&self.protections)?, random.pick(PROTOCOLS)?);
                Some(format!("nbctl set Copp {row} meters:{protocol}={meter}"))
            }
            9 => {
                let (row, protocol) = (random.pick(&self.protections)?, random.pick(PROTOCOLS)?);
                Some(format!("nbctl remove Copp {row} meters {protocol}"))
            }
            10..=12 => {
                let row = random.pick(&self.protections)?.clone();
                let (table, name) = self.protected(random)?;
                Some(format!("nbctl set {table} {name} copp={row}"))
            }
            13 => {
                let (table, name) = self.protected(random)?;
                Some(format!("nbctl clear {table} {name} copp"))
            }
            _ => None,
        }
    }

    fn protected(&self, random: &mut Random) -> Option<(&'static str, String)> {
        Some(match random.below(3) {
            0 => ("Logical_Switch", self.switch(random)?),
            1 => ("Logical_Router", self.router(random)?),
            _ => ("Logical_Router", format!("rn{}", self.nat_router(random)?)),
        })
    }
}
