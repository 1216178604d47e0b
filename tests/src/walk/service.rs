//! What ports are served with: DHCP, stand-ins of external ports, forwarding groups, virtual
//! addresses, and switches that lead to each other.

use std::collections::BTreeSet;

use super::{Model, Random};

/// What is there.
#[derive(Debug, Default)]
pub(super) struct Services {
    /// DHCP_Options rows by identifier, with whether they are for IPv6.
    dhcp: BTreeSet<(String, bool)>,
    ha_groups: BTreeSet<String>,
    forwarding: BTreeSet<String>,
}

const V4: &[&str] = &[
    "cidr=10.0.0.0/24",
    "cidr=10.0.1.0/24",
    "cidr=10.0.0.0/255.0.255.0",
    "cidr=junk",
    "options:lease_time=3600",
    "options:server_id=10.0.0.254",
    "options:server_mac=0A:00:00:00:FF:01",
    "options:router=10.0.0.254",
    "options:netmask=255.0.0.0",
    "options:hostname=all",
    "'options:domain_name=\"\\\"a\\\\\\\\b\\\"\"'",
];

const V6: &[&str] = &[
    "'cidr=\"fd00::/64\"'",
    "'cidr=\"fd01::/64\"'",
    "'options:server_id=\"00:00:00:10:00:01\"'",
    "options:server_id=junk",
    "options:dhcpv6_stateless=true",
    "options:dhcpv6_stateless=false",
    "'options:dns_server=\"fd00::53\"'",
];

/// One command; `None` if what it needs is not there.
pub(super) fn command(model: &mut Model, random: &mut Random) -> Option<String> {
    Some(match random.below(20) {
        0..=1 => {
            let v6 = random.below(2) == 1;
            model.made += 1;
            let row = format!("{:08x}-0000-4000-8000-000000000000", model.made);
            model.services.dhcp.insert((row.clone(), v6));
            let columns = match v6 {
                false => {
                    "cidr=10.0.0.0/24 options:server_id=10.0.0.1 options:server_mac=0a:00:00:00:ff:00 options:lease_time=60"
                }
                true => "'cidr=\"fd00::/64\"' 'options:server_id=\"00:00:00:10:00:02\"'",
            };
            format!("nbctl --id={row} create DHCP_Options {columns}")
        }
        2..=5 => {
            let (row, v6) = dhcp(model, random)?;
            let port = model.port(random)?;
            // Either kind may be where the other belongs.
            let column = if v6 != (random.below(8) == 0) { "dhcpv6_options" } else { "dhcpv4_options" };
            format!("nbctl set Logical_Switch_Port {port} {column}={row}")
        }
        6..=8 => {
            let (row, v6) = dhcp(model, random)?;
            format!("nbctl set DHCP_Options {row} {}", random.pick(if v6 { V6 } else { V4 })?)
        }
        9 => {
            let (row, v6) = dhcp(model, random)?;
            if random.below(2) == 0 {
                model.services.dhcp.remove(&(row.clone(), v6));
                format!("nbctl destroy DHCP_Options {row}")
            } else {
                format!("nbctl remove DHCP_Options {row} options server_id")
            }
        }
        10 => format!("nbctl set Logical_Switch_Port {} options:hostname=vm", model.port(random)?),
        11 => {
            let switch = model.switch(random)?;
            match random.below(3) {
                0 => format!("nbctl set Logical_Switch {switch} other_config:dhcp_relay_port=nowhere"),
                _ => format!("nbctl remove Logical_Switch {switch} other_config dhcp_relay_port"),
            }
        }
        12 => {
            let group = model.fresh("ha");
            model.services.ha_groups.insert(group.clone());
            format!(
                "nbctl ha-chassis-group-add {group} -- ha-chassis-group-add-chassis {group} ch{} {}",
                random.below(4),
                random.below(100)
            )
        }
        13 => {
            let group = pick(&model.services.ha_groups, random)?;
            let (chassis, priority) = (random.below(4), random.below(100));
            format!("nbctl ha-chassis-group-add-chassis {group} ch{chassis} {priority}")
        }
        14..=15 => {
            let group = pick(&model.services.ha_groups, random)?;
            let port = model.port(random)?;
            format!(
                "nbctl --id=@g get HA_Chassis_Group {group} -- set Logical_Switch_Port {port} type=external ha_chassis_group=@g"
            )
        }
        16 => {
            let (switch, port) = (model.switch(random)?, model.port(random)?);
            let group = model.fresh("fg");
            model.services.forwarding.insert(group.clone());
            let number = random.below(9);
            let row = model.made;
            format!(
                "nbctl --id=@f create Forwarding_Group name={group} vip=10.8.{row}.{number} 'vmac=\"0a:00:00:08:00:{number:02x}\"' child_port={port} -- add Logical_Switch {switch} forwarding_groups @f"
            )
        }
        17 => {
            let (port, parent) = (model.port(random)?, model.port(random)?);
            model.bound.remove(&port);
            let address = random.pick(&["10.9.9.9", "'\"fd00::99\"'", "junk"])?;
            format!(
                "nbctl set Logical_Switch_Port {port} type=virtual options:virtual-ip={address} options:virtual-parents={parent}"
            )
        }
        _ => {
            let (port, peer) = (model.port(random)?, model.port(random)?);
            model.bound.remove(&port);
            model.bound.remove(&peer);
            format!(
                "nbctl set Logical_Switch_Port {port} type=switch peer={peer} -- set Logical_Switch_Port {peer} type=switch peer={port}"
            )
        }
    })
}

fn dhcp(model: &Model, random: &mut Random) -> Option<(String, bool)> {
    random.pick(&model.services.dhcp.iter().cloned().collect::<Vec<_>>()).cloned()
}

fn pick(names: &BTreeSet<String>, random: &mut Random) -> Option<String> {
    random.pick(&names.iter().cloned().collect::<Vec<_>>()).cloned()
}
