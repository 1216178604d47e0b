//! Inputs at which ovn-northd 26.03.1 crashes, spins or stops writing: northflow goes on, with what follows from the
//! rest.

use std::thread::sleep;
use std::time::Duration;

use libtest_mimic::Failed;
use northflow_tests::player::split;
use northflow_tests::reference::{Databases, Reference};
use northflow_tests::trial::no_faults;

use super::world::{self, Daemon};

/// An input.
struct Input {
    /// What the reference does about it.
    about: &'static str,
    /// Transactions of the CMS, as ovn-nbctl takes them.
    lines: &'static [&'static str],
    /// A southbound query and what it has to print.
    holds: (&'static str, &'static str),
}

const INPUTS: &[Input] = &[
    Input {
        about: "a session at a port of a switch: crashes",
        lines: &["ls-add s1 -- lsp-add s1 p1", "create BFD logical_port=p1 dst_ip=10.0.0.7"],
        holds: ("--columns=logical_port list BFD", ""),
    },
    Input {
        about: "a router without ports goes, with its load balancer: crashes",
        lines: &["lr-add r1 -- lb-add lb1 10.0.0.10:80 10.0.0.2:80 -- lr-lb-add r1 lb1", "lr-del r1"],
        holds: ("--columns=_uuid find Datapath_Binding external_ids:name=r1", ""),
    },
    Input {
        about: "a switch that advertises addresses, with a port that may have any: crashes",
        lines: &[
            "ls-add s2 -- set Logical_Switch s2 other_config:dynamic-routing-vni=7 other_config:dynamic-routing-redistribute=ip",
            "lsp-add s2 p2 -- lsp-set-addresses p2 unknown",
        ],
        holds: ("--columns=mac list Advertised_MAC_Binding", ""),
    },
    Input {
        about: "tunnel keys that no database takes: spins",
        lines: &[
            "ls-add s3 -- set Logical_Switch s3 other_config:requested-tnl-key=99999999",
            "lsp-add s3 p3 -- lsp-set-options p3 requested-tnl-key=99999",
        ],
        holds: ("--columns=logical_port find Port_Binding logical_port=p3", "p3"),
    },
    Input {
        about: "an address set that has the name of a generated one: tries again for ever",
        lines: &["pg-add g p3 -- create Address_Set name=g_ip4 addresses=10.0.0.9"],
        holds: ("--columns=name find Address_Set name=g_ip4", "g_ip4"),
    },
    Input {
        about: "the port of a probed backend is disabled, and goes: uses what it has freed",
        lines: &[
            "ls-add s4 -- lsp-add s4 p4 -- lsp-set-addresses p4 \"0a:00:00:00:00:04 10.0.4.4\"",
            "--id=@h create Load_Balancer_Health_Check 'vip=\"10.0.4.10:80\"' -- create Load_Balancer name=lb4 protocol=tcp 'vips:\"10.0.4.10:80\"=\"10.0.4.4:80\"' 'ip_port_mappings:\"10.0.4.4\"=\"p4:10.0.4.9\"' health_check=@h",
            "ls-lb-add s4 lb4",
            "lsp-set-enabled p4 disabled",
            "lsp-del p4",
        ],
        holds: ("--columns=logical_port list Service_Monitor", ""),
    },
    Input {
        about: "switches go and others come in one transaction: aborts",
        lines: &["ls-add a -- ls-add b", "ls-del a -- ls-add c -- ls-del b -- ls-add d"],
        holds: ("--columns=_uuid find Datapath_Binding external_ids:name=a", ""),
    },
    Input {
        about: "requests relayed from a port without an address: crashes",
        lines: &[
            "lr-add r5 -- lrp-add r5 a5 0a:00:00:00:05:01 10.0.5.1/24 -- ls-add s5 -- lsp-add s5 p5 -- lsp-set-type p5 router -- lsp-set-options p5 router-port=nowhere",
            "set Logical_Switch s5 other_config:dhcp_relay_port=p5",
            "--id=@d create DHCP_Relay name=d servers=10.0.9.9 -- set Logical_Router_Port a5 dhcp_relay=@d",
        ],
        holds: ("--columns=logical_port find Port_Binding logical_port=a5", "a5"),
    },
];

/// One daemon takes them all; what it makes of them is what a fresh one makes.
pub fn fatal(reference: &'static Reference) -> Result<(), Failed> {
    let databases = reference.databases()?;
    let daemon = Daemon::ours(reference, &databases, "northd", &[])?;
    daemon.becomes("active")?;
    for input in INPUTS {
        play(&databases, input).map_err(|error| format!("{}: {error}", input.about))?;
    }
    // What came of the last line that is still on its way.
    databases.sync()?;
    sleep(Duration::from_millis(300));
    no_faults(world::unlike_fresh(reference, &databases)?)
}

fn play(databases: &Databases, input: &Input) -> Result<(), String> {
    for line in input.lines {
        let words = split(line)?;
        let args: Vec<&str> = ["--wait=sb"].into_iter().chain(words.iter().map(String::as_str)).collect();
        databases.nbctl(&args)?;
    }
    let (query, wanted) = input.holds;
    let words: Vec<&str> = ["--bare"].into_iter().chain(query.split(' ')).collect();
    let found = databases.sbctl(&words)?;
    if found.trim() == wanted { Ok(()) } else { Err(format!("{query}: {found:?} where {wanted:?} is due")) }
}
