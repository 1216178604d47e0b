//! The OVSDB client against real servers of `ssl:`.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::Command;

use libtest_mimic::{Failed, Trial};
use northflow_connectors::net::tls::{Authority, Settings, Tls};
use northflow_connectors::ovsdb::client::{Operations, Outcome, Remote};
use northflow_connectors::ovsdb::schema::DatabaseSchema;
use northflow_rules::ovsdb::{Atom, Datum};
use northflow_tests::reference::Reference;
use northflow_tests::switch::Switch;
use northflow_tests::trial::with_reference;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};

use crate::live::world::{binary, until};
use crate::net::{Scratch, Server};
use crate::ovsdb_client::{SCHEMA, T, User};

/// The tests of this module.
pub fn trials() -> Vec<Trial> {
    let tests: [(&str, fn()); 4] = [
        ("a_database_is_followed", a_database_is_followed),
        ("strangers_are_refused", strangers_are_refused),
        ("files_are_read_at_every_attempt", files_are_read_at_every_attempt),
        ("an_authority_is_learned", an_authority_is_learned),
    ];
    let trial = |(name, test): (&str, fn())| {
        with_reference(format!("tls::{name}"), move |_| {
            test();
            Ok(())
        })
    };
    let chassis = with_reference("tls::a_chassis_connects_anew".to_owned(), a_chassis_connects_anew);
    tests.into_iter().map(trial).chain([chassis]).collect()
}

/// An authority, and who it has certified, in files.
struct Pki<'a> {
    scratch: &'a Scratch,
    name: &'a str,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl<'a> Pki<'a> {
    fn new(scratch: &'a Scratch, name: &'a str) -> Pki<'a> {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        let pki = Pki { scratch, name, issuer };
        fs::write(pki.authority(), pki.issuer.pem()).unwrap();
        pki
    }

    fn authority(&self) -> PathBuf {
        self.scratch.path(&format!("{}.ca", self.name))
    }

    /// A private key and its certificate, whose name is not that of any host.
    fn certify(&self, who: &str) -> (PathBuf, PathBuf) {
        let key = KeyPair::generate().unwrap();
        let certificate =
            CertificateParams::new([who.to_owned()]).unwrap().signed_by(&key, &self.issuer).unwrap();
        let path = |kind: &str| self.scratch.path(&format!("{}.{who}.{kind}", self.name));
        fs::write(path("key"), key.serialize_pem()).unwrap();
        fs::write(path("cert"), certificate.pem()).unwrap();
        (path("key"), path("cert"))
    }

    /// How somebody certified here connects.
    fn settings(&self) -> Settings {
        let (key, certificate) = self.certify("client");
        Settings {
            private_key: Some(key),
            certificate: Some(certificate),
            authority: Authority::File(self.authority()),
            ..Settings::default()
        }
    }

    /// A server certified here, and where it listens.
    fn server(&self) -> (Server, Remote) {
        self.server_of(SCHEMA)
    }

    /// The same, of a database with this schema.
    fn server_of(&self, schema: &str) -> (Server, Remote) {
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = free.local_addr().unwrap().port();
        drop(free);
        let (key, certificate) = self.certify("server");
        let options = vec![
            format!("--remote=pssl:{port}:127.0.0.1"),
            format!("--private-key={}", key.display()),
            format!("--certificate={}", certificate.display()),
            format!("--ca-cert={}", self.authority().display()),
            // Shown to clients, so that they can learn it.
            format!("--peer-ca-cert={}", self.authority().display()),
        ];
        let server = Server::standalone_with(self.scratch, self.name, schema, options);
        (server, format!("ssl:127.0.0.1:{port}").parse().unwrap())
    }
}

/// A row with a name of some length.
fn insert(user: &mut User, length: usize) {
    let schema = DatabaseSchema::parse(SCHEMA).unwrap();
    let name = Datum::scalar(Atom::String("x".repeat(length).into()));
    let mut operations = Operations::default();
    operations.insert("T", None, |row| {
        row.column("name", &name, schema.column("T", "name").unwrap());
    });
    assert!(matches!(user.commit(&operations), Outcome::Success(_)));
}

fn a_database_is_followed() {
    let scratch = Scratch::new("tls-followed");
    let pki = Pki::new(&scratch, "one");
    let (mut server, remote) = pki.server();
    let mut user = User::with(vec![remote], false, Tls::new(pki.settings()));
    // More than what is encrypted at once, and than what the system takes at once.
    insert(&mut user, 5_000_000);
    user.until("the row", |user| user.rows(T).len() == 1);
    server.kill();
    user.until("the end of the session", |user| !user.connected);
    server.start();
    insert(&mut user, 10);
    user.until("both rows", |user| user.connected && user.rows(T).len() == 2);
}

fn strangers_are_refused() {
    let scratch = Scratch::new("tls-strangers");
    let (pki, other) = (Pki::new(&scratch, "one"), Pki::new(&scratch, "other"));
    let (_server, remote) = pki.server();
    let attempt = |settings: Settings, why: &str| {
        let mut user = User::with(vec![remote.clone()], false, Tls::new(settings));
        user.until(why, |user| user.lost.contains(why));
        assert!(!user.connected);
    };
    let good = pki.settings();
    attempt(Settings { authority: Authority::File(other.authority()), ..good.clone() }, "UnknownIssuer");
    attempt(Settings { authority: Authority::File(pki.authority()), ..other.settings() }, "alert");
    attempt(Settings { private_key: None, ..good.clone() }, "Private key must be configured");
    attempt(Settings { certificate: None, ..good.clone() }, "Certificate must be configured");
    attempt(Settings { authority: Authority::Unknown, ..good.clone() }, "CA certificate must be configured");
    attempt(Settings { private_key: other.settings().private_key, ..good.clone() }, "one.client.cert");
    let mut anyone =
        User::with(vec![remote.clone()], false, Tls::new(Settings { authority: Authority::Anyone, ..good }));
    anyone.until("a session with anyone", |user| user.connected);
}

fn files_are_read_at_every_attempt() {
    let scratch = Scratch::new("tls-files");
    let pki = Pki::new(&scratch, "one");
    let (_server, remote) = pki.server();
    let later = scratch.path("later.ca");
    let mut user = User::with(
        vec![remote],
        false,
        Tls::new(Settings { authority: Authority::File(later.clone()), ..pki.settings() }),
    );
    user.until("a complaint about the file", |user| user.lost.contains("later.ca"));
    fs::write(&later, "no certificate").unwrap();
    user.until("a complaint about its contents", |user| user.lost.contains("no items found"));
    fs::copy(pki.authority(), &later).unwrap();
    user.until("a session", |user| user.connected);
}

fn an_authority_is_learned() {
    let scratch = Scratch::new("tls-learned");
    let pki = Pki::new(&scratch, "one");
    let (_server, remote) = pki.server();
    let learned = scratch.path("learned.ca");
    let settings = Settings { authority: Authority::Bootstrap(learned.clone()), ..pki.settings() };
    let mut user = User::with(vec![remote], false, Tls::new(settings));
    user.until("a session", |user| user.connected);
    assert!(user.lost.contains("successfully bootstrapped CA cert"), "{}", user.lost);
    let bytes = |path| fs::read_to_string(path).unwrap().replace("\r\n", "\n");
    assert_eq!(bytes(learned), bytes(pki.authority()));
}

/// A controller whose files change connects with the new ones, though the old session would do.
fn a_chassis_connects_anew(reference: &'static Reference) -> Result<(), Failed> {
    let scratch = Scratch::new("tls-chassis");
    let pki = Pki::new(&scratch, "one");
    let schema = fs::read_to_string(reference.schema("ovn-sb.ovsschema").ok_or("no ovn-sb.ovsschema")?)?;
    let (_server, remote) = pki.server_of(&schema);
    let switch = Switch::start(reference, &scratch.path("c1"))?;
    let remote = format!("external_ids:ovn-remote={remote}");
    switch.vsctl(&["set", "Open_vSwitch", ".", "external_ids:system-id=c1", &remote])?;
    let (key, certificate) = pki.certify("c1");
    let control = switch.path("controller.ctl");
    let mut command = Command::new(binary()?);
    command.arg("controller").arg(switch.database()).arg("-vconsole:off");
    command.arg(format!("--unixctl={control}")).arg(format!("--private-key={}", key.display()));
    command.arg(format!("--certificate={}", certificate.display()));
    command.arg(format!("--ca-cert={}", pki.authority().display()));
    let _controller = switch.start_program(&mut command, "controller")?;
    let status = |wanted: &str| {
        let ask = ["-T", "10", "-t", &control, "connection-status"];
        until(wanted, || Ok(reference.output("ovn-appctl", &ask).is_ok_and(|status| status.trim() == wanted)))
    };
    status("connected")?;
    let kept = fs::read(&key)?;
    fs::remove_file(&key)?;
    status("not connected")?;
    fs::write(&key, kept)?;
    Ok(status("connected")?)
}
