//! What an interface is told of its logical port: `external_ids:ovn-installed`, which says that packets of
//! it are forwarded.

use std::collections::{BTreeMap, BTreeSet};

use northflow_rules::ovsdb::Text;
use northflow_rules::schema::ovs;

use super::local::Plug;
use super::writes::Writes;
use crate::process::vlog::modules::IF_STATUS;

const INSTALLED: &str = "ovn-installed";
const TIME: &str = "ovn-installed-ts";

/// Writes what interfaces are to be told: of ports that this chassis binds and whose flows are there that this is so, of
/// others that it is not, which an earlier run may have said. `bound` are the ports that it binds.
///
/// Cost: the ports that are plugged.
pub(super) fn tell(
    plugs: &BTreeMap<Text, Plug>,
    ready: &BTreeSet<Text>,
    bound: impl Fn(&Text) -> bool,
    now: i64,
    switch: &mut Writes,
) {
    for (port, plug) in plugs {
        if !plug.is_installed() && ready.contains(port) {
            IF_STATUS.info(format_args!("Setting lport {port} ovn-installed in OVS"));
            let pairs =
                [(Text::from(INSTALLED), Text::from("true")), (Text::from(TIME), now.to_string().into())];
            switch.change_keys::<ovs::Interface>(plug.row, "external_ids", &pairs, &[]);
        } else if plug.is_installed() && !(ready.contains(port) && bound(port)) {
            IF_STATUS.info(format_args!("Removing lport {port} ovn-installed in OVS"));
            switch.change_keys::<ovs::Interface>(plug.row, "external_ids", &[], &[INSTALLED.into()]);
        }
    }
}
