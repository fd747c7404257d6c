//! The files that weights lie in, as whoever has them lets them be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::error::Error;

/// Part of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file's path in the model's folder, separated by `/`.
    pub location: String,
    /// First byte.
    pub offset_bytes: u64,
    /// The number of bytes.
    pub length_bytes: u64,
}

/// Files that are read part by part.
pub trait Files {
    /// The length of a file in bytes; `None` where there is none.
    fn size_bytes(&mut self, location: &str) -> Option<u64>;

    /// The bytes of a span.
    ///
    /// # Errors
    /// The reason why they cannot be had.
    fn read(&mut self, span: &Span) -> Result<Vec<u8>, String>;
}

/// No files: enough for constants that are here or computed.
#[derive(Debug, Clone, Copy)]
pub struct NoFiles;

impl Files for NoFiles {
    fn size_bytes(&mut self, _location: &str) -> Option<u64> {
        None
    }

    fn read(&mut self, _span: &Span) -> Result<Vec<u8>, String> {
        Err("no files are at hand".to_owned())
    }
}

/// Whole files in memory.
impl Files for BTreeMap<String, Arc<[u8]>> {
    fn size_bytes(&mut self, location: &str) -> Option<u64> {
        self.get(location).map(|file| file.len() as u64)
    }

    fn read(&mut self, span: &Span) -> Result<Vec<u8>, String> {
        let end = span.offset_bytes.checked_add(span.length_bytes);
        let place =
            usize::try_from(span.offset_bytes).ok().zip(end.and_then(|end| usize::try_from(end).ok()));
        let bytes = self.get(&span.location).zip(place).and_then(|(file, (start, end))| file.get(start..end));
        bytes.map(<[u8]>::to_vec).ok_or_else(|| "it ends before".to_owned())
    }
}

impl Span {
    /// Its parts of at most so many bytes, in order.
    pub fn parts(&self, most_bytes: u64) -> Vec<Span> {
        let starts = (0..self.length_bytes).step_by(usize::try_from(most_bytes.max(1)).unwrap_or(usize::MAX));
        let part = |start| self.part(start, most_bytes.min(self.length_bytes - start));
        starts.map(part).collect()
    }

    /// `length_bytes` of it from `start` on.
    pub(super) fn part(&self, start: u64, length_bytes: u64) -> Span {
        let offset_bytes = self.offset_bytes.saturating_add(start);
        Span { location: self.location.clone(), offset_bytes, length_bytes }
    }

    /// Refuses a span that a file of this size does not hold, for the tensor that lies there.
    pub(crate) fn check(&self, tensor: &str, size_bytes: Option<u64>) -> Result<(), Error> {
        let (tensor, location) = (tensor.to_owned(), self.location.clone());
        let Span { offset_bytes, length_bytes, .. } = *self;
        match (size_bytes, offset_bytes.checked_add(length_bytes)) {
            (None, _) => Err(Error::ExternalMissing { tensor, location, offset_bytes, length_bytes }),
            (Some(actual_bytes), Some(end)) if end <= actual_bytes => Ok(()),
            (Some(actual_bytes), _) => {
                Err(Error::ExternalShort { tensor, location, offset_bytes, length_bytes, actual_bytes })
            }
        }
    }

    /// Its bytes, as many as it says.
    pub(crate) fn bytes(&self, tensor: &str, files: &mut dyn Files) -> Result<Vec<u8>, Error> {
        let Span { location, offset_bytes, length_bytes } = self.clone();
        let bytes = files.read(self).and_then(|bytes| match bytes.len() as u64 == length_bytes {
            true => Ok(bytes),
            false => Err(format!("{} bytes came", bytes.len())),
        });
        let tensor = tensor.to_owned();
        bytes.map_err(|reason| Error::ExternalUnread { tensor, location, offset_bytes, length_bytes, reason })
    }
}
