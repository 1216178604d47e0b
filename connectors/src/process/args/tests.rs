use std::path::{Path, PathBuf};

use super::*;
use crate::net::tls::Authority;

fn dirs() -> Dirs {
    Dirs::from_vars(|name| match name {
        "OVN_RUNDIR" => Some("/r".to_owned()),
        "OVN_LOGDIR" => Some("/l".to_owned()),
        _ => None,
    })
}

fn settings(args: &[&str]) -> Settings {
    match parse("ovn-northd", &dirs(), args) {
        Ok(Parsed::Run(settings)) => *settings,
        other => panic!("{args:?}: {other:?}"),
    }
}

fn print(args: &[&str]) -> String {
    match parse("ovn-northd", &dirs(), args) {
        Ok(Parsed::Print(text)) => text,
        other => panic!("{args:?}: {other:?}"),
    }
}

#[test]
fn the_line_of_ovn_ctl() {
    let settings = settings(&[
        "-vconsole:emer",
        "-vsyslog:err",
        "-vfile:info",
        "--ovnnb-db=tcp:1.1.1.1:6641,tcp:1.1.1.2:6641",
        "--ovnsb-db=tcp:1.1.1.1:6642",
        "--no-chdir",
        "--log-file=/var/log/ovn/ovn-northd.log",
        "--pidfile=/var/run/ovn/ovn-northd.pid",
        "--detach",
        "--monitor",
        "--n-threads=4",
    ]);
    assert_eq!(settings.nb_db, "tcp:1.1.1.1:6641,tcp:1.1.1.2:6641");
    assert_eq!(settings.sb_db, "tcp:1.1.1.1:6642");
    assert_eq!((settings.n_threads, settings.workers, settings.cluster.as_ref()), (4, 1, None));
    assert_eq!(settings.log.levels, ["console:emer", "syslog:err", "file:info"]);
    let daemon = daemon::Options {
        detach: true,
        monitor: true,
        no_chdir: true,
        pidfile: Some(PathBuf::from("/var/run/ovn/ovn-northd.pid")),
        log_file: Some(PathBuf::from("/var/log/ovn/ovn-northd.log")),
        ..daemon::Options::default()
    };
    assert_eq!(settings.daemon, daemon);
    assert!(settings.warnings.is_empty());
}

#[test]
fn defaults_and_optional_arguments() {
    let plain = settings(&[]);
    assert_eq!(plain.nb_db, "unix:/r/ovnnb_db.sock");
    assert_eq!(plain.daemon, daemon::Options::default());
    let all =
        settings(&["-v", "--pidf", "--log-file", "-d", "unix:x", "-Dunix:y", "--dry", "-u", "none", "word"]);
    assert_eq!(all.daemon.pidfile.as_deref(), Some(Path::new("/r/ovn-northd.pid")));
    assert_eq!(all.daemon.log_file.as_deref(), Some(Path::new("/l/ovn-northd.log")));
    assert_eq!((all.sb_db.as_str(), all.nb_db.as_str()), ("unix:x", "unix:y"));
    assert_eq!(all.log.levels, ["dbg"]);
    assert_eq!(all.unixctl.as_deref(), Some("none"));
    assert!(all.dry_run);
    assert_eq!(all.warnings, ["ignoring arguments that are no options: word"]);
    assert_eq!(settings(&["--ovnsb-db=unix:1", "--ovnsb-db=unix:2"]).sb_db, "unix:2");
}

#[test]
fn threads_and_workers() {
    for (text, expected, warned) in [
        ("1", 1, false),
        ("256", 256, false),
        ("0", 1, true),
        ("-3", 1, true),
        ("x", 1, true),
        ("999", 256, true),
    ] {
        let settings = settings(&[&format!("--n-threads={text}")]);
        assert_eq!((settings.n_threads, settings.warnings.len()), (expected, usize::from(warned)), "{text}");
    }
    assert_eq!(settings(&["--workers=3", "--n-threads", "2"]).workers, 3);
    let cluster = settings(&["--processes=2", "--process", "1", "--hostfile=h"]).cluster;
    assert_eq!(cluster, Some(Cluster { processes: 2, process: 1, hostfile: Some(PathBuf::from("h")) }));
}

#[test]
fn tls_files_are_named_from_where_the_daemon_was_started() {
    let tls = settings(&["-p", "/k", "-c", "c.pem", "-C", "none", "--ssl-server-name=db"]).tls;
    let here = std::env::current_dir().unwrap();
    assert_eq!(tls.private_key, Some(PathBuf::from("/k")));
    assert_eq!((tls.certificate, tls.authority), (Some(here.join("c.pem")), Authority::Anyone));
    assert_eq!(settings(&["-C", "/ca"]).tls.authority, Authority::File("/ca".into()));
    assert_eq!((tls.server_name.as_deref(), settings(&[]).tls), (Some("db"), Default::default()));
}

#[test]
fn refusals_in_the_words_of_getopt() {
    for (args, text) in [
        (&["--foo"][..], "unrecognized option '--foo'"),
        (&["--foo=1"], "unrecognized option '--foo'"),
        (&["--dr=x"], "option '--dry-run' doesn't allow an argument"),
        (&["--n-thr"], "option '--n-threads' requires an argument"),
        (&["--no"], "option '--no' is ambiguous; possibilities: '--no-self-confinement' '--no-chdir'"),
        (&["-x"], "invalid option -- 'x'"),
        (&["--ssl-protocols=SSLv3"], "--ssl-protocols: SSLv3: not recognized in SSL/TLS settings"),
        (&["--process=1"], "argument '1' of option '--process' is not less than --processes"),
        (&["--workers=0"], "argument '0' of option '--workers' is not a number in range"),
    ] {
        assert_eq!(parse("ovn-northd", &dirs(), args).unwrap_err().to_string(), text, "{args:?}");
    }
}

#[test]
fn things_to_print() {
    let version = print(&["-V"]);
    assert!(version.starts_with("ovn-northd 26.03.1\nOpen vSwitch Library 3.7.1\n"), "{version}");
    let options = print(&["--options"]);
    assert!(
        options.starts_with(
            "--ovnsb-db=ARG\n-d ARG\n--ovnnb-db=ARG\n-D ARG\n--unixctl=ARG\n-u ARG\n--help\n-h\n"
        )
    );
    assert!(options.contains("\n--pidfile=[ARG]\n"), "{options}");
    assert!(options.contains("\n--verbose=[ARG]\n-v [ARG]\n"), "{options}");
    let help = print(&["-h"]);
    assert!(help.starts_with("ovn-northd: OVN northbound daemon (northflow)\n\nUsage: "), "{help}");
    for expected in
        ["usage: ovn-northd [OPTIONS]", "--ovnnb-db=unix:/r/ovnnb_db.sock", "--log-file=/l/ovn-northd.log"]
    {
        assert!(help.to_lowercase().contains(&expected.to_lowercase()), "{help}");
    }
    assert_eq!(parse("ovn-northd", &dirs(), ["--dump-inc-proc-graph"]), Ok(Parsed::DumpGraph(None)));
    assert_eq!(
        parse("ovn-northd", &dirs(), ["--dump-inc-proc-graph=lflow"]),
        Ok(Parsed::DumpGraph(Some("lflow".into())))
    );
}
