//! One stream of bytes as numbered files of a largest size.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

/// The part of a number, which starts at 1.
fn part(name: &Path, number: usize) -> PathBuf {
    let mut part = name.as_os_str().to_owned();
    part.push(format!(".{number:03}"));
    part.into()
}

/// The parts that are there, in order, up to the first that is missing.
pub fn names(name: &Path) -> impl Iterator<Item = PathBuf> + use<'_> {
    (1..).map(|number| part(name, number)).take_while(|part| part.is_file())
}

/// Writes parts.
pub struct Writer {
    name: PathBuf,
    most_bytes: u64,
    number: usize,
    file: File,
    left_bytes: u64,
}

impl Writer {
    /// Starts with the first part; parts of an earlier archive of the name go.
    ///
    /// # Errors
    /// Where a file cannot be removed or made.
    pub fn new(name: &Path, most_bytes: u64) -> Result<Writer> {
        for old in names(name) {
            std::fs::remove_file(&old).with_context(|| format!("cannot remove {}", old.display()))?;
        }
        let first = part(name, 1);
        let file = File::create(&first).with_context(|| format!("cannot write {}", first.display()))?;
        let most_bytes = most_bytes.max(1);
        Ok(Writer { name: name.to_owned(), most_bytes, number: 1, file, left_bytes: most_bytes })
    }
}

impl Write for Writer {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left_bytes == 0 {
            self.number += 1;
            self.file = File::create(part(&self.name, self.number))?;
            self.left_bytes = self.most_bytes;
        }
        let most = usize::try_from(self.left_bytes).unwrap_or(usize::MAX).min(bytes.len());
        let written = self.file.write(&bytes[..most])?;
        self.left_bytes -= written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

/// Reads parts as one.
pub struct Reader {
    name: PathBuf,
    number: usize,
    file: File,
}

impl Reader {
    /// Starts with the first part.
    ///
    /// # Errors
    /// Where there is none.
    pub fn new(name: &Path) -> Result<Reader> {
        let first = part(name, 1);
        let file = File::open(&first).with_context(|| format!("cannot read {}", first.display()))?;
        Ok(Reader { name: name.to_owned(), number: 1, file })
    }
}

impl Read for Reader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        loop {
            let read = self.file.read(buffer)?;
            if read > 0 || buffer.is_empty() {
                return Ok(read);
            }
            match File::open(part(&self.name, self.number + 1)) {
                Ok(next) => self.file = next,
                Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
                Err(error) => return Err(error),
            }
            self.number += 1;
        }
    }
}
