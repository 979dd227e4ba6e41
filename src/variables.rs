//! Reads the program's own environment variables, `TENANTRY_…`.

use std::ffi::{OsStr, OsString};

/// The value of a variable. An empty variable counts as not set, so `TENANTRY_PROFILE=` means no profile.
pub(crate) fn variable(name: impl AsRef<OsStr>) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
