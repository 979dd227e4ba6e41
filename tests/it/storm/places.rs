//! Where the files are, and whose: links, mounts, owners, and how much room there is.

use std::fs;
use std::os::unix::fs::{lchown, symlink};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use super::surroundings::Start;
use crate::harness::{Bench, Call};

/// Another way to the ledger.
#[derive(Debug, Clone, Copy)]
pub(super) enum Link {
    Symbolic,
    /// Its folder is reached by a symbolic link.
    Folder,
    /// It has a second name, which is used or not.
    Hard {
        is_used: bool,
    },
}

impl Link {
    pub(super) const KINDS: [Self; 4] =
        [Self::Symbolic, Self::Folder, Self::Hard { is_used: false }, Self::Hard { is_used: true }];

    pub(super) fn surround<'a>(self, call: Call<'a>, bench: &Bench) -> Call<'a> {
        // A link that is there already is left as it is.
        match self {
            Self::Symbolic => drop(symlink("ledger.db", bench.path("linked.db"))),
            Self::Folder => drop(symlink(".", bench.path("here"))),
            Self::Hard { .. } if !bench.ledger_path().exists() => return call,
            Self::Hard { .. } => drop(fs::hard_link(bench.ledger_path(), bench.path(SECOND))),
        }
        match self {
            Self::Symbolic => call.env("TENANTRY_LEDGER", bench.path("linked.db")),
            Self::Folder => call.env("TENANTRY_LEDGER", bench.path("here/ledger.db")),
            Self::Hard { is_used: true } => call.env("TENANTRY_LEDGER", bench.path(SECOND)),
            Self::Hard { is_used: false } => call,
        }
    }
}

const SECOND: &str = "second.db";

/// What is mounted for this command alone.
#[derive(Debug, Clone, Copy)]
pub(super) enum Mount {
    /// Everything, read-only.
    ReadOnly,
    /// The folder of the ledger, elsewhere as well.
    Elsewhere,
    /// The ledger, as a single file.
    OneFile,
    /// A folder with room for hardly anything, which takes all that is written but the ledger.
    Small,
}

impl Mount {
    pub(super) const KINDS: [Self; 4] = [Self::ReadOnly, Self::Elsewhere, Self::OneFile, Self::Small];

    pub(super) fn surround<'a>(self, call: Call<'a>, start: &mut Start, bench: &Bench) -> Call<'a> {
        if !*CAN_MOUNT {
            return call;
        }
        fs::create_dir_all(bench.path("mounted")).unwrap();
        fs::create_dir_all(bench.path("small")).unwrap();
        bench.file("mounted.db", "");
        start.mounts += match self {
            Self::ReadOnly => "mount --bind . . && mount -o remount,bind,ro . && cd \"$PWD\" || exit 1; ",
            Self::Elsewhere => "mount --bind . mounted || exit 1; ",
            Self::OneFile => "mount --bind ledger.db mounted.db || exit 1; ",
            Self::Small => "mount -t tmpfs -o size=8k none small || exit 1; ",
        };
        match self {
            Self::ReadOnly => call,
            Self::Elsewhere => call.env("TENANTRY_LEDGER", bench.path("mounted/ledger.db")),
            Self::OneFile => call.env("TENANTRY_LEDGER", bench.path("mounted.db")),
            Self::Small => call
                .env("TMPDIR", bench.path("small"))
                .env("TENANTRY_LOG_FILE", "small/log")
                .env("TENANTRY_METRICS_FILE", "small/metrics")
                .env("TENANTRY_RESULTS", "small/results"),
        }
    }
}

/// What a command is started through so that it can mount for itself alone.
pub(super) const MOUNTING: &str = "unshare --user --map-root-user --mount";

static CAN_MOUNT: LazyLock<bool> = LazyLock::new(|| {
    let script = format!("{MOUNTING} mount -t tmpfs none /mnt");
    let can = Command::new("sh").args(["-c", &script]).stderr(Stdio::null()).status().unwrap().success();
    if !can {
        eprintln!("nothing can be mounted here, so the storm draws no mounts");
    }
    can
});

/// Another user of the machine.
#[derive(Debug, Clone, Copy)]
pub(super) enum Stranger {
    HasLedger,
    HasList,
    /// All is theirs, and the program too.
    Runs,
}

impl Stranger {
    pub(super) const KINDS: [Self; 3] = [Self::HasLedger, Self::HasList, Self::Runs];

    /// What only root can arrange.
    pub(super) fn surround(self, start: &mut Start, bench: &Bench) {
        if !rustix::process::geteuid().is_root() {
            return;
        }
        match self {
            Self::HasLedger => drop(lchown(bench.ledger_path(), Some(STRANGER), Some(STRANGER))),
            Self::HasList => lchown(bench.path("customers.csv"), Some(STRANGER), Some(STRANGER)).unwrap(),
            Self::Runs => {
                // Of no other program under way, because a limit counts the processes of a user.
                let user = STRANGER + RUNNERS.fetch_add(1, Ordering::Relaxed);
                own(&bench.path(""), user);
                start.user = format!("setpriv --reuid={user} --regid={user} --clear-groups");
            }
        }
    }
}

const STRANGER: u32 = 12345;

static RUNNERS: AtomicU32 = AtomicU32::new(1);

/// Gives a file or a folder, and all that is in it, to a user.
fn own(path: &Path, user: u32) {
    lchown(path, Some(user), Some(user)).unwrap();
    if path.is_dir() && !path.is_symlink() {
        for entry in fs::read_dir(path).unwrap() {
            own(&entry.unwrap().path(), user);
        }
    }
}

/// After a life.
pub(super) fn put_back(bench: &Bench) {
    if rustix::process::geteuid().is_root() {
        own(&bench.path(""), 0);
    }
    drop(fs::remove_file(bench.path(SECOND)));
}
