//! Which program this is. The commit comes from the build script, `src/build.rs`.

/// The version, and where the sources were under git the commit and its day.
pub(super) const LONG: &str = concat!(env!("CARGO_PKG_VERSION"), env!("TENANTRY_COMMIT"));
