//! The daemon on real servers, in the place of ovn-northd.

mod aging;
mod balance;
mod chassis;
mod controller;
mod dropin;
mod fatal;
mod faults;
mod inject;
mod labels;
mod local;
mod registration;
mod several;
mod takeover;
mod tools;
pub mod world;

use libtest_mimic::{Failed, Trial};
use northflow_tests::reference::Reference;
use northflow_tests::trial::with_reference;

type Test = fn(&'static Reference) -> Result<(), Failed>;

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    let tests: &[(&str, Test)] = &[
        ("commands", dropin::commands),
        ("progress", dropin::progress),
        ("empty", dropin::empty),
        ("takeover", takeover::takeover),
        ("standby", several::standby),
        ("standby_of_the_reference", several::standby_of_the_reference),
        ("pause", several::pause),
        ("workers", several::workers),
        ("processes", several::processes),
        ("killed", faults::killed),
        ("servers_restart", faults::servers_restart),
        ("conflicts", faults::conflicts),
        ("destroyed_rows", faults::destroyed_rows),
        ("cleared_groups", faults::cleared_groups),
        ("interconnected", faults::interconnected),
        ("roles_of_others", faults::roles_of_others),
        ("malformed", faults::malformed),
        ("fatal", fatal::fatal),
        ("chassis", chassis::chassis),
        ("registration", registration::registered),
        ("aging", aging::aging),
        ("controller_alone", controller::alone),
        ("controller_rows_of_the_switch", local::rows_of_the_switch),
        ("controller_trace", controller::trace),
        ("controller_handed_over", controller::handed_over),
        ("controller_restart", controller::restart),
        ("controller_exit", controller::exit),
        ("controller_settings", controller::settings),
        ("controller_monitor", controller::monitor),
        ("controller_inject", inject::injected),
        ("controller_balance", balance::forgotten),
        ("controller_acls", labels::acls),
        ("controller_next_hops", labels::next_hops),
        ("verify", tools::verified),
        ("record", tools::recorded),
        ("dump", tools::dumped),
    ];
    tests.iter().map(|(name, test)| with_reference(format!("live::{name}"), *test)).collect()
}
