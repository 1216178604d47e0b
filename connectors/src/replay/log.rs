//! A log that is read from its cache, or cached while it is read.

use std::path::Path;

use super::Failure;
use super::cache::{CacheWriter, CachedLog, Stamp};
use super::source::{Recorded, Source};

/// The transactions of a log, from wherever they are had soonest.
#[derive(Debug)]
pub(super) enum Log {
    /// From the log itself; they are cached on the way.
    Read(Box<Source>, Option<CacheWriter>),
    /// From the cache.
    Cached(CachedLog),
}

impl Log {
    /// The log at `path`, with its cache at `cache` if there is to be one.
    pub fn open(path: &Path, cache: Option<&Path>) -> Result<Log, Failure> {
        let Some(cache) = cache else { return Ok(Log::Read(Box::new(Source::open(path)?), None)) };
        let named = |error| format!("{}: {error}", cache.display());
        let stamp = Stamp::of(path).map_err(|error| format!("{}: {error}", path.display()))?;
        if let Some(log) = CachedLog::open(cache, &stamp).map_err(named)? {
            return Ok(Log::Cached(log));
        }
        let source = Source::open(path)?;
        let writer = CacheWriter::create(cache, &stamp, source.database()).map_err(named)?;
        Ok(Log::Read(Box::new(source), Some(writer)))
    }

    /// Whether it tells of both databases.
    pub fn is_recording(&self) -> bool {
        match self {
            Log::Read(source, _) => source.is_recording(),
            Log::Cached(log) => log.database().is_none(),
        }
    }

    /// How far the log has been read, in bytes; of a cache nothing is known.
    pub fn offset(&self) -> u64 {
        match self {
            Log::Read(source, _) => source.offset(),
            Log::Cached(_) => 0,
        }
    }
}

impl Iterator for Log {
    type Item = Result<Recorded, Failure>;

    fn next(&mut self) -> Option<Self::Item> {
        let (source, cache) = match self {
            Log::Cached(log) => return Some(log.next()?.map_err(Failure::from)),
            Log::Read(source, cache) => (source, cache),
        };
        let recorded = match source.next() {
            // What was cached of a damaged log goes with the writer.
            Some(Err(error)) => {
                *cache = None;
                return Some(Err(error.into()));
            }
            Some(Ok(recorded)) => recorded,
            None => return Some(Err(cache.take()?.finish().err()?.into())),
        };
        match cache.as_mut().map(|cache| cache.write(&recorded)) {
            Some(Err(error)) => Some(Err(error.into())),
            _ => Some(Ok(recorded)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_time_is_from_the_cache() {
        let log = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/two-offices.nb.db");
        let cache = std::env::temp_dir().join(format!("northflow-log-{}", std::process::id()));
        let read = |log: Log| log.map(Result::unwrap).collect::<Vec<_>>();
        let first = Log::open(&log, Some(&cache)).unwrap();
        assert!(matches!(first, Log::Read(_, Some(_))));
        let first = read(first);
        let second = Log::open(&log, Some(&cache)).unwrap();
        assert!(matches!(second, Log::Cached(_)) && !second.is_recording());
        assert_eq!(read(second), first);
        std::fs::remove_file(&cache).unwrap();
        // One that is not read to its end leaves nothing.
        drop(Log::open(&log, Some(&cache)).unwrap().next());
        assert!(!cache.exists() && !cache.with_extension("new").exists());
    }
}
