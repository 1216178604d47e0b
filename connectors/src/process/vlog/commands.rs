//! The `vlog/*` commands of the control socket: ovs-appctl(8), "LOGGING COMMANDS".

use std::sync::atomic::Ordering;

use super::modules::{self, ALL, VLOG};
use super::sinks::{self, SINKS};
use super::{Destination, Module, set_levels};
use crate::process::os_text;
use crate::process::unixctl::Commands;

/// Adds the `vlog/*` commands to `commands`.
pub fn register(commands: &Commands) {
    let any = usize::MAX;
    commands.add("vlog/set", "{spec | PATTERN:destination:pattern}", 0..=any, |specs| {
        let everything = ["dbg".to_owned()];
        let specs = if specs.is_empty() { &everything } else { specs };
        specs
            .iter()
            .try_for_each(|spec| set_levels(spec))
            .map(|()| String::new())
            .map_err(|error| error.to_string())
    });
    commands.add("vlog/list", "", 0..=0, |_| Ok(list()));
    commands.add("vlog/list-pattern", "", 0..=0, |_| Ok(sinks::lock(&SINKS).list_patterns()));
    commands.add("vlog/enable-rate-limit", "[module]...", 0..=any, |names| set_rate_limits(names, true));
    commands.add("vlog/disable-rate-limit", "[module]...", 0..=any, |names| set_rate_limits(names, false));
    commands.add("vlog/reopen", "", 0..=0, |_| match super::reopen_file() {
        None => Err("Logging to file not configured".to_owned()),
        Some(result) => result.map(|()| String::new()).map_err(|error| os_text(&error)),
    });
    commands.add("vlog/close", "", 0..=0, |_| {
        super::close_file();
        Ok(String::new())
    });
    commands.add_hidden("vlog/message", 1..=1, |args| {
        VLOG.info(format_args!("user-message: {}", args[0]));
        Ok(String::new())
    });
}

fn list() -> String {
    let mut out = String::from("                 console    syslog    file\n");
    out.push_str("                 -------    ------    ------\n");
    for module in ALL {
        let [console, syslog, file] = [Destination::Console, Destination::Syslog, Destination::File]
            .map(|destination| module.level(destination).name());
        let note =
            if module.rate_limited.load(Ordering::Relaxed) { "" } else { "    (rate limiting disabled)" };
        out.push_str(&format!(
            "{:<16}  {console:>4}       {syslog:>4}       {file:>4}{note}\n",
            module.name()
        ));
    }
    out
}

fn set_rate_limits(names: &[String], enable: bool) -> Result<String, String> {
    let set = |module: &Module| module.rate_limited.store(enable, Ordering::Relaxed);
    if names.is_empty() {
        ALL.iter().for_each(|module| set(module));
    }
    for name in names {
        if name.eq_ignore_ascii_case("ANY") {
            ALL.iter().for_each(|module| set(module));
        } else {
            set(modules::find(name).ok_or_else(|| "unknown module".to_owned())?);
        }
    }
    Ok(String::new())
}
