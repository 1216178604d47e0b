//! The end of a chassis: what it takes away of itself when its daemon ends and does not come back.

use std::time::{Duration, Instant};

use crossbeam_channel::{after, never, select};

use super::claims::Claims;
use super::core::Core;
use super::local::Local;
use super::registration::unregister;
use super::tunnels::Tunnels;
use super::writes::Writes;
use crate::process::vlog::modules::MAIN;

/// How long the databases are waited for.
const PATIENCE: Duration = Duration::from_secs(10);

/// Takes the chassis' rows out of the southbound database and its tunnels out of its bridge, unless it is to come back:
/// `restart` says so, or `ovn-cleanup-on-exit` in its settings. Flows stay, as they do with ovn-controller.
pub(super) fn leave(core: &mut Core, restart: bool) {
    let local = Local::new(core.switch.mirror.own(), core.name.as_deref());
    let goes = !restart && local.is_none_or(|local| local.settings.get_bool("ovn-cleanup-on-exit", true));
    let text = if goes { "True" } else { "False (--restart)" };
    MAIN.info(format_args!("Exiting ovn-controller, resource cleanup: {text}"));
    if !goes {
        return;
    }
    let deadline = Instant::now() + PATIENCE;
    let mut is_left = [!core.southbound.is_connected(), !core.switch.is_connected()];
    while is_left != [true, true] {
        if !is_left[0] && core.southbound.is_free() {
            is_left[0] = !leave_southbound(core);
        }
        if !is_left[1] && core.switch.is_free() {
            is_left[1] = !leave_switch(core);
        }
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            MAIN.warn("the databases do not take away what was this chassis'; going without that");
            return;
        }
        if is_left == [true, true] {
            return;
        }
        let wake = core.pause_left().map_or_else(never, |time| after(time.min(left)));
        let (southbound, switch) = (core.southbound.events(), core.switch.events());
        select! {
            recv(southbound) -> event => match event {
                Ok(event) => core.southbound_event(event),
                Err(_) => is_left[0] = true,
            },
            recv(switch) -> event => match event {
                Ok(event) => core.switch_event(event),
                Err(_) => is_left[1] = true,
            },
            recv(wake) -> _ => {}
            recv(after(left)) -> _ => {}
        }
    }
}

/// Whether there was something to take away.
fn leave_southbound(core: &mut Core) -> bool {
    let Some(own) = &core.registration else { return false };
    let rows = core.southbound.mirror.own();
    let mut writes = Writes::default();
    if let Some(me) = core.index.chassis.get(&own.name) {
        Claims::leave(rows, *me, &mut writes);
    }
    unregister(&own.name, &core.index, &mut writes);
    let has_work = !writes.is_empty();
    if has_work {
        let comment = format!("ovn-controller: unregistering chassis '{}'", own.name);
        core.southbound.send(writes.finish(&comment));
    }
    has_work
}

/// Whether there was something to take away.
fn leave_switch(core: &mut Core) -> bool {
    let Some(local) = Local::new(core.switch.mirror.own(), core.name.as_deref()) else { return false };
    let mut writes = Writes::default();
    Tunnels::tear_down(&local, &mut writes);
    let has_work = !writes.is_empty();
    if has_work {
        core.switch.send(writes.finish("ovn-controller: destroying tunnels"));
    }
    has_work
}
