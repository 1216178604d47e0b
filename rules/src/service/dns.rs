//! Names that chassis resolve (G10; ovn-nb(5), DNS; ovn-sb(5), DNS).

use northflow_engine::Relation;

use crate::flow::register::DNS_RESULT;
use crate::flow::{Flow, Stage};
use crate::meter::copp::Punt;
use crate::ovsdb::{Atom, Text, Uuid};
use crate::schema::{Link, Map, SetElement, nb, sb};
use crate::switch::SwitchSet;
use crate::topology::datapath_uuid;
use crate::topology::tunnel_key::Assigned;

/// Whether the names are known here alone, so that questions about other data of theirs are
/// answered too (ovn-nb(5), DNS options:ovn-owned).
const OVN_OWNED: &str = "ovn-owned";

/// The flows of switches that have names: the chassis are asked, and answer in the name of the
/// server if they know.
pub fn fixed() -> Vec<(SwitchSet, Flow)> {
    let question = "udp.dst == 53";
    let ask = Flow::new(Stage::LsInDnsLookup, 100, question, format!("{DNS_RESULT} = dns_lookup(); next;"));
    let answer = |ip: &str| {
        let actions = format!(
            "eth.dst <-> eth.src; {ip}.src <-> {ip}.dst; udp.dst = udp.src; udp.src = 53; \
             outport = inport; flags.loopback = 1; output;"
        );
        Flow::new(Stage::LsInDnsResponse, 100, format!("{question} && {DNS_RESULT}"), actions)
    };
    let flows = [ask.punts(Punt::Dns), answer("ip4"), answer("ip6")];
    let sets = [false, true].map(|tracked| SwitchSet::NamesServed { tracked });
    sets.into_iter().flat_map(|set| flows.clone().map(|flow| (set, flow))).collect()
}

/// What is written about DNS.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The rows; their datapaths are apart.
    pub rows: Relation<sb::Dns>,
    /// The datapaths of the rows.
    pub datapaths: Relation<SetElement>,
    /// Options that are not as they ought to be.
    pub options: Relation<sb::DnsOptions>,
}

/// The rows of all names that some switch has, under the identifiers of the northbound rows.
/// Options that others have set stay.
///
/// Cost: a row costs itself; a switch that is given a row, one element.
pub fn rows(
    listed: &Relation<Link>,
    names: &Relation<nb::Dns>,
    held: &Relation<sb::DnsOptions>,
    datapaths: &Relation<Assigned>,
) -> Rows {
    let live = listed
        .index_by(Link::owner)
        .semijoin(&datapaths.index_by(|datapath| datapath.owner))
        .index_by(Link::member)
        .named("dns.listed");
    let used = names.index_by(|row| row.uuid).semijoin(&live);
    let named = names.map(|row| row.uuid).index_by(|row| *row);
    let elements = live
        .semijoin(&named)
        .map(|link| SetElement { row: link.member, element: Atom::Uuid(datapath_uuid(link.owner)) });
    let rows = used.map(row_of);
    let wanted = rows.map(|row| (row.uuid, row.options.clone()));
    let options = wanted
        .index_by(|(row, _): &(Uuid, Map)| *row)
        .join_flat(&held.index_by(|row| row.uuid), |(_, wanted), held| unlike(wanted, held));
    Rows { rows, datapaths: elements, options }
}

/// Chassis look names up in lower case; only values are spelled so, as ovn-northd does.
fn row_of(row: &nb::Dns) -> sb::Dns {
    let lower = |(name, value): (&Text, &Text)| (name.clone(), Text::from(value.to_ascii_lowercase()));
    let owned = if row.options.get_bool(OVN_OWNED, false) { "true" } else { "false" };
    sb::Dns {
        uuid: row.uuid,
        records: row.records.iter().map(lower).collect(),
        datapaths: Vec::new(),
        options: [(OVN_OWNED, Text::from(owned))].into_iter().collect(),
    }
}

fn unlike(wanted: &Map, held: &sb::DnsOptions) -> Option<sb::DnsOptions> {
    let owned = wanted.get(OVN_OWNED)?;
    let mut options = held.options.clone();
    let before = options.insert(OVN_OWNED, owned.clone());
    (before.as_ref() != Some(owned)).then_some(sb::DnsOptions { uuid: held.uuid, options })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::switch::port::tests::lines;

    #[test]
    fn values_are_in_lower_case() {
        let row = nb::Dns {
            uuid: Uuid(4),
            records: [("VM.Example", Text::from("10.0.0.1 FD00::A \u{c9}"))].into_iter().collect(),
            options: [(OVN_OWNED, Text::from("TRUE"))].into_iter().collect(),
            external_ids: Map::new(),
        };
        let row = row_of(&row);
        assert_eq!(row.records.text("VM.Example"), "10.0.0.1 fd00::a \u{c9}");
        assert_eq!(row.options.text(OVN_OWNED), "true");
        let held = |value: &str| sb::DnsOptions {
            uuid: Uuid(4),
            options: [(OVN_OWNED, Text::from(value)), ("other", "x".into())].into_iter().collect(),
        };
        assert_eq!(unlike(&row.options, &held("false")), Some(held("true")));
        assert_eq!(unlike(&row.options, &held("true")), None);
    }

    #[test]
    fn questions_are_answered_on_the_spot() {
        let flows: Vec<Flow> = fixed().into_iter().map(|(_, flow)| flow).take(3).collect();
        assert_eq!(
            lines(&flows),
            [
                "ls_in_dns_lookup 100 | udp.dst == 53 | reg0[4] = dns_lookup(); next;",
                "ls_in_dns_response 100 | udp.dst == 53 && reg0[4] | eth.dst <-> eth.src; ip4.src <-> ip4.dst; udp.dst = udp.src; udp.src = 53; outport = inport; flags.loopback = 1; output;",
                "ls_in_dns_response 100 | udp.dst == 53 && reg0[4] | eth.dst <-> eth.src; ip6.src <-> ip6.dst; udp.dst = udp.src; udp.src = 53; outport = inport; flags.loopback = 1; output;",
            ]
        );
    }
}
