//! Settings in a `tenantry.toml` that was found in the working folder, which anybody may have put there.

use std::fs;

use serde_json::Value;

use crate::harness::{Bench, Call, customers, states};

const FILE: &str = "tenantry.toml";
const FOUND: &str = "was found in this folder and sets what such a file may not";
const COMMAND: &str = "`tenantry config trust`";

/// Cheap, and goes by the settings like any other command.
fn status(bench: &Bench) -> Call<'_> {
    bench.tenantry(["config", "show", "--json"])
}

#[test]
fn a_file_that_was_found_may_set_only_what_cannot_harm() {
    let harmless = "rate = '9/s'\nconcurrency = 3\ntimeout = '9s'\nwait-lock = '9s'\nstrict = true\n\
                    require-valid = true\ndelimiter = 'comma'\nencoding = 'utf-8'\nsheet = 'x'\nlog-format = 'text'\n\
                    verbose = 1\nmax-attempts = 3\nmax_failures = '9%'\nmax-duration = '9m'\nmax-outage = '9m'\n";
    let bench = Bench::new();
    bench.file(FILE, harmless);
    let shown = status(&bench).exits(0).json();
    assert_eq!(shown["file_is"], "found");
    let from_file = shown["settings"].as_array().unwrap().iter().filter(|it| it["source"] == "file").count();
    // The rate stands in the environment of every test.
    assert_eq!(from_file, harmless.lines().count() - 1);
    let text = bench.tenantry(["config", "show"]).exits(0).stdout;
    assert!(text.contains("`tenantry.toml` (found in this folder; it sets only what cannot harm)"), "{text}");
    for line in [
        "ledger = 'x.db'",
        "simulate = true",
        "cloud = 'china'",
        "api-url = 'https://x.example'",
        "authority_url = 'https://x.example'",
        "ca-file = 'x.pem'",
        "tenant-id = 'x.example'",
        "client-id = 'x'",
        "client-secret-file = 'x'",
        "client-certificate = 'x'",
        "key-store = 'file'",
        "limit = 1",
        "dry-run = true",
        "idempotency-window = '1s'",
        "settle-delay = '1s'",
        "recipient = 'age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p'",
        "identity = 'x'",
        "json = true",
        "results = 'x'",
        "notify-url = 'https://x.example/'",
        "on-finish = 'touch harm'",
        "metrics-file = 'x'",
        "yes = true",
        "quiet = true",
        "log-file = 'x'",
        "map = ['City=city']",
        "default = ['country=GB']",
        "reseller-id = '8f2c1b7e-5a64-4d0e-9c3b-1e7d2f60a951'",
        "allow-direct = true",
        "retry-failed = true",
    ] {
        let (key, _) = line.split_once(' ').unwrap();
        let key = key.replace('_', "-");
        bench.file(FILE, format!("rate = '9/s'\n{line}\n"));
        let done = status(&bench).exits(2);
        done.says(&format!("{FOUND}: `{key}` (line 2)\n")).says(COMMAND);
    }
    for (profile, named) in
        [("[profile.x]\nrate = '9/s'\n", "`profile.x.rate` (line 2)"), ("[profile.x]\n", "`profile.x`")]
    {
        bench.file(FILE, profile);
        status(&bench).exits(2).says(&format!("{FOUND}: {named}\n")).says(COMMAND);
    }
    // Whatever the command, and however many.
    bench.file("customers.csv", customers(1));
    bench.file(FILE, "yes = true\non-finish = 'touch harm'\n");
    bench.import("customers.csv").exits(2).says("`yes` (line 1), `on-finish` (line 2)");
    bench.tenantry(["status"]).exits(2).says(COMMAND);
    assert!(!bench.ledger_path().exists() && !bench.path("harm").exists());
    assert!(bench.simulator().requests().is_empty());
}

#[test]
fn trust_is_for_this_file_with_this_content() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let content = "limit = 1\n[profile.p]\non-finish = 'echo done > done.txt'\n";
    bench.file(FILE, content);
    let import = || bench.import("customers.csv").args(["--profile", "p"]);
    import().exits(2).says(COMMAND);
    let trusted = bench.tenantry(["config", "trust"]).exits(0).stdout;
    assert!(
        trusted.contains("`limit` (line 1)") && trusted.contains("`profile.p.on-finish` (line 3)"),
        "{trusted}"
    );
    assert!(trusted.contains("until it changes"), "{trusted}");
    import().exits(0).says("Settings from `tenantry.toml`, profile `p`.");
    assert!(cfg!(windows) || bench.path("done.txt").exists());
    let text = bench.tenantry(["config", "show"]).exits(0).stdout;
    assert!(text.contains("`tenantry.toml` (found in this folder, and trusted)"), "{text}");
    // Another content, even in a comment.
    bench.file(FILE, format!("{content}# \n"));
    status(&bench).exits(2).says(COMMAND);
    bench.file(FILE, content);
    status(&bench).exits(0);
    // The same content elsewhere.
    fs::create_dir(bench.path("else")).unwrap();
    fs::write(bench.path("else").join(FILE), content).unwrap();
    let elsewhere = || bench.tenantry(["status"]).in_folder("else");
    elsewhere().exits(2).says(COMMAND);
    bench.tenantry(["config", "trust", "else/tenantry.toml"]).exits(0);
    elsewhere().exits(0);
    status(&bench).exits(0);
    // What cannot be used cannot be trusted.
    bench.file(FILE, "limmit = 1\n");
    bench.tenantry(["config", "trust"]).exits(2).says("did you mean `limit`?");
    bench.tenantry(["config", "trust", "nowhere.toml"]).exits(2).says("no such file").says("check the name");
    bench.tenantry(["config", "trust", "tennatry.toml"]).exits(2).says("did you mean tenantry.toml?");
}

/// The trust of another user, or of nobody, is none.
#[cfg(unix)]
#[test]
fn the_list_of_trusted_files_is_private() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.file(FILE, "limit = 1\n");
    bench.tenantry(["config", "trust"]).exits(0);
    let store = &bench.path("config/tenantry/trusted-settings.json");
    assert_eq!(fs::metadata(store).unwrap().permissions().mode() & 0o777, 0o600);
    status(&bench).exits(0);
    fs::set_permissions(store, fs::Permissions::from_mode(0o666)).unwrap();
    status(&bench).exits(2).says("other users may write to it");
    fs::set_permissions(store, fs::Permissions::from_mode(0o600)).unwrap();
    fs::write(store, "{").unwrap();
    status(&bench).exits(2).says("could not read the trusted settings");
}

#[test]
fn a_file_that_is_named_counts_as_it_is() {
    let bench = Bench::new();
    bench.file(FILE, "limit = 1\n");
    for call in [status(&bench).args(["--config", FILE]), status(&bench).env("TENANTRY_CONFIG", FILE)] {
        let shown = call.exits(0).json();
        assert_eq!((&shown["file_is"], &shown["file"]), (&"named".into(), &FILE.into()));
    }
}

/// The harness moves the configuration folder of Linux alone.
#[cfg(target_os = "linux")]
#[test]
fn a_file_that_was_found_does_not_hide_the_operators_own() {
    let bench = Bench::new();
    let own = bench.path("config/tenantry");
    fs::create_dir_all(&own).unwrap();
    fs::write(own.join(FILE), "simulate = true\n").unwrap();
    let shown = || status(&bench).exits(0).json();
    assert_eq!(shown()["file_is"], "own");
    // Even an empty one would make a rehearsal real.
    for content in ["", "rate = '9/s'\n"] {
        bench.file(FILE, content);
        status(&bench)
            .exits(2)
            .says("`tenantry.toml` in this folder hides your own settings")
            .says("config trust");
    }
    bench.tenantry(["config", "trust"]).exits(0);
    assert_eq!(shown()["file_is"], "trusted");
    // In the configuration folder itself it is the operator's own.
    let there: Value = status(&bench).in_folder("config/tenantry").exits(0).json();
    assert_eq!(there["file_is"], "own");
}

/// The link chose what is believed, and the folder of the link what its relative paths lead to.
#[cfg(unix)]
#[test]
fn a_link_in_the_working_folder_gets_nobodys_trust() {
    use std::os::unix::fs::symlink;
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    fs::create_dir_all(bench.path("list")).unwrap();
    fs::create_dir_all(bench.path("mine")).unwrap();
    fs::write(bench.path("mine").join(FILE), "on-finish = './done.sh'\n").unwrap();
    bench.tenantry(["config", "trust", "mine/tenantry.toml"]).exits(0);
    bench.tenantry(["config", "show"]).in_folder("mine").exits(0);
    let link = bench.path("list").join(FILE);
    let refused = |to: &std::path::Path| {
        symlink(to, &link).unwrap();
        for command in [&["import", "../customers.csv"][..], &["config", "show"], &["config", "trust"]] {
            let done = bench.tenantry(command).in_folder("list").exits(2);
            done.says("cannot use the configuration file `tenantry.toml`").says("it is a symbolic link");
        }
        let done = bench.tenantry(["status"]).in_folder("list").exits(2);
        done.says("name the file that you mean with `--config F`");
        fs::remove_file(&link).unwrap();
    };
    refused(&bench.path("mine").join(FILE));
    refused(std::path::Path::new("../mine/tenantry.toml"));
    refused(std::path::Path::new("nowhere"));
    // Named, it is what the operator says.
    symlink(bench.path("mine").join(FILE), &link).unwrap();
    bench.tenantry(["config", "show", "--config", FILE]).in_folder("list").exits(0);
    fs::remove_file(&link).unwrap();
    if cfg!(target_os = "linux") {
        let own = bench.path("config/tenantry");
        fs::create_dir_all(&own).unwrap();
        // Who keeps settings under version control has them linked there.
        symlink(bench.path("mine").join(FILE), own.join(FILE)).unwrap();
        refused(&own.join(FILE));
        let shown = bench.tenantry(["config", "show", "--json"]).in_folder("config/tenantry").exits(0).json();
        assert_eq!(shown["file_is"], "own");
        assert_eq!(shown["file"], own.join(FILE).to_str().unwrap());
    }
}

#[test]
fn the_file_in_use_is_always_named() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let words = "Settings from `tenantry.toml`.";
    bench.file(FILE, "max-attempts = 3\n");
    bench.import("customers.csv").exits(0).says(words);
    // It cannot hide itself; the operator can ask for nothing.
    bench.file(FILE, "quiet = true\n");
    bench.tenantry(["config", "trust"]).exits(0);
    let done = bench.import("customers.csv").exits(0);
    assert_eq!(done.stderr.trim_end(), words);
    assert_eq!(bench.import("customers.csv").args(["-q"]).exits(0).stderr, "");
    assert_eq!(bench.import("customers.csv").env("TENANTRY_QUIET", "true").exits(0).stderr, "");
    assert_eq!(bench.import("customers.csv").args(["--config", FILE]).exits(0).stderr, "");
    assert_eq!(bench.ledger().states(), states([("created", 1)]));
}

#[cfg(unix)]
#[test]
fn a_file_that_others_could_have_written_is_refused() {
    use std::os::unix::fs::{PermissionsExt, chown};
    let mode = |path: &std::path::Path, mode: u32| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    };
    let bench = Bench::new();
    fs::create_dir(bench.path("in")).unwrap();
    let file = bench.path("in").join(FILE);
    fs::write(&file, "rate = '9/s'\n").unwrap();
    let check = |code: i32, words: &str| {
        for named in [&[][..], &["--config", FILE]] {
            bench.tenantry(["config", "show"]).args(named).in_folder("in").exits(code).says(words);
        }
    };
    check(0, "");
    mode(&file, 0o602);
    check(2, "other users may write to it");
    mode(&file, 0o600);
    mode(&bench.path("in"), 0o777);
    check(2, "other users may write to its folder, so it can be replaced");
    // In such a folder only the owner of a file can replace it.
    mode(&bench.path("in"), 0o1777);
    check(0, "");
    mode(&bench.path("in"), 0o755);
    check(0, "");
    // Only root can give a file away; without root there is nothing to be checked here.
    if rustix::process::geteuid().is_root() {
        chown(&file, Some(4242), None).unwrap();
        check(2, "it belongs to another user");
        chown(&file, Some(0), None).unwrap();
        chown(bench.path("in"), Some(4242), None).unwrap();
        check(2, "its folder belongs to another user");
    }
}

#[test]
fn only_a_regular_file_of_bounded_size_is_read() {
    let bench = Bench::new();
    let refused =
        |words: &str| status(&bench).exits(2).says(words).says("configuration file `tenantry.toml`").code;
    fs::create_dir(bench.path(FILE)).unwrap();
    refused("it is a folder");
    fs::remove_dir(bench.path(FILE)).unwrap();
    fs::File::create(bench.path(FILE)).unwrap().set_len(1024 * 1024 + 1).unwrap();
    refused("it is larger than 1 MiB");
    fs::write(bench.path(FILE), [0xff, 0xfe, 0x41]).unwrap();
    refused("it is neither UTF-8 nor UTF-16");
    fs::remove_file(bench.path(FILE)).unwrap();
    #[cfg(unix)]
    {
        let socket = std::os::unix::net::UnixListener::bind(bench.path(FILE)).unwrap();
        refused("it is a socket");
        drop(socket);
        fs::remove_file(bench.path(FILE)).unwrap();
        let device = bench.tenantry(["config", "show", "--config", "/dev/null"]).exits(2);
        device.says("configuration file `/dev/null`").says("it is a device");
    }
    // Opening it would wait for somebody to write.
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::{CWD, FileType, Mode, mknodat};
        mknodat(CWD, bench.path(FILE), FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
        refused("it is a named pipe");
    }
}
