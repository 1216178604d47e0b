//! What is done after events: one turn of the daemon's loop. Every step compares what is there with what
//! is to be, and does the rest.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use northflow_controller::local;
use northflow_engine::EngineError;
use northflow_rules::chassis::claim::Binder;
use northflow_rules::chassis::registration::{Machine, registration};
use northflow_rules::chassis::settings::Settings;
use northflow_rules::ovsdb::{Text, Uuid};
use northflow_rules::schema::{ovs, own};

use super::claims::{Here, Seen};
use super::core::{Core, Reached, Waiter};
use super::local::Local;
use super::monitor::Interest;
use super::told::Row;
use super::tunnels::Tunnels;
use super::writes::Writes;
use super::{bridge, ha, installed, mirrors, options, patches, queues, registration as registered, zones};
use crate::net::Remote;
use crate::openflow::Delta;
use crate::ovsdb::client::Command;
use crate::process::heap;
use crate::process::vlog::RateLimit;
use crate::process::vlog::modules::{CHASSIS, MAIN};

static UNCONFIGURED: RateLimit = RateLimit::new(1, 60);

/// Keys of `Bridge.external_ids` that tell how far the chassis has followed.
const NB_CFG: &str = "ovn-nb-cfg";
const NB_CFG_TIME: &str = "ovn-nb-cfg-ts";
const STARTED: &str = "ovn-startup-ts";

/// `ovn-trim-timeout-ms` of a chassis that does not say.
const TRIM_TIMEOUT: Duration = Duration::from_secs(30);

/// How often files of certificates are looked at, if there is anything to do.
const FILES_INTERVAL: Duration = Duration::from_millis(500);

/// The first releases of the switch whose samples take numbers from registers.
const SAMPLES_WITH_REGISTERS: (u32, u32) = (3, 4);

impl Core {
    /// Does whatever can be done now.
    pub fn advance(&mut self) -> Result<(), EngineError> {
        if self.paused {
            return Ok(());
        }
        self.follow_chassis();
        self.follow_switch();
        self.follow_files();
        self.follow_southbound();
        self.follow_interest();
        self.write_southbound();
        self.write_switch();
        self.compute()?;
        self.rest();
        if self.is_settled() && self.trimmer.take() {
            heap::trim();
        }
        Ok(())
    }

    /// How long until there is something to do even if nothing happens.
    pub fn pause_left(&self) -> Option<Duration> {
        let times = self.contested.values().copied();
        let report = self.delayed.map(|(at, _)| at);
        let trim = self.trimmer.next().filter(|_| self.is_settled());
        let retries = self.switch.retry().into_iter().chain(self.southbound.retry());
        let next = times.chain(retries).chain(report).chain(trim).min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    /// Files that the southbound connection goes by may have changed: one that was made with others is made anew.
    fn follow_files(&mut self) {
        if self.tls_files.as_ref().is_some_and(|(at, _)| at.elapsed() < FILES_INTERVAL) {
            return;
        }
        let files = self.tls.0.settings().files();
        let before = self.tls_files.replace((Instant::now(), files.clone()));
        if before.is_some_and(|(_, before)| before != files) && self.southbound.is_encrypted() {
            self.southbound.tell(Command::Reconnect);
        }
    }

    /// Chassis have come, gone or changed.
    fn follow_chassis(&mut self) {
        if self.index.dirty.chassis.is_empty() {
            return;
        }
        let mut names = std::mem::take(&mut self.index.dirty.chassis);
        let local = Local::new(self.switch.mirror.own(), self.name.as_deref());
        if let (Some(local), Some(own)) = (local, &self.registration) {
            let rows = self.southbound.mirror.own();
            for name in names.iter().filter(|name| **name != own.name) {
                registered::check_addresses(name, &self.index, rows);
            }
            if names.contains(&own.name) {
                // All tunnels begin at its ends.
                names.extend(self.index.chassis.keys().cloned());
            }
            let own = registered::with_own_ends(own, &self.index, rows);
            self.tunnels.look(names.iter(), &own, &local.settings, &self.index, rows);
            // Others may have given back a tunnel end that this chassis is to have.
            self.dirty.southbound = true;
        }
        self.dirty.rows = true;
        self.dirty.switch = true;
        self.index.dirty.groups = true;
    }

    /// The chassis' own database has changed, or what is known of the chassis.
    fn follow_switch(&mut self) {
        if !std::mem::take(&mut self.dirty.rows) {
            return;
        }
        let local = Local::new(self.switch.mirror.own(), self.name.as_deref());
        let Some(local) = local.filter(Local::is_chassis) else {
            if self.switch.ready {
                let text = "'system-id' in Open_vSwitch database is missing.";
                CHASSIS.warn_limited(&UNCONFIGURED, text);
            }
            return;
        };
        let plugs = local.plugs();
        let before = std::mem::take(&mut self.plugs);
        let names: BTreeSet<&Text> = before.keys().chain(plugs.keys()).collect();
        for name in names.into_iter().filter(|name| before.get(*name) != plugs.get(*name)) {
            self.index.touch(name);
            self.dirty.interest = true;
        }
        self.plugs = plugs;
        let alive = Tunnels::alive(&local);
        if self.alive != alive {
            self.alive = alive;
            self.index.touch_groups();
        }

        let machine = Machine {
            hostname: self.hostname.clone(),
            interface_types: local.row.iface_types.clone(),
            datapath_type: local.bridge.map(|bridge| bridge.datapath_type.clone()).unwrap_or_default(),
            samples_with_registers: release(local.row) >= SAMPLES_WITH_REGISTERS,
            flushes_by_label: self.connection.features.map(|features| features.flushes_by_label),
        };
        let wanted = match registration(&local.settings, &machine) {
            Ok((wanted, problems)) => {
                problems.iter().for_each(|problem| CHASSIS.warn_limited(&UNCONFIGURED, problem));
                Some(wanted)
            }
            Err(_) => {
                let text = "Need to specify an encap type and ip";
                CHASSIS.warn_limited(&UNCONFIGURED, text);
                None
            }
        };
        if self.registration != wanted || self.settings != local.row.external_ids {
            self.registration = wanted;
            self.settings = local.row.external_ids.clone();
            self.index.dirty.chassis.extend(self.index.chassis.keys().cloned());
            self.dirty.southbound = true;
            self.dirty.interest = true;
            // Another name is another chassis, and what was bound under the old one is another's.
            self.index.dirty.private = true;
        }
        let range = zones::range(&local.settings);
        let has_other_range = std::mem::replace(&mut self.range, range) != range;
        let me = self.index.chassis.get(local.settings.chassis()).copied();
        if self.me != me {
            self.me = me;
            self.dirty.interest = true;
            self.index.touch_all();
            if let Some(me) = me {
                for (name, number) in self.zones.iter() {
                    self.told.tell_zone(me, name, Some(number), &mut self.pending);
                }
            }
        }
        self.has_bridge = local.bridge.is_some();
        if let (Some(me), Some(bridge)) = (me, local.bridge) {
            for (name, number) in self.zones.restore(&bridge.external_ids) {
                self.limited.insert(number.into());
                self.told.tell_zone(me, &name, Some(number), &mut self.pending);
            }
        }
        let mut rows = BTreeSet::new();
        if let Some(me) = me {
            self.describe(me, &local, &mut rows);
        }
        let (tls, given) = &self.tls;
        tls.set(local.tls(given));
        let (remote, connection) = (remote(&local, &self.switch_run), connection(&local, &self.switch_run));
        self.told.tell(rows, &mut self.pending);
        self.follow_interest();
        self.connect(remote, connection);
        if has_other_range && self.cleaned {
            self.assign_zones();
        }
    }

    /// What the program is to know of the chassis.
    fn describe(&self, me: Uuid, local: &Local<'_>, rows: &mut BTreeSet<Row>) {
        let ips = local.encap_ips();
        for (port, plug) in &self.plugs {
            let encap = plug.encap_ip().and_then(|ip| ips.iter().position(|known| known == ip)).unwrap_or(0);
            let ofport = plug.plugged.ofport.and_then(|port| u16::try_from(port).ok());
            if let Some(ofport) = ofport {
                let (port, encap) = (port.clone(), encap as u16);
                if let Some(mtu) = plug.mtu {
                    rows.insert(Row::Mtu(local::Mtu { chassis: me, port: port.clone(), mtu }));
                }
                rows.insert(Row::Interface(local::Interface { chassis: me, port, ofport, encap }));
            }
        }
        let chassis = |name: &str| self.index.chassis.get(name).copied();
        rows.extend(local.tunnels(me, &ips, chassis).into_iter().map(Row::Tunnel));
        rows.extend(local.shared_tunnels(me).into_iter().map(Row::SharedTunnel));
        rows.extend(local.patches(me).into_iter().map(Row::Patch));
        let alive = self.alive.iter().filter_map(|name| chassis(name));
        rows.extend(alive.map(|remote| Row::Alive(local::Alive { chassis: me, remote })));
        if let Some(features) = &self.connection.features {
            let field = features.tunnel_field.and_then(|field| u8::try_from(field).ok());
            rows.extend(field.map(|field| Row::TunnelOption(local::TunnelOption { chassis: me, field })));
            let capabilities = local.capabilities();
            rows.insert(Row::Switch(local::Switch {
                zero_snat: capabilities.is_some_and(|all| all.get_bool("ct_zero_snat", false)),
                meters: features.meters > 0,
                symmetric_hash: capabilities.is_some_and(|all| all.text("max_hash_alg") == "1"),
                collector_sets: local.collector_sets(),
            }));
        }
        rows.insert(Row::Chassis(local::Chassis { chassis: me, encap_ips: ips }));
    }

    /// Connects with the southbound database and with the switch.
    fn connect(&mut self, southbound: Option<Endpoint<Vec<Remote>>>, switch: Option<Endpoint<Remote>>) {
        match southbound {
            Some(Endpoint { at, probe }) => {
                if let Err(error) = self.southbound.connect(at, probe) {
                    MAIN.err(format_args!("southbound database: {error}"));
                }
            }
            None => self.southbound.disconnect(),
        }
        let Some(Endpoint { at, probe }) = switch else { return };
        if let Err(error) = self.connection.connect(at, probe) {
            MAIN.err(format_args!("switch: {error}"));
        }
    }

    /// Southbound rows have changed that the controller goes by.
    fn follow_southbound(&mut self) {
        let rows = self.southbound.mirror.own();
        if std::mem::take(&mut self.index.dirty.global) {
            let global: Option<&own::Global> = rows.rows().next();
            if let Some(global) = global
                && global.nb_cfg != self.asked
            {
                self.asked = global.nb_cfg;
                self.waiting.push(Waiter::NbCfg(global.nb_cfg), self.last.unwrap_or(0));
            }
            // What is set there of tunnels concerns all of them.
            let tunnels = global.map(|global| (global.ipsec, global.options.clone()));
            if self.tunnel_settings != tunnels {
                self.tunnel_settings = tunnels;
                self.index.dirty.chassis.extend(self.index.chassis.keys().cloned());
                self.dirty.switch = true;
            }
        }
        if std::mem::take(&mut self.index.dirty.groups) {
            self.watched = self.me.map(|me| ha::watched(rows, me)).unwrap_or_default();
            self.dirty.switch = true;
        }
        self.dirty.switch |= std::mem::take(&mut self.index.dirty.mirrors);
        if std::mem::take(&mut self.index.dirty.networks)
            && let Some(own) = &self.registration
        {
            let wanted = patches::wanted(&own.name, &self.local_datapaths, &self.index, rows);
            self.dirty.switch |= wanted != self.patches;
            self.patches = wanted;
        }
        self.dirty.southbound |= std::mem::take(&mut self.index.dirty.private);
        let meters = std::mem::take(&mut self.index.dirty.meters);
        if !meters.is_empty() {
            let index = &self.index;
            let names = meters.iter().map(|name| &**name);
            let meters = self.flows.renamed(names, &|name| index.meter(rows, name));
            if !meters.is_empty() {
                let epoch = self.last.unwrap_or(0);
                self.connection.apply(Delta { epoch, meters, ..Delta::default() }, false);
            }
        }
    }

    /// Other southbound rows may concern the chassis.
    fn follow_interest(&mut self) {
        let plugged = self.index.dirty.ports.iter().any(|name| self.plugs.contains_key(name));
        if !std::mem::take(&mut self.dirty.interest) && !plugged {
            return;
        }
        let Some(own) = &self.registration else { return };
        let interest = Interest {
            settings: Settings::new(&self.settings, &own.name),
            me: self.me,
            plugs: &self.plugs,
            local_datapaths: &self.local_datapaths,
            index: &self.index,
            rows: self.southbound.mirror.own(),
        };
        let conditions = interest.conditions();
        self.southbound.follow(conditions);
    }

    /// Writes what is to be changed of southbound rows: the chassis' own, those of its ports, and how far
    /// it has followed.
    fn write_southbound(&mut self) {
        let now = Instant::now();
        let due: Vec<Text> =
            self.contested.iter().filter(|(_, at)| **at <= now).map(|(name, _)| name.clone()).collect();
        for name in due {
            self.contested.remove(&name);
            self.index.dirty.ports.insert(name);
        }
        let Some(own) = &self.registration else { return };
        if !self.southbound.is_free() {
            return;
        }
        let rows = self.southbound.mirror.own();
        let mut writes = Writes::default();
        // A row of its own that is not there may be on its way.
        let is_complete = self.index.private.contains_key(&own.name) || !self.southbound.is_fetching();
        if std::mem::take(&mut self.dirty.southbound) && is_complete {
            registered::register(own, &self.index, rows, &mut writes);
            report(self.reached, &own.name, &self.index, rows, &mut writes);
        }
        if let Some(chassis) = self.me.and_then(|me| rows.row::<own::Chassis>(me)) {
            let binder =
                Binder { row: chassis.uuid, name: chassis.name.clone(), hostname: chassis.hostname.clone() };
            let here = Here {
                binder: &binder,
                plugs: &self.plugs,
                encaps: registered::by_address(chassis, rows),
                alive: &self.alive,
            };
            let names = std::mem::take(&mut self.index.dirty.ports);
            // What interfaces are told depends on it.
            self.dirty.switch |= !names.is_empty();
            for name in names {
                match self.claims.look(&name, &here, &self.index, rows, &mut writes) {
                    Seen::Right => self.waiting.remove(&Waiter::Port(name)),
                    Seen::Written => self.written.push(name),
                    Seen::Waits => self.waiting.push(Waiter::Port(name), self.last.unwrap_or(0)),
                    Seen::Contested(at) => drop(self.contested.insert(name, at)),
                }
            }
        }
        if !writes.is_empty() {
            let comment = format!("ovn-controller: chassis '{}'", own.name);
            self.southbound.send(writes.finish(&comment));
        }
    }

    /// Writes what is to be changed in the chassis' own database.
    fn write_switch(&mut self) {
        if !self.dirty.switch || !self.switch.is_free() {
            return;
        }
        self.dirty.switch = false;
        let Some(local) = Local::new(self.switch.mirror.own(), self.name.as_deref()) else { return };
        let mut writes = Writes::default();
        let prefixes = self.switch.mirror.capacity("Flow_Table", "prefixes");
        bridge::set_up(&local, prefixes, &mut writes);
        let rows = self.southbound.mirror.own();
        if let (Some(bridge), Some(own), true) = (local.bridge, &self.registration, self.southbound.ready) {
            let own = registered::with_own_ends(own, &self.index, rows);
            self.tunnels.set_up(&own, &local, &mut writes);
            let global: Option<&own::Global> = rows.rows().next();
            Tunnels::watch(&self.watched, &ha::watch(global), &local, &mut writes);
            // What is not known yet may be what keeps a port or a zone.
            if self.connection.is_told() {
                patches::set_up(&self.patches, &local, &mut writes);
                let bound = |name: &Text| {
                    let row = self.index.ports.get(name).and_then(|uuid| rows.row::<own::Port>(*uuid));
                    let is_mine = |row: &own::Port| {
                        row.chassis == self.me
                            || self.me.is_some_and(|me| row.additional_chassis.contains(&me))
                    };
                    row.is_some_and(is_mine)
                };
                if let Some(me) = self.me {
                    queues::set_up(&queues::wanted(me, &self.index, rows), &local, &mut writes);
                    let wanted = mirrors::wanted(me, &self.plugs, &self.index, rows);
                    mirrors::set_up(&wanted, &local, &mut writes);
                }
                let limits = self.zones.limits();
                zones::limit(&limits, &mut self.limited, &local, &mut writes);
                installed::tell(&self.plugs, &self.claims.ready, bound, super::now(), &mut writes);
            }
            let (mut put, gone) = self.zones.to_keep(&bridge.external_ids);
            let mut keep = |key: &str, value: String| {
                if bridge.external_ids.text(key) != value {
                    put.push((key.into(), value.into()));
                }
            };
            keep(STARTED, self.started.to_string());
            if let Some(Reached { nb_cfg, at }) = self.reached.filter(|reached| reached.nb_cfg != 0) {
                if bridge.external_ids.text(NB_CFG) != nb_cfg.to_string() {
                    keep(NB_CFG_TIME, at.to_string());
                }
                keep(NB_CFG, nb_cfg.to_string());
            }
            let gone = if self.cleaned { gone } else { Vec::new() };
            writes.change_keys::<ovs::Bridge>(bridge.uuid, "external_ids", &put, &gone);
        }
        if !writes.is_empty() {
            self.switch.send(writes.finish("ovn-controller"));
        }
    }

    /// Whether nothing that has consequences for the switch is on its way.
    fn is_quiet(&self) -> bool {
        !self.computing
            && self.pending.is_empty()
            && self.index.dirty.ports.is_empty()
            && !self.southbound.is_writing()
            && !self.southbound.is_fetching()
            && self.southbound.retry().is_none()
    }

    /// Whether the switch has followed all that there is.
    fn is_settled(&self) -> bool {
        self.is_quiet() && self.connection.is_told() && self.connection.reached >= self.last
    }

    /// After how long a time without work memory is given back to the system.
    pub fn trim_timeout(&self) -> Duration {
        let name = self.registration.as_ref().map_or("", |own| &own.name);
        let timeout = Settings::new(&self.settings, name).get("ovn-trim-timeout-ms");
        timeout.and_then(|text| text.parse().ok()).map_or(TRIM_TIMEOUT, Duration::from_millis)
    }

    /// When all is done, the switch is told for the first time, and what waits is tied to the last epoch.
    fn rest(&mut self) {
        let Some(last) = self.last else { return };
        let is_quiet = self.is_quiet();
        if is_quiet && !self.connection.is_told() && self.connection.features.is_some() {
            if !std::mem::replace(&mut self.cleaned, true) {
                // Zones of before that nobody has asked for by now.
                self.assign_zones();
            }
            self.connection.tell();
            self.dirty.switch = true;
        }
        if !self.connection.is_told() {
            return;
        }
        self.waiting.told(last, is_quiet);
        let Some(epoch) = self.connection.reached else { return };
        for item in self.waiting.reached(epoch) {
            match item {
                Waiter::Port(name) => {
                    self.index.dirty.ports.insert(name.clone());
                    self.claims.ready.insert(name);
                }
                Waiter::NbCfg(nb_cfg) => self.delayed = Some((Instant::now() + self.report_delay, nb_cfg)),
            }
        }
        if let Some((_, nb_cfg)) = self.delayed.take_if(|(at, _)| *at <= Instant::now()) {
            self.reached = Some(Reached { nb_cfg, at: super::now() });
            self.dirty.southbound = true;
            self.dirty.switch = true;
        }
    }

    /// Looks at the numbers of all zones.
    fn assign_zones(&mut self) {
        let changes = self.zones.assign(self.zones.known(), self.range);
        let flush_zones = self.follow_zones(&changes);
        let delta = Delta { epoch: self.last.unwrap_or(0), flush_zones, ..Delta::default() };
        self.connection.apply(delta, !changes.come.is_empty());
    }

    /// Whether [`Core::advance`] would do more at once.
    pub fn is_restless(&self) -> bool {
        let southbound = self.dirty.southbound || (self.me.is_some() && !self.index.dirty.ports.is_empty());
        !self.paused
            && ((southbound && self.registration.is_some() && self.southbound.is_free())
                || (self.dirty.switch && self.switch.is_free() && self.registration.is_some())
                || self.dirty.rows
                || !self.index.dirty.chassis.is_empty())
    }
}

/// Says how far the chassis has followed, unless the network does not want to know.
fn report(
    reached: Option<Reached>,
    name: &str,
    index: &super::index::Index,
    rows: &crate::replica::Replica,
    southbound: &mut Writes,
) {
    let global: Option<&own::Global> = rows.rows().next();
    if global.is_some_and(|global| !global.options.get_bool("enable_chassis_nb_cfg_update", true)) {
        return;
    }
    let private = index.private.get(name).and_then(|row| rows.row::<own::ChassisPrivate>(*row));
    if let (Some(Reached { nb_cfg, at }), Some(private)) = (reached.filter(|it| it.nb_cfg != 0), private)
        && private.nb_cfg != nb_cfg
    {
        southbound.set::<own::ChassisPrivate>(private.uuid, "nb_cfg", &nb_cfg);
        southbound.set::<own::ChassisPrivate>(private.uuid, "nb_cfg_timestamp", &at);
    }
}

/// Where to connect, and after how long a silence to probe.
struct Endpoint<T> {
    at: T,
    probe: Option<Duration>,
}

fn remote(local: &Local<'_>, run: &std::path::Path) -> Option<Endpoint<Vec<Remote>>> {
    let text = local.settings.get("ovn-remote")?;
    let at = match options::remotes(text, run) {
        Ok(at) => at,
        Err(error) => {
            MAIN.warn_limited(&UNCONFIGURED, format_args!("ovn-remote \"{text}\": {error}"));
            return None;
        }
    };
    let probe = local.settings.get("ovn-remote-probe-interval").and_then(|text| text.parse().ok());
    Some(Endpoint { at, probe: probe.map(Duration::from_millis) })
}

fn connection(local: &Local<'_>, run: &std::path::Path) -> Option<Endpoint<Remote>> {
    let bridge = local.bridge?;
    let at = match local.settings.get("ovn-bridge-remote") {
        Some(text) => options::remotes(text, run).ok()?.into_iter().next()?,
        None => Remote::Unix(run.join(format!("{}.mgmt", bridge.name))),
    };
    let probe = local.settings.get("ovn-bridge-remote-probe-interval");
    Some(Endpoint { at, probe: Some(switch_probe(probe.map(|text| &**text))) })
}

/// After how long a silence the switch is probed, of a setting in milliseconds: in whole seconds; zero is never.
fn switch_probe(text: Option<&str>) -> Duration {
    let milliseconds: u64 = text.and_then(|text| text.parse().ok()).unwrap_or(0);
    Duration::from_secs(milliseconds / 1000)
}

/// The release of the switch; the first one there is if it does not say.
fn release(row: &ovs::OpenVswitch) -> (u32, u32) {
    let text = row.ovs_version.as_deref().unwrap_or("");
    let mut parts = text.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_switch_is_probed_after_whole_seconds() {
        let of = |text| switch_probe(text).as_secs();
        assert_eq!((of(None), of(Some("x")), of(Some("999")), of(Some("5500"))), (0, 0, 0, 5));
    }
}
