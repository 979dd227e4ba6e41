//! A disk for the files of a plan alone, so that it can be full. Only root can mount one.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::harness::Bench;

/// Taken away when it is dropped, and when these tests are killed.
pub(super) struct Disk {
    folder: PathBuf,
    /// Takes it away when its standard input ends.
    keeper: Child,
}

/// KiB. More than any plan needs.
const WHOLE: u64 = 1 << 18;

const KEEPER: &str = "trap '' HUP INT TERM; mount -t tmpfs -o mode=700 none \"$0\" || exit 1; echo mounted; read line; \
                      umount -l \"$0\"";

impl Disk {
    pub(super) fn mount(bench: &Bench) -> Option<Self> {
        if !cfg!(target_os = "linux") || !rustix::process::geteuid().is_root() {
            return None;
        }
        let folder = bench.path("");
        let mut keeper = Command::new("sh");
        keeper.args(["-c", KEEPER]).arg(&folder).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = keeper.spawn().unwrap();
        let mut said = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut said).unwrap();
        let disk = Self { folder, keeper };
        (said == "mounted\n").then(|| {
            disk.is_enlarged();
            disk
        })
    }

    /// Has room for so many KiB from now on.
    pub(super) fn has_room(&self, room: u64) {
        let disk = rustix::fs::statvfs(&self.folder).unwrap();
        self.has_size((disk.f_blocks - disk.f_bfree) * disk.f_frsize / 1024 + room);
    }

    pub(super) fn is_enlarged(&self) {
        self.has_size(WHOLE);
    }

    fn has_size(&self, size: u64) {
        let options = format!("remount,size={size}k");
        let status = Command::new("mount").args(["-o", &options]).arg(&self.folder).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        drop(self.keeper.wait());
    }
}
