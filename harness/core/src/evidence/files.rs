//! A run directory as the core sees it: paths and bytes. Whoever uses the core does the reading.

use std::collections::BTreeMap;

/// The files of one run directory. Paths are relative, `/` between their parts, regular files only, hidden ones too.
pub trait RunFiles {
    /// Every file of the directory and its folders.
    ///
    /// # Errors
    /// What the system said, when the directory cannot be listed.
    fn paths(&self) -> Result<Vec<String>, String>;

    /// Bytes of a file.
    ///
    /// # Errors
    /// What the system said, when it cannot be looked at.
    fn length(&self, path: &str) -> Result<u64, String>;

    /// Hands over the content of a file from its beginning to its end, in pieces of any size.
    ///
    /// # Errors
    /// What the system said, when it cannot be read.
    fn read(&self, path: &str, each: &mut dyn FnMut(&[u8])) -> Result<(), String>;
}

impl RunFiles for BTreeMap<String, Vec<u8>> {
    fn paths(&self) -> Result<Vec<String>, String> {
        Ok(self.keys().cloned().collect())
    }

    fn length(&self, path: &str) -> Result<u64, String> {
        Ok(self.get(path).ok_or("no such file")?.len() as u64)
    }

    fn read(&self, path: &str, each: &mut dyn FnMut(&[u8])) -> Result<(), String> {
        each(self.get(path).ok_or("no such file")?);
        Ok(())
    }
}
