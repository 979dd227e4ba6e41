//! No command replaces what it did not make: outputs, results, metrics, logs and the state of a simulator.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use crate::harness::{Bench, customers, customers_of, eventually, states};

/// A ledger with a customer and a refused row, and the list that they came from.
fn with_a_failure() -> Bench {
    let bench = Bench::new();
    bench.file("customers.csv", customers_of(["one", "refuse-400-3000-two"]));
    bench.import("customers.csv").exits(3);
    bench
}

fn read(bench: &Bench, name: &str) -> String {
    fs::read_to_string(bench.path(name)).unwrap()
}

/// Every command that has an `-o`, but for `man`, whose output is a folder.
const WRITERS: [(&[&str], i32); 6] = [
    (&["list"], 0),
    (&["export", "failed"], 0),
    (&["report"], 0),
    (&["credentials"], 0),
    (&["template"], 0),
    (&["check", "customers.csv"], 0),
];

#[test]
fn an_output_replaces_nothing_unless_it_is_forced_to() {
    let bench = with_a_failure();
    for (command, code) in WRITERS {
        let write = |args: &[&str]| bench.tenantry(command.iter().chain(["-o", "out.csv"].iter())).args(args);
        bench.file("out.csv", "mended by hand");
        let done = write(&[]).exits(2);
        done.says("will not write over `out.csv`: it already exists").says("such as `out-2.csv`");
        assert_eq!(read(&bench, "out.csv"), "mended by hand", "{command:?}");
        write(&["--force"]).exits(code);
        assert_ne!(read(&bench, "out.csv"), "mended by hand", "{command:?}");
        // What the command itself has made is not replaced either.
        let made = read(&bench, "out.csv");
        write(&[]).exits(2);
        assert_eq!(read(&bench, "out.csv"), made, "{command:?}");
        bench.tenantry(command).args(["--force"]).exits(2).says("--output");
        fs::remove_file(bench.path("out.csv")).unwrap();
    }
    // Of those that were refused, nobody has opened a password.
    assert_eq!(bench.ledger().number("SELECT count(*) FROM openings"), 1);
    bench.agree();
}

#[test]
fn manual_pages_replace_nothing_either() {
    let bench = Bench::new();
    let write = |args: &[&str]| bench.tenantry(["man", "-o", "pages"]).args(args);
    write(&[]).exits(0);
    bench.file("pages/tenantry-import.1", "mine");
    fs::remove_file(bench.path("pages/tenantry.1")).unwrap();
    write(&[]).exits(2).says("it already exists");
    assert!(!bench.path("pages/tenantry.1").exists(), "all or none");
    assert_eq!(read(&bench, "pages/tenantry-import.1"), "mine");
    write(&["--force"]).exits(0);
    assert_ne!(read(&bench, "pages/tenantry-import.1"), "mine");
}

#[cfg(unix)]
#[test]
fn a_link_counts_as_a_file_wherever_it_leads() {
    use std::os::unix::fs::symlink;
    let bench = with_a_failure();
    bench.file("kept.csv", "kept");
    symlink("kept.csv", bench.path("to-a-file.csv")).unwrap();
    symlink("nowhere.csv", bench.path("to-nothing.csv")).unwrap();
    symlink("customers.csv", bench.path("to-the-list.csv")).unwrap();
    let export = |to: &str, args: &[&str]| bench.tenantry(["export", "failed", "-o", to]).args(args);
    export("to-a-file.csv", &[]).exits(2).says("it already exists");
    export("to-nothing.csv", &[]).exits(2).says("it already exists");
    assert_eq!(read(&bench, "kept.csv"), "kept");
    assert!(!bench.path("nowhere.csv").exists());
    export("to-the-list.csv", &["--force"]).exits(2).says("rows are read from");
    export("to-a-file.csv", &["--force"]).exits(0);
    assert!(read(&bench, "kept.csv").starts_with("company_name,"), "the link stays one");
    // A device holds nothing.
    export("/dev/null", &[]).exits(0);
}

/// It looks like a file that is there already.
#[cfg(windows)]
#[test]
fn the_null_device_takes_every_output() {
    let bench = with_a_failure();
    for name in ["NUL", "nul", "Nul"] {
        bench.tenantry(["export", "failed", "-o", name]).exits(0);
        bench.tenantry(["report", "-o", name]).exits(0);
    }
}

/// A shell may have led it to a file with more in it.
#[cfg(unix)]
#[test]
fn what_is_open_already_is_written_on_and_never_replaced() {
    use std::os::unix::fs::MetadataExt;
    let bench = with_a_failure();
    let rows = bench.tenantry(["export", "created"]).exits(0).stdout;
    let check = |name: &str, redirection: &str, args: &[&str]| {
        bench.file("all.csv", "what was in it\n");
        let inode = || fs::metadata(bench.path("all.csv")).unwrap().ino();
        let before = inode();
        let script = format!("exec \"$0\" \"$@\" {redirection} all.csv");
        for times in 1..=2 {
            let call = bench.tenantry(["export", "created", "--quiet", "-o", name]).args(args);
            call.in_shell(&script).exits(0);
            let expected = format!("what was in it\n{}", rows.repeat(times));
            assert_eq!(read(&bench, "all.csv"), expected, "{name} {redirection} {args:?}");
            assert_eq!(inode(), before, "{name} {redirection} {args:?}");
        }
    };
    std::os::unix::fs::symlink("/dev/stdout", bench.path("to-stdout")).unwrap();
    for args in [&[][..], &["--force"]] {
        for name in ["/dev/stdout", "/dev/fd/1", "to-stdout", "all.csv"] {
            check(name, ">>", args);
        }
        check("/dev/stderr", "2>>", args);
        check("/dev/fd/3", "3>>", args);
        if cfg!(target_os = "linux") {
            check("/proc/self/fd/1", ">>", args);
        }
    }
    assert!(Path::new("/dev/stdout").symlink_metadata().is_ok());
}

/// Who reads them may have seen enough.
#[cfg(unix)]
#[test]
fn a_pipe_that_nobody_reads_any_more_is_no_failure() {
    let bench = with_a_failure();
    for (name, is_stdout) in [("/dev/stdout", true), ("/dev/stderr", false)] {
        let mut command = bench.tenantry(["export", "all", "-o", name]).command();
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        if is_stdout {
            command.stdout(writer)
        } else {
            command.stderr(writer)
        };
        assert_eq!(command.status().unwrap().code(), Some(0), "{name}");
    }
}

/// A nightly loop writes what is left over what it has imported.
#[test]
fn an_export_that_was_imported_is_replaced_where_that_is_asked_for() {
    let bench = with_a_failure();
    let export = |args: &[&str]| bench.tenantry(["export", "failed", "-o", "failed.csv"]).args(args);
    for args in [&[][..], &["--for-excel"]] {
        for _ in 0..2 {
            export(args).args(["--force"]).exits(0);
            bench.import("failed.csv").exits(3);
        }
        export(args).exits(2).says("it already exists").says("--force");
    }
    // A list of one's own that has the name now.
    bench.file("failed.csv", customers_of(["of-our-own"]));
    export(&["--force"]).exits(2).says("it is a file that rows are read from");
    bench.agree();
}

/// Between the look at a name and the file lies the whole reading of a list.
#[cfg(target_os = "linux")]
#[test]
fn what_takes_the_name_meanwhile_is_not_replaced() {
    let bench = Bench::new();
    let mut check = bench.tenantry(["check", "-", "-o", "copy.csv"]).with_silent_input().spawn();
    let mut input = check.take_input();
    input.write_all(customers(1).as_bytes()).unwrap();
    let is_begun = || {
        fs::read_dir(bench.path(""))
            .unwrap()
            .any(|it| it.unwrap().file_name().to_string_lossy().starts_with(".tenantry-"))
    };
    eventually("the copy is begun", is_begun);
    bench.file("copy.csv", "came first");
    drop(input);
    let done = check.wait();
    assert_eq!(done.code, Some(2), "{done}");
    done.says("will not write over `copy.csv`: it already exists");
    assert_eq!(read(&bench, "copy.csv"), "came first");
    assert!(!is_begun(), "nothing is left behind");
}

#[test]
fn what_cannot_be_made_again_is_replaced_by_no_option() {
    let bench = with_a_failure();
    bench.file("sign-in.json", "{\"refresh_token\":\"x\",\"saved_at_ms\":1}");
    bench.file("other.toml", "rate = '8/s'\n");
    bench.tenantry(["backup", "copy.db"]).exits(0);
    let check = |name: &str, words: &str| {
        // Those that open a database may write to it, as SQLite likes it.
        let content = || fs::read(bench.path(name)).ok().filter(|_| !name.contains(".db"));
        let before = content();
        for (command, _) in WRITERS {
            // A template knows no list.
            if command == ["template"] && words.contains("rows") {
                continue;
            }
            let done = bench.tenantry(command).args(["-o", name, "--force"]).exits(2);
            done.says(&format!("will not write over `{name}`")).says(words);
            assert!(content() == before, "{command:?} has changed {name}");
        }
    };
    check("customers.csv", "it is a file that rows are read from");
    check("ledger.db", "it is a database");
    check("copy.db", "it is a database");
    check("ledger.db-wal", "it belongs to a ledger");
    check("ledger.db-shm", "it belongs to a ledger");
    check("ledger.db.lock", "it belongs to a ledger");
    check("identity.txt", "it holds a private key");
    check("sign-in.json", "it holds a sign-in");
    check("other.toml", "it holds settings of Tenantry");
    bench.tenantry(["backup", "copy.db"]).exits(2).says("copy.db");
    bench.agree();
}

#[test]
fn the_next_command_proposes_a_name_that_is_free() {
    let bench = with_a_failure();
    let next = |done: &str| done[done.find("\nNext: ").unwrap()..].to_owned();
    let status = || next(&bench.tenantry(["status"]).exits(0).stdout);
    assert!(
        status().contains(" -o failed.csv\n      then correct failed.csv and run: tenantry import"),
        "{}",
        status()
    );
    bench.file("failed.csv", "mended");
    assert!(status().contains(" -o failed-2.csv\n"), "{}", status());
    assert!(
        status().contains(" failed-2.csv\n      or, if the cause is gone: tenantry retry"),
        "{}",
        status()
    );
    bench.file("failed-2.csv", "mended");
    assert!(next(&bench.resume().exits(3).stdout).contains(" -o failed-3.csv\n"));
}

#[test]
fn results_are_in_a_new_private_folder_each_time() {
    let bench = with_a_failure();
    let resume = |args: &[&str]| bench.resume().args(["--results", "out/tonight"]).args(args);
    let done = resume(&[]).exits(3).stdout.replace('\\', "/");
    assert!(done.contains("out/tonight/run-2/failed.csv (1 row)"), "{done}");
    let first = read(&bench, "out/tonight/run-2/failed.csv");
    assert_eq!(first, bench.tenantry(["export", "failed"]).exits(0).stdout);
    // Another ledger, with a run of the same number: what is there stays.
    bench.file("out/tonight/run-3", "a file of somebody else");
    let summary = resume(&["--json"]).exits(3).json();
    let path = summary["files"][0]["path"].as_str().unwrap().replace('\\', "/");
    assert_eq!(path, "out/tonight/run-3-2/created.csv");
    assert_eq!(read(&bench, "out/tonight/run-2/failed.csv"), first);
    assert_eq!(read(&bench, "out/tonight/run-3"), "a file of somebody else");
    #[cfg(unix)]
    for (name, mode) in
        [("out", 0o700), ("out/tonight/run-2", 0o700), ("out/tonight/run-2/failed.csv", 0o600)]
    {
        use std::os::unix::fs::PermissionsExt;
        assert_eq!(fs::metadata(bench.path(name)).unwrap().permissions().mode() & 0o777, mode, "{name}");
    }
}

/// Those that can be written are written, and the run is what it was.
#[test]
fn a_result_that_cannot_be_written_keeps_no_other_from_its_file() {
    let bench = with_a_failure();
    let call = bench.resume().args(["--results", "out"]).env("TENANTRY_STALL_AT", "results");
    let running = call.env("TENANTRY_STALL_UNTIL", bench.path("goes-on")).spawn();
    eventually("the folder is made", || bench.path("out/run-2").exists());
    fs::create_dir(bench.path("out/run-2/failed.csv")).unwrap();
    bench.file("goes-on", "");
    let done = running.wait();
    assert_eq!(done.code, Some(3), "{done}");
    let stderr = done.stderr.replace('\\', "/");
    let expected = "error: could not write 1 of 6 files of --results\n  because: will not write over `out/run-2/failed.csv`: \
                    it is a folder\n  hint: remove the cause, then run `tenantry export failed";
    assert!(stderr.contains(expected), "{stderr}");
    assert!(stderr.contains(" -o out/run-2/failed-2.csv`"), "{stderr}");
    let summary = done.stdout.replace('\\', "/");
    assert!(summary.contains("out/run-2/created.csv (1 row)"), "{summary}");
    assert!(!summary.contains("out/run-2/failed.csv ("), "{summary}");
    for name in ["agreements", "created", "existing", "rejected", "unresolved"] {
        assert!(bench.path(&format!("out/run-2/{name}.csv")).exists(), "{name}");
    }
    let words = bench.ledger().text("SELECT ended FROM program_runs ORDER BY id DESC LIMIT 1");
    assert_eq!(words, "done; the results could not be written");
    bench.agree();
}

/// A spreadsheet has last night's file open.
#[cfg(windows)]
#[test]
fn a_file_that_another_program_has_open_is_named_as_that() {
    use std::os::windows::fs::OpenOptionsExt;
    let bench = with_a_failure();
    bench.file("open.csv", "of last night");
    // Excel lets others read; other programs share nothing.
    for share in [0x1, 0] {
        let holder =
            fs::OpenOptions::new().read(true).share_mode(share).open(bench.path("open.csv")).unwrap();
        for (command, _) in WRITERS {
            let done = bench.tenantry(command).args(["-o", "open.csv", "--force"]).exits(1);
            done.says("could not write `open.csv`").says("it is open in another program").says("close it");
        }
        drop(holder);
        assert_eq!(read(&bench, "open.csv"), "of last night");
    }
    let holder = fs::OpenOptions::new().read(true).share_mode(0).open(bench.path("customers.csv")).unwrap();
    bench.import("customers.csv").exits(2).says("it is open in another program").says("close it");
    drop(holder);
    assert_eq!(bench.ledger().number("SELECT count(*) FROM openings"), 0);
    bench.agree();
}

#[test]
fn metrics_replace_metrics_and_nothing_else() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let metrics = |file: &str| bench.import("customers.csv").args(["--metrics-file", file]);
    // Neither of these exists yet; the run would make them.
    for name in ["ledger.db", "ledger.db.lock", "identity.txt"] {
        metrics(name).exits(2).says(&format!("will not write over `{name}`"));
        assert!(!bench.path(name).exists(), "{name}");
    }
    metrics("customers.csv").exits(2).says("it is a file that rows are read from");
    bench.file("notes.txt", "notes\n");
    metrics("notes.txt").exits(2).says("Tenantry did not write it as a metrics file").says("--metrics-file");
    bench.file("both.prom", "# TYPE tenantry_rows gauge\ntenantry_rows 1\nnode_load1 0.5\n");
    metrics("both.prom").exits(2);
    assert!(bench.simulator().requests().is_empty(), "nothing has begun");
    // An empty one may have been made for it.
    bench.file("tenantry.prom", "");
    metrics("tenantry.prom").exits(0);
    let first = read(&bench, "tenantry.prom");
    metrics("tenantry.prom").exits(0);
    assert_ne!(read(&bench, "tenantry.prom"), first, "written anew");
    // Now they exist.
    for (name, words) in [("ledger.db", "it is a database"), ("identity.txt", "it holds a private key")] {
        metrics(name).exits(2).says(words);
    }
    assert_eq!(read(&bench, "customers.csv"), customers(1));
    assert_eq!(read(&bench, "notes.txt"), "notes\n");
    bench.agree();
}

/// A monitor hears of a run that was refused for its metrics file.
#[cfg(unix)]
#[test]
fn a_refused_metrics_file_is_announced_like_any_failure() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let told = ["--metrics-file", "customers.csv", "--on-finish", "echo $TENANTRY_EXIT_CODE > code.txt"];
    bench.import("customers.csv").args(told).exits(2);
    assert_eq!(read(&bench, "code.txt"), "2\n");
}

#[test]
fn a_log_goes_on_in_a_log_and_nowhere_else() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let log = |file: &str, args: &[&str]| bench.import("customers.csv").args(["--log-file", file]).args(args);
    for name in ["ledger.db", "ledger.db-wal", "identity.txt"] {
        log(name, &[]).exits(2).says(&format!("will not write over `{name}`"));
        assert!(!bench.path(name).exists(), "{name}");
    }
    bench.file("other.toml", "rate = '8/s'\n");
    bench.file("notes.txt", "notes\n");
    for (name, words) in [
        ("customers.csv", "it is a file that rows are read from"),
        ("other.toml", "it holds settings"),
        ("notes.txt", "it is not a log of Tenantry"),
    ] {
        let before = read(&bench, name);
        log(name, &[]).exits(2).says(words);
        assert_eq!(read(&bench, name), before);
    }
    assert!(bench.simulator().requests().is_empty() && !bench.has_ledger(), "nothing has begun");
    bench.file("run.log", "");
    log("run.log", &[]).exits(0);
    let lines = |name: &str| read(&bench, name).lines().count();
    let first = lines("run.log");
    log("run.log", &["--log-format", "json"]).exits(0);
    assert!(lines("run.log") > first, "an empty file and a log are gone on with");
    log("run.json", &["--log-format", "json"]).exits(0);
    log("run.json", &[]).exits(0);
    for (name, words) in [("ledger.db", "it is a database"), ("identity.txt", "it holds a private key")] {
        let before = fs::read(bench.path(name)).unwrap();
        log(name, &[]).exits(2).says(words);
        assert_eq!(fs::read(bench.path(name)).unwrap(), before);
    }
    // Commands that only read refuse it too.
    bench.tenantry(["status", "--log-file", "customers.csv"]).exits(2).says("it is not a log of Tenantry");
    bench.agree();
}

#[test]
fn a_simulator_keeps_its_state_in_no_file_of_somebody_else() {
    let bench = Bench::new();
    for content in ["a secret without an end of line", "first line\nsecond line\n", "{\"not\":\"ours\"}"] {
        bench.file("state", content);
        bench.tenantry(["simulator", "--listen", "127.0.0.1:0", "--state", "state"]).exits(1);
        assert_eq!(read(&bench, "state"), content);
    }
}

#[test]
fn a_run_after_which_nothing_is_left_to_do_names_no_taken_file() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.file("passwords.csv", "of last night");
    let done = bench.import("customers.csv").exits(0);
    assert!(done.stdout.contains("-o passwords-2.csv"), "{done}");
    assert!(!Path::new("passwords-2.csv").exists());
    assert_eq!(bench.ledger().states(), states([("created", 1)]));
}

/// A link in the place of the state would let whoever put it there choose the file that is written.
#[cfg(unix)]
#[test]
fn a_simulator_follows_no_link_to_its_state() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    for precious in [Some(""), Some("{"), None] {
        fs::remove_file(bench.path("precious")).ok();
        if let Some(content) = precious {
            bench.file("precious", content);
        }
        for state in ["ledger.db.simulator", "state"] {
            fs::remove_file(bench.path(state)).ok();
            std::os::unix::fs::symlink(bench.path("precious"), bench.path(state)).unwrap();
        }
        let rehearsal = bench.tenantry(["import", "customers.csv", "--simulate"]);
        let server = bench.tenantry(["simulator", "--listen", "127.0.0.1:0", "--state", "state"]);
        for call in [rehearsal, server] {
            call.exits(1).says("it is a symbolic link");
            let content = fs::read_to_string(bench.path("precious")).ok();
            assert_eq!(content.as_deref(), precious);
        }
    }
}

/// Windows takes paths of more than 260 characters only from programs that ask for it.
#[test]
fn lists_ledgers_and_results_may_have_long_paths() {
    let bench = Bench::new();
    let folder = format!("{}/", "n".repeat(60)).repeat(6);
    std::fs::create_dir_all(bench.path(&folder)).unwrap();
    let file = |name: &str| bench.path(&folder).join(name).to_str().unwrap().to_owned();
    let refused = customers_of(["refuse-400-3000"]);
    bench.file(&format!("{folder}customers.csv"), customers(2) + refused.lines().nth(1).unwrap());
    let [list, ledger, results, copy, metrics] =
        ["customers.csv", "ledger.db", "results", "copy.db", "tenantry.prom"].map(file);
    let run = |args: &[&str], code| {
        let done = bench.tenantry(args).env("TENANTRY_LEDGER", &ledger).exits(code);
        assert!(!done.to_string().contains(r"\\?\"), "{done}");
        done
    };
    run(&["check", &list], 0);
    run(&["import", &list, "--dry-run"], 0);
    run(&["import", &list, "--results", &results, "--metrics-file", &metrics], 3);
    run(&["import", &list], 3);
    assert_eq!(run(&["status", "--json"], 0).json()["rows"]["created"], 2);
    run(&["export", "created", "-o", &file("created.csv")], 0);
    run(&["export", "created", "-o", &file("created.csv"), "--force"], 0);
    run(&["export", "failed", "-o", &file("failed.xlsx")], 0);
    run(&["report", "-o", &file("report.html")], 0);
    run(&["credentials"], 0);
    run(&["backup", &copy], 0);
    let copied = run(&["status", "--json", "--ledger", &copy], 0);
    assert_eq!(copied.json()["rows"]["created"], 2);
    assert!(
        bench.path(&folder).join("results/run-1").is_dir()
            && bench.path(&folder).join("tenantry.prom").is_file()
    );
}
