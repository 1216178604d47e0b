//! Flows in comparable form.
//!
//! Both sides are text in the words of ovs-ofctl, matches in those of our own fields. Numbers that are given out
//! are replaced by what they stand for: ports and zones by their names, groups by their definitions, meters by
//! theirs. The number of a conjunctive match is replaced by the cookie of the flow that it belongs to and its rank
//! among those of that flow in the datapath. Copies of a packet that go to several ports are put in order.
//! Nothing else is changed.

mod copies;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use northflow_language::expression::Match;
use northflow_language::openflow::{Field, Format};

pub use self::copies::by_copy;

/// Tables that hold only what actions have learned.
pub const LEARNED: &[u8] = &[69, 76, 77, 78];
/// Tables in which the high half of a register is the tunnel that a packet came from.
const TUNNEL_KEPT: &[u8] = &[0, 46];
/// Registers that hold zones.
const ZONE_REGISTERS: &[&str] = &["reg11", "reg12", "reg13"];

/// A flow.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Flow {
    /// The OpenFlow table.
    pub table: u8,
    /// The priority.
    pub priority: u16,
    /// The match.
    pub fields: Match,
    /// The cookie.
    pub cookie: u64,
    /// The actions, as ovs-ofctl writes them.
    pub actions: String,
}

/// What the numbers of a bridge stand for.
#[derive(Clone, Debug, Default)]
pub struct Names {
    /// Ports.
    pub ports: BTreeMap<u64, String>,
    /// Zones.
    pub zones: BTreeMap<u64, String>,
    /// Groups.
    pub groups: BTreeMap<u64, String>,
    /// Meters.
    pub meters: BTreeMap<u64, String>,
}

impl Flow {
    /// Reads a line of `ovs-ofctl --no-stats dump-flows`; `None` if the line is about something else.
    ///
    /// # Errors
    /// What cannot be read in it.
    pub fn parse(line: &str) -> Result<Option<Flow>, String> {
        let Some((head, actions)) = line.split_once(" actions=") else { return Ok(None) };
        let bad = |what: &str| format!("{what} in \"{line}\"");
        let mut flow = Flow {
            table: 0,
            priority: 32768,
            fields: Match::default(),
            cookie: 0,
            actions: actions.trim().to_owned(),
        };
        let mut fields = Fields::default();
        for word in head.split([',', ' ']).filter(|word| !word.is_empty()) {
            let (name, value) = word.split_once('=').unwrap_or((word, ""));
            match name {
                "cookie" => flow.cookie = number(value).ok_or_else(|| bad("cookie"))? as u64,
                "table" => flow.table = value.parse().map_err(|_| bad("table"))?,
                "priority" => flow.priority = value.parse().map_err(|_| bad("priority"))?,
                "idle_timeout" | "hard_timeout" | "send_flow_rem" | "importance" => {}
                _ => fields.read(name, value).ok_or_else(|| bad(word))?,
            }
        }
        flow.fields = fields.done();
        Ok(Some(flow))
    }

    /// One of ours.
    pub fn new(table: u8, priority: u16, fields: &Match, cookie: u64, actions: String) -> Flow {
        let mut same = Fields::default();
        for (field, constraint) in fields.iter() {
            same.add(field, constraint.value, constraint.mask);
        }
        // OVN's option of tunnels has 4 bytes; a mask of them all is not shown.
        let actions = actions.replace("/0xffffffff->tun_metadata", "->tun_metadata");
        Flow { table, priority, fields: same.done(), cookie, actions }
    }

    fn value(&self, field: &str) -> Option<u128> {
        self.fields.get(Field::find(field)?).map(|constraint| constraint.value)
    }
}

/// The flows of a bridge as sorted lines. What is in [`LEARNED`] is left out.
pub fn lines(flows: &[Flow], names: &Names) -> Vec<String> {
    // The conjunctive matches of a flow in a datapath, in the order of their numbers.
    let mut of_flow: BTreeMap<(u64, Option<u128>), Vec<u64>> = BTreeMap::new();
    for flow in flows {
        if let Some(id) = flow.value("conj_id") {
            of_flow.entry((flow.cookie, flow.value("metadata"))).or_default().push(id as u64);
        }
    }
    let mut conjunctions = BTreeMap::new();
    for ((cookie, datapath), mut ids) in of_flow {
        ids.sort_unstable();
        ids.dedup();
        for (rank, id) in ids.into_iter().enumerate() {
            conjunctions.insert((datapath, id), format!("{cookie:#x}/{rank}"));
        }
    }
    let shown = |flow: &Flow| {
        let conjunction = |id: u64| {
            let known = conjunctions.get(&(flow.value("metadata"), id));
            known.cloned().unwrap_or_else(|| "without a flow".to_owned())
        };
        let fields = flow.fields.to_string();
        let fields = replaced(&fields, "conj_id=", |id| Some(conjunction(id)));
        let fields = replaced(&fields, "in_port=", |port| names.ports.get(&port).cloned());
        let keeps_tunnel = TUNNEL_KEPT.contains(&flow.table);
        let fields = if keeps_tunnel { tunnel_port(&fields, "reg5=", "", names) } else { fields };
        let mut actions = replaced(&flow.actions, "conjunction(", |id| Some(conjunction(id)));
        for (mark, known) in [
            ("group:", &names.groups),
            ("meter:", &names.meters),
            ("meter_id=", &names.meters),
            ("output:", &names.ports),
            ("resubmit(", &names.ports),
        ] {
            actions = replaced(&actions, mark, |number| known.get(&number).map(|name| format!("<{name}>")));
        }
        let fans_out = copies::FAN_OUT.contains(&flow.table)
            && flow.value("reg15").is_some_and(|key| key >= copies::FIRST_GROUP);
        let actions = zones(&members(&actions, names), names);
        let actions =
            if keeps_tunnel { tunnel_port(&actions, "set_field:", "->reg5", names) } else { actions };
        let actions = if fans_out { copies::in_order(&actions) } else { in_order_of_parts(&actions) };
        let Flow { table, priority, cookie, .. } = flow;
        format!("table={table} {priority} {fields} cookie={cookie:#x} {actions}")
    };
    let mut lines: Vec<String> =
        flows.iter().filter(|flow| !LEARNED.contains(&flow.table)).map(shown).collect();
    lines.sort();
    lines
}

/// The table of a line.
pub fn table_of(line: &str) -> Option<u8> {
    line.strip_prefix("table=")?.split_once(' ')?.0.parse().ok()
}

/// The ports of a bundle by their names, in the order in which they are tried.
fn members(actions: &str, names: &Names) -> String {
    let Some((before, behind)) = actions.split_once("members:") else { return actions.to_owned() };
    let end = behind.find(')').unwrap_or(behind.len());
    let (ports, after) = behind.split_at(end);
    let name = |port: &str| match port.parse().ok().and_then(|port| names.ports.get(&port)) {
        Some(name) => format!("<{name}>"),
        None => port.to_owned(),
    };
    let ports: Vec<String> = ports.split(',').map(name).collect();
    format!("{before}members:{}{}", ports.join(","), members(after, names))
}

/// `text` with the numbers behind `mark` replaced, where there is something for them.
fn replaced(text: &str, mark: &str, name: impl Fn(u64) -> Option<String>) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(mark) {
        let (before, behind) = rest.split_at(at + mark.len());
        out += before;
        let end = behind.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(behind.len());
        match number(&behind[..end]).and_then(|number| name(number as u64)) {
            Some(name) => out += &name,
            None => out += &behind[..end],
        }
        rest = &behind[end..];
    }
    out + rest
}

/// `text` with the port of a tunnel by its name where it is in the high half of a register.
fn tunnel_port(text: &str, before: &str, behind: &str, names: &Names) -> String {
    let behind = format!("/0xffff0000{behind}");
    let mut out = String::new();
    let mut rest = text;
    while let Some(end) = rest.find(&behind) {
        let start = rest[..end].rfind(before).map(|at| at + before.len());
        let name = start.and_then(|start| names.ports.get(&(number(&rest[start..end])? as u64 >> 16)));
        match (start, name) {
            (Some(start), Some(name)) => out += &format!("{}<{name}>", &rest[..start]),
            _ => out += &rest[..end],
        }
        out += &behind;
        rest = &rest[end + behind.len()..];
    }
    out + rest
}

/// Actions with the names of zones that they load.
fn zones(actions: &str, names: &Names) -> String {
    let parts = top_level(actions).into_iter().map(|part| {
        let load = part.strip_prefix("set_field:").and_then(|rest| rest.split_once("->"));
        let zone =
            load.filter(|(_, register)| ZONE_REGISTERS.contains(register)).and_then(|(value, register)| {
                let value = value.strip_suffix("/0xffff").unwrap_or(value);
                Some((names.zones.get(&(number(value)? as u64))?, register))
            });
        match (zone, part.strip_prefix("clone(").and_then(|rest| rest.strip_suffix(')'))) {
            (Some((zone, register)), _) => format!("set_field:<{zone}>->{register}"),
            (None, Some(inner)) => format!("clone({})", zones(inner, names)),
            (None, None) => part.to_owned(),
        }
    });
    parts.collect::<Vec<_>>().join(",")
}

/// The actions one by one.
fn top_level(actions: &str) -> Vec<&str> {
    let (mut parts, mut depth, mut start) = (Vec::new(), 0_i32, 0);
    for (at, character) in actions.char_indices() {
        match character {
            '(' | '<' => depth += 1,
            ')' => depth -= 1,
            // Not the end of an arrow.
            '>' if at == 0 || actions.as_bytes()[at - 1] != b'-' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&actions[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&actions[start..]);
    parts
}

/// A group with the fields that it hashes in the order of their text: the switch has them in one of its own.
pub fn fields_in_order(group: &str) -> String {
    const MARK: &str = " type=select,selection_method=hash,fields(";
    let fields = group.split_once(MARK).and_then(|(before, rest)| Some((before, rest.split_once(')')?)));
    let Some((before, (fields, rest))) = fields else { return group.to_owned() };
    // The protocol has two names.
    let mut fields: Vec<&str> =
        fields.split(',').map(|field| if field == "nw_proto" { "ip_proto" } else { field }).collect();
    fields.sort_unstable();
    format!("{before}{MARK}{}){rest}", fields.join(","))
}

/// Parts of conjunctive matches in the order of their text.
fn in_order_of_parts(actions: &str) -> String {
    let mut parts = top_level(actions);
    if parts.iter().all(|part| part.starts_with("conjunction(")) {
        parts.sort_unstable();
    }
    parts.join(",")
}

/// Values and masks by field, each field under one name.
#[derive(Default)]
struct Fields(BTreeMap<Field, (u128, u128)>);

impl Fields {
    fn add(&mut self, field: Field, value: u128, mask: u128) {
        let named = |name: &str| Field::find(name).unwrap_or(field);
        let (field, value, mask) = match field.name() {
            "in_port_oxm" => (named("in_port"), value & 0xffff, 0xffff),
            "vlan_vid" => (named("vlan_tci"), value, mask & 0x1fff),
            "vlan_pcp" => (named("vlan_tci"), value << 13 | 0x1000, 0xf000),
            "nw_tos" => (named("ip_dscp"), value >> 2, 0x3f),
            // OVN's option of tunnels has 4 bytes.
            _ if field.is_variable() => (field, value, mask & 0xffff_ffff),
            _ => (field, value, mask & (u128::MAX >> (128 - u32::from(field.bits().clamp(1, 128))))),
        };
        let entry = self.0.entry(field).or_default();
        *entry = (entry.0 | value & mask, entry.1 | mask);
    }

    fn done(self) -> Match {
        let mut fields = Match::default();
        for (field, (value, mask)) in self.0 {
            fields.set(field, value, mask);
        }
        fields
    }

    fn equal(&mut self, name: &str, value: u128) -> Option<()> {
        let field = Field::find(name)?;
        self.add(field, value, field.full_mask());
        Some(())
    }

    /// A word of a match, as ovs-ofctl writes it.
    fn read(&mut self, name: &str, value: &str) -> Option<()> {
        if value.is_empty() {
            let (eth_type, proto) = match name {
                "ip" => (0x800, None),
                "icmp" => (0x800, Some(1)),
                "tcp" => (0x800, Some(6)),
                "udp" => (0x800, Some(17)),
                "sctp" => (0x800, Some(132)),
                "ipv6" => (0x86dd, None),
                "icmp6" => (0x86dd, Some(58)),
                "tcp6" => (0x86dd, Some(6)),
                "udp6" => (0x86dd, Some(17)),
                "sctp6" => (0x86dd, Some(132)),
                "arp" => (0x806, None),
                "rarp" => (0x8035, None),
                _ => return None,
            };
            self.equal("eth_type", eth_type)?;
            return proto.map_or(Some(()), |proto| self.equal("nw_proto", proto));
        }
        let version_6 = self.0.get(&Field::ETH_TYPE).is_some_and(|(value, _)| *value == 0x86dd);
        let proto = self.0.get(&Field::IP_PROTO).map(|(value, _)| *value);
        let name = match (name, proto) {
            ("tp_src", Some(17)) => "udp_src",
            ("tp_dst", Some(17)) => "udp_dst",
            ("tp_src", Some(132)) => "sctp_src",
            ("tp_dst", Some(132)) => "sctp_dst",
            ("icmp_type", _) if version_6 => "icmpv6_type",
            ("icmp_code", _) if version_6 => "icmpv6_code",
            ("dl_vlan", _) => return self.vlan(0x1000 | number(value)?, 0x1fff),
            ("dl_vlan_pcp", _) => return self.vlan(0x1000 | number(value)? << 13, 0xf000),
            (name, _) => name,
        };
        let field = Field::find_any(name)?;
        let (value, mask) = read_value(field, value)?;
        self.add(field, value, mask);
        Some(())
    }

    fn vlan(&mut self, value: u128, mask: u128) -> Option<()> {
        self.add(Field::find("vlan_tci")?, value, mask);
        Some(())
    }
}

/// A number in any base.
fn number(text: &str) -> Option<u128> {
    match text.strip_prefix("0x") {
        Some(digits) => u128::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// A value of a field and its mask.
fn read_value(field: Field, text: &str) -> Option<(u128, u128)> {
    let flags = |names: &[&str]| {
        if !text.starts_with(['+', '-']) {
            let bit = |name: &str| names.iter().position(|known| *known == name).map(|bit| 1_u128 << bit);
            let value = match number(text) {
                Some(value) => value,
                None => text.split('|').map(bit).sum::<Option<u128>>()?,
            };
            return Some((value, field.full_mask()));
        }
        let (mut value, mut mask) = (0, 0);
        let mut rest = text;
        while let Some(sign) = rest.chars().next() {
            let end = rest[1..].find(['+', '-']).map_or(rest.len(), |at| at + 1);
            let bit = 1 << names.iter().position(|name| *name == &rest[1..end])?;
            mask |= bit;
            value |= if sign == '+' { bit } else { 0 };
            rest = &rest[end..];
        }
        Some((value, mask))
    };
    let (value, mask) = match text.split_once('/') {
        Some((value, mask)) => (value, Some(mask)),
        None => (text, None),
    };
    let masked = |read: &dyn Fn(&str) -> Option<u128>, width: u32| {
        let mask = match mask {
            None => field.full_mask(),
            Some(length) if width > 0 && length.parse::<u32>().is_ok() => {
                let length: u32 = length.parse().ok()?;
                let all = u128::MAX >> (128 - width);
                if length == 0 { 0 } else { all & !(all >> length) }
            }
            Some(mask) => read(mask)?,
        };
        Some((read(value)?, mask))
    };
    match field.format() {
        Format::Ethernet => masked(
            &|text| {
                let mut bytes = text.split(':').map(|byte| u128::from_str_radix(byte, 16).ok());
                bytes.try_fold(0, |address, byte| Some(address << 8 | byte?))
            },
            0,
        ),
        Format::Ipv4 => masked(&|text| Some(u32::from(text.parse::<Ipv4Addr>().ok()?).into()), 32),
        Format::Ipv6 => masked(&|text| Some(text.parse::<Ipv6Addr>().ok()?.into()), 128),
        Format::ConntrackState => flags(&["new", "est", "rel", "rpl", "inv", "trk", "snat", "dnat"]),
        Format::TcpFlags if mask.is_none() => {
            flags(&["fin", "syn", "rst", "psh", "ack", "urg", "ece", "cwr", "ns"])
        }
        Format::TunnelFlags => flags(&["oam"]),
        Format::Fragment => Some(match text {
            "no" => (0, 3),
            "yes" => (1, 1),
            "first" => (1, 3),
            "later" => (3, 3),
            "not_later" => (0, 2),
            _ => return None,
        }),
        Format::Port | Format::PortOxm => match text {
            "LOCAL" => Some((0xfffe, 0xffff)),
            "CONTROLLER" => Some((0xfffd, 0xffff)),
            "ANY" => Some((0xffff, 0xffff)),
            _ => masked(&number, 0),
        },
        _ => masked(&number, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Flow {
        Flow::parse(line).expect("a flow").expect("a flow")
    }

    #[test]
    fn matches_are_read_as_ofctl_writes_them() {
        let line = " cookie=0x1f, table=8, priority=50,ct_state=+est-rel+trk,tcp6,metadata=0x1,reg14=0x2,\
                    dl_dst=01:00:00:00:00:00/01:00:00:00:00:00,ipv6_src=fe80::/10,tp_dst=80 actions=drop";
        let flow = read(line);
        assert_eq!((flow.table, flow.priority, flow.cookie, &*flow.actions), (8, 50, 0x1f, "drop"));
        let text = flow.fields.to_string();
        for part in ["eth_type=0x86dd", "nw_proto=6", "reg14=0x2", "ipv6_src=fe80::/10", "tcp_dst=80"] {
            assert!(text.contains(part), "{part} is not in {text}");
        }
        assert!(text.contains("ct_state=+est-rel+trk"), "{text}");
        assert!(text.contains("eth_dst=01:00:00:00:00:00/01:00:00:00:00:00"), "{text}");
        assert_eq!(Flow::parse("NXST_FLOW reply (xid=0x4):"), Ok(None));
        assert!(Flow::parse(" table=0, xyzzy=3 actions=drop").is_err());
    }

    #[test]
    fn vlans_have_one_name() {
        let one = read(" table=0,dl_vlan=5,dl_vlan_pcp=3 actions=drop").fields;
        let other = read(" table=0,vlan_tci=0x7005/0xffff actions=drop").fields;
        assert_eq!(one.to_string(), other.to_string());
    }

    #[test]
    fn numbers_get_names() {
        let names = Names {
            ports: [(3, "vif".to_owned())].into(),
            zones: [(5, "p1".to_owned())].into(),
            groups: [(1, "type=select,bucket=1".to_owned())].into(),
            ..Names::default()
        };
        let flows = [
            read(" cookie=0x9, table=9, priority=1,conj_id=77,ip,metadata=0x1 actions=group:1"),
            read(" table=9, priority=1,ip,metadata=0x1,nw_src=1.1.1.1 actions=conjunction(77,1/2)"),
            read(" table=0, priority=1,in_port=3 actions=set_field:0x5->reg13,set_field:0x5->reg5,output:3"),
        ];
        let lines = lines(&flows, &names);
        assert_eq!(
            lines,
            [
                "table=0 1 in_port=vif cookie=0x0 set_field:<p1>->reg13,set_field:0x5->reg5,output:<vif>",
                "table=9 1 conj_id=0x9/0,metadata=0x1,eth_type=0x800 cookie=0x9 group:<type=select,bucket=1>",
                "table=9 1 metadata=0x1,eth_type=0x800,ip_src=1.1.1.1 cookie=0x0 conjunction(0x9/0,1/2)",
            ]
        );
    }

    #[test]
    fn tunnels_that_packets_came_from_have_names() {
        let names = Names { ports: [(3, "ovn-hv2-0".to_owned())].into(), ..Names::default() };
        let named = |text: &str| tunnel_port(text, "set_field:", "->reg5", &names);
        assert_eq!(
            named("set_field:0x1->reg14,set_field:0x30000/0xffff0000->reg5,resubmit(,46)"),
            "set_field:0x1->reg14,set_field:<ovn-hv2-0>/0xffff0000->reg5,resubmit(,46)"
        );
        assert_eq!(named("set_field:0x40000/0xffff0000->reg5"), "set_field:0x40000/0xffff0000->reg5");
        assert_eq!(
            tunnel_port("reg5=0x30000/0xffff0000,x", "reg5=", "", &names),
            "reg5=<ovn-hv2-0>/0xffff0000,x"
        );
    }
}
