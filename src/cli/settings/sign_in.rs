//! Chooses the way to sign in, and reads the secrets for it.

use std::io;
use std::path::Path;

use secrecy::SecretString;
use url::Url;

use super::addresses::authority;
use crate::auth::{App, Authority, Certificate, ClientProof, Found, SignIn, Store, TokenPlace};
use crate::cli::failure::{self, Failure};
use crate::cli::sign_in::places_without_sign_in;
use crate::cli::{ExitCode, args, trusted_hosts};
use crate::files;
use crate::variables::variable;

/// Variables that contain a secret. There is no key or flag for them, and no other program gets them.
pub(in crate::cli) const SECRETS: [&str; 3] =
    ["TENANTRY_CLIENT_SECRET", ACCESS_TOKEN, "TENANTRY_REFRESH_TOKEN"];

pub(super) const ACCESS_TOKEN: &str = "TENANTRY_ACCESS_TOKEN";

/// The way to sign in, in this order: an access token, a user's refresh token (the stored one, else the one handed in),
/// the app's own proof.
pub(super) fn sign_in(
    args: &args::ConnectionArgs,
    api_url: &Url,
    authority: &Authority,
) -> Result<SignIn, Failure> {
    if let Some(token) = secret_variable(ACCESS_TOKEN)? {
        trusted_hosts::check_token(args, api_url, &token)?;
        return Ok(SignIn::Token(token));
    }
    let proof = client_proof(args)?;
    let handed_in = secret_variable("TENANTRY_REFRESH_TOKEN")?;
    let (Some(tenant), Some(client_id)) = (&args.tenant_id, &args.client_id) else {
        return Err(cannot_sign_in(args, Vec::new()));
    };
    let app = App { tenant: tenant.clone(), client_id: client_id.clone(), proof };
    let store = Store::of(&app, authority, handed_in.as_ref(), args.key_store);
    let load = |store: &Store| {
        store.load().map_err(|error| Failure {
            exit_code: ExitCode::SignIn,
            hint: Some("correct it, or remove it and run `tenantry login`".to_owned()),
            ..Failure::io(format!("could not read the sign-in in `{}`", store.file().display()), &error)
        })
    };
    let found = store.as_ref().map(load).transpose()?;
    let Found { token, trouble } = found.unwrap_or(Found { token: None, trouble: None });
    let is_handed_in = handed_in.is_some();
    if let Some(reason) = trouble.as_ref().filter(|_| is_handed_in || app.proof.is_some()) {
        tracing::warn!(
            %reason,
            "a user's sign-in could not be looked for in the key store; `--key-store file` does not use the key store"
        );
    }
    match token.or_else(|| handed_in.map(|token| (token, TokenPlace::KeyStore))) {
        Some((refresh_token, place)) => {
            let store = store.map(|store| (store, place));
            Ok(SignIn::AppAndUser { app, refresh_token, is_handed_in, store })
        }
        None if app.proof.is_some() => Ok(SignIn::AppOnly(app)),
        None => {
            let places = store.map(|store| places_without_sign_in(&store, trouble.as_ref()));
            Err(cannot_sign_in(args, places.unwrap_or_default()))
        }
    }
}

/// The two ways to sign in: a person keeps a sign-in, and a job has what proves the app's identity. `places`: where a
/// sign-in was looked for.
fn cannot_sign_in(args: &args::ConnectionArgs, places: Vec<String>) -> Failure {
    let (message, give) = match (&args.tenant_id, &args.client_id) {
        (None, None) => ("cannot sign in without --tenant-id and --client-id", "give both; "),
        (None, Some(_)) => ("cannot sign in without --tenant-id", "give it; "),
        (Some(_), None) => ("cannot sign in without --client-id", "give it; "),
        (Some(_), Some(_)) => (
            "cannot sign in: no sign-in is kept for this app, and no client secret or certificate is given",
            "",
        ),
    };
    let failure = Failure::new(ExitCode::SignIn, message);
    places.into_iter().fold(failure, Failure::because).with_hint(format!(
        "{give}if you sign in yourself, run `tenantry login` first, as the same user of this machine; in a scheduled job, give the \
         app's --client-secret-file or --client-certificate; `tenantry help sign-in` shows every way; `--simulate` rehearses \
         without a sign-in"
    ))
}

/// How the app proves its identity; `None` for a public client.
pub(super) fn client_proof(args: &args::ConnectionArgs) -> Result<Option<ClientProof>, Failure> {
    if let Some(file) = &args.client_certificate {
        let unusable = |why: &str| {
            Failure::usage(format!("cannot use the client certificate in `{}`: {why}", file.display()))
                .with_hint("name a PEM file that holds an RSA private key and its certificate")
        };
        let is_pem = |content: &[u8]| files::mentions(content, "-----BEGIN ");
        let pem = files::read_secret(file, is_pem).map_err(|error| {
            let failure = unusable(&failure::describe(&error));
            failure.at_file(file, &error)
        })?;
        // A file that is not text, apart from the key and the certificate, is read as it is.
        let text = files::text_of(&pem).ok();
        let pem = text.as_ref().map_or(&pem[..], |text| text.as_bytes());
        let certificate = Certificate::from_pem(pem).map_err(unusable)?;
        return Ok(Some(ClientProof::Certificate(certificate)));
    }
    let secret = match &args.client_secret_file {
        Some(file) => Some(secret_file(file)?),
        None => secret_variable("TENANTRY_CLIENT_SECRET")?,
    };
    Ok(secret.map(ClientProof::Secret))
}

/// Where the tokens are kept that replaced the one in TENANTRY_REFRESH_TOKEN; `None` if it is not set.
pub(crate) fn store_of_handed_in(args: &args::ConnectionArgs) -> Result<Option<Store>, Failure> {
    let Some(token) = secret_variable("TENANTRY_REFRESH_TOKEN")? else { return Ok(None) };
    let (app, authority, _) = login(args)?;
    Ok(Store::of(&app, &authority, Some(&token), args.key_store))
}

/// The data for `login` and `logout`: the app, its sign-in service, and the store of the sign-in.
pub(crate) fn login(args: &args::ConnectionArgs) -> Result<(App, Authority, Store), Failure> {
    let authority = authority(args)?;
    let (Some(tenant), Some(client_id)) = (&args.tenant_id, &args.client_id) else {
        return Err(Failure::new(ExitCode::Usage, "cannot sign in without --tenant-id and --client-id")
            .with_hint("name the partner tenant and the app that is registered there"));
    };
    let proof = client_proof(args)?;
    let app = App { tenant: tenant.clone(), client_id: client_id.clone(), proof };
    let store = Store::of(&app, &authority, None, args.key_store).ok_or_else(|| {
        Failure::new(ExitCode::Failed, "could not find a configuration folder for this user")
    })?;
    Ok((app, authority, store))
}

/// Whether the environment contains this secret.
pub(crate) fn is_secret_set(name: &str) -> bool {
    !matches!(secret_variable(name), Ok(None))
}

/// The secret in this variable; `None` if it is not set. The message has nothing of its value.
fn secret_variable(name: &str) -> Result<Option<SecretString>, Failure> {
    let unusable = |why: &str| {
        Failure::usage(format!("cannot use {name}: {why}"))
            .with_hint("set it to the value alone, in one line")
    };
    let Some(value) = variable(name) else { return Ok(None) };
    let value = value.into_string().map_err(|_| unusable("it is not UTF-8"))?;
    match value.trim() {
        "" => Ok(None),
        secret if secret.contains(char::is_control) => {
            Err(unusable("it has a control character or a line break in it"))
        }
        secret => Ok(Some(SecretString::from(secret))),
    }
}

fn secret_file(file: &Path) -> Result<SecretString, Failure> {
    let what = format!("could not read the client secret from `{}`", file.display());
    let unreadable = |error: &io::Error| Failure::usage_io(&what, error);
    // A secret has one line, and no blanks.
    let is_word =
        |content: &[u8]| files::text_of(content).is_ok_and(|it| !it.trim().contains(char::is_whitespace));
    let content =
        files::read_secret(file, is_word).map_err(|error| unreadable(&error).at_file(file, &error))?;
    let text = files::text_of(&content)
        .map_err(|not_text| Failure::usage(format!("{what}: {not_text}")).with_hint("save it as UTF-8"))?;
    match text.trim() {
        "" => Err(Failure::usage(format!("the client secret file `{}` is empty", file.display()))),
        secret => Ok(SecretString::from(secret)),
    }
}
