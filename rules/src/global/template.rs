//! Template variables (N04; ovn-nb(5), Chassis_Template_Var), which chassis put in the place of
//! `^name` in flows and load balancers.

use northflow_engine::Relation;

use crate::schema::{nb, sb};

/// The values as chassis see them: the same rows under the same identifiers.
///
/// Cost: one row in, one row out.
pub fn variables(rows: &Relation<nb::ChassisTemplateVar>) -> Relation<sb::ChassisTemplateVar> {
    rows.map(|row| sb::ChassisTemplateVar {
        uuid: row.uuid,
        chassis: row.chassis.clone(),
        variables: row.variables.clone(),
    })
}
