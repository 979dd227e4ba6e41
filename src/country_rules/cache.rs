//! Caches country rules between runs: one folder for each API, one file `XX.json` for each country.
//!
//! The cache can be deleted at any time: unreadable files are reported and otherwise count as missing.

use std::path::{Path, PathBuf};
use std::{fs, io};

use jiff::Timestamp;

use crate::validation::LiveRules;
use crate::{files, folders};

/// Answers of the service are never longer; see `partner_center::client`.
const LONGEST_FILE: u64 = 4 << 20;

/// The country rules of one API.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    folder: PathBuf,
}

/// The contents of a cache.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    /// By country.
    pub(crate) rules: Vec<CachedRules>,
    /// Files that exist but cannot be used, each with the reason, by name.
    pub(crate) unusable: Vec<(PathBuf, String)>,
}

#[derive(Debug)]
pub(crate) struct CachedRules {
    /// Two capital letters.
    pub(crate) country: String,
    pub(crate) fetched_at: Timestamp,
    pub(crate) rules: LiveRules,
}

/// The result of an update.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Update {
    Updated,
    /// The rules are the same as before; only their time is new.
    Unchanged,
    /// The service has no rules for this country; cached rules were removed.
    NoRules,
    /// The answer of the service is not rules; the cache did not change.
    Unusable(String),
}

impl Cache {
    /// The cache for an API, under the API's name in the ledger. `None`: this user has no cache folder.
    pub(crate) fn of(api: &str) -> Option<Self> {
        Some(Self::within(&folders::cache()?, api))
    }

    fn within(folder: &Path, api: &str) -> Self {
        let host = api.split_once("://").map_or(api, |(_, host)| host);
        let name = host.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-");
        Self { folder: folder.join("country-rules").join(name) }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Reads the whole cache. Ignores files whose names are not in the cache's format.
    pub(crate) fn load(&self) -> Contents {
        let mut contents = Contents::default();
        let files = match self.files() {
            Ok(files) => files,
            Err(error) => {
                contents.unusable.push((self.folder.clone(), error.to_string()));
                return contents;
            }
        };
        for (country, file) in files {
            match read(&file, &country) {
                Ok(rules) => contents.rules.push(rules),
                Err(reason) => contents.unusable.push((file, reason)),
            }
        }
        contents
    }

    /// Stores the rules of a country as they were received. Replaces earlier rules.
    pub(crate) fn store(&self, country: &str, body: &str) -> io::Result<Update> {
        let file = self.file(country);
        let is_same = fs::read(&file).is_ok_and(|before| before == body.as_bytes());
        // Write in both cases: the time of the file is the age of the rules.
        files::replace(&file, body.as_bytes())?;
        Ok(if is_same { Update::Unchanged } else { Update::Updated })
    }

    /// Removes the rules of a country, if there are any.
    pub(crate) fn remove(&self, country: &str) -> io::Result<()> {
        match fs::remove_file(self.file(country)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    fn file(&self, country: &str) -> PathBuf {
        self.folder.join(format!("{country}.json"))
    }

    /// Countries and their files, in order.
    fn files(&self) -> io::Result<Vec<(String, PathBuf)>> {
        let entries = match fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        let mut files = Vec::new();
        for entry in entries {
            let file = entry?.path();
            let name = file.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            let country = name.strip_suffix(".json").unwrap_or_default();
            if country.len() == 2 && country.bytes().all(|byte| byte.is_ascii_uppercase()) {
                files.push((country.to_owned(), file));
            }
        }
        files.sort();
        Ok(files)
    }
}

fn read(file: &Path, country: &str) -> Result<CachedRules, String> {
    let unreadable = |error: io::Error| error.to_string();
    let metadata = fs::metadata(file).map_err(unreadable)?;
    if !metadata.is_file() {
        return Err("it is not a file".to_owned());
    }
    if metadata.len() > LONGEST_FILE {
        return Err("it is too long for country rules".to_owned());
    }
    let body = fs::read_to_string(file).map_err(unreadable)?;
    let rules = LiveRules::parse(&body).map_err(|_| "it contains no country rules".to_owned())?;
    if !rules.are_of(country) {
        return Err("it contains the rules of another country".to_owned());
    }
    let fetched_at = metadata.modified().map_err(unreadable)?;
    let fetched_at = Timestamp::try_from(fetched_at).unwrap_or(Timestamp::UNIX_EPOCH);
    Ok(CachedRules { country: country.to_owned(), fetched_at, rules })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let folder = tempfile::tempdir().unwrap();
        let cache = Cache::within(folder.path(), "https://api.example:8443/base");
        (folder, cache)
    }

    fn countries(cache: &Cache) -> Vec<String> {
        cache.load().rules.into_iter().map(|cached| cached.country).collect()
    }

    #[test]
    fn every_api_has_a_folder_of_its_own() {
        let name = |api: &str| {
            let cache = Cache::within(Path::new("cache"), api);
            cache.folder().file_name().unwrap().to_str().unwrap().to_owned()
        };
        assert_eq!(name("https://api.partnercenter.microsoft.com"), "api.partnercenter.microsoft.com");
        assert_eq!(name("http://127.0.0.1:8787"), "127.0.0.1-8787");
        assert_eq!(name("https://proxy.example/../base"), "proxy.example-..-base");
        assert_eq!(name("simulator"), "simulator");
    }

    #[test]
    fn rules_are_kept_until_others_come() {
        let (_folder, cache) = cache();
        assert!(countries(&cache).is_empty());
        let [first, second] = [r#"{"iso2Code":"PT"}"#, r#"{"iso2Code":"pt","isCityRequired":true}"#];
        assert_eq!(cache.store("PT", first).unwrap(), Update::Updated);
        assert_eq!(cache.store("PT", first).unwrap(), Update::Unchanged);
        assert_eq!(cache.store("PT", second).unwrap(), Update::Updated);
        cache.store("DE", r#"{"iso2Code":"DE"}"#).unwrap();
        assert_eq!(countries(&cache), ["DE", "PT"]);
        assert_eq!(fs::read_to_string(cache.file("PT")).unwrap(), second);
        cache.remove("PT").unwrap();
        cache.remove("PT").unwrap();
        assert_eq!(countries(&cache), ["DE"]);
        assert_eq!(fs::read_dir(cache.folder()).unwrap().count(), 1, "nothing is left beside it");
    }

    #[test]
    fn unusable_files_are_reported_and_left_out() {
        let (_folder, cache) = cache();
        cache.store("PT", r#"{"iso2Code":"PT"}"#).unwrap();
        for (name, content) in [
            ("DE.json", &b"{\"iso2"[..]),
            ("FR.json", b"{\"iso2Code\":\"GB\"}"),
            ("GB.json", b"\xFF"),
            ("notes.txt", b"mine"),
            ("it.json", b"mine"),
        ] {
            fs::write(cache.folder().join(name), content).unwrap();
        }
        fs::create_dir(cache.file("US")).unwrap();
        let contents = cache.load();
        assert_eq!(contents.rules.len(), 1);
        let names: Vec<_> =
            contents.unusable.iter().map(|(file, _)| file.file_name().unwrap().to_str().unwrap()).collect();
        assert_eq!(names, ["DE.json", "FR.json", "GB.json", "US.json"]);
    }

    #[cfg(unix)]
    #[test]
    fn files_are_only_for_their_owner() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, cache) = cache();
        cache.store("PT", r#"{"iso2Code":"PT"}"#).unwrap();
        assert_eq!(fs::metadata(cache.file("PT")).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
