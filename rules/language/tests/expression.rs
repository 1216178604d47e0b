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
        match matcher.template(world, &world.symbols)? {
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
