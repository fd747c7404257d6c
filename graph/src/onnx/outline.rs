//! An ONNX file without the weights in it: walks the protobuf, keeps what says what to compute, and only notes where
//! large `raw_data` of initializers lies. It reads nothing: it says which bytes it wants next, and is given them.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

use std::collections::BTreeMap;
use std::ops::Range;

use crate::constant::Span;
use crate::error::Error;

/// The first bytes wanted; small files are read at once.
const FIRST_BYTES: u64 = 1 << 20;
/// As many are wanted later, behind what was left out.
const NEXT_BYTES: u64 = 1 << 16;
/// `raw_data` from this length on is left out.
const LARGE_BYTES: u64 = 1 << 16;
/// A tag and a length take at most so many bytes.
const HEADER_BYTES: u64 = 20;

/// `ModelProto.graph`, `GraphProto.initializer` and `TensorProto.raw_data`.
const GRAPH: u64 = 7;
const INITIALIZER: u64 = 5;
const RAW_DATA: u64 = 9;

/// The walk through a file.
#[derive(Debug, Clone)]
pub struct Outline {
    file: String,
    size_bytes: u64,
    large_bytes: u64,
    /// The position in the file, and the bytes from there on that it has.
    at: u64,
    window: Vec<u8>,
    used: usize,
    /// Bytes that are kept as they are, before the next field.
    keeping: u64,
    /// The messages it is in, outermost first: there are at most three.
    open: Vec<Message>,
    initializers: usize,
    large: BTreeMap<usize, Range<u64>>,
}

#[derive(Debug, Clone)]
struct Message {
    end: u64,
    kept: Vec<u8>,
}

/// The part of a file that was kept.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Skeleton {
    pub file: String,
    /// The file as it would be without what was left out.
    pub bytes: Vec<u8>,
    /// The place of the `raw_data` that was left out, by the number of its initializer.
    pub large: BTreeMap<usize, Range<u64>>,
    /// From how many bytes on weights are left where they are.
    pub large_bytes: u64,
}

/// The skeleton of a file that was read as a whole: nothing is left out of it.
impl Default for Skeleton {
    fn default() -> Skeleton {
        let (file, bytes, large) = (String::new(), Vec::new(), BTreeMap::new());
        Skeleton { file, bytes, large, large_bytes: LARGE_BYTES }
    }
}

impl Outline {
    /// Of a file with this path in the model's folder, which is so long.
    pub fn new(file: &str, size_bytes: u64) -> Outline {
        Outline {
            file: file.to_owned(),
            size_bytes,
            large_bytes: LARGE_BYTES,
            at: 0,
            window: Vec::new(),
            used: 0,
            keeping: 0,
            open: vec![Message { end: size_bytes, kept: Vec::new() }],
            initializers: 0,
            large: BTreeMap::new(),
        }
    }

    /// An outline for weights that are large from another number of bytes on.
    pub fn with_large_bytes(self, large_bytes: u64) -> Outline {
        Outline { large_bytes, ..self }
    }

    /// The bytes of the file that are wanted next; `None` when all is known.
    ///
    /// # Errors
    /// Where the file is no protobuf.
    pub fn wanted(&mut self) -> Result<Option<Span>, Error> {
        while let Some(end) = self.open.last().map(|message| message.end) {
            if self.keeping > 0 {
                if self.rest().is_empty() {
                    return Ok(Some(self.span()));
                }
                self.keep();
            } else if self.at == end {
                if self.open.len() == 1 {
                    break;
                }
                self.close();
            } else if (self.rest().len() as u64) < HEADER_BYTES.min(end - self.at) {
                return Ok(Some(self.span()));
            } else {
                self.enter(end)?;
            }
        }
        Ok(None)
    }

    /// Takes the bytes that were wanted.
    ///
    /// # Errors
    /// Where there are fewer or more.
    pub fn take(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let Range { start, end } = self.next();
        if bytes.len() as u64 != end - start {
            let reason = format!("{} bytes came from byte {start} on, not {}", bytes.len(), end - start);
            return Err(not_onnx(reason));
        }
        self.window.drain(..self.used);
        self.used = 0;
        self.window.extend_from_slice(bytes);
        Ok(())
    }

    pub(super) fn finish(mut self) -> Result<Skeleton, Error> {
        if self.wanted()?.is_some() {
            return Err(not_onnx("it was not read to its end".to_owned()));
        }
        let bytes = self.open.pop().map(|message| message.kept).unwrap_or_default();
        let Outline { file, large, large_bytes, .. } = self;
        Ok(Skeleton { file, bytes, large, large_bytes })
    }

    fn rest(&self) -> &[u8] {
        &self.window[self.used..]
    }

    fn span(&self) -> Span {
        let Range { start, end } = self.next();
        Span { location: self.file.clone(), offset_bytes: start, length_bytes: end - start }
    }

    /// The bytes behind the window.
    fn next(&self) -> Range<u64> {
        let start = self.at + self.rest().len() as u64;
        let count = if start == 0 { FIRST_BYTES } else { NEXT_BYTES };
        start..self.size_bytes.min(start + count)
    }

    fn advance(&mut self, bytes: u64) {
        self.at += bytes;
        self.used =
            self.window.len().min(self.used.saturating_add(usize::try_from(bytes).unwrap_or(usize::MAX)));
    }

    /// Keeps what there is of the bytes that are kept as they are.
    fn keep(&mut self) {
        let count = (self.rest().len() as u64).min(self.keeping);
        let bytes = &self.window[self.used..self.used + count as usize];
        if let Some(message) = self.open.last_mut() {
            message.kept.extend_from_slice(bytes);
        }
        self.keeping -= count;
        self.advance(count);
    }

    /// Reads a field's tag and length: a message is entered, weights are left out, all else is kept.
    fn enter(&mut self, end: u64) -> Result<(), Error> {
        let cut_off = || not_onnx(format!("it is cut off at byte {}", self.at));
        let rest = self.rest();
        let rest = &rest[..rest.len().min(usize::try_from(end - self.at).unwrap_or(usize::MAX))];
        let (tag, tag_bytes) = varint(rest).ok_or_else(cut_off)?;
        let behind = &rest[tag_bytes as usize..];
        let (content, length_bytes) = match tag & 7 {
            0 => (varint(behind).ok_or_else(cut_off)?.1, 0),
            1 => (8, 0),
            5 => (4, 0),
            2 => varint(behind).ok_or_else(cut_off)?,
            wire_type => {
                return Err(not_onnx(format!("a field at byte {} has wire type {wire_type}", self.at)));
            }
        };
        let header = tag_bytes + length_bytes;
        let field_end = (self.at + header).checked_add(content).filter(|&field_end| field_end <= end);
        let field_end = field_end.ok_or_else(cut_off)?;
        match (self.open.len(), tag >> 3, tag & 7) {
            (1, GRAPH, 2) | (2, INITIALIZER, 2) => {
                self.advance(header);
                self.open.push(Message { end: field_end, kept: Vec::new() });
            }
            (3, RAW_DATA, 2) if content >= self.large_bytes => {
                self.large.insert(self.initializers, self.at + header..field_end);
                self.advance(header + content);
            }
            (3, RAW_DATA, 2) => {
                // The last one counts.
                self.large.remove(&self.initializers);
                self.keeping = header + content;
            }
            _ => self.keeping = header + content,
        }
        Ok(())
    }

    /// Leaves a message: what was kept of it goes into the one around it.
    fn close(&mut self) {
        let field = if self.open.len() == 3 { INITIALIZER } else { GRAPH };
        self.initializers += usize::from(field == INITIALIZER);
        let Some(Message { kept, .. }) = self.open.pop() else { return };
        if let Some(around) = self.open.last_mut() {
            push_varint(&mut around.kept, field << 3 | 2);
            push_varint(&mut around.kept, kept.len() as u64);
            around.kept.extend(kept);
        }
    }
}

/// A number of seven bits per byte, the lowest first, and how many bytes it takes.
fn varint(bytes: &[u8]) -> Option<(u64, u64)> {
    let length = bytes.iter().take(10).position(|byte| byte & 0x80 == 0)? + 1;
    let number = bytes[..length].iter().rev().fold(0u64, |number, byte| number << 7 | u64::from(byte & 0x7f));
    Some((number, length as u64))
}

fn push_varint(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}

fn not_onnx(reason: String) -> Error {
    Error::NotOnnx { reason: format!("it cannot be decoded as protobuf ({reason})") }
}

#[cfg(test)]
mod tests;
