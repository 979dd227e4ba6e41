//! Where settings come from: `tenantry.toml`, its profiles, the environment, flags, and what `config show` says of it.

use serde_json::Value;
use tenantry_simulator::Operation;

use crate::harness::{Bench, Call, Done, customers, in_utf_16, sample, snapshot};

const FILE: &str = "tenantry.toml";

/// Shows the settings as they are without those that every test has in its environment.
fn show(bench: &Bench) -> Call<'_> {
    bench
        .tenantry(["config", "show"])
        .without("TENANTRY_LEDGER")
        .without("TENANTRY_API_URL")
        .without("TENANTRY_AUTHORITY_URL")
        .without("TENANTRY_RATE")
        .without("TENANTRY_SETTLE_DELAY")
        .without("TENANTRY_KEY_STORE")
        .without("TENANTRY_YES")
        .env("TENANTRY_IDENTITY", "key.txt")
}

/// One setting of `config show --json`.
fn setting(done: &Done, name: &str) -> Value {
    let shown = done.json();
    let settings = shown["settings"].as_array().unwrap();
    settings.iter().find(|it| it["name"] == name).unwrap_or_else(|| panic!("no {name}: {done}")).clone()
}

/// A list in the settings is for every night; what is typed comes on top of it.
#[test]
fn what_is_typed_adds_to_a_list_of_the_settings() {
    let bench = Bench::new();
    bench.trusts(
        "map = ['Firma=company_name', 'Ort=city']\ndefault = ['country=DE', 'language=de']\n\
         ignore-column = ['Notiz']\n",
    );
    let value = |args: &[&str], name: &str| {
        setting(&show(&bench).args(args).args(["--json"]).exits(0), name)["value"].clone()
    };
    assert_eq!(value(&["--map", "Post=email"], "map"), "Post=email, Firma=company_name, Ort=city");
    // Another column for the same field takes its place.
    assert_eq!(value(&["--map", "Stadt=city"], "map"), "Stadt=city, Firma=company_name");
    assert_eq!(value(&["--default", "country=AT"], "default"), "country=AT, language=de");
    assert_eq!(value(&["--ignore-column", "Notiz"], "ignore-column"), "Notiz");
    assert_eq!(value(&[], "map"), "Firma=company_name, Ort=city");
    let list = customers(1).replacen("country", "country,Notiz", 1).replacen(",GB", ",GB,", 1);
    let list = list.replacen("company_name", "Firma", 1).replacen("city", "Ort", 1);
    bench.file("customers.csv", list.replacen("email", "Post", 1));
    bench.tenantry(["import", "--map", "Post=email", "--", "customers.csv"]).exits(0);
}

#[test]
fn the_sample_says_what_holds_for_a_profile_and_why() {
    let bench = Bench::new();
    bench.trusts(std::fs::read(sample(FILE)).unwrap());
    bench.file("contoso.secret", "secret-of-contoso");
    let call = show(&bench)
        .args(["--profile", "contoso", "--limit", "5", "--strict=false"])
        .env("TENANTRY_WAIT_LOCK", "1h")
        .env("TENANTRY_NOTIFY_URL", "https://hc.example/ping/known-to-us-alone");
    let done = call.exits(0);
    snapshot!(done);
    let all = done.to_string();
    for secret in ["secret-of-contoso", "opaque-access-token", "known-to-us-alone"] {
        assert!(!all.contains(secret), "{secret} is shown: {done}");
    }
    // To find out what is missing is what one shows settings for.
    let other = show(&bench).args(["--profile", "fabrikam", "--json"]).exits(0);
    let secret = setting(&other, "client-secret-file");
    assert_eq!((&secret["value"], &secret["missing"]), (&"fabrikam.secret".into(), &true.into()));
    let text = show(&bench).args(["--profile", "fabrikam"]).exits(0).stdout;
    assert!(text.contains("missing: there is no such file"), "{text}");
    assert_eq!(setting(&other, "rate")["value"], "100/min");
}

/// Notepad and PowerShell save text with a byte order mark, or in UTF-16.
#[test]
fn files_are_read_as_the_editors_of_windows_save_them() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.import("customers.csv").exits(0);
    let settings = std::fs::read_to_string(sample("tenantry.windows.toml")).unwrap();
    // A log is opened, and its folder is missing here.
    let settings = settings.replace("\nlog-file =", "\n# log-file =");
    let identity = std::fs::read_to_string(bench.path("identity.txt")).unwrap();
    bench.trusts("simulate = true\n");
    let trusted = std::fs::read_to_string(bench.path("config/tenantry/trusted-settings.json")).unwrap();
    let encodings: [fn(&str) -> Vec<u8>; 3] = [
        |text| format!("\u{FEFF}{text}").into_bytes(),
        |text| in_utf_16(&format!("\u{FEFF}{text}"), u16::to_le_bytes),
        |text| in_utf_16(&format!("\u{FEFF}{text}"), u16::to_be_bytes),
    ];
    for encode in encodings {
        bench.file("identity.txt", encode(&identity));
        bench.tenantry(["credentials"]).exits(0);
        bench.file("config/tenantry/trusted-settings.json", encode(&trusted));
        assert_eq!(setting(&show(&bench).args(["--json"]).exits(0), "simulate")["source"], "file");
        bench.file("w.toml", encode(&settings));
        let shown = show(&bench).args(["--config", "w.toml", "--json"]).exits(0);
        let value = |name: &str| setting(&shown, name)["value"].as_str().unwrap().to_owned();
        assert_eq!(value("rate"), "300/min");
        for (name, path) in [
            ("ledger", r"C:\Tenantry\contoso.db"),
            ("results", r"D:\Customer lists\results"),
            ("metrics-file", r"\\monitor\textfiles\contoso.prom"),
        ] {
            assert!(value(name).ends_with(path), "{name}: {}", value(name));
        }
    }
    // Without its mark UTF-16 is not certain.
    bench.file("w.toml", in_utf_16(&settings, u16::to_le_bytes));
    let refused = show(&bench).args(["--config", "w.toml"]).exits(2);
    refused.says("it is neither UTF-8 nor UTF-16 with a byte order mark").says("save it as UTF-8");
}

#[test]
fn a_flag_is_over_the_environment_and_that_is_over_the_file() {
    let bench = Bench::new();
    bench.trusts("limit = 1\n[profile.more]\nlimit = 2\n");
    let check = |call: Call<'_>, value: &str, source: &str| {
        let limit = setting(&call.args(["--json"]).exits(0), "limit");
        assert_eq!((&limit["value"], &limit["source"]), (&value.into(), &source.into()));
    };
    check(show(&bench), "1", "file");
    check(show(&bench).env("TENANTRY_PROFILE", "more"), "2", "file");
    check(show(&bench).env("TENANTRY_PROFILE", "more").env("TENANTRY_LIMIT", "3"), "3", "environment");
    check(show(&bench).env("TENANTRY_LIMIT", "3").args(["--limit", "4"]), "4", "flag");
    let quiet = setting(&show(&bench).args(["--json"]).env("TENANTRY_QUIET", "yes").exits(0), "quiet");
    assert_eq!((&quiet["value"], &quiet["source"]), (&"yes".into(), &"environment".into()));
    // And it is the run that goes by it.
    bench.file("customers.csv", customers(4));
    let done = bench.import("customers.csv").args(["--profile", "more"]).exits(5);
    done.says("Settings from `tenantry.toml`, profile `more`.");
    // The next command goes by it too.
    assert!(done.stdout.contains("Next: tenantry resume --profile more "), "{done}");
    bench
        .tenantry(["status"])
        .env("TENANTRY_PROFILE", "more")
        .exits(0)
        .stdout
        .find("resume --profile more")
        .unwrap();
    assert_eq!(bench.count(Operation::Create), 2);
}

#[test]
fn the_next_command_names_the_profile_and_not_what_it_holds() {
    let bench = Bench::new();
    bench.trusts("[profile.p]\nlimit = 1\nrate = '900/min'\nidentity = 'identity.txt'\n");
    bench.file("customers.csv", customers(2));
    let import = bench.import("customers.csv").without("TENANTRY_RATE").without("TENANTRY_IDENTITY");
    let typed = ["--profile", "p", "--timeout", "90s", "--settle-delay", "2s", "--max-attempts", "3"];
    let done = import.args(typed).exits(5).stdout;
    let next = done.lines().last().unwrap();
    assert!(next.starts_with("Next: tenantry resume --profile p --ledger "), "{next}");
    assert!(next.ends_with(" --settle-delay 2s --timeout 90s"), "{next}");
    assert!(!next.contains("--rate") && !next.contains("--identity"), "{next}");
}

#[test]
fn what_can_be_judged_without_asking_anybody_is_judged() {
    let bench = Bench::new();
    show(&bench).exits(0).stdout.find("Configuration file: none").unwrap();
    show(&bench).args(["--recipient", "age1nobody"]).exits(2).says("not an age public key");
    show(&bench)
        .args(["--api-url", "http://10.0.0.1"])
        .exits(2)
        .says("plain http is for loopback addresses only");
}

/// What is for real runs is no rehearsal's: its ledger would then belong to the simulator.
#[test]
fn a_rehearsal_leaves_the_ledger_and_the_monitor_of_the_file_alone() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.trusts("ledger = 'real.db'\nmetrics-file = 'm.prom'\n[profile.p]\nrate = '100/s'\n");
    let import = bench.tenantry(["import", "--simulate", "--profile", "p", "customers.csv"]);
    import.without("TENANTRY_LEDGER").exits(0);
    assert!(bench.path("tenantry-simulated.db").exists());
    assert!(!bench.path("real.db").exists() && !bench.path("m.prom").exists());
}

#[test]
fn the_address_of_a_monitor_is_not_repeated() {
    let bench = Bench::new();
    let wrong =
        bench.tenantry(["import", "x.csv", "--notify-url", "ftp://bob:s3cretpw@x/tok3nvalue"]).exits(2);
    assert!(!wrong.stderr.contains("s3cretpw") && !wrong.stderr.contains("tok3nvalue"), "{wrong}");
    let shown =
        show(&bench).args(["--api-url", "https://bob:s3cretpw@api.x/", "--on-finish", "do tok3nvalue"]).run();
    assert!(!shown.to_string().contains("s3cretpw") && !shown.to_string().contains("tok3nvalue"), "{shown}");
}

#[test]
fn of_rivals_the_one_nearer_to_the_command_line_holds() {
    let bench = Bench::new();
    bench.file("a.secret", "a");
    bench.trusts("client-certificate = 'missing.pem'\n[profile.p]\nclient-secret-file = 'a.secret'\n");
    let certificate = |call: Call<'_>| setting(&call.args(["--json"]).run(), "client-certificate");
    assert_eq!(certificate(show(&bench))["source"], "file");
    assert_eq!(certificate(show(&bench).args(["--client-secret-file", "a.secret"]))["source"], "unset");
    assert_eq!(certificate(show(&bench).args(["--profile", "p"]))["source"], "unset");
    assert_eq!(certificate(show(&bench).env("TENANTRY_CLIENT_SECRET", "x"))["source"], "unset");
    bench.file(FILE, "client-certificate = 'missing.pem'\nclient-secret-file = 'a.secret'\n");
    show(&bench).exits(2).says("exclude each other");
}

#[test]
fn a_relative_path_starts_at_the_folder_of_its_file() {
    let bench = Bench::new();
    std::fs::create_dir_all(bench.path("config/tenantry")).unwrap();
    std::fs::create_dir_all(bench.path("else")).unwrap();
    std::fs::write(bench.path("config/tenantry/tenantry.toml"), "ledger = 'nightly.db'").unwrap();
    let ledger = setting(&show(&bench).args(["--json"]).exits(0), "ledger");
    let expected = bench.path("config").join("tenantry").join("nightly.db");
    assert_eq!(ledger["value"], expected.to_str().unwrap());
    // The one of the working folder comes first, the one that is named before both.
    bench.trusts("ledger = 'here.db'");
    assert_eq!(setting(&show(&bench).args(["--json"]).exits(0), "ledger")["value"], "here.db");
    std::fs::write(bench.path("else/else.toml"), "ledger = 'x.db'").unwrap();
    let named = show(&bench).args(["--json", "--config", "else/else.toml"]).exits(0);
    let expected = std::path::Path::new("else").join("x.db");
    assert_eq!(setting(&named, "ledger")["value"], expected.to_str().unwrap());
}

#[test]
fn a_mistake_in_the_file_says_what_would_be_right() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let mut told = String::new();
    let mut told_of = |what: &str, done: Done| told.push_str(&format!("==== {what}\n{done}\n"));
    for content in [
        "ratee = \"8/s\"",
        "rate = 8",
        "[profile.contoso]\nmax_atempts = 3",
        "client_secret = \"hush\"",
        "output = \"x.csv\"",
        "strict = \"yes\"",
        "log-format = \"xml\"",
        "zebra = 1",
        "rate = 8/s",
        "notify-url = \"http://hc.example/ping\"",
        r#"log-file = "C:\temp\run.log""#,
        r#"ledger = "C:\Users\ops\tenantry.db""#,
    ] {
        bench.file(FILE, content);
        let done = bench.import("customers.csv").exits(2);
        assert!(!done.to_string().contains("hush"), "{done}");
        told_of(content, done);
    }
    bench.file(FILE, "[profile.contoso]\nlimit = 1");
    told_of("--profile contosso", bench.import("customers.csv").args(["--profile", "contosso"]).exits(2));
    told_of("--config nowhere", bench.import("customers.csv").args(["--config", "nowhere.toml"]).exits(2));
    std::fs::remove_file(bench.path(FILE)).unwrap();
    told_of("no file", bench.import("customers.csv").args(["--profile", "contoso"]).exits(2));
    snapshot!(told);
    assert_eq!(bench.count(Operation::Create), 0);
}

#[test]
fn a_misspelt_variable_is_noticed() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let done = bench.import("customers.csv").env("TENANTRY_TENNANT_ID", "x").exits(0);
    done.says("TENANTRY_TENNANT_ID is not a variable of tenantry; did you mean TENANTRY_TENANT_ID?");
}

#[test]
fn a_column_and_a_default_may_come_from_variables() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1).replace("company_name", "Firma"));
    let import = || bench.import("customers.csv").env("TENANTRY_MAP", "Firma=company_name");
    import().env("TENANTRY_DEFAULT", "region=North").exits(0);
    let several = import().env("TENANTRY_MAP", "Firma=company_name,Ort=city").exits(1);
    several.says("no column `Firma=company_name,Ort` to map");
}

/// In a scheduled job, the option was not typed.
#[test]
fn a_wrong_value_says_what_to_write_and_which_variable_has_it() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    for (name, value, option, expected) in [
        ("TENANTRY_RATE", "abc", "--rate", "write it as `450/min`"),
        ("TENANTRY_CONCURRENCY", "0", "--concurrency", "write a whole number from 1 on, such as `8`"),
        ("TENANTRY_MAX_ATTEMPTS", "8x", "--max-attempts", "write a whole number from 1 on, such as `8`"),
        ("TENANTRY_HEADER_LINE", "x", "--header-line", "write a whole number from 1 on, such as `8`"),
        ("TENANTRY_STRICT", "ja", "--strict", "write `true` or `false`"),
        ("TENANTRY_VERBOSE", "true", "--verbose", "write 1 for events"),
        ("TENANTRY_SIMULATE", "soft", "--simulate", "unknown scenario `soft`"),
    ] {
        let tip = format!("tip: the value is from the environment variable {name}");
        bench.import("customers.csv").env(name, value).exits(2).says(expected).says(&tip);
        if !["--verbose", "--strict"].contains(&option) {
            let typed = bench.import("customers.csv").args([format!("{option}={value}")]).exits(2);
            typed.says(expected);
            assert!(!typed.stderr.contains("tip:"), "{typed}");
        }
    }
    bench.tenantry(["list", "--reseller", "x"]).exits(2).says("write it as a GUID");
    bench.tenantry(["credentials", "--run", "abc"]).exits(2).says("write a whole number from 1 on");
}

#[test]
fn a_filter_of_log_events_that_is_none_is_refused() {
    let bench = Bench::new();
    for wrong in ["tenantry=nonsense", "[{"] {
        let status = bench.tenantry(["status"]).env("TENANTRY_LOG", wrong).exits(2);
        status
            .says("TENANTRY_LOG is not a filter of log events: ")
            .says("such as `TENANTRY_LOG=tenantry=debug`");
    }
}

/// As a script writes it that has nothing to put there, and as `docker run -e NAME=` does.
#[test]
fn an_empty_variable_counts_as_not_set() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    bench.trusts("max-attempts = 3\n");
    let help = bench.tenantry(["import", "--help"]).exits(0).stdout;
    let names = help.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let mut names: Vec<&str> = names.filter(|name| name.starts_with("TENANTRY_")).collect();
    names.extend(["TENANTRY_LOG", "TENANTRY_WITHIN_ON_FINISH", "TENANTRY_TENNANT_ID", "TENANTRY_PROFILE"]);
    assert!(names.contains(&"TENANTRY_ALLOW_API_HOST") && names.contains(&"TENANTRY_CONFIG"), "{names:?}");
    // Without these a test reaches nothing of its own.
    let needed = ["TENANTRY_LEDGER", "TENANTRY_IDENTITY", "TENANTRY_API_URL", "TENANTRY_AUTHORITY_URL"];
    let empty = |call: Call<'_>| -> Done {
        let others = names.iter().filter(|name| !needed.contains(name) && **name != "TENANTRY_ACCESS_TOKEN");
        others.fold(call, |call, name| call.env(name, "")).exits(0)
    };
    let shown = empty(bench.tenantry(["config", "show", "--json"]));
    let settings = shown.json()["settings"].as_array().unwrap().clone();
    let from = |source: &str| settings.iter().filter(|it| it["source"] == source).count();
    assert_eq!((from("environment"), from("file")), (needed.len(), 1), "{shown}");
    let told = empty(bench.import("customers.csv").args(["-v", "--yes", "--on-finish", "echo told"]));
    told.says("Settings from `tenantry.toml`.").says("told").says("run ended");
    assert!(!told.stderr.contains("is not a variable"), "{told}");
    empty(bench.resume());
    empty(bench.tenantry(["status"]));
    // What is said of a mistake is about that.
    let wrong = bench.tenantry(["status", "--jsn"]).env("TENANTRY_SIMULATE", "").env("TENANTRY_CONFIG", "");
    wrong.exits(2).says("unexpected argument '--jsn'");
}

#[cfg(unix)]
#[test]
fn a_file_that_others_may_write_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let bench = Bench::new();
    bench.file(FILE, "on-finish = 'true'");
    std::fs::set_permissions(bench.path(FILE), std::fs::Permissions::from_mode(0o666)).unwrap();
    show(&bench)
        .exits(2)
        .says("cannot use the configuration file")
        .says("other users may write to it")
        .says("chmod go-w");
}

#[test]
fn a_slip_on_the_command_line_is_answered_with_the_nearest_name() {
    let bench = Bench::new();
    for misspelt in ["improt", "imprt", "Import"] {
        bench.tenantry([misspelt, "x.csv"]).exits(2).says("a similar subcommand exists: 'import'");
    }
    let unknown = bench.tenantry(["bogus"]).exits(2);
    assert!(!unknown.stderr.contains("similar") && !unknown.stderr.contains("\n\n\n"), "{unknown}");
    bench
        .tenantry(["import", "--ratee", "8/s", "x.csv"])
        .exits(2)
        .says("a similar argument exists: '--rate'");
    // What is typed is answered as help shows it.
    let done = bench.tenantry(["import", "--strict=perhaps", "x.csv"]).exits(2);
    assert!(done.stderr.contains("--strict"), "{done}");
}

#[test]
fn the_manual_is_made_from_the_command_line() {
    let bench = Bench::new();
    let page = bench.tenantry(["man", "config", "show"]).exits(0).stdout;
    assert!(page.contains(".TH tenantry-config-show 1") && page.contains("Examples:"), "{page}");
    bench.tenantry(["man", "-o", "pages"]).exits(0);
    for page in ["tenantry.1", "tenantry-import.1", "tenantry-config-show.1"] {
        assert!(bench.path("pages").join(page).exists(), "no {page}");
    }
    bench.tenantry(["man", "improt"]).exits(2).says("there is no command or topic `improt`");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = bench.tenantry(["completions", shell]).exits(0).stdout;
        assert!(script.contains("metrics-file"), "{shell}: {script}");
    }
    let version = bench.tenantry(["--version"]).exits(0).stdout;
    assert!(version.starts_with(concat!("tenantry ", env!("CARGO_PKG_VERSION"))), "{version}");
    // A clone knows its commit; a package without git does not.
    if std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(".git").exists() {
        assert!(version.contains(" (") && version.trim_end().ends_with(')'), "{version}");
    }
}

/// bash asks the function of the script, as at a terminal.
#[cfg(unix)]
#[test]
fn bash_offers_values_and_files_only_for_files() {
    let bench = Bench::new();
    bench.file("tenantry.bash", bench.tenantry(["completions", "bash"]).exits(0).stdout);
    bench.file(
        "tenantry.toml",
        "rate = '100/min'\n[profile.contoso]\nlimit = 1\n[profile.fabrikam]\nlimit = 2\n",
    );
    bench.file("customers.csv", "");
    std::fs::create_dir(bench.path("own settings")).unwrap();
    bench.file("own settings/tenantry.toml", "[profile.northwind]\nlimit = 3\n");
    // The words of the command line, the last one unfinished.
    let check = |words: &[&str], expected: &str| {
        let [.., previous, current] = words else { panic!("{words:?}") };
        let script = "source ./tenantry.bash; COMP_WORDS=(\"${@:3}\"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            _tenantry tenantry \"$2\" \"$1\" 2>/dev/null; printf '%s\\n' \"${COMPREPLY[@]}\"";
        // What follows a `=` is completed alone.
        let current = if *current == "=" { "" } else { current };
        let done = std::process::Command::new("bash")
            .args(["--norc", "-c", script, "bash", previous, current])
            .args(words)
            .current_dir(bench.path("."))
            .env("HOME", bench.path("."))
            .env("TENANTRY_CONFIG_DIR", bench.path("own settings"))
            .output()
            .unwrap();
        let offered = String::from_utf8(done.stdout).unwrap();
        assert_eq!(offered.split_whitespace().collect::<Vec<_>>().join(" "), expected, "{words:?}");
    };
    check(&["tenantry", "list", "--state", "un"], "unresolved");
    check(&["tenantry", "import", "--simulate", "=", "f"], "faulty");
    check(&["tenantry", "import", "--simulate", "="], "smooth faulty throttled outage slow");
    check(&["tenantry", "import", "--cloud", "us"], "us-gov");
    check(&["tenantry", "import", "--log-format", ""], "text json");
    check(&["tenantry", "import", "--log-format", "=", "j"], "json");
    check(&["tenantry", "import", "--delimiter", "s"], "semicolon");
    check(&["tenantry", "import", "--profile", ""], "contoso fabrikam northwind");
    check(&["tenantry", "--profile", "fab"], "fabrikam");
    check(&["tenantry", "help", "exc"], "excel");
    // This option has no known values, and is not offered files.
    check(&["tenantry", "import", "--rate", "cust"], "cust");
    check(&["tenantry", "import", "--metrics-file", "cust"], "customers.csv");
}

/// fish is not needed: it reads these lines.
#[test]
fn fish_offers_values_and_files_only_for_files() {
    let bench = Bench::new();
    let script = bench.tenantry(["completions", "fish"]).exits(0).stdout;
    let line = |command: &str, option: &str| {
        let of = format!("__fish_tenantry_using_subcommand {command}");
        let line = script.lines().find(|line| line.contains(&of) && line.contains(option));
        line.unwrap_or_else(|| panic!("no {option} of {command}: {script}")).to_owned()
    };
    assert!(line("import", "-l delimiter ").contains(" -r -f -a \"comma"), "{script}");
    assert!(line("import", "-l simulate ").contains(" -f -a \"smooth"), "{script}");
    assert!(line("import", "-l rate ").ends_with(" -r -f"), "{script}");
    assert!(line("import", "-l metrics-file ").ends_with(" -r -F"), "{script}");
    assert!(line("help", " -a \"import").contains(" excel "), "{script}");
    assert!(script.contains("complete -c tenantry -l profile -x -a \"(__tenantry_profiles)\"\n"), "{script}");
}

#[test]
fn help_ends_with_examples_and_exit_codes() {
    let bench = Bench::new();
    let help = bench.tenantry(["--help"]).env("TENANTRY_NOTIFY_URL", "https://hc.example/hush").exits(0);
    assert!(help.stdout.contains("Examples:\n") && help.stdout.contains("   11  another process"), "{help}");
    let help =
        bench.tenantry(["import", "-h"]).env("TENANTRY_NOTIFY_URL", "https://hc.example/hush").exits(0);
    assert!(help.stdout.contains("Examples:\n") && !help.stdout.contains("hush"), "{help}");
}

/// On every system a variable names the folder of settings; without it the system does.
#[test]
fn a_variable_names_the_configuration_folder() {
    let bench = Bench::new();
    for (folder, limit) in [("elsewhere", 3), ("xdg/tenantry", 5)] {
        std::fs::create_dir_all(bench.path(folder)).unwrap();
        bench.file(&format!("{folder}/tenantry.toml"), format!("limit = {limit}"));
    }
    let show = || bench.tenantry(["config", "show", "--json"]).env("XDG_CONFIG_HOME", bench.path("xdg"));
    let limit = |call: crate::harness::Call<'_>| setting(&call.exits(0), "limit")["value"].clone();
    assert_eq!(limit(show().env("TENANTRY_CONFIG_DIR", bench.path("elsewhere"))), "3");
    assert_eq!(limit(show().env("TENANTRY_CONFIG_DIR", "elsewhere")), "3", "it starts at the working folder");
    #[cfg(target_os = "linux")]
    for call in [show().without("TENANTRY_CONFIG_DIR"), show().env("TENANTRY_CONFIG_DIR", "")] {
        assert_eq!(limit(call), "5");
    }
}
