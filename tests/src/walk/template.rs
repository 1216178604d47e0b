//! Template variables, and load balancers that are made of them.

use super::{Model, Random};

const VARIABLES: &[&str] =
    &["v=10.7.0.1", "w=\"10.0.0.2:80,10.0.0.3:80\"", "p=80", "six=\"fd00::7\"", "\"\"=\"\""];

const VIPS: &[&str] = &[
    "\"^v\"=\"^w\"",
    "\"^v:80\"=\"^w\"",
    "\"^v:^p\"=\"10.0.0.2:80\"",
    "\"^v:^p\"=\"10.0.0.2:^p,10.0.0.3:^p\"",
    "\"[^six]:^p\"=\"[fd00::2]:80\"",
    "\"10.7.0.9:80\"=\"^w\"",
    "\"^v\"=\"\"",
];

impl Model {
    /// One command about templates; `None` if what it needs is not there.
    pub(super) fn templates(&mut self, random: &mut Random) -> Option<String> {
        match random.below(8) {
            0..=2 => {
                let row = self.identifier(random);
                let chassis = format!("ch{}", random.below(4));
                if self.variables.iter().any(|(_, other)| *other == chassis) {
                    return None;
                }
                self.variables.push((row.clone(), chassis.clone()));
                let pair = random.pick(VARIABLES)?;
                Some(format!(
                    "nbctl --id={row} create Chassis_Template_Var chassis={chassis} 'variables:{pair}'"
                ))
            }
            3 => {
                let (row, _) = random.pick(&self.variables)?;
                Some(format!("nbctl set Chassis_Template_Var {row} 'variables:{}'", random.pick(VARIABLES)?))
            }
            4 => {
                let (row, _) = random.pick(&self.variables)?.clone();
                self.variables.retain(|(other, _)| *other != row);
                Some(format!("nbctl destroy Chassis_Template_Var {row}"))
            }
            5..=6 => {
                let (row, place) = (self.identifier(random), self.balanced(random)?);
                let protocol = random.pick(&["", "protocol=tcp", "protocol=udp"])?;
                let family =
                    random.pick(&["", "options:address-family=ipv4", "options:address-family=ipv6"])?;
                let vip = random.pick(VIPS)?;
                self.add_balancer(row.clone());
                Some(format!(
                    "nbctl --id={row} create Load_Balancer name=t {protocol} options:template=true {family} 'vips:{vip}' \
                     -- add {place} load_balancer {row}"
                ))
            }
            _ => Some(format!(
                "nbctl set Load_Balancer {} 'vips:{}'",
                self.balancer(random)?,
                random.pick(VIPS)?
            )),
        }
    }
}
