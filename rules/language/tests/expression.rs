//! Expressions: what each text means, and properties of all texts.
//!
//! In the files of `tests/expression` a line that is not indented is a text. The lines below say what it is:
//!
//!     = as it is written once read, if that is another text
//!     + annotated
//!     ~ simplified, with ports where they are
//!     * normal form
//!     > rows of OpenFlow
//!     $ rows that each element of an address set adds
//!     ! error
//!
//! `NORTHFLOW_UPDATE=1` writes what they are now.

mod world;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use northflow_language::action::ParseError;
use northflow_language::expression::{Matcher, parse, rows};

use world::World;

fn files() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/expression");
    let entries = std::fs::read_dir(folder).expect("the folder of data files");
    let files = entries.map(|entry| entry.expect("a data file").path());
    let mut files: Vec<PathBuf> = files.filter(|file| file.extension().is_some_and(|e| e == "txt")).collect();
    files.sort();
    files
}

/// What a text is, as the data files have it.
fn describe(world: &World, text: &str) -> String {
    let mut out = String::new();
    if let Err(error) = stages(world, text, &mut out) {
        writeln!(out, "    ! {error}").expect("strings take all");
    }
    out
}

fn stages(world: &World, text: &str, out: &mut String) -> Result<(), ParseError> {
    let mut line = |sign: char, text: String| writeln!(out, "    {sign} {text}").expect("strings take all");
    let parsed = parse(text, &world.symbols)?;
    let resolved = parsed.resolve(world)?;
    let written = resolved.to_string();
    assert_eq!(parse(&written, &world.symbols)?.resolve(world)?.to_string(), written, "{text}");
    if written != text {
        line('=', written);
    }
    let annotated = resolved.annotate(&world.symbols)?;
    line('+', annotated.to_string());
    let simplified = annotated.clone().simplify().settle(&|port| world.is_resident(port));
    if simplified != annotated {
        line('~', simplified.to_string());
    }
    let normal = simplified.clone().normalize().map_err(|error| ParseError(error.to_string()))?;
    if normal != simplified {
        line('*', normal.to_string());
    }
    let (all, _) = rows(&normal, &|port| world.port_key(port));
    all.iter().for_each(|row| line('>', row.to_string()));
    let matcher = Matcher::new(text, &[], &world.symbols)?;
    assert_eq!(matcher.rows(world, &world.symbols)?.0, all, "{text}");
    if !matcher.names().is_empty() {
        match matcher.template(world, &|_| true, &world.symbols)? {
            Some(template) => {
                template.of_elements.iter().for_each(|(set, hole, row)| {
                    line('$', format!("{set} in {}: {row}", hole.field));
                });
                world.check_template(&matcher, &template);
            }
            None => line('$', "none".to_owned()),
        }
    }
    Ok(())
}

#[test]
fn texts_mean_what_the_files_say() {
    for file in files() {
        let text = std::fs::read_to_string(&file).expect("a data file");
        let world = World::new();
        let mut out = String::new();
        for line in text.lines().filter(|line| !line.starts_with(' ')) {
            writeln!(out, "{line}").expect("strings take all");
            if !line.is_empty() && !line.starts_with('#') {
                out += &describe(&world, line);
            }
        }
        if std::env::var_os("NORTHFLOW_UPDATE").is_some() {
            std::fs::write(&file, out).expect("a data file");
        } else {
            for (number, (expected, got)) in text.lines().zip(out.lines()).enumerate() {
                assert_eq!(expected, got, "line {} of {}", number + 1, file.display());
            }
            assert_eq!(text.lines().count(), out.lines().count(), "lines of {}", file.display());
        }
    }
}

mod properties {
    use super::*;
    use proptest::prelude::*;

    /// Words that expressions are made of.
    const WORDS: [&str; 40] = [
        "(",
        ")",
        "{",
        "}",
        "[",
        "]",
        "&&",
        "||",
        "!",
        "==",
        "!=",
        "<",
        ">=",
        ",",
        "..",
        "=",
        "ip4.src",
        "tcp.dst",
        "ip4",
        "icmp6",
        "inport",
        "reg0",
        "ct.new",
        "nd.target",
        "eth.mcast",
        "xxreg1",
        "\"lsp1\"",
        "1",
        "0",
        "0xff/0xf0",
        "10.0.0.0/8",
        "fe80::/10",
        "02:00:00:00:00:01",
        "$set1",
        "$nets",
        "@pg1",
        "^t",
        "is_chassis_resident",
        "\"",
        "/*",
    ];

    /// Expressions that larger ones are made of.
    const TERMS: [&str; 20] = [
        "ip4.src == $set1",
        "ip4.dst == $set1",
        "ip4.src == $nets",
        "ip4.src == {$set1, 10.0.0.2}",
        "ip4.src != $nets",
        "ip4.src == 10.0.0.0/30",
        "ip4.dst == {10.0.0.1, 10.0.0.5}",
        "ip6.src == $set2",
        "eth.src == $set3",
        "reg0 == $set1",
        "reg0[0..7] == $set1",
        "inport == @pg1",
        "inport == {\"eth0\", \"elsewhere\"}",
        "outport == @pg_other",
        "tcp.dst == {80, 443}",
        "udp",
        "100 < tcp.src < 200",
        "ct.new || ct.est",
        "!ip.later_frag",
        "is_chassis_resident(\"elsewhere\")",
    ];

    /// Whatever the text, it is told what it is, in the end.
    fn check(text: &str) {
        describe(&World::new(), text);
    }

    fn tree() -> impl Strategy<Value = String> {
        let leaf = (0..TERMS.len()).prop_map(|term| format!("({})", TERMS[term]));
        leaf.prop_recursive(3, 7, 3, |inner| {
            (proptest::collection::vec(inner, 2..4), any::<bool>())
                .prop_map(|(members, and)| format!("({})", members.join(if and { " && " } else { " || " })))
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]

        /// Any text is an expression or an error.
        #[test]
        fn any_text(words in proptest::collection::vec(0..WORDS.len(), 0..12), noise in ".*") {
            let text: Vec<&str> = words.into_iter().map(|word| WORDS[word]).collect();
            [text.join(" "), text.concat(), noise].iter().for_each(|text| check(text));
        }

        /// So are texts of the data files with a part of them changed.
        #[test]
        fn changed_text(which in any::<usize>(), at in any::<usize>(), word in 0..WORDS.len(), cut in 0..3usize) {
            let read = |file| std::fs::read_to_string(file).expect("a data file");
            let texts: Vec<String> =
                files().into_iter().map(read).flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>()).collect();
            let texts: Vec<&String> = texts.iter().filter(|line| !line.starts_with([' ', '#'])).collect();
            let tokens: Vec<&str> = texts[which % texts.len()].split_inclusive(' ').collect();
            let at = at % (tokens.len() + 1);
            let rest = tokens.iter().skip(at + cut).copied();
            check(&tokens[..at].iter().copied().chain([WORDS[word]]).chain(rest).collect::<String>());
        }

        /// What a template gives for the elements of its sets is what the expression gives.
        #[test]
        fn templates(text in tree()) {
            check(&text);
        }
    }

    #[test]
    fn what_is_too_large_is_an_error() {
        let world = World::new();
        let pair = |at: usize| format!("(ip4.src[{at}] || tcp.dst == {at} || eth.src == 02:00:00:00:00:07)");
        let text = (0..24).map(pair).collect::<Vec<_>>().join(" && ");
        let matcher = Matcher::new(&text, &[], &world.symbols).expect("it is an expression");
        assert!(matcher.rows(&world, &world.symbols).is_err());
        let deep = "!(".repeat(5000) + "tcp" + &")".repeat(5000);
        assert!(parse(&deep, &world.symbols).is_err());
    }
}
