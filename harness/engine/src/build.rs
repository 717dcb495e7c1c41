//! Which firedrill this is: a version stands for many builds, and two of them may derive other terms from one plan.

use std::path::Path;
use std::sync::OnceLock;

use crate::run_directory::digest;

/// Key of this program among the versions of `run.json`.
pub const PROGRAM: &str = "firedrill";
/// The file of the running program, though it may have been replaced since: what it starts is then still the same build.
pub const ITSELF: &str = "/proc/self/exe";

/// Version and SHA-256 of the running program, as `run.json` names it.
#[must_use]
pub fn named() -> String {
    static NAMED: OnceLock<String> = OnceLock::new();
    NAMED
        .get_or_init(|| {
            let version = env!("CARGO_PKG_VERSION");
            match digest(Path::new(ITSELF)) {
                Ok(sha256) => format!("{version}, program SHA-256 {sha256}"),
                Err(error) => format!("{version}, a program that cannot be read ({error})"),
            }
        })
        .clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_build_is_named_by_its_bytes() {
        let sha256 = digest(&std::env::current_exe().expect("a program")).expect("its digest");
        assert_eq!(
            named(),
            format!("{}, program SHA-256 {sha256}", env!("CARGO_PKG_VERSION"))
        );
    }
}
