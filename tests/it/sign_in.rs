//! Every way to sign in against the simulator's authority, and what is said where it fails.

use std::ffi::OsStr;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::json;
use tenantry_simulator::{DeviceCodeFlow, Fault, MfaEnforcement, Operation, Scenario, ScriptedFault};

use crate::harness::{Bench, CLIENT_ID, CLIENT_SECRET, Call, TENANT, customers, domain, sample, states};

const REFRESH_TOKEN: &str = "0.A-refresh-token-of-the-tests";
const CERTIFICATE: &str = include_str!("client-certificate.pem");
const RESELLER: &str = "1fe0b7fd-3c1d-4b79-a5c1-3a0b0f5a2d11";

fn as_app<'a>(call: Call<'a>, client_id: &str) -> Call<'a> {
    call.without("TENANTRY_ACCESS_TOKEN")
        .env("TENANTRY_TENANT_ID", TENANT)
        .env("TENANTRY_CLIENT_ID", client_id)
}

fn with_refresh_token<'a>(call: Call<'a>, token: &str) -> Call<'a> {
    as_app(call, CLIENT_ID).env("TENANTRY_REFRESH_TOKEN", token)
}

/// The files in which sign-ins are kept.
fn kept(bench: &Bench) -> Vec<PathBuf> {
    fs::read_dir(bench.path("config/tenantry"))
        .map(|entries| entries.map(|entry| entry.unwrap().path()).collect::<Vec<_>>())
        .unwrap_or_default()
        .into_iter()
        .filter(|path| path.to_string_lossy().contains("sign-in-"))
        .collect()
}

#[test]
fn with_a_certificate() {
    let certificate = CERTIFICATE.split_once("-----BEGIN CERTIFICATE").unwrap().1;
    let client_certificate = Some(format!("-----BEGIN CERTIFICATE{certificate}"));
    let bench = Bench::with(Scenario { client_certificate, accept_any_token: false, ..Scenario::default() });
    bench.file("customers.csv", customers(3));
    bench.file("app.pem", CERTIFICATE);
    bench.file("no-key.pem", format!("-----BEGIN CERTIFICATE{certificate}"));
    let import = || as_app(bench.import("customers.csv"), CLIENT_ID);
    import().args(["--client-certificate", "no-key.pem"]).exits(2).says("no private key");
    import().args(["--client-certificate", "missing.pem"]).exits(2).says("cannot use the client certificate");
    import().args(["--client-certificate", "app.pem"]).exits(0);
    bench.agree();
}

#[test]
fn with_a_certificate_the_token_is_renewed_in_mid_run() {
    let token_lifetime = Duration::from_secs(2);
    let bench = Bench::with(Scenario { token_lifetime, accept_any_token: false, ..Scenario::default() });
    bench.file("customers.csv", customers(80));
    bench.file("app.pem", CERTIFICATE);
    let gently = ["--client-certificate", "app.pem", "--rate", "25/s", "--concurrency", "4"];
    as_app(bench.import("customers.csv"), CLIENT_ID).args(gently).exits(0);
    assert!(bench.count(Operation::Token) >= 2);
    let refused = bench.simulator().requests().iter().filter(|it| it.status == Some(401)).count();
    assert_eq!(refused, 0, "it was renewed too late");
    bench.agree();
}

#[test]
fn a_certificate_that_is_not_the_apps_is_named() {
    let client_certificate = Some("nobody's".to_owned());
    let bench = Bench::with(Scenario { client_certificate, ..Scenario::default() });
    bench.file("customers.csv", customers(1));
    bench.file("app.pem", CERTIFICATE);
    let done = as_app(bench.import("customers.csv"), CLIENT_ID).args(["--client-certificate", "app.pem"]);
    done.exits(4).says("the certificate was not accepted").says("AADSTS700027");
}

#[test]
fn with_a_refresh_token_that_is_renewed_and_rotated_in_mid_run() {
    let scenario =
        Scenario { token_lifetime: Duration::from_secs(2), accept_any_token: false, ..Scenario::default() };
    let bench = Bench::with(scenario);
    bench.file("customers.csv", customers(80));
    let gently = ["--rate", "25/s", "--concurrency", "4"];
    with_refresh_token(bench.import("customers.csv"), REFRESH_TOKEN).args(gently).exits(0);
    assert!(bench.count(Operation::Token) >= 2);
    let refused = bench.simulator().requests().iter().filter(|it| it.status == Some(401)).count();
    assert_eq!(refused, 0, "it was renewed too late");
    let files = kept(&bench);
    assert_eq!(files.len(), 1);
    let text = fs::read_to_string(&files[0]).unwrap();
    assert!(text.contains("0.A-") && !text.contains(REFRESH_TOKEN), "not the newest one");
    bench.agree();
}

#[test]
fn a_token_endpoint_that_gives_no_verdict_is_waited_for() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    // A gateway's page, `temporarily_unavailable` under a 400, and a portal that wants to be seen first.
    for fault in [Fault::HtmlBefore, Fault::StatusBefore { status: 400 }, Fault::Redirect] {
        bench.simulator().script(ScriptedFault::next(Operation::Token, fault));
    }
    with_refresh_token(bench.import("customers.csv"), REFRESH_TOKEN).exits(0);
    assert_eq!(bench.count(Operation::Token), 4);
    bench.agree();
}

#[test]
fn a_confidential_app_signs_its_user_in_with_its_secret() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    let import = || {
        as_app(bench.import("customers.csv"), "confidential-app").env("TENANTRY_REFRESH_TOKEN", REFRESH_TOKEN)
    };
    import().exits(4).says("the app needs a secret or certificate").says("AADSTS7000218");
    import().env("TENANTRY_CLIENT_SECRET", CLIENT_SECRET).exits(0);
    bench.agree();
}

#[test]
fn a_refresh_token_that_is_refused_is_named() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    for (token, words, hint) in [
        ("expired", "not used for too long", "tenantry login"),
        ("revoked", "the sign-in was revoked", "tenantry login"),
        ("mfa-needed", "has to sign in with MFA", "tenantry login"),
        ("consent-needed", "no administrator has consented", "admin"),
        ("blocked", "Conditional Access", "allowed place"),
    ] {
        with_refresh_token(bench.import("customers.csv"), token).exits(4).says(words).says(hint);
    }
    assert_eq!(bench.ledger().states(), states([("pending", 1)]));
}

#[test]
fn login_import_whoami_and_logout() {
    let flow = DeviceCodeFlow { pending_polls: 2, ..DeviceCodeFlow::default() };
    let bench = Bench::with(Scenario {
        device_code: flow,
        accept_any_refresh_token: false,
        accept_any_token: false,
        ..Scenario::default()
    });
    bench.file("customers.csv", customers(2));
    let call = |name: &str| as_app(bench.tenantry([name]), CLIENT_ID);
    call("whoami").exits(4).says("tenantry login");
    let login = call("login").exits(0);
    login.says("This sign-in is simulated").says("Signed in as admin@");
    assert!(!login.stderr.contains("microsoft.com/devicelogin"), "Microsoft's page does not know the code");
    assert_eq!(kept(&bench).len(), 1);
    as_app(bench.import("customers.csv"), CLIENT_ID).exits(0);
    let who = call("whoami").exits(0).stdout;
    for words in [TENANT, "App+User", "admin@", "MFA in token    yes", "MFA compliant   yes", "accepts"] {
        assert!(who.contains(words), "{words}: {who}");
    }
    call("logout").exits(0).says("Signed out.");
    call("logout").exits(0).says("No sign-in was kept: there is no file `");
    assert!(kept(&bench).is_empty());
    call("whoami").exits(4);
    bench.agree();
}

/// A job of cron or sudo has another home folder, and its sign-in is another one.
#[test]
fn where_a_sign_in_is_looked_for_is_said() {
    let bench = Bench::new();
    let call = |name: &str| as_app(bench.tenantry([name]), CLIENT_ID);
    let folder = bench.path("config").join("tenantry").display().to_string();
    let done = call("login").exits(0);
    done.says("Scheduled jobs must run as `").says(&format!("with the settings folder `{folder}`"));
    let who = call("whoami").exits(0).stdout;
    assert!(who.contains(&format!("sign-in from    `{folder}")), "{who}");
    let doctor = call("doctor").exits(0).stdout;
    assert!(doctor.contains(&format!("(App+User), from `{folder}")), "{doctor}");

    let by_sudo =
        |name: &str| call(name).env("TENANTRY_CONFIG_DIR", bench.path("other")).env("SUDO_USER", "alice");
    let missing = format!("there is no file `{}", bench.path("other").display());
    let of_alice = "`sudo` runs this command as another user than `alice`, whose sign-ins are not used";
    let done = by_sudo("whoami").exits(4);
    done.says("no sign-in is kept for this app").says(&missing).says("this command runs as `").says(of_alice);
    done.says("run `tenantry login` first, as the same user");
    by_sudo("logout").exits(0).says("No sign-in was kept: ").says(&missing).says(of_alice);
    assert_eq!(kept(&bench).len(), 1, "the sign-in of the other user lives on");
    by_sudo("login").exits(0).says(of_alice);

    let done = as_app(bench.tenantry(["whoami"]), "another-app").exits(4);
    done.says("the folder has 1 other sign-in, for another `--tenant-id`");
}

#[test]
fn a_login_that_fails_says_why_and_keeps_nothing() {
    let bench = Bench::new();
    for (client_id, words) in [("declined-app", "the sign-in was declined"), ("expired-app", "has expired")] {
        as_app(bench.tenantry(["login"]), client_id).exits(4).says(words);
    }
    assert!(kept(&bench).is_empty());
}

/// Partner Center refuses calls without MFA for a growing share of the traffic, so the sign-in is of little use.
#[test]
fn a_login_without_mfa_is_a_refused_sign_in() {
    let bench = Bench::new();
    let done = as_app(bench.tenantry(["login"]), "no-mfa-app").exits(4);
    done.says("Signed in as").says("without MFA").says("run `tenantry login` again");
    assert_eq!(kept(&bench).len(), 1);
    as_app(bench.tenantry(["doctor"]), "no-mfa-app").exits(4);
}

#[test]
fn a_login_polls_on_through_slow_down_and_outages() {
    let device_code = DeviceCodeFlow { pending_polls: 2, slow_down_polls: 1, ..DeviceCodeFlow::default() };
    let bench = Bench::with(Scenario { device_code, ..Scenario::default() });
    // The first poll meets a gateway's page, the second is told to slow down, the third to wait.
    bench.simulator().script(ScriptedFault::next(Operation::Token, Fault::HtmlBefore));
    as_app(bench.tenantry(["login"]), CLIENT_ID).exits(0).says("Signed in as admin@");
    let polls: Vec<f64> = bench
        .simulator()
        .requests()
        .iter()
        .filter(|it| it.call.operation == Operation::Token)
        .map(|it| it.at_ms)
        .collect();
    assert_eq!(polls.len(), 4);
    // RFC 8628: five seconds more than before, for good.
    assert!(polls.windows(2).skip(1).all(|pair| pair[1] - pair[0] >= 5_000.0), "{polls:?}");
}

/// With `auto`, and the Secret Service at this address.
#[cfg(target_os = "linux")]
fn with_key_store_at<'a>(call: Call<'a>, socket: &std::path::Path) -> Call<'a> {
    let address = format!("unix:path={}", socket.display());
    as_app(call, CLIENT_ID).env("TENANTRY_KEY_STORE", "auto").env("DBUS_SESSION_BUS_ADDRESS", address)
}

#[cfg(target_os = "linux")]
#[test]
fn without_a_key_store_login_takes_the_file_and_says_so() {
    let bench = Bench::new();
    let call = |name: &str| with_key_store_at(bench.tenantry([name]), &bench.path("no-bus"));
    call("login").exits(0).says("which only you can read.");
    assert_eq!(kept(&bench).len(), 1);
    call("whoami").exits(0);
    call("logout").exits(0).says("Signed out.");
    assert!(kept(&bench).is_empty());
    call("whoami").exits(4).says("there is no file `").says("run `tenantry login`");
}

/// Each token from outside had left one more that is valid.
#[test]
fn logout_deletes_what_replaced_a_token_from_outside() {
    let bench = Bench::new();
    let call = |name: &str| with_refresh_token(bench.tenantry([name]), REFRESH_TOKEN);
    call("whoami").exits(0);
    assert_eq!(kept(&bench).len(), 1);
    call("logout").exits(0).says("Signed out.");
    assert!(kept(&bench).is_empty());
}

#[cfg(target_os = "linux")]
#[test]
fn linux_asks_no_key_store_not_even_one_that_is_there() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    let bus = bench.path("bus");
    let listener = std::os::unix::net::UnixListener::bind(&bus).unwrap();
    listener.set_nonblocking(true).unwrap();
    with_key_store_at(bench.tenantry(["login"]), &bus).exits(0);
    with_key_store_at(bench.import("customers.csv"), &bus).exits(0);
    with_key_store_at(bench.tenantry(["logout"]), &bus).exits(0);
    assert_eq!(listener.accept().unwrap_err().kind(), std::io::ErrorKind::WouldBlock);
    bench.agree();
}

#[test]
fn a_login_ends_when_its_code_expires() {
    let lifetime = Duration::from_secs(2);
    let device_code = DeviceCodeFlow { pending_polls: 100, lifetime, ..DeviceCodeFlow::default() };
    let bench = Bench::with(Scenario { device_code, ..Scenario::default() });
    let done = as_app(bench.tenantry(["login"]), CLIENT_ID).exits(4);
    done.says("the code expired before the sign-in").says("run `tenantry login` again");
    assert!(kept(&bench).is_empty());
}

#[test]
fn whoami_of_an_app_and_of_an_opaque_token() {
    let bench = Bench::new();
    let app = bench.tenantry(["whoami"]).with_app().exits(0).stdout;
    assert!(app.contains("app-only") && app.contains("not asked of an app"), "{app}");
    let opaque = bench.tenantry(["whoami"]).exits(0).stdout;
    assert!(opaque.contains("token           unknown"), "{opaque}");
}

#[test]
fn whoami_as_an_object() {
    let bench = Bench::new();
    let who = bench.tenantry(["whoami", "--json"]).with_user().exits(0).json();
    assert_eq!(who["partner_tenant_id"], TENANT);
    assert_eq!((&who["token"], &who["mfa_compliant"]), (&json!("app_and_user"), &json!(true)));
    assert!(who["user"].as_str().unwrap().starts_with("admin@"), "{who:#}");
    let app = bench.tenantry(["whoami", "--json"]).with_app().exits(0).json();
    assert_eq!((&app["token"], &app["app_id"]), (&json!("app_only"), &json!(CLIENT_ID)));
    let fault = Fault::RefusedBefore { status: 403, code: 900_124 };
    bench.simulator().script(ScriptedFault::next(Operation::Search, fault));
    let refused = bench.tenantry(["whoami", "--json"]).exits(4).json();
    assert_eq!(refused["is_accepted"], false);
}

#[test]
fn clients_that_fail_do_so_with_a_secret_too() {
    let bench = Bench::new();
    for (client_id, words) in [("declined-app", "AADSTS65001"), ("expired-app", "AADSTS7000222")] {
        as_app(bench.tenantry(["whoami"]), client_id)
            .env("TENANTRY_CLIENT_SECRET", CLIENT_SECRET)
            .exits(4)
            .says(words);
    }
}

#[test]
fn both_refusals_for_want_of_mfa_are_named() {
    for mfa in [MfaEnforcement::Coded, MfaEnforcement::Worded] {
        let bench = Bench::with(Scenario { mfa, ..Scenario::default() });
        bench.file("customers.csv", customers(2));
        let done = with_refresh_token(bench.import("customers.csv"), "no-mfa").args(["--concurrency", "1"]);
        done.exits(4).says("sign in with MFA");
        assert_eq!(bench.ledger().states(), states([("pending", 2)]));
        // One token for the run, one for the 401, and no more.
        assert_eq!(bench.count(Operation::Token), 2);
    }
}

#[test]
fn a_wrong_audience_is_named() {
    let bench = Bench::new();
    bench.file("customers.csv", crate::harness::customers_of(["refuse-401-900420"]));
    bench.import("customers.csv").with_app().exits(4).says("another audience");
}

#[test]
fn rows_for_resellers_need_a_user() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(2));
    let import = || bench.import("customers.csv").args(["--reseller-id", RESELLER]);
    let done = import().with_app().exits(4);
    done.says("stopped before anything was sent")
        .says("creating 2 rows for an indirect reseller, which Partner Center allows only for a user");
    assert_eq!(bench.count(Operation::Create), 0);
    assert_eq!(bench.ledger().row(&domain(1)).state, "pending");
}

#[test]
fn the_samples_resellers_are_rehearsed_as_a_user() {
    let bench = Bench::new();
    let file = sample("customers.csv");
    let done = bench.tenantry(["import", file.to_str().unwrap(), "--simulate"]).run();
    assert!(matches!(done.code, Some(0 | 3)), "{done}");
    assert!(!done.stderr.contains("900329") && !done.stdout.contains("900329"), "{done}");
    assert!(kept(&bench).is_empty(), "a rehearsal keeps no sign-in");
}

/// A secret that cannot be sent is not one that is not set.
#[test]
fn a_variable_that_is_no_secret_is_named() {
    let bench = Bench::new();
    bench.file("customers.csv", customers(1));
    let refused = |name: &str, value: &OsStr, why: &str| {
        let call = as_app(bench.import("customers.csv"), CLIENT_ID).env(name, value);
        call.exits(2).says(&format!("cannot use {name}: {why}"));
    };
    for name in ["TENANTRY_CLIENT_SECRET", "TENANTRY_ACCESS_TOKEN", "TENANTRY_REFRESH_TOKEN"] {
        refused(name, OsStr::new("abc\ndef"), "it has a control character or a line break in it");
        #[cfg(unix)]
        refused(name, std::os::unix::ffi::OsStrExt::from_bytes(b"p\xE4ss"), "it is not UTF-8");
    }
    assert!(bench.simulator().requests().is_empty());
}
