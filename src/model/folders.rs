//! Names the folders of this user: for settings and keys, and for what can be downloaded again.
//!
//! The operating system decides where they are. The variables `TENANTRY_CONFIG_DIR` and `TENANTRY_CACHE_DIR` override
//! it, for jobs that run as another user, and for tests: `HOME` and `XDG_CONFIG_HOME` mean nothing on Windows.

use std::path::PathBuf;

use directories::ProjectDirs;

/// The variable that names the configuration folder.
pub const CONFIG_VARIABLE: &str = "TENANTRY_CONFIG_DIR";

/// The variable that names the cache folder.
pub const CACHE_VARIABLE: &str = "TENANTRY_CACHE_DIR";

/// The folder of settings, keys and sign-ins. `None`: this user has no such folder.
pub fn config() -> Option<PathBuf> {
    named(CONFIG_VARIABLE).or_else(|| Some(of_this_user()?.config_dir().to_owned()))
}

/// The folder of files that can be downloaded again. `None`: this user has no such folder.
pub fn cache() -> Option<PathBuf> {
    named(CACHE_VARIABLE).or_else(|| Some(of_this_user()?.cache_dir().to_owned()))
}

fn of_this_user() -> Option<ProjectDirs> {
    ProjectDirs::from("", "", "tenantry")
}

/// The folder in a variable. An empty variable counts as not set; a relative path starts at the working folder.
fn named(variable: &str) -> Option<PathBuf> {
    let folder = std::env::var_os(variable).filter(|value| !value.is_empty())?;
    Some(std::path::absolute(&folder).unwrap_or_else(|_| folder.into()))
}
