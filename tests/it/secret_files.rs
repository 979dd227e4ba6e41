//! Files that a run rests on, which others than their owner could have written, and a log that nobody reads.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::Path;

use crate::harness::{Bench, CLIENT_SECRET, Call, customers};

const AUTHORITY: &str = include_str!("tls/authority.pem");
const CERTIFICATE: &str = include_str!("client-certificate.pem");

/// A user who exists nowhere.
const STRANGER: u32 = 4242;

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
}

/// A secret, a certificate, an authority and an identity in a folder.
fn bench() -> Bench {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").exits(0);
    fs::create_dir(bench.path("in")).unwrap();
    set_mode(&bench.path("in"), 0o755);
    let identity = bench.path("identity.txt");
    for (file, content) in [
        ("secret", CLIENT_SECRET.to_owned()),
        ("certificate", CERTIFICATE.to_owned()),
        ("authority", AUTHORITY.to_owned()),
        ("identity", fs::read_to_string(identity).unwrap()),
    ] {
        let path = bench.path("in").join(file);
        fs::write(&path, content).unwrap();
        set_mode(&path, 0o600);
    }
    bench
}

/// Each file with a command that reads it, and the exit code where it is refused.
fn readers(bench: &Bench) -> [(&'static str, Call<'_>, i32); 4] {
    let whoami = || bench.tenantry(["whoami"]).with_app();
    let without = || whoami().without("TENANTRY_CLIENT_SECRET");
    [
        ("secret", without().args(["--client-secret-file", "in/secret"]), 2),
        ("certificate", without().args(["--client-certificate", "in/certificate"]), 2),
        ("authority", whoami().args(["--ca-file", "in/authority"]), 2),
        ("identity", bench.tenantry(["credentials"]).args(["--identity", "in/identity"]), 1),
    ]
}

/// The mode of a list that was named by mistake was narrowed, and its other readers could not read it any more.
#[test]
fn another_file_keeps_its_mode() {
    let bench = bench();
    let list = bench.path("customers.csv");
    set_mode(&list, 0o644);
    let named = |option: &str| bench.tenantry(["whoami"]).with_app().args([option, "customers.csv"]);
    bench.tenantry(["credentials", "--identity", "customers.csv"]).exits(1);
    named("--client-certificate").without("TENANTRY_CLIENT_SECRET").exits(2);
    named("--client-secret-file").without("TENANTRY_CLIENT_SECRET").run();
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&list), 0o644);
    // A secret in any encoding that is read does not.
    let secret = bench.path("in/secret");
    let utf_16 =
        format!("\u{FEFF}{CLIENT_SECRET}\r\n").encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>();
    fs::write(&secret, utf_16).unwrap();
    set_mode(&secret, 0o644);
    let whoami = bench.tenantry(["whoami"]).with_app().args(["--client-secret-file", "in/secret"]);
    whoami.without("TENANTRY_CLIENT_SECRET").exits(0);
    assert_eq!(mode(&secret), 0o600);
}

/// Others can lead a link in such a folder to any file of ours. A file that they put there is theirs, and seen to be.
#[test]
fn what_others_could_replace_is_not_believed() {
    let bench = bench();
    let folder = bench.path("in");
    for mode in [0o777, 0o757] {
        set_mode(&folder, mode);
        for (_, call, _) in readers(&bench) {
            call.exits(0).says("other users may write to the folder of this file");
        }
    }
    set_mode(&folder, 0o755);
    fs::rename(&folder, bench.path("real")).unwrap();
    fs::create_dir(&folder).unwrap();
    for (file, ..) in readers(&bench) {
        std::os::unix::fs::symlink(bench.path("real").join(file), folder.join(file)).unwrap();
    }
    for mode in [0o777, 0o757] {
        set_mode(&folder, mode);
        for (_, call, exit_code) in readers(&bench) {
            call.exits(exit_code)
                .says("other users may write to its folder, so it can be replaced")
                .says("chmod go-w");
        }
    }
    // In a folder with the sticky bit only the owner of a file can replace it.
    for mode in [0o1777, 0o755] {
        set_mode(&folder, mode);
        for (_, call, _) in readers(&bench) {
            call.exits(0);
        }
    }
}

/// Whoever replaces a file makes one of their own. (Without root there is no file of another user.)
#[test]
fn a_file_of_another_user_where_everybody_may_write_is_refused() {
    let bench = bench();
    set_mode(&bench.path("in"), 0o777);
    for (file, call, exit_code) in readers(&bench) {
        if chown(bench.path("in").join(file), Some(STRANGER), None).is_err() {
            assert!(!rustix::process::geteuid().is_root());
            return;
        }
        call.exits(exit_code).says("so it can be replaced");
    }
}

/// In a container the files that are mounted belong to users of another machine. (Without root nobody has such a file.)
#[test]
fn root_is_warned_about_the_files_of_others() {
    let bench = bench();
    let warning = "although another user could change or replace it";
    for place in ["in/secret", "in/certificate", "in/authority", "in/identity", "in"] {
        if chown(bench.path(place), Some(STRANGER), None).is_err() {
            assert!(!rustix::process::geteuid().is_root());
            return;
        }
        for (file, call, _) in readers(&bench) {
            let done = call.exits(0);
            assert_eq!(
                done.stderr.contains(warning),
                place == "in" || place.ends_with(file),
                "{place} {done}"
            );
        }
        chown(bench.path(place), Some(0), None).unwrap();
    }
}

/// The group of a user counts as the user, but not where it is the mask of a list that names others.
#[cfg(target_os = "linux")]
#[test]
fn an_access_list_that_names_another_user_counts() {
    use rustix::fs::{XattrFlags, setxattr};
    let bench = bench();
    let entries = |rights: u16| {
        [
            (0x01, 6, u32::MAX),
            (0x02, rights, STRANGER),
            (0x04, 0, u32::MAX),
            (0x10, 6, u32::MAX),
            (0x20, 0, u32::MAX),
        ]
    };
    let list = |rights: u16| {
        let mut list = 2_u32.to_le_bytes().to_vec();
        for (tag, rights, id) in entries(rights) {
            list.extend(u16::to_le_bytes(tag));
            list.extend(u16::to_le_bytes(rights));
            list.extend(u32::to_le_bytes(id));
        }
        list
    };
    for (rights, words) in [(6, Some("other users may write to it")), (0, None)] {
        for (file, call, exit_code) in readers(&bench) {
            let path = bench.path("in").join(file);
            match setxattr(&path, "system.posix_acl_access", &list(rights), XattrFlags::empty()) {
                Ok(()) => {}
                // A file system without such lists; the rule itself has a table beside it.
                Err(error) if error == rustix::io::Errno::OPNOTSUPP => return,
                Err(error) => panic!("{error}"),
            }
            match words {
                Some(words) => drop(call.exits(exit_code).says(words)),
                None => drop(call.exits(0)),
            }
        }
    }
}

/// Opening it waited for a reader, for ever and before anything was done.
#[cfg(target_os = "linux")]
#[test]
fn a_log_into_a_pipe_that_nobody_reads_is_refused() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let pipe = bench.path("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, mode).unwrap();
    let import = || bench.import("customers.csv").args(["--log-file", "pipe"]);
    import()
        .exits(1)
        .says("no program reads from this pipe")
        .says("start the program that reads from `pipe`");
    assert!(!bench.has_ledger());
    // One that is read gets the lines.
    let reader = fs::OpenOptions::new().read(true).write(true).open(&pipe).unwrap();
    import().exits(0);
    let mut lines = vec![0; 65536];
    let count = std::io::Read::read(&mut &reader, &mut lines).unwrap();
    let lines = String::from_utf8_lossy(&lines[..count]);
    assert!(lines.contains("started") && lines.contains("ended"), "{lines}");
}
