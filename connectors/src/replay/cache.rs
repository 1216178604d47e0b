//! A cache of a decoded log, with the cargo feature `abomonation`: what was read from JSON once is read from memory
//! images from then on.
//!
//! The file is a sequence of blocks, each the length, the SHA-1 and the image of a vector of 64-bit words. The first says
//! which program wrote it, by the hash of the executable, and of which log, by size and time of change. A cache of
//! another program or log is not read but written anew, so an image is only ever read by the very code that wrote it.
//! The others hold transactions. What the words mean is checked as any foreign input is.
//!
//! abomonation is unsound for types in general (RUSTSEC-2021-0120): it exposes padding, relies on the layout of
//! types, and does not align. Here it is let near nothing but `Vec<u64>`, in [`image`], where none of that arises.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use northflow_rules::ovsdb::{Atom, Datum, Real, Text, Uuid};
use northflow_rules::schema::Database;
use sha1::{Digest, Sha1};

use super::source::Recorded;
use crate::change::{Columns, Edit, RowChange};

/// Says that a file is a cache, and of which version.
const MAGIC: u64 = u64::from_le_bytes(*b"nfcache1");

/// Words that a block is begun with at least before the next is begun.
const BLOCK: usize = 1 << 16;

/// Bytes that no block has: a damaged length must not ask for all memory.
const LONGEST: u64 = 1 << 32;

/// Which log a cache is of, and who wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp {
    words: Vec<u64>,
}

impl Stamp {
    /// The stamp of the log at `path`, as this program would write it.
    pub fn of(path: &Path) -> io::Result<Stamp> {
        let metadata = std::fs::metadata(path)?;
        let changed = metadata.modified()?.duration_since(UNIX_EPOCH).unwrap_or_default();
        let mut program = Sha1::new();
        let mut executable = BufReader::with_capacity(1 << 16, File::open(std::env::current_exe()?)?);
        loop {
            let bytes = executable.fill_buf()?;
            let count = bytes.len();
            if count == 0 {
                break;
            }
            program.update(bytes);
            executable.consume(count);
        }
        let mut words = vec![MAGIC, metadata.len(), changed.as_secs(), u64::from(changed.subsec_nanos())];
        words.extend(
            program
                .finalize()
                .chunks(4)
                .map(|chunk| chunk.iter().fold(0, |word, byte| word << 8 | u64::from(*byte))),
        );
        Ok(Stamp { words })
    }
}

/// Writes a cache. It takes the place of an older one when it is [finished](CacheWriter::finish).
#[derive(Debug)]
pub struct CacheWriter {
    out: BufWriter<File>,
    path: PathBuf,
    block: Block,
    finished: bool,
}

impl CacheWriter {
    /// Begins the cache at `path`, of a log of `database`, or of both if that is `None`.
    pub fn create(path: &Path, stamp: &Stamp, database: Option<Database>) -> io::Result<CacheWriter> {
        let file = File::create(unfinished(path))?;
        let mut writer = CacheWriter {
            out: BufWriter::new(file),
            path: path.to_owned(),
            block: Block::default(),
            finished: false,
        };
        let mut words = stamp.words.clone();
        words.push(database.map_or(0, database_word));
        writer.put(words)?;
        Ok(writer)
    }

    /// Appends a transaction.
    pub fn write(&mut self, recorded: &Recorded) -> io::Result<()> {
        self.block.push(recorded);
        if self.block.words.len() < BLOCK { Ok(()) } else { self.flush() }
    }

    /// Makes it the cache at its path.
    pub fn finish(mut self) -> io::Result<()> {
        self.flush()?;
        self.out.flush()?;
        std::fs::rename(unfinished(&self.path), &self.path)?;
        self.finished = true;
        Ok(())
    }

    fn flush(&mut self) -> io::Result<()> {
        let block = std::mem::take(&mut self.block);
        if block.count == 0 { Ok(()) } else { self.put(block.into_words()) }
    }

    fn put(&mut self, words: Vec<u64>) -> io::Result<()> {
        let image = image::of(&words)?;
        self.out.write_all(&(image.len() as u64).to_le_bytes())?;
        self.out.write_all(&Sha1::digest(&image))?;
        self.out.write_all(&image)
    }
}

impl Drop for CacheWriter {
    fn drop(&mut self) {
        if !self.finished {
            // Part of a log is of no use; who cannot delete it leaves it.
            let _ = std::fs::remove_file(unfinished(&self.path));
        }
    }
}

fn unfinished(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    name.into()
}

/// A cache as the transactions that are in it.
#[derive(Debug)]
pub struct CachedLog {
    input: BufReader<File>,
    database: Option<Database>,
    /// Those of a block, the first last.
    ready: Vec<Recorded>,
}

impl CachedLog {
    /// Opens the cache at `path`; `None` if there is none, or one of another log or program.
    pub fn open(path: &Path, stamp: &Stamp) -> io::Result<Option<CachedLog>> {
        let file = match File::open(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut log = CachedLog { input: BufReader::new(file), database: None, ready: Vec::new() };
        // Whatever else it may be, it is not ours.
        let Ok(Some(words)) = log.block() else { return Ok(None) };
        let Some((database, rest)) = words.split_last() else { return Ok(None) };
        if rest != stamp.words {
            return Ok(None);
        }
        log.database = database_of(*database);
        Ok(Some(log))
    }

    /// The database of the log; `None` if it is a recording of both.
    pub fn database(&self) -> Option<Database> {
        self.database
    }

    /// The words of the next block.
    fn block(&mut self) -> io::Result<Option<Vec<u64>>> {
        let mut length = [0; 8];
        match self.input.read(&mut length[..1])? {
            0 => return Ok(None),
            _ => self.input.read_exact(&mut length[1..])?,
        }
        let mut sha1 = [0; 20];
        self.input.read_exact(&mut sha1)?;
        let length = u64::from_le_bytes(length);
        if length > LONGEST {
            return Err(damaged());
        }
        let mut image = Vec::new();
        if (&mut self.input).take(length).read_to_end(&mut image)? as u64 != length
            || Sha1::digest(&image)[..] != sha1
        {
            return Err(damaged());
        }
        image::words(&image).map(Some).ok_or_else(damaged)
    }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "the cache is damaged; delete it")
}

impl Iterator for CachedLog {
    type Item = io::Result<Recorded>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ready.is_empty() {
            let block = match self.block() {
                Ok(Some(words)) => read_block(&words).ok_or_else(damaged),
                Ok(None) => return None,
                Err(error) => Err(error),
            };
            match block {
                Ok(transactions) => self.ready = transactions,
                Err(error) => return Some(Err(error)),
            }
            self.ready.reverse();
        }
        self.ready.pop().map(Ok)
    }
}

/// Vectors of words as bytes, by abomonation.
#[allow(unsafe_code)]
mod image {
    use std::io;

    use abomonation::{decode, encode, measure};

    /// The image of `words`.
    pub fn of(words: &Vec<u64>) -> io::Result<Vec<u8>> {
        let mut image = Vec::with_capacity(measure(words));
        // SAFETY: the bytes of a vector's three words and of 64-bit numbers are all initialised: none is padding.
        unsafe { encode(words, &mut image)? };
        Ok(image)
    }

    /// The words whose image this is; `None` if it is too short. It must have been made by [`of`] in this very program,
    /// which the caller knows from stamp and checksum.
    pub fn words(image: &[u8]) -> Option<Vec<u64>> {
        let mut space = vec![0; image.len() + align_of::<u64>()];
        let start = space.as_ptr().align_offset(align_of::<Vec<u64>>());
        let bytes = space.get_mut(start..start + image.len())?;
        bytes.copy_from_slice(image);
        // SAFETY: the image begins aligned, and all that follows is in units of eight bytes, so all is aligned. It is that
        // of a `Vec<u64>`, written by the same code, whose layout of a vector is therefore the same; any bytes are 64-bit
        // numbers. The vector that comes out lies in `space`, is only looked at and is not dropped. What stays is the
        // crate's own fault, that it makes the borrow of a byte one of a vector (RUSTSEC-2021-0120): hence the feature is off.
        let (words, rest) = unsafe { decode::<Vec<u64>>(bytes) }?;
        rest.is_empty().then(|| words.as_slice().to_vec())
    }
}

/// Transactions as words. Texts come once in a block and are named by their number.
#[derive(Debug, Default)]
struct Block {
    texts: Vec<u64>,
    numbers: HashMap<Text, u64>,
    words: Vec<u64>,
    count: u64,
}

impl Block {
    fn into_words(self) -> Vec<u64> {
        let mut words = vec![self.numbers.len() as u64];
        words.extend(self.texts);
        words.push(self.count);
        words.extend(self.words);
        words
    }

    fn push(&mut self, recorded: &Recorded) {
        self.count += 1;
        self.words.push(u64::from(recorded.date_ms.is_some()));
        self.words.push(recorded.date_ms.unwrap_or(0).cast_unsigned());
        self.words.push(u64::from(recorded.comment.is_some()));
        self.text(&recorded.comment.as_deref().unwrap_or("").into());
        self.words.push(recorded.changes.len() as u64);
        for change in &recorded.changes {
            self.words.push(database_word(change.database));
            self.text(&change.table);
            self.uuid(change.uuid);
            match &change.edit {
                Edit::Insert(columns) => self.columns(0, columns),
                Edit::Update(columns) => self.columns(1, columns),
                Edit::Delete => self.words.push(2),
                Edit::Elements { column, insert, delete } => {
                    self.words.push(3);
                    self.text(column);
                    self.atoms(insert);
                    self.atoms(delete);
                }
            }
        }
    }

    fn text(&mut self, text: &Text) {
        let next = self.numbers.len() as u64;
        let number = *self.numbers.entry(text.clone()).or_insert_with(|| {
            self.texts.push(text.len() as u64);
            self.texts.extend(text.as_bytes().chunks(8).map(|chunk| {
                let mut word = [0; 8];
                word[..chunk.len()].copy_from_slice(chunk);
                u64::from_le_bytes(word)
            }));
            next
        });
        self.words.push(number);
    }

    fn uuid(&mut self, uuid: Uuid) {
        self.words.extend([(uuid.0 >> 64) as u64, uuid.0 as u64]);
    }

    fn columns(&mut self, kind: u64, columns: &Columns) {
        self.words.extend([kind, columns.len() as u64]);
        for (name, datum) in columns {
            self.text(name);
            match datum {
                Datum::Set(atoms) => {
                    self.words.push(0);
                    self.atoms(atoms);
                }
                Datum::Map(pairs) => {
                    self.words.extend([1, pairs.len() as u64]);
                    for (key, value) in pairs {
                        self.atom(key);
                        self.atom(value);
                    }
                }
            }
        }
    }

    fn atoms(&mut self, atoms: &[Atom]) {
        self.words.push(atoms.len() as u64);
        atoms.iter().for_each(|atom| self.atom(atom));
    }

    fn atom(&mut self, atom: &Atom) {
        match atom {
            Atom::Integer(number) => self.words.extend([0, number.cast_unsigned()]),
            Atom::Real(number) => self.words.extend([1, number.0.to_bits()]),
            Atom::Boolean(yes) => self.words.extend([2, u64::from(*yes)]),
            Atom::String(text) => {
                self.words.push(3);
                self.text(text);
            }
            Atom::Uuid(uuid) => {
                self.words.push(4);
                self.uuid(*uuid);
            }
        }
    }
}

/// The transactions of a block; `None` if it makes no sense.
fn read_block(words: &[u64]) -> Option<Vec<Recorded>> {
    let mut cursor = Cursor { words, texts: Vec::new() };
    for _ in 0..cursor.word()? {
        let length = usize::try_from(cursor.word()?).ok()?;
        let packed = cursor.words.get(..length.div_ceil(8))?;
        cursor.words = &cursor.words[packed.len()..];
        let bytes: Vec<u8> = packed.iter().flat_map(|word| word.to_le_bytes()).take(length).collect();
        cursor.texts.push(String::from_utf8(bytes).ok()?.into());
    }
    let transactions = cursor.list(Cursor::transaction)?;
    cursor.words.is_empty().then_some(transactions)
}

/// Words that are still to be read.
struct Cursor<'a> {
    words: &'a [u64],
    texts: Vec<Text>,
}

impl Cursor<'_> {
    fn word(&mut self) -> Option<u64> {
        let (word, rest) = self.words.split_first()?;
        self.words = rest;
        Some(*word)
    }

    fn list<T>(&mut self, item: impl Fn(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        let count = self.word()?;
        (0..count).map(|_| item(self)).collect()
    }

    fn text(&mut self) -> Option<Text> {
        let number = usize::try_from(self.word()?).ok()?;
        self.texts.get(number).cloned()
    }

    fn uuid(&mut self) -> Option<Uuid> {
        Some(Uuid(u128::from(self.word()?) << 64 | u128::from(self.word()?)))
    }

    fn transaction(&mut self) -> Option<Recorded> {
        let (dated, date) = (self.word()? != 0, self.word()?.cast_signed());
        let (commented, comment) = (self.word()? != 0, self.text()?);
        let changes = self.list(Cursor::change)?;
        Some(Recorded {
            comment: commented.then(|| comment.to_string()),
            date_ms: dated.then_some(date),
            changes,
        })
    }

    fn change(&mut self) -> Option<RowChange> {
        let database = database_of(self.word()?)?;
        let (table, uuid) = (self.text()?, self.uuid()?);
        let edit = match self.word()? {
            0 => Edit::Insert(self.list(Cursor::column)?),
            1 => Edit::Update(self.list(Cursor::column)?),
            2 => Edit::Delete,
            3 => Edit::Elements {
                column: self.text()?,
                insert: self.list(Cursor::atom)?,
                delete: self.list(Cursor::atom)?,
            },
            _ => return None,
        };
        Some(RowChange { database, table, uuid, edit })
    }

    fn column(&mut self) -> Option<(Text, Datum)> {
        let name = self.text()?;
        let datum = match self.word()? {
            0 => Datum::Set(self.list(Cursor::atom)?.into()),
            1 => Datum::Map(self.list(|cursor| Some((cursor.atom()?, cursor.atom()?)))?),
            _ => return None,
        };
        Some((name, datum))
    }

    fn atom(&mut self) -> Option<Atom> {
        Some(match self.word()? {
            0 => Atom::Integer(self.word()?.cast_signed()),
            1 => Atom::Real(Real(f64::from_bits(self.word()?))),
            2 => Atom::Boolean(self.word()? != 0),
            3 => Atom::String(self.text()?),
            4 => Atom::Uuid(self.uuid()?),
            _ => return None,
        })
    }
}

fn database_word(database: Database) -> u64 {
    match database {
        Database::Northbound => 1,
        Database::Southbound => 2,
        Database::Switch => 3,
    }
}

fn database_of(word: u64) -> Option<Database> {
    match word {
        1 => Some(Database::Northbound),
        2 => Some(Database::Southbound),
        3 => Some(Database::Switch),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::super::source::Source;
    use super::*;

    fn example() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/two-offices.nb.db")
    }

    fn recorded() -> Vec<Recorded> {
        Source::open(&example()).unwrap().map(Result::unwrap).collect()
    }

    /// A cache of the example that goes with the test.
    struct Scratch(PathBuf);

    impl Scratch {
        fn new(name: &str) -> Scratch {
            let path = std::env::temp_dir().join(format!("northflow-cache-{name}-{}", std::process::id()));
            let stamp = Stamp::of(&example()).unwrap();
            let mut writer = CacheWriter::create(&path, &stamp, Some(Database::Northbound)).unwrap();
            recorded().iter().for_each(|transaction| writer.write(transaction).unwrap());
            writer.finish().unwrap();
            Scratch(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = fs::remove_file(&self.0);
        }
    }

    #[test]
    fn what_was_cached_is_what_was_read() {
        let scratch = Scratch::new("same");
        let stamp = Stamp::of(&example()).unwrap();
        let log = CachedLog::open(&scratch.0, &stamp).unwrap().unwrap();
        assert_eq!(log.database(), Some(Database::Northbound));
        let cached: Vec<Recorded> = log.map(Result::unwrap).collect();
        assert_eq!(cached, recorded());
    }

    #[test]
    fn every_value_has_words() {
        let atoms = vec![
            Atom::Integer(-7),
            Atom::Real(Real(-0.5)),
            Atom::Boolean(true),
            Atom::text("nine byte"),
            Atom::Uuid(Uuid(3 << 100)),
        ];
        let pairs = atoms.iter().cloned().map(|atom| (atom, Atom::text(""))).collect();
        let change = |edit| RowChange {
            database: Database::Southbound,
            table: "T".into(),
            uuid: Uuid(1 << 64 | 5),
            edit,
        };
        let changes = vec![
            change(Edit::Insert(vec![
                ("a".into(), Datum::Set(atoms.clone().into())),
                ("b".into(), Datum::Map(pairs)),
            ])),
            change(Edit::Update(Vec::new())),
            change(Edit::Elements { column: "a".into(), insert: atoms, delete: Vec::new() }),
            change(Edit::Delete),
        ];
        let recorded = [
            Recorded { comment: None, date_ms: Some(-1), changes },
            Recorded { comment: Some(String::new()), date_ms: None, changes: Vec::new() },
        ];
        let mut block = Block::default();
        recorded.iter().for_each(|transaction| block.push(transaction));
        let words = block.into_words();
        assert_eq!(read_block(&words).unwrap(), recorded);
        for end in 0..words.len() {
            assert_eq!(read_block(&words[..end]), None, "cut at {end}");
        }
        assert_eq!(image::words(&image::of(&words).unwrap()).unwrap(), words);
    }

    #[test]
    fn a_cache_of_another_log_or_program_is_none() {
        let scratch = Scratch::new("other");
        let stamp = Stamp::of(&example()).unwrap();
        for at in 0..stamp.words.len() {
            let mut other = stamp.clone();
            other.words[at] ^= 1;
            assert!(CachedLog::open(&scratch.0, &other).unwrap().is_none());
        }
        assert!(CachedLog::open(&example(), &stamp).unwrap().is_none());
        assert!(CachedLog::open(Path::new("/nowhere/cache"), &stamp).unwrap().is_none());
    }

    #[test]
    fn damage_is_an_error_after_what_precedes_it() {
        let scratch = Scratch::new("damaged");
        let mut bytes = fs::read(&scratch.0).unwrap();
        let last = bytes.len() - 1;
        bytes[last] ^= 1;
        fs::write(&scratch.0, &bytes).unwrap();
        let stamp = Stamp::of(&example()).unwrap();
        let results: Vec<_> = CachedLog::open(&scratch.0, &stamp).unwrap().unwrap().take(2).collect();
        assert!(results[0].is_err());
    }
}
