//! Reading a change log, from JSON and from the cache of what was decoded:
//! `cargo bench -p northflow-bench --features abomonation --bench log`.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use northflow_connectors::ovsdb::file::{RowChange, Transaction, Writer};
use northflow_connectors::ovsdb::schema::DatabaseSchema;
use northflow_connectors::replay::cache::{CacheWriter, CachedLog, Stamp};
use northflow_connectors::replay::source::Source;
use northflow_rules::ovsdb::{Atom, Datum, Uuid};

const TRANSACTIONS: u64 = 20_000;

const SCHEMA: &str = r#"{"name": "OVN_Northbound", "version": "7.0.0", "tables": {"Logical_Switch_Port": {"columns": {
    "name": {"type": "string"},
    "addresses": {"type": {"key": "string", "min": 0, "max": "unlimited"}},
    "external_ids": {"type": {"key": "string", "value": "string", "min": 0, "max": "unlimited"}}}}}}"#;

/// A log of ports that come, one in each transaction, as a container platform makes them.
fn generate(path: &Path) {
    let schema = DatabaseSchema::parse(SCHEMA).expect("a schema");
    let mut writer = Writer::create(path, Arc::new(schema)).expect("a new file");
    for port in 0..TRANSACTIONS {
        let address = format!(
            "0a:58:0a:00:{:02x}:{:02x} 10.0.{}.{}",
            port >> 8 & 255,
            port & 255,
            port >> 8,
            port & 255
        );
        let ids = [("namespace", format!("ns{}", port % 100)), ("pod", "true".to_owned())];
        let ids = ids.into_iter().map(|(key, value)| (Atom::text(key), Atom::text(value)));
        let columns = vec![
            ("name".into(), Datum::scalar(Atom::text(format!("ns{}_pod{port}", port % 100)))),
            ("addresses".into(), Datum::scalar(Atom::text(address))),
            ("external_ids".into(), Datum::map(ids)),
        ];
        let change =
            ("Logical_Switch_Port".into(), Uuid(u128::from(port) << 64 | 7), RowChange::Insert(columns));
        let date_ms = Some(1_700_000_000_000 + port.cast_signed());
        let transaction = Transaction { date_ms, comment: None, schema: None, changes: vec![change] };
        writer.write(&transaction).expect("a transaction is written");
    }
    writer.finish().expect("the file is written");
}

fn scratch(name: &str) -> PathBuf {
    std::env::temp_dir().join(format!("northflow-bench-{}-{name}", std::process::id()))
}

fn logs(criterion: &mut Criterion) {
    let (log, cache) = (scratch("log"), scratch("cache"));
    generate(&log);
    let stamp = Stamp::of(&log).expect("the log is there");
    let source = Source::open(&log).expect("the log is readable");
    let mut writer = CacheWriter::create(&cache, &stamp, source.database()).expect("a new cache");
    for recorded in source {
        writer.write(&recorded.expect("a transaction")).expect("it is cached");
    }
    writer.finish().expect("the cache is written");

    let mut group = criterion.benchmark_group("log");
    group.sample_size(20).throughput(Throughput::Elements(TRANSACTIONS));
    group.bench_function("json", |bencher| {
        bencher.iter(|| {
            let source = Source::open(&log).expect("the log is readable");
            source.map(|recorded| black_box(recorded.expect("a transaction")).changes.len()).sum::<usize>()
        });
    });
    group.bench_function("cache", |bencher| {
        bencher.iter(|| {
            let cached =
                CachedLog::open(&cache, &stamp).expect("the cache is readable").expect("it is of the log");
            cached.map(|recorded| black_box(recorded.expect("a transaction")).changes.len()).sum::<usize>()
        });
    });
    group.finish();
    for file in [log, cache] {
        // It lies where the system clears up.
        let _ = std::fs::remove_file(file);
    }
}

criterion_group!(benches, logs);
criterion_main!(benches);
