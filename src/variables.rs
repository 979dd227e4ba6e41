//! Variables of the environment that are the program's own, `TENANTRY_…`.

use std::ffi::{OsStr, OsString};

/// The value of a variable. One that is empty counts as not set: whoever writes `TENANTRY_PROFILE=` means none.
pub(crate) fn variable(name: impl AsRef<OsStr>) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}
