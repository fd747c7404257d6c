//! An ONNX file as a tree of protobuf fields that can be changed and written again. Knows which fields are messages,
//! nothing of what they mean.
//!
//! <https://protobuf.dev/programming-guides/encoding/>

/// A field with its number.
#[derive(Debug, Clone, PartialEq)]
pub struct Field {
    /// The number that the message's definition gives it.
    pub number: u64,
    /// Its content.
    pub content: Content,
}

/// The content of a field, by wire type.
#[derive(Debug, Clone, PartialEq)]
pub enum Content {
    /// Wire type 0.
    Varint(u64),
    /// Wire type 1.
    Fixed64([u8; 8]),
    /// Wire type 5.
    Fixed32([u8; 4]),
    /// Wire type 2: a text, packed numbers, or a message that is not looked into.
    Bytes(Vec<u8>),
    /// Wire type 2: a message.
    Message(Vec<Field>),
}

/// The messages of onnx.proto3 that are looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Model,
    Opset,
    Graph,
    Node,
    Attribute,
    Tensor,
    Entry,
    Info,
    Type,
    TensorType,
    Shape,
    Dimension,
}

/// Which field of which message is a message, and of which kind.
const MESSAGES: &[(Kind, u64, Kind)] = &[
    (Kind::Model, 7, Kind::Graph),
    (Kind::Model, 8, Kind::Opset),
    (Kind::Graph, 1, Kind::Node),
    (Kind::Graph, 5, Kind::Tensor),
    (Kind::Graph, 11, Kind::Info),
    (Kind::Graph, 12, Kind::Info),
    (Kind::Node, 5, Kind::Attribute),
    (Kind::Attribute, 5, Kind::Tensor),
    (Kind::Attribute, 6, Kind::Graph),
    (Kind::Tensor, 13, Kind::Entry),
    (Kind::Info, 2, Kind::Type),
    (Kind::Type, 1, Kind::TensorType),
    (Kind::TensorType, 2, Kind::Shape),
    (Kind::Shape, 1, Kind::Dimension),
];

/// The fields of a message; none where the bytes are no protobuf.
pub fn parse(mut bytes: &[u8], kind: Kind) -> Option<Vec<Field>> {
    let mut fields = Vec::new();
    while !bytes.is_empty() {
        let key = varint(&mut bytes)?;
        let number = key >> 3;
        let content = match key & 7 {
            0 => Content::Varint(varint(&mut bytes)?),
            1 => Content::Fixed64(take(&mut bytes, 8)?.try_into().ok()?),
            2 => {
                let length = usize::try_from(varint(&mut bytes)?).ok()?;
                let inside = take(&mut bytes, length)?;
                let child = MESSAGES.iter().find(|(parent, at, _)| (*parent, *at) == (kind, number));
                let message = child.and_then(|(.., kind)| parse(inside, *kind));
                message.map_or_else(|| Content::Bytes(inside.to_vec()), Content::Message)
            }
            5 => Content::Fixed32(take(&mut bytes, 4)?.try_into().ok()?),
            _ => return None,
        };
        fields.push(Field { number, content });
    }
    Some(fields)
}

fn take<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(taken)
}

fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *take(bytes, 1)?.first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

/// The bytes of a message.
pub fn encode(fields: &[Field]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for Field { number, content } in fields {
        let key = |wire: u64| number << 3 | wire;
        match content {
            Content::Varint(value) => {
                push_varint(&mut bytes, key(0));
                push_varint(&mut bytes, *value);
            }
            Content::Fixed64(value) => {
                push_varint(&mut bytes, key(1));
                bytes.extend(value);
            }
            Content::Fixed32(value) => {
                push_varint(&mut bytes, key(5));
                bytes.extend(value);
            }
            Content::Bytes(inside) => push_delimited(&mut bytes, key(2), inside),
            Content::Message(fields) => push_delimited(&mut bytes, key(2), &encode(fields)),
        }
    }
    bytes
}

fn push_delimited(bytes: &mut Vec<u8>, key: u64, inside: &[u8]) {
    push_varint(bytes, key);
    push_varint(bytes, inside.len() as u64);
    bytes.extend(inside);
}

/// Appends a number, seven bits a byte.
pub fn push_varint(bytes: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
}

/// How many fields there are, those of messages inside included.
pub fn count(fields: &[Field]) -> usize {
    let inside = |field: &Field| match &field.content {
        Content::Message(fields) => count(fields),
        Content::Varint(_) | Content::Fixed64(_) | Content::Fixed32(_) | Content::Bytes(_) => 0,
    };
    fields.iter().map(|field| 1 + inside(field)).sum()
}

/// The message that holds the field of this number, counted as [`count`] does, and its place there.
pub fn find(fields: &mut Vec<Field>, mut number: usize) -> Option<(&mut Vec<Field>, usize)> {
    for at in 0..fields.len() {
        if number == 0 {
            return Some((fields, at));
        }
        number -= 1;
        let inside = count(std::slice::from_ref(&fields[at])) - 1;
        if number < inside {
            return match &mut fields[at].content {
                Content::Message(fields) => find(fields, number),
                Content::Varint(_) | Content::Fixed64(_) | Content::Fixed32(_) | Content::Bytes(_) => None,
            };
        }
        number -= inside;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_written_as_it_was_read() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../fixtures/models/bert-tiny/model.onnx");
        let bytes = std::fs::read(path).unwrap();
        let mut fields = parse(&bytes, Kind::Model).unwrap();
        assert_eq!(encode(&fields), bytes);
        let fields_in_all = count(&fields);
        assert!(fields_in_all > 1000, "{fields_in_all} fields: messages are looked into");
        assert!((0..fields_in_all).all(|number| find(&mut fields, number).is_some()));
        assert!(find(&mut fields, fields_in_all).is_none());
    }

    #[test]
    fn what_is_no_protobuf_has_no_fields() {
        for bytes in [&b"\x0a"[..], b"\x0a\x05abc", b"\x07", b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80\x80"]
        {
            assert_eq!(parse(bytes, Kind::Model), None, "{bytes:?}");
        }
    }
}
