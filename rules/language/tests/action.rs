//! Logical actions: what each text means, and properties of all texts.
//!
//! In the files of `tests/action` a line that is not indented is a text. The lines below say what it is:
//!
//!     = canonical text, if it is another
//!     > OpenFlow actions
//!     % group or meter that they use, and buckets
//!     & prerequisites: of actions, and with ~ of fields
//!     ! error
//!
//! `NORTHFLOW_UPDATE=1` writes what they are now.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use northflow_language::action::{
    Catalog, Catalogs, Context, Environment, Features, Group, GroupBucket, List, Meter, OptionKind,
    ParseError, Parsed, Prerequisite, Scene, encode, parse,
};
use northflow_language::openflow::{self, Field, Port};
use northflow_language::register;
use northflow_language::symbol::{Level, Place, Symbol, SymbolTable, Writable};
use northflow_language::table::Pipeline;

/// A place for flows: a switch or a router, with some ports.
struct World {
    symbols: SymbolTable,
    dhcp: Catalog,
    dhcpv6: Catalog,
    router_advertisement: Catalog,
    empty_lb_backends: Catalog,
    pipeline: Pipeline,
    tables: u8,
    context: Context,
    numbers: BTreeMap<String, u32>,
    used: Vec<String>,
}

impl World {
    fn new() -> World {
        use OptionKind::*;
        let dhcp = [
            ("offerip", 0, Ipv4),
            ("netmask", 1, Ipv4),
            ("router", 3, Ipv4),
            ("dns_server", 6, Ipv4),
            ("log_server", 7, Ipv4),
            ("lpr_server", 9, Ipv4),
            ("hostname", 12, Str),
            ("domain_name", 15, Str),
            ("swap_server", 16, Ipv4),
            ("ip_forward_enable", 19, Bool),
            ("policy_filter", 21, Ipv4),
            ("default_ttl", 23, Uint8),
            ("mtu", 26, Uint16),
            ("broadcast_address", 28, Ipv4),
            ("router_discovery", 31, Bool),
            ("router_solicitation", 32, Ipv4),
            ("arp_cache_timeout", 35, Uint32),
            ("ethernet_encap", 36, Bool),
            ("tcp_ttl", 37, Uint8),
            ("tcp_keepalive_interval", 38, Uint32),
            ("nis_server", 41, Ipv4),
            ("ntp_server", 42, Ipv4),
            ("netbios_name_server", 44, Ipv4),
            ("netbios_node_type", 46, Uint8),
            ("lease_time", 51, Uint32),
            ("server_id", 54, Ipv4),
            ("T1", 58, Uint32),
            ("T2", 59, Uint32),
            ("tftp_server", 66, HostId),
            ("bootfile_name", 67, Str),
            ("domain_search_list", 119, Domains),
            ("classless_static_route", 121, StaticRoutes),
            ("tftp_server_address", 150, Ipv4),
            ("path_prefix", 210, Str),
            ("ms_classless_static_route", 249, StaticRoutes),
            ("wpad", 252, Str),
            ("next_server", 253, Ipv4),
            ("bootfile_name_alt", 254, Str),
        ];
        let dhcpv6 = [
            ("server_id", 2, Mac),
            ("ia_addr", 5, Ipv6),
            ("dns_server", 23, Ipv6),
            ("domain_search", 24, Str),
            ("fqdn", 39, Domain),
            ("bootfile_name", 59, Str),
            ("bootfile_name_alt", 254, Str),
        ];
        let mut symbols = SymbolTable::logical();
        symbols.add(Symbol {
            name: "wide_string",
            width: 0,
            place: Place::Field(Field::find("xreg4").expect("a field")),
            prerequisite: "",
            level: Level::Nominal,
            cross_product: false,
            writable: Writable::Outside,
        });
        World {
            symbols,
            dhcp: dhcp.into_iter().collect(),
            dhcpv6: dhcpv6.into_iter().collect(),
            router_advertisement: Catalog::router_advertisement(),
            empty_lb_backends: Catalog::empty_lb_backends(),
            pipeline: Pipeline::Ingress,
            tables: Pipeline::Ingress.length(),
            context: Context {
                pipeline: Pipeline::Ingress,
                output_table: 64,
                is_switch: true,
                datapath_key: 0xab_cdef,
                flow: 0xaaaa_aaaa_bbbb_bbbb_cccc_cccc_dddd_dddd,
                controller_meter: None,
                common_zone: register::DNAT_ZONE,
                explicit_output: true,
                register_consolidation: true,
                features: Features::default(),
            },
            numbers: BTreeMap::new(),
            used: Vec::new(),
        }
    }

    /// A setting of a data file: `% WORD`.
    fn set(&mut self, word: &str) {
        match word {
            "router" => self.context.is_switch = false,
            "egress" => {
                self.pipeline = Pipeline::Egress;
                self.tables = Pipeline::Egress.length();
                self.context.pipeline = Pipeline::Egress;
            }
            "features" => {
                self.context.features = Features { zero_snat: true, meters: true, symmetric_hash: true };
                self.context.controller_meter = Some(7);
            }
            "last_table" => self.tables = 10,
            "no_tables" => self.tables = 0,
            "common_snat" => self.context.common_zone = register::SNAT_ZONE,
            "implicit_output" => self.context.explicit_output = false,
            "old_registers" => self.context.register_consolidation = false,
            other => panic!("no setting {other}"),
        }
    }

    fn parse(&self, text: &str) -> Result<Parsed, ParseError> {
        let catalogs = Catalogs {
            dhcp: &self.dhcp,
            dhcpv6: &self.dhcpv6,
            router_advertisement: &self.router_advertisement,
            empty_lb_backends: &self.empty_lb_backends,
        };
        let Self { symbols, pipeline, tables, .. } = self;
        let scene = Scene { symbols, catalogs, pipeline: *pipeline, table: 10, tables: *tables };
        parse(text, &scene)
    }

    fn encode(&mut self, parsed: &Parsed) -> Vec<openflow::Action> {
        let context = self.context.clone();
        encode(&parsed.actions, &context, self)
    }

    fn number(&mut self, what: &str, definition: &str) -> Option<u32> {
        let next = self.numbers.len() as u32 + 1;
        let number = *self.numbers.entry(format!("{what} {definition}")).or_insert(next);
        self.used.push(format!("{what} {number}: {definition}"));
        Some(number)
    }

    /// What a text is, as the data files have it.
    fn describe(&mut self, text: &str) -> String {
        let mut out = String::new();
        match self.parse(text) {
            Err(error) => writeln!(out, "    ! {error}"),
            Ok(parsed) => {
                let canonical = List(&parsed.actions).to_string();
                if canonical != text {
                    writeln!(out, "    = {canonical}").expect("strings take all");
                }
                let again = self.parse(&canonical).map(|parsed| List(&parsed.actions).to_string());
                // Names are written as they are, so one that needs an escape does not come back.
                if !text.contains('\\') {
                    assert_eq!(again.as_deref(), Ok(canonical.as_str()), "{text}");
                }
                let actions = self.encode(&parsed);
                let bytes = openflow::encode(&actions).expect("short actions");
                assert_eq!(openflow::decode(&bytes), Ok(padded(actions.clone())), "{text}");
                writeln!(out, "    > {}", openflow::List(&actions)).expect("strings take all");
                for used in self.used.drain(..) {
                    writeln!(out, "    % {used}").expect("strings take all");
                }
                match parsed.prerequisites[..] {
                    [] => Ok(()),
                    ref some => writeln!(out, "    & {}", prerequisites(some)),
                }
            }
        }
        .expect("strings take all");
        out
    }
}

fn prerequisites(prerequisites: &[Prerequisite]) -> String {
    let texts = prerequisites.iter().map(|prerequisite| match prerequisite {
        Prerequisite::Action(text) => (*text).to_owned(),
        Prerequisite::Field(text) => format!("~{text}"),
    });
    texts.collect::<Vec<_>>().join(" ")
}

/// Notes are padded on the wire.
fn padded(actions: Vec<openflow::Action>) -> Vec<openflow::Action> {
    let pad = |action| match action {
        openflow::Action::Note(mut bytes) => {
            bytes.resize((bytes.len() + 10).next_multiple_of(8) - 10, 0);
            openflow::Action::Note(bytes)
        }
        other => other,
    };
    actions.into_iter().map(pad).collect()
}

impl Environment for World {
    fn port_key(&self, name: &str) -> Option<u32> {
        [("eth0", 5), ("eth1", 6), ("LOCAL", 0xfffe), ("lsp1", 0x11)]
            .into_iter()
            .find(|(port, _)| *port == name)
            .map(|(_, key)| key)
    }

    fn is_local(&self, port: &str) -> bool {
        self.port_key(port).is_some()
    }

    fn tunnel_port(&self, port: &str) -> Option<Port> {
        self.port_key(port).map(|key| Port(key as u16))
    }

    fn group(&mut self, group: &Group) -> Option<u32> {
        let number = self.number("group", &group.definition);
        for GroupBucket { id, weight, watch_port, actions } in &group.buckets {
            let watch = watch_port.map_or(String::new(), |port| format!(" watch {port}"));
            self.used.push(format!("  bucket {id} weight {weight}{watch}: {}", openflow::List(actions)));
        }
        if group.selection.fields().is_none() {
            self.used.push("  unknown fields".to_owned());
        }
        number
    }

    fn meter(&mut self, meter: Meter<'_>) -> Option<u32> {
        match meter {
            Meter::Named(name) => self.number("meter", name),
            Meter::Limit { definition, .. } => self.number("meter", definition),
        }
    }

    fn has_collector_set(&self, id: u32) -> bool {
        [0, 200].contains(&id)
    }
}

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/action");
    let entries = std::fs::read_dir(folder).expect("the folder of data files");
    let mut files: Vec<PathBuf> = entries.map(|entry| entry.expect("a data file").path()).collect();
    files.sort();
    files
}

/// The texts of all files.
fn texts() -> Vec<String> {
    let read = |file| std::fs::read_to_string(file).expect("a data file");
    let lines = |text: String| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let is_text = |line: &String| !line.is_empty() && !line.starts_with([' ', '#', '%']);
    files().into_iter().map(read).flat_map(lines).filter(is_text).collect()
}

#[test]
fn texts_mean_what_the_files_say() {
    for file in files() {
        let text = std::fs::read_to_string(&file).expect("a data file");
        let mut world = World::new();
        let mut out = String::new();
        for line in text.lines().filter(|line| !line.starts_with(' ')) {
            writeln!(out, "{line}").expect("strings take all");
            match line.strip_prefix("% ") {
                Some(words) => words.split(' ').for_each(|word| world.set(word)),
                None if line.is_empty() || line.starts_with('#') => {}
                None => out += &world.describe(line),
            }
        }
        if std::env::var_os("NORTHFLOW_UPDATE").is_some() {
            std::fs::write(&file, out).expect("a data file");
        } else {
            similar(&text, &out, &file);
        }
    }
}

/// Tells the first line that differs.
fn similar(expected: &str, got: &str, file: &Path) {
    for (number, (expected, got)) in expected.lines().zip(got.lines()).enumerate() {
        assert_eq!(expected, got, "line {} of {}", number + 1, file.display());
    }
    assert_eq!(expected.lines().count(), got.lines().count(), "lines of {}", file.display());
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    /// Words that actions are made of.
    const WORDS: &[&str] = &[
        "next",
        "output",
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        ";",
        ",",
        "=",
        "<->",
        "..",
        ":",
        "-",
        "--",
        "reg0",
        "xxreg1",
        "inport",
        "outport",
        "eth.src",
        "ip4.dst",
        "ct_mark",
        "\"lsp1\"",
        "\"\"",
        "1",
        "0x10",
        "10.0.0.1",
        "fd00::1",
        "10.0.0.0/8",
        "00:01:02:03:04:05",
        "$cookie",
        "^t",
        "@g",
        "/",
        "/*",
        "\"",
        "ct_lb",
        "backends",
        "select",
        "ct_commit",
        "clone",
        "arp",
        "log",
        "verdict",
        "drop",
        "sample",
        "probability",
        "put_dhcp_opts",
        "offerip",
        "values",
        "hash_fields",
        "get_arp",
        "lookup_nd",
        "fwd_group",
        "childports",
        "trigger_event",
        "event",
        "\"empty_lb_backends\"",
        "commit_lb_aff",
        "vip",
        "set_meter",
        "check_pkt_larger",
        "flood_remote",
        "mirror",
    ];

    fn change(text: &str, at: usize, word: &str, cut: usize) -> String {
        let tokens: Vec<&str> = text.split_inclusive([' ', ';', ',', '(', ')', '=']).collect();
        let at = at % (tokens.len() + 1);
        let rest = tokens.iter().skip(at + cut).copied();
        tokens[..at].iter().copied().chain([word]).chain(rest).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(1000))]

        /// Any text is actions or an error. What is actions has a canonical text that is the same actions.
        #[test]
        fn any_text(words in proptest::collection::vec(0..WORDS.len(), 0..12), noise in ".*") {
            let text: Vec<&str> = words.into_iter().map(|word| WORDS[word]).collect();
            for text in [text.join(" "), text.concat(), noise] {
                check(&text)?;
            }
        }

        /// So are texts of the data files with a part of them changed.
        #[test]
        fn changed_text(which in any::<usize>(), at in any::<usize>(), word in 0..WORDS.len(), cut in 0..3usize) {
            let texts = texts();
            check(&change(&texts[which % texts.len()], at, WORDS[word], cut))?;
        }
    }

    fn check(text: &str) -> Result<(), TestCaseError> {
        let mut world = World::new();
        let Ok(parsed) = world.parse(text) else { return Ok(()) };
        let canonical = List(&parsed.actions).to_string();
        let bare = ["ct_lb", "fwd_group", "commit_lb_aff"].iter().any(|name| canonical.contains(name));
        match world.parse(&canonical) {
            Ok(again) => prop_assert_eq!(List(&again.actions).to_string(), canonical),
            // Names are written as they are, so one that needs an escape does not come back.
            Err(error) => {
                prop_assert!(bare || canonical.contains('\\') || text.contains('\\'), "{text}: {error}")
            }
        }
        let actions = world.encode(&parsed);
        let bytes = openflow::encode(&actions).expect("short actions");
        prop_assert!(openflow::decode(&bytes).is_ok(), "{}", text);
        Ok(())
    }
}
