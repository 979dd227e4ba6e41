//! Names the user who runs this program, for the record and for the place of a sign-in.

/// The user's name in the operating system, for the record; empty if the system has none. Anyone who can open the file
/// can forge it.
pub(super) fn who() -> String {
    ["USER", "USERNAME", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
        .or_else(account)
        .unwrap_or_default()
}

/// The name of the account that this process runs as: a scheduler may set none of the variables.
#[cfg(unix)]
pub(super) fn account() -> Option<String> {
    nix::unistd::User::from_uid(nix::unistd::geteuid()).ok().flatten().map(|user| user.name)
}

/// Windows sets `USERNAME` for every process.
#[cfg(windows)]
pub(super) fn account() -> Option<String> {
    None
}
