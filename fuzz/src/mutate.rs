//! Changes an ONNX file: fields that know what they are, and bytes that do not. The same seed gives the same file.

use fastrand::Rng;

use crate::wire::{self, Content, Field, Kind};

/// Numbers at which code that counts and allocates goes wrong.
const NUMBERS: [i64; 24] = [
    0,
    1,
    2,
    3,
    4,
    7,
    8,
    16,
    64,
    255,
    1 << 16,
    1 << 20,
    i32::MAX as i64,
    1 << 31,
    u32::MAX as i64,
    1 << 40,
    1 << 62,
    i64::MAX,
    -1,
    -2,
    -4,
    -(1 << 20),
    i64::MIN + 1,
    i64::MIN,
];
/// Longer fields are weights; as texts to exchange they are of no use.
const LONGEST_TEXT: usize = 200;
const MOST_CHANGES: usize = 4;
/// One file in so many is changed without regard for its fields.
const BLIND: usize = 8;

/// A maker of changes to a file, from parts of itself and of the others.
pub struct Mutator<'a> {
    rng: Rng,
    others: &'a [Vec<u8>],
}

impl<'a> Mutator<'a> {
    /// Draws from a seed; takes parts of the `others`.
    pub fn new(seed: u64, others: &'a [Vec<u8>]) -> Mutator<'a> {
        Mutator { rng: Rng::with_seed(seed), others }
    }

    /// A number below `end`, 0 for 0.
    pub fn below(&mut self, end: usize) -> usize {
        if end == 0 { 0 } else { self.rng.usize(..end) }
    }

    /// The file with one to four changes.
    pub fn change(&mut self, file: &[u8]) -> Vec<u8> {
        let changes = 1 + self.below(MOST_CHANGES);
        let blind = self.below(BLIND) == 0;
        let tree = wire::parse(file, Kind::Model).filter(|_| !blind);
        match tree {
            Some(mut fields) => {
                let texts = texts(&fields);
                (0..changes).for_each(|_| self.change_field(&mut fields, &texts));
                wire::encode(&fields)
            }
            None => {
                let mut bytes = file.to_vec();
                (0..changes).for_each(|_| self.change_bytes(&mut bytes));
                bytes
            }
        }
    }

    fn change_field(&mut self, fields: &mut Vec<Field>, texts: &[Vec<u8>]) {
        let number = self.below(wire::count(fields));
        let Some((message, at)) = wire::find(fields, number) else { return };
        match self.below(8) {
            0 => drop(message.remove(at)),
            1 => message.insert(at, message[at].clone()),
            2 => {
                let other = self.below(message.len());
                message.swap(at, other);
            }
            _ => self.change_content(&mut message[at].content, texts),
        }
    }

    fn change_content(&mut self, content: &mut Content, texts: &[Vec<u8>]) {
        match content {
            Content::Varint(value) => *value = self.number(*value as i64) as u64,
            Content::Fixed64(bytes) => *bytes = self.number(i64::from_le_bytes(*bytes)).to_le_bytes(),
            Content::Fixed32(bytes) => {
                let floats = [0.0, -1.0, f32::NAN, f32::INFINITY, f32::MIN_POSITIVE, f32::MAX];
                *bytes = floats[self.below(floats.len())].to_le_bytes();
            }
            // A text that is none would be refused before anything of it is looked at.
            Content::Bytes(bytes) if is_text(bytes) => match self.below(8) {
                0 => self.change_bytes(bytes),
                1 => bytes.clear(),
                _ if !texts.is_empty() => *bytes = texts[self.below(texts.len())].clone(),
                _ => {}
            },
            Content::Bytes(bytes) => match self.below(2) {
                0 => *bytes = self.packed(),
                _ => self.change_bytes(bytes),
            },
            Content::Message(fields) => {
                let inside = self.below(fields.len());
                if let Some(field) = fields.get_mut(inside) {
                    self.change_content(&mut field.content, texts);
                }
            }
        }
    }

    fn number(&mut self, old: i64) -> i64 {
        match self.below(4) {
            0 => old.wrapping_add(1),
            1 => old.wrapping_sub(1),
            _ => NUMBERS[self.below(NUMBERS.len())],
        }
    }

    /// A few numbers as dims, axes and pads are written: as varints, or as the raw bytes of i64.
    fn packed(&mut self) -> Vec<u8> {
        let numbers: Vec<i64> = (0..self.below(6)).map(|_| self.number(0)).collect();
        let mut bytes = Vec::new();
        let raw = self.below(2) == 0;
        for number in numbers {
            match raw {
                true => bytes.extend(number.to_le_bytes()),
                false => wire::push_varint(&mut bytes, number as u64),
            }
        }
        bytes
    }

    fn change_bytes(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        match self.below(5) {
            0 => bytes.truncate(at),
            1 => {
                let end = (at + 1 + self.below(16)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 => {
                let other = &self.others[self.rng.usize(..self.others.len())];
                let from = self.rng.usize(..other.len().max(1)).min(other.len());
                let to = (from + 1 + self.rng.usize(..64)).min(other.len());
                bytes.splice(at..at, other[from..to].iter().copied());
            }
            _ => {
                if let Some(byte) = bytes.get_mut(at) {
                    *byte = self.rng.u8(..);
                }
            }
        }
    }
}

fn is_text(bytes: &[u8]) -> bool {
    !bytes.is_empty() && bytes.iter().all(|byte| (0x20..0x7f).contains(byte))
}

/// Every short text of a file: names to rewire nodes with, operators.
fn texts(fields: &[Field]) -> Vec<Vec<u8>> {
    let mut texts = Vec::new();
    for field in fields {
        match &field.content {
            Content::Bytes(bytes) if bytes.len() <= LONGEST_TEXT && is_text(bytes) => {
                texts.push(bytes.clone())
            }
            Content::Message(fields) => texts.extend(self::texts(fields)),
            Content::Bytes(_) | Content::Varint(_) | Content::Fixed64(_) | Content::Fixed32(_) => {}
        }
    }
    texts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_file_and_others_give_others() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/bad/external-good/model.onnx");
        let files = vec![std::fs::read(path).unwrap()];
        let changed = |seed| Mutator::new(seed, &files).change(&files[0]);
        let all: std::collections::BTreeSet<Vec<u8>> = (0..100).map(changed).collect();
        assert_eq!(changed(7), changed(7));
        assert!(all.len() > 80, "{} of 100 differ", all.len());
    }
}
