//! Tests that need the reference: run where it can be had, ignored where not, failed where it must.

use libtest_mimic::{Failed, Trial};

use crate::reference::{self, Reference};

/// A test that needs the reference.
///
/// Without it the test is ignored, which the closing line counts; with
/// `NORTHFLOW_REQUIRE_REFERENCE=1` it fails instead.
pub fn with_reference(
    name: impl Into<String>,
    test: impl FnOnce(&'static Reference) -> Result<(), Failed> + Send + 'static,
) -> Trial {
    let missing = Reference::get().err();
    let ignored = missing.is_some() && !reference::required();
    let run = move || match Reference::get() {
        Ok(reference) => test(reference),
        Err(missing) => Err(missing.to_string().into()),
    };
    Trial::test(name, run).with_ignored_flag(ignored)
}

/// Fails with `faults`, if there are any: `NORTHFLOW_FAULTS` of them are shown, 60 by default.
pub fn no_faults(faults: Vec<String>) -> Result<(), Failed> {
    if faults.is_empty() {
        return Ok(());
    }
    let most = std::env::var("NORTHFLOW_FAULTS").ok().and_then(|text| text.parse().ok()).unwrap_or(60);
    let shown: Vec<String> = faults.iter().take(most).cloned().collect();
    let more = faults.len() - shown.len();
    Err(format!("{} differences:\n{}\n({more} more)", faults.len(), shown.join("\n")).into())
}
