//! Who we are not: the unprivileged user that services run as when the harness runs as root, since Postgres refuses to
//! run as root, and the users after whom root cleans up.

use crate::error::{EnvironmentError, Result};
use rustix::process::{Gid, Uid};
use rustix::thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid};
use std::io;
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
    accounts(passwd).find(|account| account.name == name)
}

/// The users of a passwd file, root not among them.
fn accounts(passwd: &str) -> impl Iterator<Item = Account> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next()?.to_owned();
        let uid = fields.nth(1)?.parse().ok()?;
        let gid = fields.next()?.parse().ok()?;
        (uid != 0).then_some(Account { name, uid, gid })
    })
}

/// Does `work` as the user of that number, in a thread of its own: the kernel itself then sees to it that nothing
/// beyond that user's reach is touched. Only root can.
///
/// # Errors
/// We are not root, the user is, it is in no passwd file, or the kernel refuses.
pub(crate) fn acting_as<T: Send>(uid: u32, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    let passwd = std::fs::read_to_string("/etc/passwd")?;
    let account = accounts(&passwd)
        .find(|account| account.uid == uid)
        .ok_or_else(|| io::Error::other(format!("user {uid} is not in /etc/passwd")))?;
    if !rustix::process::geteuid().is_root() {
        return Err(io::ErrorKind::PermissionDenied.into());
    }
    let become_user = || -> io::Result<()> {
        let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
        set_thread_groups(&[gid])?;
        set_thread_res_gid(gid, gid, gid)?;
        Ok(set_thread_res_uid(uid, uid, uid)?)
    };
    std::thread::scope(|scope| {
        let done = scope.spawn(|| become_user().map(|()| work()));
        done.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
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

    #[test]
    fn who_acts_as_another_user_has_that_users_reach_and_stays_who_it_is() {
        let who = || rustix::process::geteuid().as_raw();
        let us = who();
        assert!(acting_as(0, who).is_err(), "never root");
        let Ok(Some(other)) = Account::choose() else {
            assert!(acting_as(us + 1, who).is_err(), "only root can");
            return;
        };
        let place = tempfile::tempdir().unwrap();
        let touch = || std::fs::write(place.path().join("file"), b"").is_ok();
        match acting_as(other.uid, || (who(), touch())) {
            Ok(seen) => assert_eq!(seen, (other.uid, false)),
            Err(error) => println!("SKIPPED: cannot be {}: {error}", other.name),
        }
        assert_eq!((who(), touch()), (us, true));
    }
}
