//! A secret in a file for its owner alone, where the platform has no key store that takes it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use tenantry_model::files;

/// The place of one secret.
#[derive(Debug, Clone)]
pub(super) struct SecretFile(PathBuf);

impl SecretFile {
    pub(super) fn at(path: PathBuf) -> Self {
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// # Errors
    /// Also where others than its owner may write to it.
    pub(super) fn read(&self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        match files::read_secret(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            read => read.map(Some),
        }
    }

    /// Durable when it returns.
    pub(super) fn write(&self, secret: &[u8]) -> io::Result<()> {
        files::replace(&self.0, secret)
    }

    /// Says whether there was one.
    pub(super) fn remove(&self) -> io::Result<bool> {
        match fs::remove_file(&self.0) {
            Ok(()) => files::sync_folder_of(&self.0).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_replaced_whole_and_for_its_owner_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = SecretFile::at(folder.path().join("inner").join("secret.json"));
        assert!(file.read().unwrap().is_none());
        for secret in [&b"first"[..], b"second"] {
            file.write(secret).unwrap();
            assert_eq!(file.read().unwrap().unwrap().as_slice(), secret);
        }
        assert_eq!(
            fs::read_dir(folder.path().join("inner")).unwrap().count(),
            1,
            "nothing is left beside it"
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(file.path()).unwrap().permissions().mode() & 0o777, 0o600);
            fs::set_permissions(file.path(), fs::Permissions::from_mode(0o646)).unwrap();
            assert!(file.read().is_err());
        }
        assert!(file.remove().unwrap());
        assert!(!file.remove().unwrap());
    }
}
