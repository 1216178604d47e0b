//! Southbound meters (F01; ovn-sb(5), Meter and Meter_Band): those of the CMS, and one more for each ACL
//! that logs with a fair meter.

use northflow_engine::Relation;

use crate::acl::log::fair_meter;
use crate::ovsdb::{Text, Uuid};
use crate::schema::{Table, key_uuid, nb, sb};

/// The rows.
#[derive(Clone, Debug)]
pub struct Rows {
    /// The meters.
    pub meters: Relation<sb::Meter>,
    /// Their bands.
    pub bands: Relation<sb::MeterBand>,
}

/// A copy of a northbound meter, under its own name or an ACL's.
fn copy(meter: &nb::Meter, name: &str) -> sb::Meter {
    let bands = meter.bands.iter().map(|band| band_uuid(name, *band)).collect();
    sb::Meter { uuid: key_uuid(sb::Meter::NAME, &[name]), name: name.into(), unit: meter.unit.clone(), bands }
}

fn band_uuid(meter: &str, band: Uuid) -> Uuid {
    key_uuid(sb::MeterBand::NAME, &[meter, &band.to_string()])
}

/// Makes the rows. Names of meters are unique; of an ACL it counts whether it logs and by what meter.
///
/// Cost: a meter costs its row and those of the ACLs that have a copy of their own; an ACL, its copy.
pub fn rows(meters: &Relation<nb::Meter>, bands: &Relation<nb::MeterBand>, acls: &Relation<nb::Acl>) -> Rows {
    let logging = acls.flat_map(|acl| Some((acl.uuid, acl.meter.clone().filter(|_| acl.log)?)));
    let fair = meters.filter(|meter| meter.fair == Some(true));
    let own = logging
        .index_by(|(_, name)| name.clone())
        .join(&fair.index_by(|meter| meter.name.clone()), |(acl, _), meter| {
            (Text::from(fair_meter(&meter.name, *acl)), meter.clone())
        });
    let copies = meters.map(|meter| (meter.name.clone(), meter.clone())).concat(&own);
    let rows = copies.map(|(name, meter)| copy(meter, name));
    let used = copies.flat_map(|(name, meter)| {
        let name = name.clone();
        meter.bands.clone().into_iter().map(move |band| (band, name.clone()))
    });
    let bands =
        used.index_by(|(band, _)| *band).join(&bands.index_by(|band| band.uuid), |(_, name), band| {
            sb::MeterBand {
                uuid: band_uuid(name, band.uuid),
                action: band.action.clone(),
                rate: band.rate,
                burst_size: band.burst_size,
            }
        });
    Rows { meters: rows, bands }
}
