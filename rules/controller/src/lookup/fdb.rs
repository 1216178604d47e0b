//! Learned Ethernet addresses: at which port one is, and whether it was learned where it is seen.

use northflow_engine::Relation;
use northflow_language::openflow::{Action, Field};
use northflow_language::register::{Flag, INPORT, OUTPORT};
use northflow_language::table::{GET_FDB, LOOKUP_FDB};
use northflow_rules::ovsdb::Uuid;
use northflow_rules::value::mac::Mac;
use serde::{Deserialize, Serialize};

use super::{Offer, OfferOn, ethernet};
use crate::inputs::Southbound;
use crate::locality::{Locality, Reach, keyed_ports};
use crate::physical::build::{Fields, row, set_flag};

/// The priority of what is learned.
const LEARNED: u16 = 100;

/// A learned address in its datapath.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
struct Learned {
    owner: Uuid,
    datapath: Uuid,
    datapath_key: u32,
    mac: Mac,
    port: u32,
}

impl Learned {
    fn base(&self) -> Fields {
        Fields::default().is(Field::METADATA, self.datapath_key)
    }
}

/// Learned addresses (FDB) in datapaths.
fn learned(sb: &Southbound) -> Relation<Learned> {
    let datapaths = sb.datapath.map(|datapath| (datapath.tunnel_key, datapath.uuid));
    sb.fdb.index_by(|row| row.dp_key).join_flat(&datapaths.index_by(|(key, _)| *key), |row, (_, datapath)| {
        Some(Learned {
            owner: row.uuid,
            datapath: *datapath,
            datapath_key: u32::try_from(row.dp_key).ok()?,
            mac: Mac::parse(&row.mac)?,
            port: u32::try_from(row.port_key).ok()?,
        })
    })
}

/// Where an address is, and that it is known there.
///
/// Cost: an address costs two rows.
pub(super) fn offers(sb: &Southbound) -> Relation<Offer> {
    learned(sb).flat_map(|learned| {
        let offer = |table, fields, action| {
            let row = row(table, LEARNED, fields, learned.owner, &[action]);
            row.map(|row| Offer { datapath: learned.datapath, owner: learned.owner, row })
        };
        let (mac, port) = (ethernet(learned.mac), u128::from(learned.port));
        let known = set_flag(Flag::LOOKUP_FDB);
        [
            offer(GET_FDB, learned.base().is(Field::ETH_DST, mac), Action::set(OUTPORT, port)),
            offer(LOOKUP_FDB, learned.base().is(Field::ETH_SRC, mac).is(INPORT, port), known),
        ]
        .into_iter()
        .flatten()
    })
}

/// Addresses that are known at a virtual machine when they are seen at a physical network: on chassis that learn
/// there (option `localnet_learn_fdb` of a port to one), which would forget the machine otherwise.
///
/// Cost: an address costs the chassis that have its datapath, such a port those of the chassis that have it.
pub(super) fn behind_localnet(sb: &Southbound, locality: &Locality) -> Relation<OfferOn> {
    let learning = sb
        .port
        .filter(|port| &*port.type_ == "localnet" && port.options.get_bool("localnet_learn_fdb", false))
        .index_by(|port| port.datapath)
        .join(&locality.by_datapath, |_, reach| reach.chassis)
        .distinct()
        .index_by(|chassis| *chassis);
    let machines = keyed_ports(sb).filter(|port| port.kind.is_empty());
    let rows = learned(sb)
        .index_by(|learned| (learned.datapath, learned.port))
        .semijoin(&machines.index_by(|port| (port.datapath, port.key)))
        .flat_map(|learned| {
            let fields = learned.base().is(Field::ETH_SRC, ethernet(learned.mac));
            let fields = fields.with(Flag::LOCALNET);
            let row = row(LOOKUP_FDB, LEARNED, fields, learned.owner, &[set_flag(Flag::LOOKUP_FDB)]);
            row.map(|row| Offer { datapath: learned.datapath, owner: learned.owner, row })
        });
    let learners = locality.reach.index_by(|reach: &Reach| reach.chassis).semijoin(&learning);
    rows.index_by(|offer| offer.datapath).join(&learners.index_by(|reach| reach.datapath), |offer, reach| {
        OfferOn { chassis: reach.chassis, owner: offer.owner, row: offer.row.clone() }
    })
}
