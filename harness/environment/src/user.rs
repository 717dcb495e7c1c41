//! The unprivileged user that services run as when the harness runs as root: Postgres refuses to run as root.

use crate::error::{EnvironmentError, Result};
use std::path::Path;

/// A user of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
}

impl Account {
    /// The user to run services as: none (stay who we are) unless we are root; then who called sudo, else `postgres`,
    /// else `nobody`.
    ///
    /// # Errors
    /// We are root and there is no such user.
    pub fn choose() -> Result<Option<Self>> {
        if !rustix::process::geteuid().is_root() {
            return Ok(None);
        }
        let id = |name| {
            std::env::var(name)
                .ok()
                .and_then(|text| text.parse::<u32>().ok())
                .filter(|id| *id != 0)
        };
        if let (Some(uid), Some(gid)) = (id("SUDO_UID"), id("SUDO_GID")) {
            let name = std::env::var("SUDO_USER").unwrap_or_else(|_| uid.to_string());
            return Ok(Some(Self { name, uid, gid }));
        }
        let passwd = std::fs::read_to_string("/etc/passwd").map_err(EnvironmentError::io("cannot read /etc/passwd"))?;
        ["postgres", "nobody"]
            .iter()
            .find_map(|name| find(&passwd, name))
            .map(Some)
            .ok_or_else(|| {
                EnvironmentError::Missing(
                "running as root, and neither `postgres` nor `nobody` is in /etc/passwd; Postgres refuses to run as \
                 root: add one of them, or run firedrill as another user"
                    .into(),
            )
            })
    }
}

impl Account {
    /// Whether this user can pass through all directories above `path`, and into it where it is one (a file: run it).
    #[must_use]
    pub fn can_reach(&self, path: &Path) -> bool {
        can_reach(Some(self), path)
    }
}

fn find(passwd: &str, name: &str) -> Option<Account> {
    passwd.lines().find_map(|line| {
        let mut fields = line.split(':');
        (fields.next()? == name).then_some(())?;
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (uid != 0).then(|| Account {
            name: name.into(),
            uid,
            gid,
        })
    })
}

/// Whether `account` (or everyone, if none) can pass through all directories above `path` and into it.
pub(crate) fn can_reach(account: Option<&Account>, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let Some(account) = account else { return true };
    let Ok(path) = path.canonicalize() else { return false };
    path.ancestors().all(|step| {
        step.metadata().is_ok_and(|metadata| {
            let shift = match () {
                () if metadata.uid() == account.uid => 6,
                () if metadata.gid() == account.gid => 3,
                () => 0,
            };
            metadata.mode() >> shift & 0o1 == 1
        })
    })
}

/// Gives `path`, with all in it, to `account`; symbolic links themselves, never what they point to.
pub(crate) fn give(account: Option<&Account>, path: &Path) -> Result<()> {
    let Some(account) = account else { return Ok(()) };
    let failed = |error| EnvironmentError::path("give to the service's user", path)(error);
    std::os::unix::fs::lchown(path, Some(account.uid), Some(account.gid)).map_err(failed)?;
    if path.symlink_metadata().is_ok_and(|metadata| metadata.is_dir()) {
        for entry in std::fs::read_dir(path).map_err(EnvironmentError::path("list", path))? {
            give(
                Some(account),
                &entry.map_err(EnvironmentError::path("list", path))?.path(),
            )?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_are_found_and_root_is_never_one() {
        let passwd = "root:x:0:0:root:/root:/bin/sh\nevil:x:0:0::/:/bin/sh\nnobody:x:65534:65534:n:/:/bin/false\n";
        let nobody = Account {
            name: "nobody".into(),
            uid: 65534,
            gid: 65534,
        };
        assert_eq!(find(passwd, "nobody"), Some(nobody.clone()));
        assert_eq!(find(passwd, "evil"), None);
        assert_eq!(find(passwd, "postgres"), None);
        assert!(can_reach(Some(&nobody), Path::new("/usr/bin")));
    }
}
