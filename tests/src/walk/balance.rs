//! Load balancers and groups of them, on switches and on the routers of translations; probes of their backends
//! and of switch ports.

use std::collections::{BTreeMap, BTreeSet};

use super::{Model, Random};

/// What is there.
#[derive(Debug, Default)]
pub(super) struct Balancers {
    rows: BTreeSet<String>,
    /// The VIPs that each has ever had.
    vips: BTreeMap<String, Vec<String>>,
    groups: BTreeSet<String>,
    /// The load balancer that says where a backend is: of several that ask for a probe of one the reference heeds
    /// any.
    mapped: BTreeMap<String, String>,
}

impl Balancers {
    /// Notes a VIP that a load balancer is given, `'vips:"VIP"="BACKENDS"'`.
    fn has(&mut self, row: &str, vip: &str) {
        let front = vip.strip_prefix("'vips:").and_then(|rest| rest.split('=').next()).unwrap_or_default();
        self.vips.entry(row.to_owned()).or_default().push(front.to_owned());
    }
}

const OPTIONS: &[&str] = &[
    "skip_snat=true",
    "reject=true",
    "reject=false",
    "event=true",
    "hairpin_snat_ip=169.254.0.5",
    "affinity_timeout=60",
    "affinity_timeout=0",
    "neighbor_responder=all",
    "neighbor_responder=none",
    "neighbor_responder=reachable",
    "use_stateless_nat=true",
    "distributed=true",
    "distributed=false",
    "add_route=true",
    "add_route=true",
    "add_route=false",
];

const ROUTER_OPTIONS: &[&str] = &[
    "lb_force_snat_ip=router_ip",
    "'lb_force_snat_ip=\"172.16.0.97\"'",
    "'lb_force_snat_ip=\"172.16.0.97 fd16::97\"'",
    "lb_force_snat_ip=junk",
    "ct-commit-all=true",
];

fn any(items: &BTreeSet<String>, random: &mut Random) -> Option<String> {
    random.pick(&items.iter().cloned().collect::<Vec<_>>()).cloned()
}

impl Model {
    pub(super) fn balancer(&self, random: &mut Random) -> Option<String> {
        any(&self.balancers.rows, random)
    }

    /// A VIP that a load balancer had once.
    pub(super) fn balancer_vip(&self, row: &str, random: &mut Random) -> Option<String> {
        random.pick(self.balancers.vips.get(row)?).cloned()
    }

    pub(super) fn add_balancer(&mut self, row: String) {
        self.balancers.rows.insert(row);
    }

    /// A VIP with its backends: few enough that some are shared, some those of translations and ports.
    fn vip(&self, random: &mut Random) -> Option<String> {
        let number = self.nat_router(random).unwrap_or(1);
        let host = random.pick(&["1", "10", "11", "12"])?;
        let ip6 = random.below(4) == 0;
        let (ip, backend) = match (ip6, random.below(3)) {
            (true, _) => (format!("fd16:{number}::{host}"), "fd01::"),
            (false, 0) => (format!("10.99.0.{host}"), "10.1.0."),
            (false, _) => (format!("172.16.{number}.{host}"), "10.1.0."),
        };
        let port = random.below(3) > 0;
        let with_port =
            |ip: String, port: usize| if ip6 { format!("[{ip}]:{port}") } else { format!("{ip}:{port}") };
        let backends: Vec<String> = (0..random.below(4))
            .map(|_| {
                let ip = format!("{backend}{}", random.below(5) + 2);
                if port { with_port(ip, 8080) } else { ip }
            })
            .collect();
        let vip = if port { with_port(ip, 80 + random.below(2)) } else { ip };
        Some(format!("'vips:\"{vip}\"=\"{}\"'", backends.join(",")))
    }

    /// Where a load balancer or group may be: `Logical_Switch s1` or `Logical_Router rn1`.
    pub(super) fn balanced(&self, random: &mut Random) -> Option<String> {
        match random.below(3) {
            0 => Some(format!("Logical_Switch {}", self.switch(random)?)),
            _ => Some(format!("Logical_Router rn{}", self.nat_router(random)?)),
        }
    }

    /// Says where a backend is, if the load balancer is the one that does.
    fn mapping(&mut self, row: &str, host: usize, ip6: bool, random: &mut Random) -> Option<String> {
        let (port, router) = (self.port(random)?, self.nat_router(random).unwrap_or(1));
        let zone = if random.below(8) == 0 { ":az2" } else { "" };
        let (backend, source) = match (ip6, random.below(3)) {
            (true, 0) => (format!("[fd01::{host}]"), "[fd01::ff]".to_owned()),
            (true, _) => (format!("[fd01::{host}]"), format!("[fd10:{router}::1]")),
            (false, 0) => (format!("10.1.0.{host}"), "10.1.0.100".to_owned()),
            (false, _) => (format!("10.1.0.{host}"), format!("172.10.{router}.1")),
        };
        let maps = self.balancers.mapped.entry(backend.clone()).or_insert_with(|| row.to_owned());
        Some(match maps == row {
            true => format!(
                " -- set Load_Balancer {row} 'ip_port_mappings:\"{backend}\"=\"{port}:{source}{zone}\"'"
            ),
            false => String::new(),
        })
    }

    /// One command about probes; `None` if what it needs is not there.
    fn probe_command(&mut self, random: &mut Random) -> Option<String> {
        Some(match random.below(8) {
            0..=3 => {
                let row = any(&self.balancers.rows, random)?;
                let vip = random.pick(self.balancers.vips.get(&row)?)?.clone();
                let ip6 = vip.starts_with("\"[");
                let mut line = format!(
                    "nbctl --id=@h create Load_Balancer_Health_Check 'vip={vip}' options:interval=5 -- add Load_Balancer {row} health_check @h"
                );
                for host in 2..7 {
                    line += &self.mapping(&row, host, ip6, random)?;
                }
                line
            }
            4 => {
                let row = any(&self.balancers.rows, random)?;
                let (host, ip6) = (random.below(5) + 2, random.below(4) == 0);
                format!("nbctl get Load_Balancer {row} name{}", self.mapping(&row, host, ip6, random)?)
            }
            5 | 6 => {
                let port = self.port(random)?;
                let protocol = random.pick(&["tcp", "udp", "icmp"])?;
                let number = random.below(12);
                let address = match random.below(4) {
                    0 => format!("fd00::{number:x}"),
                    _ => format!("10.0.0.{number}"),
                };
                format!(
                    "nbctl --id=@h create Logical_Switch_Port_Health_Check protocol={protocol} port=80 'src_ip=\"10.0.0.254\"' 'address=\"{address}\"' -- add Logical_Switch_Port {port} health_checks @h"
                )
            }
            _ => format!("nbctl clear Logical_Switch_Port {} health_checks", self.port(random)?),
        })
    }

    /// One command about load balancers; `None` if what it needs is not there.
    pub(super) fn balance_command(&mut self, random: &mut Random) -> Option<String> {
        Some(match random.below(28) {
            24..=26 => return self.probe_command(random),
            27 => {
                let inherits = random.pick(&["true", "false"])?;
                format!("nbctl set NB_Global . options:install_ls_lb_from_router={inherits}")
            }
            0..=3 => {
                let row = self.identifier(random);
                let vip = self.vip(random)?;
                let protocol = random.pick(&["", "protocol=tcp", "protocol=udp", "protocol=sctp"])?;
                let place = self.balanced(random)?;
                self.balancers.rows.insert(row.clone());
                self.balancers.has(&row, &vip);
                format!(
                    "nbctl --id={row} create Load_Balancer name=lb{} {protocol} {vip} -- add {place} load_balancer {row}",
                    self.made
                )
            }
            4 => {
                let row = any(&self.balancers.rows, random)?;
                self.balancers.rows.remove(&row);
                self.balancers.mapped.retain(|_, maps| *maps != row);
                format!("nbctl destroy Load_Balancer {row}")
            }
            5..=7 => {
                let row = any(&self.balancers.rows, random)?;
                let vip = self.vip(random)?;
                self.balancers.has(&row, &vip);
                format!("nbctl set Load_Balancer {row} {vip}")
            }
            8 => format!("nbctl clear Load_Balancer {} vips", any(&self.balancers.rows, random)?),
            9..=11 => {
                let row = any(&self.balancers.rows, random)?;
                format!("nbctl set Load_Balancer {row} options:{}", random.pick(OPTIONS)?)
            }
            12 => {
                let row = any(&self.balancers.rows, random)?;
                let column = random.pick(&["options", "selection_fields", "protocol"])?;
                format!("nbctl clear Load_Balancer {row} {column}")
            }
            13 => {
                let row = any(&self.balancers.rows, random)?;
                let fields = random.pick(&["ip_src", "ip_src,tp_src", "ip_dst,tp_dst"])?;
                format!("nbctl set Load_Balancer {row} selection_fields={fields}")
            }
            14 => {
                let row = self.identifier(random);
                self.balancers.groups.insert(row.clone());
                format!("nbctl --id={row} create Load_Balancer_Group name=lbg{}", self.made)
            }
            15..=16 => {
                let (group, row) = (any(&self.balancers.groups, random)?, any(&self.balancers.rows, random)?);
                format!("nbctl add Load_Balancer_Group {group} load_balancer {row}")
            }
            17 => {
                let (group, row) = (any(&self.balancers.groups, random)?, any(&self.balancers.rows, random)?);
                format!("nbctl remove Load_Balancer_Group {group} load_balancer {row}")
            }
            18..=19 => {
                let group = any(&self.balancers.groups, random)?;
                format!("nbctl add {} load_balancer_group {group}", self.balanced(random)?)
            }
            20 => format!("nbctl clear {} load_balancer_group", self.balanced(random)?),
            21 => {
                let row = any(&self.balancers.rows, random)?;
                format!("nbctl add {} load_balancer {row}", self.balanced(random)?)
            }
            22 => format!("nbctl clear {} load_balancer", self.balanced(random)?),
            _ => {
                let router = self.nat_router(random)?;
                match random.below(3) {
                    0 => format!("nbctl remove Logical_Router rn{router} options lb_force_snat_ip"),
                    _ => format!(
                        "nbctl set Logical_Router rn{router} options:{}",
                        random.pick(ROUTER_OPTIONS)?
                    ),
                }
            }
        })
    }
}
