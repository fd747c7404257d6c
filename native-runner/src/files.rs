//! The files of a model folder, read where they are wanted.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::PathBuf;

use graph::constant::{Files, Span};

/// A folder, and its files that are open.
#[derive(Debug)]
pub struct FolderFiles {
    folder: PathBuf,
    open: BTreeMap<String, File>,
}

impl FolderFiles {
    /// The files of this folder.
    pub fn new(folder: PathBuf) -> FolderFiles {
        FolderFiles { folder, open: BTreeMap::new() }
    }

    fn file(&mut self, location: &str) -> std::io::Result<&mut File> {
        if !self.open.contains_key(location) {
            self.open.insert(location.to_owned(), File::open(self.folder.join(location))?);
        }
        self.open.get_mut(location).ok_or_else(|| std::io::ErrorKind::NotFound.into())
    }

    fn bytes(&mut self, span: &Span) -> std::io::Result<Vec<u8>> {
        let length = usize::try_from(span.length_bytes).map_err(|_| std::io::ErrorKind::OutOfMemory)?;
        let file = self.file(&span.location)?;
        file.seek(SeekFrom::Start(span.offset_bytes))?;
        let mut bytes = vec![0; length];
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }
}

impl Files for FolderFiles {
    fn size_bytes(&mut self, location: &str) -> Option<u64> {
        let metadata = std::fs::metadata(self.folder.join(location)).ok()?;
        metadata.is_file().then_some(metadata.len())
    }

    fn read(&mut self, span: &Span) -> Result<Vec<u8>, String> {
        self.bytes(span).map_err(|error| error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_where_they_lie() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("w.bin"), [0u8, 1, 2, 3, 4]).unwrap();
        let mut files = FolderFiles::new(folder.path().to_owned());
        let span = |location: &str, offset_bytes, length_bytes| Span {
            location: location.to_owned(),
            offset_bytes,
            length_bytes,
        };
        assert_eq!((files.size_bytes("w.bin"), files.size_bytes("v.bin")), (Some(5), None));
        for (offset_bytes, expected) in [(3, vec![3, 4]), (0, vec![0, 1])] {
            assert_eq!(files.read(&span("w.bin", offset_bytes, 2)), Ok(expected));
        }
        for (location, offset_bytes) in [("w.bin", 4), ("v.bin", 0)] {
            assert!(files.read(&span(location, offset_bytes, 2)).is_err(), "{location} from {offset_bytes}");
        }
    }
}
