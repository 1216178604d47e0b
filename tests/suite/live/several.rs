//! Several daemons on the same databases, and several workers and processes of one.

use std::net::TcpListener;
use std::process::Command;

use libtest_mimic::Failed;
use northflow_tests::reference::{Process, Reference};
use northflow_tests::trial::no_faults;

use super::world::{self, Daemon, binary};

/// Of two, one is active; when it is killed, the other goes on.
pub fn standby(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let first = Daemon::ours(reference, &databases, "first", &[])?;
    first.becomes("active")?;
    let second = Daemon::ours(reference, &databases, "second", &[])?;
    second.becomes("standby")?;
    world::fill(&databases, 3)?;
    databases.sync()?;
    assert_eq!(second.appctl(&["coverage/read-counter", "txn_success"])?.trim(), "0", "the standby wrote");
    drop(first);
    second.becomes("active")?;
    let before = world::raw(reference, &databases)?;
    databases.sync()?;
    let after = world::raw(reference, &databases)?;
    assert_eq!(before.get("Logical_Flow"), after.get("Logical_Flow"));
    assert_eq!(before.get("Port_Binding"), after.get("Port_Binding"));
    databases.nbctl(&["--wait=sb", "ls-add", "later", "--", "ls-del", "s1"])?;
    no_faults(world::unlike_fresh(reference, &databases)?)
}

/// The reference and ours stand by for each other.
pub fn standby_of_the_reference(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let theirs = Daemon::theirs(reference, &databases, "theirs")?;
    theirs.becomes("active")?;
    let ours = Daemon::ours(reference, &databases, "ours", &[])?;
    ours.becomes("standby")?;
    world::fill(&databases, 3)?;
    databases.sync()?;
    drop(theirs);
    ours.becomes("active")?;
    databases.nbctl(&["--wait=sb", "ls-add", "later", "--", "ls-del", "s1"])?;
    no_faults(world::unlike_fresh(reference, &databases)?)?;
    let theirs = Daemon::theirs(reference, &databases, "theirs-again")?;
    theirs.becomes("standby")?;
    drop(ours);
    theirs.becomes("active")?;
    databases.nbctl(&["--wait=sb", "ls-add", "last"])?;
    Ok(())
}

/// A paused daemon gives the lock to another, writes nothing, and catches up when it is resumed.
pub fn pause(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let first = Daemon::ours(reference, &databases, "first", &[])?;
    first.becomes("active")?;
    first.appctl(&["pause"])?;
    assert_eq!(first.appctl(&["is-paused"])?, "true\n");
    assert_eq!(first.appctl(&["status"])?, "Status: paused\n");
    databases.nbctl(&["ls-add", "unseen"])?;
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert!(world::raw(reference, &databases)?.get("Datapath_Binding").is_none_or(|rows| rows.is_empty()));
    let second = Daemon::ours(reference, &databases, "second", &["--dry-run"])?;
    assert_eq!(second.appctl(&["status"])?, "Status: paused\n");
    second.appctl(&["resume"])?;
    second.becomes("active")?;
    databases.sync()?;
    second.appctl(&["pause"])?;
    databases.nbctl(&["ls-add", "later"])?;
    first.appctl(&["resume"])?;
    first.becomes("active")?;
    databases.sync()?;
    no_faults(world::unlike_fresh(reference, &databases)?)
}

/// Two workers come to what one comes to.
pub fn workers(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    let _ours = Daemon::ours(reference, &databases, "ours", &["--workers=2"])?;
    world::fill(&databases, 4)?;
    databases.nbctl(&["--wait=sb", "ls-del", "s1"])?;
    no_faults(world::unlike_fresh(reference, &databases)?)
}

/// Two processes come to what one comes to.
pub fn processes(reference: &'static Reference) -> Result<(), Failed> {
    let databases = world::databases(reference)?;
    // Ports that were free a moment ago.
    let free = || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr());
    let (first, second) = (free()?, free()?);
    let hosts = databases.path("hosts");
    std::fs::write(&hosts, format!("{first}\n{second}\n"))?;
    let cluster = ["--processes=2".to_owned(), format!("--hostfile={hosts}")];
    let mut helper = Command::new(binary()?);
    helper.arg("northd").args(&cluster).args(["--process=1", "--unixctl=none"]);
    helper.arg(format!("--ovnnb-db={}", databases.remote("nb")));
    helper.arg(format!("--ovnsb-db={}", databases.remote("sb")));
    let _helper = Process::spawn(&mut helper, &databases.folder().join("helper.err"))?;
    let args = [&*cluster[0], &*cluster[1], "--process=0"];
    let _ours = Daemon::ours(reference, &databases, "ours", &args)?;
    world::fill(&databases, 4)?;
    databases.nbctl(&["--wait=sb", "ls-del", "s1"])?;
    no_faults(world::unlike_fresh(reference, &databases)?)
}
