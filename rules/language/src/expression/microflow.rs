//! A microflow: one packet, in the words of an expression (ovn-controller(8), `inject-pkt`).

use super::{Connective, Expression, Match, Sets, parse, rows};
use crate::reader::{ParseError, Result};
use crate::symbol::SymbolTable;

/// The fields of the packet that an expression describes. It is to leave no choice: what remains of it when all is
/// simplified are fields that have one value each. Others are 0, and so is a port that `port` does not know. All ports
/// count as those of the chassis.
///
/// # Errors
/// That of the text, or the expression describes several packets or none.
pub fn microflow(
    text: &str,
    sets: &dyn Sets,
    port: &dyn Fn(&str) -> Option<u32>,
    symbols: &SymbolTable,
) -> Result<Match> {
    let annotated = parse(text, symbols)?.resolve(sets)?.annotate(symbols)?;
    let normal = annotated.clone().simplify().settle(&|_| true).normalize();
    let normal = normal.map_err(|error| ParseError(error.to_string()))?;
    match &normal {
        Expression::Constant(false) => Err(ParseError("Constraints are contradictory.".to_owned())),
        normal if leaves_a_choice(normal) => {
            Err(ParseError(format!("Constraints are ambiguous: {annotated}.")))
        }
        normal => {
            let (rows, _) = rows(normal, &|name| Some(port(name).unwrap_or(0)));
            Ok(rows.into_iter().next().map(|row| row.fields).unwrap_or_default())
        }
    }
}

fn leaves_a_choice(normal: &Expression) -> bool {
    match normal {
        Expression::Group(Connective::And, members) => members.iter().any(leaves_a_choice),
        Expression::Group(Connective::Or, _) => true,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::expression::set_element;
    use crate::lexer::Number;

    /// A set with one element, and one with two.
    struct World(Vec<Number>, Vec<Number>);

    impl Sets for World {
        fn address_set(&self, name: &str) -> Option<&[Number]> {
            match name {
                "one" => Some(&self.0),
                "two" => Some(&self.1),
                _ => None,
            }
        }

        fn port_group(&self, _: &str) -> Option<&[Arc<str>]> {
            None
        }
    }

    fn read(text: &str) -> String {
        let of = |texts: &[&str]| texts.iter().filter_map(|text| set_element(text)).collect();
        let world = World(of(&["10.0.0.1"]), of(&["10.0.0.1", "10.0.0.2"]));
        let port = |name: &str| (name == "p1").then_some(7);
        match microflow(text, &world, &port, &SymbolTable::logical()) {
            Ok(fields) => fields.to_string(),
            Err(ParseError(error)) => error,
        }
    }

    #[test]
    fn fields_with_one_value_each() {
        assert_eq!(read("1"), "");
        assert_eq!(read("eth.src == 00:00:00:00:00:01"), "eth_src=00:00:00:00:00:01");
        assert_eq!(
            read("inport == \"p1\" && ip4 && tcp.src == 80 && vlan.vid == 5"),
            "reg14=0x7,eth_type=0x800,vlan_tci=0x1005/0x1fff,nw_proto=6,tcp_src=80"
        );
        assert_eq!(read("inport == \"p2\" && ip4.src == $one"), "reg14=0,eth_type=0x800,ip_src=10.0.0.1");
        assert_eq!(read("is_chassis_resident(\"p2\") && (ip6 && (udp))"), "eth_type=0x86dd,nw_proto=17");
        // Only what is left in the end counts.
        assert_eq!(
            read("ip4 && tcp.src > 79 && tcp.src < 82"),
            "eth_type=0x800,nw_proto=6,tcp_src=80/0xfffe"
        );
        assert_eq!(read("ip.ttl == 64 && ip && eth.type == 0x800"), "eth_type=0x800,nw_ttl=64");
        assert_eq!(read("(ip4 || ip6) && ip4"), "eth_type=0x800");
    }

    #[test]
    fn what_is_no_microflow() {
        let ambiguous = |text: &str, annotated: &str| {
            assert_eq!(read(text), format!("Constraints are ambiguous: {annotated}."));
        };
        ambiguous("ip", "eth.type == 0x800 || eth.type == 0x86dd");
        ambiguous("ip4.src == $two", "(ip4.src == 0xa000001 || ip4.src == 0xa000002) && eth.type == 0x800");
        ambiguous(
            "tcp.src == 80",
            "tcp.src == 0x50 && ip.proto == 0x6 && (eth.type == 0x800 || eth.type == 0x86dd)",
        );
        ambiguous("eth.src != 0", "eth.src != 0");
        assert_eq!(read("ip4 && ip6"), "Constraints are contradictory.");
        assert_eq!(read("0"), "Constraints are contradictory.");
        assert_eq!(read("ip4 &&"), "Syntax error at end of input expecting constant.");
        assert_eq!(read("ip4.src == $none"), "Syntax error at `$none' expecting address set name.");
        assert_eq!(read("inport == @g"), "Syntax error at `@g' expecting port group name.");
        assert_eq!(read("inport = \"p1\""), "Syntax error at `=' expecting relational operator.");
    }
}
