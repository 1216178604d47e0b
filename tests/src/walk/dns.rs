//! Names that chassis resolve.

use super::{Model, Random};

const RECORDS: &[&str] = &[
    "vm1.Example.ORG=10.0.0.1",
    "vm1.Example.ORG=\"10.0.0.1 fd00::1\"",
    "vm2=\"\"",
    "\"\"=10.0.0.2",
    "\"a \\\"b\\\"\"=\"c \\\\ d\"",
    "4.0.0.10.in-addr.arpa=VM.example.org",
];

impl Model {
    /// One command about names; `None` if what it needs is not there.
    pub(super) fn names(&mut self, random: &mut Random) -> Option<String> {
        match random.below(8) {
            0..=1 => {
                let (switch, row) = (self.switch(random)?, self.identifier(random));
                self.names.push(row.clone());
                let record = random.pick(RECORDS)?;
                Some(format!(
                    "nbctl --id={row} create DNS 'records:{record}' -- add Logical_Switch {switch} dns_records {row}"
                ))
            }
            2 => Some(format!(
                "nbctl add Logical_Switch {} dns_records {}",
                self.switch(random)?,
                random.pick(&self.names)?
            )),
            3 => Some(format!("nbctl clear Logical_Switch {} dns_records", self.switch(random)?)),
            4..=5 => Some(format!(
                "nbctl set DNS {} 'records:{}'",
                random.pick(&self.names)?,
                random.pick(RECORDS)?
            )),
            6 => {
                let column = random.pick(&[
                    "options:ovn-owned=true",
                    "options:ovn-owned=odd",
                    "options={}",
                    "options:other=1",
                    "external_ids:a=b",
                    "records={}",
                ])?;
                Some(format!("nbctl set DNS {} {column}", random.pick(&self.names)?))
            }
            _ => {
                let row = random.pick(&self.names)?.clone();
                self.names.retain(|other| *other != row);
                Some(format!("nbctl destroy DNS {row}"))
            }
        }
    }
}
