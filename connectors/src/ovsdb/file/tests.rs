use std::io::Cursor;

use northflow_rules::ovsdb::{Atom, Datum, Real};
use proptest::prelude::*;
use sha1::{Digest, Sha1};

use super::*;
use crate::ovsdb::codec::difference;
use crate::ovsdb::schema::TableSchema;

/// Made by ovsdb-tool: four transactions.
const STANDALONE: &[u8] = include_bytes!("../../../tests/data/standalone.db");
/// Made by ovsdb-server: compacted, then changed, converted to another schema, and changed again.
const CLUSTERED: &[u8] = include_bytes!("../../../tests/data/clustered.db");

const P1: Uuid = Uuid(0x00000000_0000_4000_8000_000000000001);
const P2: Uuid = Uuid(0x00000000_0000_4000_8000_000000000002);
const GLOBAL: Uuid = Uuid(0x00000000_0000_4000_8000_0000000000aa);

fn open(bytes: &[u8]) -> Reader<&[u8]> {
    Reader::new(bytes, "x.db", Wanted::All).unwrap()
}

/// Everything up to the first error, and the error.
fn read(bytes: &[u8]) -> (Vec<Transaction>, Option<FileError>) {
    let mut reader = match Reader::new(bytes, "x.db", Wanted::All) {
        Ok(reader) => reader,
        Err(error) => return (Vec::new(), Some(error)),
    };
    let mut transactions = Vec::new();
    while let Some(next) = reader.next() {
        match next {
            Ok(transaction) => transactions.push(transaction),
            Err(error) => {
                assert!(reader.next().is_none(), "one error ends the stream");
                return (transactions, Some(error));
            }
        }
    }
    (transactions, None)
}

fn text(text: &str) -> Datum {
    Datum::scalar(Atom::text(text))
}

fn texts<const N: usize>(texts: [&str; N]) -> Datum {
    Datum::set(texts.map(Atom::text))
}

fn pairs<const N: usize>(pairs: [(&str, &str); N]) -> Datum {
    Datum::map(pairs.map(|(key, value)| (Atom::text(key), Atom::text(value))))
}

fn integer(value: i64) -> Datum {
    Datum::scalar(Atom::Integer(value))
}

fn real(value: f64) -> Datum {
    Datum::scalar(Atom::Real(Real(value)))
}

fn none() -> Datum {
    Datum::none()
}

fn sorted<const N: usize>(columns: [(&str, Datum); N]) -> Columns {
    let mut columns: Columns = columns.into_iter().map(|(name, datum)| (name.into(), datum)).collect();
    columns.sort();
    columns
}

/// The change of one row, its columns sorted.
fn change(transaction: &Transaction, row: Uuid) -> Option<RowChange> {
    let mut found = transaction.changes.iter().filter(|change| change.1 == row);
    let change = found.next()?.2.clone();
    assert!(found.next().is_none(), "row {row} is changed once");
    Some(match change {
        RowChange::Modify(mut columns) => {
            columns.sort();
            RowChange::Modify(columns)
        }
        other => other,
    })
}

#[test]
fn a_standalone_file_gives_its_transactions() {
    let reader = open(STANDALONE);
    assert_eq!((reader.format(), &*reader.schema().name), (Format::Standalone, "Fixture"));
    let (transactions, error) = read(STANDALONE);
    assert!(error.is_none(), "{error:?}");
    let [inserted, changed, replaced, deleted] = &transactions[..] else {
        panic!("{} transactions", transactions.len());
    };
    assert_eq!(inserted.date_ms, Some(1795431737427));
    assert_eq!(inserted.comment.as_deref(), Some("two ports"));
    assert_eq!(
        change(inserted, P1),
        Some(RowChange::Insert(sorted([
            ("name", text("p1")),
            ("tag", integer(7)),
            ("addresses", texts(["00:00:00:00:00:01 10.0.0.1", "unknown"])),
            ("options", pairs([("a", "1"), ("b", "2")])),
            ("load", real(0.1)),
            ("up", Datum::scalar(Atom::Boolean(true))),
            ("peer", none()),
            ("kind", text("")),
            ("seen", integer(0)),
        ])))
    );
    assert_eq!(change(inserted, GLOBAL), Some(RowChange::Insert(sorted([("cfg", integer(1))]))));
    assert_eq!(
        change(changed, P1),
        Some(RowChange::Modify(sorted([
            ("tag", none()),
            ("load", real(2.5)),
            ("addresses", texts(["00:00:00:00:00:01 10.0.0.1", "dynamic", "router"])),
            ("options", pairs([("b", "2"), ("c", "3\n\"é\"")])),
        ])))
    );
    assert_eq!(
        change(replaced, P1),
        Some(RowChange::Modify(sorted([("tag", integer(9)), ("options", pairs([("b", "22"), ("c", "3")]))])))
    );
    assert_eq!(change(replaced, GLOBAL), Some(RowChange::Modify(sorted([("cfg", integer(2))]))));
    assert_eq!(change(deleted, P1), Some(RowChange::Delete));
    assert_eq!(change(deleted, P2), Some(RowChange::Modify(sorted([("peer", none())]))));
    assert_eq!((deleted.comment.as_deref(), deleted.changes.len()), (None, 2));
}

#[test]
fn a_clustered_file_gives_its_snapshot_and_its_log() {
    let mut reader = open(CLUSTERED);
    assert_eq!(reader.format(), Format::Clustered);
    assert_eq!(&*reader.schema().version, "1.0.0");
    let transactions: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
    assert_eq!((reader.uncommitted(), &*reader.schema().version), (0, "2.0.0"));
    let [snapshot, changed, inserted, converted, last] = &transactions[..] else {
        panic!("{} transactions", transactions.len());
    };
    assert_eq!(snapshot.comment.as_deref(), Some("compacting database online"));
    assert!(matches!(change(snapshot, P1), Some(RowChange::Insert(columns)) if columns.len() == 9));
    assert_eq!(
        change(changed, P1),
        Some(RowChange::Modify(sorted([
            ("tag", none()),
            ("addresses", texts(["00:00:00:00:00:01 10.0.0.1", "dynamic"])),
            ("options", pairs([("a", "1"), ("b", "2"), ("c", "3")])),
        ])))
    );
    assert!(matches!(change(inserted, P2), Some(RowChange::Insert(_))));
    // The log has the new schema alone: a column is new, another became a set, two are gone.
    assert_eq!(converted.schema.as_ref().map(|schema| &*schema.version), Some("2.0.0"));
    assert_eq!(
        change(converted, P1),
        Some(RowChange::Modify(sorted([("load", real(0.1)), ("note", text(""))])))
    );
    assert_eq!(change(converted, GLOBAL), None);
    assert_eq!(
        change(last, P1),
        Some(RowChange::Modify(sorted([("load", Datum::set([0.1, 1.5].map(|v| Atom::Real(Real(v)))))])))
    );
    assert_eq!(change(last, P2), Some(RowChange::Delete));
}

#[test]
fn only_what_is_wanted_is_given() {
    let wanted = Wanted::Columns(BTreeMap::from([("Port".into(), BTreeSet::from(["options".into()]))]));
    let reader = Reader::new(STANDALONE, "x.db", wanted).unwrap();
    let transactions: Vec<_> = reader.map(Result::unwrap).collect();
    assert!(transactions.iter().flat_map(|t| &t.changes).all(|change| &*change.0 == "Port"));
    assert_eq!(
        change(&transactions[0], P1),
        Some(RowChange::Insert(sorted([("options", pairs([("a", "1"), ("b", "2")]))])))
    );
    assert_eq!(
        change(&transactions[2], P1),
        Some(RowChange::Modify(sorted([("options", pairs([("b", "22"), ("c", "3")]))])))
    );
    // The other row changed in other columns only.
    assert_eq!(transactions[3].changes, [("Port".into(), P1, RowChange::Delete)]);
}

/// Where the records of a file begin, and its end.
fn boundaries(bytes: &[u8]) -> Vec<usize> {
    let mut at = 0;
    let mut boundaries = vec![0];
    while at < bytes.len() {
        let line = bytes[at..].iter().position(|byte| *byte == b'\n').unwrap();
        let header = std::str::from_utf8(&bytes[at..at + line]).unwrap();
        at += line + 1 + header.split(' ').nth(2).unwrap().parse::<usize>().unwrap();
        boundaries.push(at);
    }
    boundaries
}

#[test]
fn a_file_cut_anywhere_gives_what_is_whole() {
    let (all, _) = read(STANDALONE);
    let boundaries = boundaries(STANDALONE);
    for end in 0..STANDALONE.len() {
        let whole = boundaries.iter().rposition(|boundary| *boundary <= end).unwrap();
        let (transactions, error) = read(&STANDALONE[..end]);
        assert_eq!(transactions, all[..whole.saturating_sub(1)], "cut at {end}");
        if boundaries[whole] == end && whole > 0 {
            assert!(error.is_none(), "cut at {end}: {error:?}");
        } else {
            let error = error.unwrap();
            assert_eq!(error.offset, boundaries[whole] as u64, "cut at {end}: {error}");
            assert!(
                matches!(error.reason, Reason::NotADatabase | Reason::Header | Reason::Truncated { .. }),
                "cut at {end}: {error}"
            );
        }
    }
}

#[test]
fn a_damaged_record_ends_the_stream_with_its_place() {
    let boundaries = boundaries(STANDALONE);
    let mut damaged = STANDALONE.to_vec();
    damaged[boundaries[3] - 5] ^= 1;
    let (transactions, error) = read(&damaged);
    let error = error.unwrap();
    assert_eq!((transactions.len(), error.offset), (1, boundaries[2] as u64));
    assert!(matches!(error.reason, Reason::Checksum));
    assert_eq!(
        error.to_string(),
        format!(
            "x.db: the record at offset {} does not match its checksum; what precedes is usable",
            boundaries[2]
        )
    );
}

#[test]
fn an_intact_record_that_makes_no_sense_is_named() {
    for (json, reason) in [
        (r#"{"Port":{"00000000-0000-4000-8000-00000000000f":null}}"#, "is deleted and does not exist"),
        (r#"{"Global":{"00000000-0000-4000-8000-0000000000aa":{"cfg":"x"}}}"#, "column cfg: invalid type"),
        (r#"{"Global":{"aa":{"cfg":1}}}"#, "table Global: invalid value: string \"aa\", expected a UUID"),
        (r#"{"Global":7}"#, "an object of rows"),
        ("[]", "an object of tables"),
    ] {
        let bytes = [STANDALONE, &record("JSON", json)].concat();
        let (transactions, error) = read(&bytes);
        let error = error.unwrap();
        assert_eq!((transactions.len(), error.offset), (4, STANDALONE.len() as u64));
        assert!(error.to_string().contains(reason), "{error}");
    }
    let bytes = [STANDALONE, &record("CLUSTER", "{}")].concat();
    assert!(matches!(read(&bytes).1.unwrap().reason, Reason::Header));
}

#[test]
fn what_is_no_database_is_refused() {
    for bytes in [&b""[..], b"\n", b"{}", b"OVSDB JSON", b"\xff\xfe\n", &[0; 4096]] {
        assert!(matches!(read(bytes).1.unwrap().reason, Reason::NotADatabase));
    }
    // The header asks for more memory than there is.
    let huge = b"OVSDB JSON 18446744073709551615 12fe7847709f8c7897dea7501c930970217cb610\n{}\n";
    assert!(matches!(read(huge).1.unwrap().reason, Reason::Truncated { found: 3, .. }));
    let missing = Reader::open("no/such/file.db", Wanted::All).unwrap_err();
    assert!(missing.to_string().starts_with("no/such/file.db: at offset 0: "), "{missing}");
}

fn record(magic: &str, json: &str) -> Vec<u8> {
    let body = format!("{json}\n");
    let sha1: String = Sha1::digest(&body).iter().map(|byte| format!("{byte:02x}")).collect();
    format!("OVSDB {magic} {} {sha1}\n{body}", body.len()).into_bytes()
}

const TINY: &str = r#"{"name":"N","version":"1.0.0","tables":{"T":{"columns":{"n":{"type":"integer"}}}}}"#;

/// A clustered file of three servers, or one, with the given records after its header.
fn cluster(servers: &str, records: &[&str]) -> Vec<u8> {
    let header = format!(
        r#"{{"server_id":"a1f25a84-cc75-43f9-aa33-7e14bdf05be4","name":"N","local_address":"tcp:a:1",
        "cluster_id":"c29abc47-985b-4a86-8072-e20ee9e2b596","prev_servers":{servers},"prev_term":1,
        "prev_index":1,"prev_eid":"10b5a026-d180-40d3-915f-24baaf787e5a","prev_data":[{TINY},{{}}]}}"#
    );
    let mut bytes = record("CLUSTER", &header.replace('\n', ""));
    for json in records {
        bytes.extend(record("CLUSTER", json));
    }
    bytes
}

fn entry(index: u64, row: u8, value: i64) -> String {
    format!(
        r#"{{"term":1,"index":{index},"eid":"10b5a026-d180-40d3-915f-24baaf787e5a","data":
        [null,{{"T":{{"00000000-0000-4000-8000-0000000000{row:02x}":{{"n":{value}}}}}}}]}}"#
    )
    .replace('\n', "")
}

fn values(transactions: &[Transaction]) -> Vec<Datum> {
    let changes = transactions.iter().flat_map(|transaction| &transaction.changes);
    changes
        .map(|change| match &change.2 {
            RowChange::Insert(columns) | RowChange::Modify(columns) => columns[0].1.clone(),
            RowChange::Delete => none(),
        })
        .collect()
}

const THREE: &str = r#"{"a":"tcp:a:1","b":"tcp:b:1","c":"tcp:c:1"}"#;
const ONE: &str = r#"{"a":"tcp:a:1"}"#;

#[test]
fn entries_are_given_once_committed() {
    let (second, third) = (entry(2, 1, 20), entry(3, 2, 30));
    let replaced = entry(3, 2, 31);
    let bytes = cluster(
        THREE,
        &[
            r#"{"term":2,"vote":"a1f25a84-cc75-43f9-aa33-7e14bdf05be4"}"#,
            &second,
            &third,
            r#"{"commit_index":2}"#,
            &replaced,
            r#"{"commit_index":3}"#,
            r#"{"note":"transfer leadership","comment":"x"}"#,
            &entry(4, 1, 40),
        ],
    );
    let mut reader = open(&bytes);
    let transactions: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
    assert_eq!(values(&transactions), [integer(20), integer(31)]);
    assert_eq!(reader.uncommitted(), 1);
    // A lone server needs nobody's consent.
    let (transactions, error) = read(&cluster(ONE, &[&second, &third]));
    assert!(error.is_none());
    assert_eq!(values(&transactions), [integer(20), integer(30)]);
    // It is no longer alone.
    let joined = format!(r#"{{"term":1,"index":3,"servers":{THREE}}}"#);
    assert_eq!(values(&read(&cluster(ONE, &[&second, &joined])).0), []);
}

#[test]
fn a_lone_servers_last_words_come_before_the_damage() {
    let mut bytes = cluster(ONE, &[&entry(2, 1, 20), &entry(3, 2, 30)]);
    let cut = boundaries(&bytes)[2];
    bytes.truncate(bytes.len() - 1);
    let (transactions, error) = read(&bytes);
    assert_eq!(values(&transactions), [integer(20)]);
    let error = error.unwrap();
    assert!(matches!(error.reason, Reason::Truncated { .. }));
    assert_eq!(error.offset, cut as u64);
}

#[test]
fn a_log_that_contradicts_itself_is_refused() {
    let second = entry(2, 1, 20);
    for (records, reason) in [
        (vec![&*second, r#"{"commit_index":3}"#], "entry 3 is said to be committed after entry 1 of 2"),
        (
            vec![&*second, r#"{"commit_index":2}"#, &second],
            "entry 2 follows entry 2, entry 2 being committed",
        ),
        (vec![&*entry(9, 1, 20)], "entry 9 follows entry 1"),
        (vec![r#"{"term":1,"index":2,"eid":"x","data":[]}"#, r#"{"commit_index":2}"#], "not a pair"),
        (vec!["[1,2]"], "not a cluster record"),
    ] {
        let error = read(&cluster(THREE, &records)).1.unwrap();
        assert!(error.to_string().contains(reason), "{error}");
    }
    let joining = r#"{"server_id":"a1f25a84-cc75-43f9-aa33-7e14bdf05be4","name":"N","local_address":"tcp:a:1","remote_addresses":["tcp:b:1"]}"#;
    let error = read(&record("CLUSTER", joining)).1.unwrap();
    assert!(error.to_string().contains("has not joined its cluster yet"), "{error}");
}

#[test]
fn a_schema_with_data_replaces_everything() {
    let schema = TINY.replace("1.0.0", "2.0.0");
    let data = r#"{"T":{"00000000-0000-4000-8000-000000000002":{"n":7}},"_comment":"converted"}"#;
    let convert = format!(r#"{{"term":1,"index":3,"eid":"x","data":[{schema},{data}]}}"#);
    let (transactions, error) = read(&cluster(ONE, &[&entry(2, 1, 20), &convert]));
    assert!(error.is_none(), "{error:?}");
    let converted = transactions.last().unwrap();
    assert_eq!(converted.comment.as_deref(), Some("converted"));
    assert_eq!(converted.schema.as_ref().map(|schema| &*schema.version), Some("2.0.0"));
    assert_eq!(
        converted.changes,
        [
            ("T".into(), P1, RowChange::Delete),
            ("T".into(), P2, RowChange::Insert(sorted([("n", integer(7))]))),
        ]
    );
}

fn write(schema: Arc<DatabaseSchema>, transactions: &[Transaction]) -> Result<Vec<u8>, FileError> {
    let mut writer = Writer::new(Vec::new(), "y.db", schema)?;
    for transaction in transactions {
        writer.write(transaction)?;
    }
    writer.finish()
}

#[test]
fn what_is_written_reads_back() {
    let (transactions, _) = read(STANDALONE);
    let schema = open(STANDALONE).schema();
    let bytes = write(schema.clone(), &transactions).unwrap();
    let (again, error) = read(&bytes);
    assert!(error.is_none(), "{error:?}");
    assert_eq!(open(&bytes).schema(), schema);
    assert_eq!(again.len(), transactions.len());
    for (written, read) in transactions.iter().zip(&again) {
        assert_eq!((written.date_ms, &written.comment), (read.date_ms, &read.comment));
        for row in [P1, P2, GLOBAL] {
            assert_eq!(change(written, row), change(read, row));
        }
    }
}

#[test]
fn the_writer_refuses_what_the_file_cannot_hold() {
    let schema = open(STANDALONE).schema();
    let transaction = |changes: Vec<(&str, Uuid, RowChange)>| Transaction {
        changes: changes.into_iter().map(|(table, row, change)| (table.into(), row, change)).collect(),
        ..Transaction::default()
    };
    let insert = |name: &str| RowChange::Insert(sorted([(name, text("x"))]));
    let other = Transaction {
        schema: Some(Arc::new(DatabaseSchema::parse(TINY).unwrap())),
        ..Transaction::default()
    };
    for (transaction, reason) in [
        (transaction(vec![("Nothing", P1, insert("name"))]), "the schema has no table Nothing"),
        (transaction(vec![("Port", P1, insert("nome"))]), "the schema has no column nome"),
        (transaction(vec![("Port", P1, insert("name")), ("Port", P1, RowChange::Delete)]), "changed twice"),
        (other, "cannot change its schema"),
    ] {
        let error = write(schema.clone(), &[transaction]).unwrap_err();
        assert!(error.to_string().contains(reason), "{error}");
        assert_eq!(error.path, Path::new("y.db"));
    }
}

/// Name, tag, addresses and options of a port.
type Port = (String, Option<i64>, Vec<String>, Vec<(String, String)>);

/// One row's new values, or its end.
fn row_change() -> impl Strategy<Value = (u8, Option<Port>)> {
    let word = || "[a-c]{0,2}";
    let row = (
        "[^\\x00]{0,6}",
        proptest::option::of(any::<i64>()),
        proptest::collection::vec(word(), 0..4),
        proptest::collection::vec((word(), "[^\\x00]{0,3}"), 0..4),
    );
    (0u8..6, proptest::option::weighted(0.8, row))
}

fn history() -> impl Strategy<Value = Vec<Transaction>> {
    let transaction = (
        proptest::option::of(any::<i64>()),
        proptest::option::of("\\PC{0,9}"),
        proptest::collection::vec(row_change(), 0..5),
    );
    proptest::collection::vec(transaction, 0..6).prop_map(|steps| {
        let mut alive = BTreeSet::new();
        let as_transaction = |(date_ms, comment, changes): (_, _, Vec<(u8, Option<Port>)>)| {
            let changes: BTreeMap<u8, _> = changes.into_iter().collect();
            let changes = changes.into_iter().filter_map(|(row, values)| {
                let change = match values {
                    None if alive.remove(&row) => RowChange::Delete,
                    None => return None,
                    Some((name, tag, addresses, options)) => {
                        let columns = sorted([
                            ("name", Datum::scalar(Atom::text(name))),
                            ("tag", Datum::set(tag.map(Atom::Integer))),
                            ("addresses", Datum::set(addresses.into_iter().map(Atom::text))),
                            (
                                "options",
                                Datum::map(options.into_iter().map(|(k, v)| (Atom::text(k), Atom::text(v)))),
                            ),
                        ]);
                        if alive.insert(row) {
                            RowChange::Insert(columns)
                        } else {
                            RowChange::Modify(columns)
                        }
                    }
                };
                Some((Text::from("Port"), Uuid(u128::from(row)), change))
            });
            Transaction { date_ms, comment, schema: None, changes: changes.collect() }
        };
        steps.into_iter().map(as_transaction).collect()
    })
}

/// The same history with differences for new values.
fn differences(table: &TableSchema, history: &[Transaction]) -> Vec<Transaction> {
    let mut rows: BTreeMap<Uuid, Columns> = BTreeMap::new();
    let mut history = history.to_vec();
    for (_, uuid, change) in history.iter_mut().flat_map(|transaction| &mut transaction.changes) {
        match change {
            RowChange::Insert(columns) => {
                rows.insert(*uuid, columns.clone());
            }
            RowChange::Modify(columns) => {
                let old = rows.insert(*uuid, columns.clone()).unwrap();
                for ((name, datum), (_, old)) in columns.iter_mut().zip(&old) {
                    *datum = difference(old, datum, &table.columns[name].ty);
                }
            }
            RowChange::Delete => {
                rows.remove(uuid);
            }
        }
    }
    history
}

proptest! {
    #[test]
    fn records_round_trip(history in history()) {
        let names = ["name", "tag", "addresses", "options"];
        let schema = open(STANDALONE).schema();
        let wanted = BTreeMap::from([(Text::from("Port"), names.into_iter().map(Text::from).collect())]);
        let mut writer = Writer::new(Vec::new(), "y.db", schema.clone()).unwrap();
        for transaction in differences(&schema.tables[&Text::from("Port")], &history) {
            writer.write_differences(&transaction).unwrap();
        }
        for bytes in [write(schema, &history).unwrap(), writer.finish().unwrap()] {
            let wanted = Wanted::Columns(wanted.clone());
            let reader = Reader::new(Cursor::new(bytes), "x.db", wanted).unwrap();
            let read: Vec<_> = reader.map(Result::unwrap).collect();
            prop_assert_eq!(&read, &history);
        }
    }

    #[test]
    fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(read(&bytes).1.is_some());
    }

    /// Changed bytes are either found out or, in a few places of a header, without meaning.
    #[test]
    fn damage_is_found(place in any::<proptest::sample::Index>(), byte: u8, clustered: bool) {
        let whole = if clustered { CLUSTERED } else { STANDALONE };
        let mut bytes = whole.to_vec();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        let (expected, _) = read(whole);
        let (transactions, error) = read(&bytes);
        prop_assert!(expected.starts_with(&transactions));
        prop_assert!(error.is_some() || transactions.len() == expected.len());
    }

    /// Intact records with senseless text.
    #[test]
    fn arbitrary_text_never_panics(
        text in r#"\{("(Port|Global|_date|index|data|commit_index|servers|n)":(\{|\[|"[a-f0-9\-]{0,9}"|-?[0-9]{1,3}|null|\]|\}),?){0,6}\}{0,3}"#,
        clustered: bool,
    ) {
        let bytes = match clustered {
            true => cluster(ONE, &[&text, r#"{"commit_index":2}"#]),
            false => [STANDALONE, &record("JSON", &text)].concat(),
        };
        let _ = read(&bytes);
    }
}
