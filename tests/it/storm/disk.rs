//! A disk for the files of a plan alone, so that it can be full. Only root can mount one.

use std::path::PathBuf;
use std::process::Command;

use crate::harness::Bench;

/// Taken away when it is dropped.
pub(super) struct Disk(PathBuf);

/// KiB. More than any plan needs.
const WHOLE: u64 = 1 << 18;

impl Disk {
    pub(super) fn mount(bench: &Bench) -> Option<Self> {
        let folder = bench.path("");
        let options = ["-t", "tmpfs", "-o", &format!("mode=700,size={WHOLE}k"), "none"];
        let is_mounted = cfg!(target_os = "linux")
            && rustix::process::geteuid().is_root()
            && run(Command::new("mount").args(options).arg(&folder));
        is_mounted.then_some(Self(folder))
    }

    /// Has room for so many KiB from now on.
    pub(super) fn has_room(&self, room: u64) {
        let disk = rustix::fs::statvfs(&self.0).unwrap();
        self.has_size((disk.f_blocks - disk.f_bfree) * disk.f_frsize / 1024 + room);
    }

    pub(super) fn is_enlarged(&self) {
        self.has_size(WHOLE);
    }

    fn has_size(&self, size: u64) {
        let size = format!("remount,size={size}k");
        assert!(run(Command::new("mount").args(["-o", &size]).arg(&self.0)));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run(Command::new("umount").arg("-l").arg(&self.0));
    }
}

fn run(command: &mut Command) -> bool {
    command.status().is_ok_and(|it| it.success())
}
