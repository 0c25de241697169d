//! Writes whatever serde can write as canonical JSON, in the form of RFC 8785 for the values that plans hold (texts,
//! integers, booleans); the keys of an object are in the order of their bytes.
//!
//! ```text
//! a value --serde--> its members, one after the other as they come --sorted at its end--> text
//! ```
//! Nothing is held beside the text: a tree of values of a plan needs six times as much. Depth is bounded by the readers.

use regatta_engine::json;
use serde::ser::{
    Error as _, Serialize, SerializeMap, SerializeSeq, SerializeStruct, SerializeStructVariant,
    SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer,
};
use std::borrow::Cow;
use std::fmt::Display;
use std::ops::Range;

type Error = serde_json::Error;
type Done = Result<(), Error>;

/// The text of a value.
///
/// # Errors
/// It has a key that is no text, or says itself that it cannot be written.
pub(crate) fn text<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, Error> {
    let mut out = Vec::new();
    value.serialize(Writer(&mut out))?;
    Ok(out)
}

/// Appends a value.
struct Writer<'a>(&'a mut Vec<u8>);

impl Writer<'_> {
    fn plain(self, text: impl Display) -> Done {
        self.0.extend_from_slice(text.to_string().as_bytes());
        Ok(())
    }
}

/// Appends the items of a list.
struct Items<'a> {
    out: &'a mut Vec<u8>,
    any: bool,
    /// What ends it, and what it lies in.
    end: &'static str,
}

impl<'a> Items<'a> {
    fn open(out: &'a mut Vec<u8>, end: &'static str) -> Items<'a> {
        out.push(b'[');
        Items { out, any: false, end }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        if std::mem::replace(&mut self.any, true) {
            self.out.push(b',');
        }
        value.serialize(Writer(self.out))
    }

    fn close(self) -> Done {
        self.out.extend_from_slice(self.end.as_bytes());
        Ok(())
    }
}

/// Appends the members of an object, which are sorted when all are there.
struct Members<'a> {
    out: &'a mut Vec<u8>,
    start: usize,
    /// Where the value of each key lies.
    found: Vec<(Cow<'static, str>, Range<usize>)>,
    /// The key whose value comes next.
    key: Cow<'static, str>,
    end: &'static str,
}

impl<'a> Members<'a> {
    fn open(out: &'a mut Vec<u8>, end: &'static str) -> Members<'a> {
        let start = out.len();
        Members { out, start, found: Vec::new(), key: Cow::Borrowed(""), end }
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        let from = self.out.len();
        value.serialize(Writer(self.out))?;
        let key = std::mem::take(&mut self.key);
        self.found.push((key, from..self.out.len()));
        Ok(())
    }

    fn member<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Done {
        self.key = Cow::Borrowed(key);
        self.value(value)
    }

    fn close(mut self) -> Done {
        self.found.sort_by(|a, b| a.0.cmp(&b.0));
        let values = self.out.split_off(self.start);
        let mut object = json::Object::open(self.out);
        for (key, range) in &self.found {
            let value = values.get(range.start - self.start..range.end - self.start);
            object.key(key).extend_from_slice(value.unwrap_or_default());
        }
        object.close();
        self.out.extend_from_slice(self.end.as_bytes());
        Ok(())
    }
}

/// Opens the object of one member in which a variant with a value lies.
fn variant<'a>(out: &'a mut Vec<u8>, name: &str) -> &'a mut Vec<u8> {
    out.push(b'{');
    json::string(out, name);
    out.push(b':');
    out
}

/// A key as text: numbers may be keys.
fn key_of<T: Serialize + ?Sized>(key: &T) -> Result<String, Error> {
    let written = text(key)?;
    match written.first() {
        Some(b'"') => serde_json::from_slice(&written),
        Some(b'-' | b'0'..=b'9') => Ok(String::from_utf8_lossy(&written).into_owned()),
        _ => Err(Error::custom("a key must be a text")),
    }
}

macro_rules! as_written {
    ($($name:ident: $kind:ty),*) => { $(fn $name(self, value: $kind) -> Done { self.plain(value) })* };
}

impl<'a> Serializer for Writer<'a> {
    type Ok = ();
    type Error = Error;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Items<'a>;
    type SerializeMap = Members<'a>;
    type SerializeStruct = Members<'a>;
    type SerializeStructVariant = Members<'a>;

    as_written!(serialize_bool: bool, serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64,
        serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);

    fn serialize_f32(self, value: f32) -> Done {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Done {
        match serde_json::Number::from_f64(value) {
            Some(number) => self.plain(number),
            None => self.serialize_unit(),
        }
    }

    fn serialize_char(self, value: char) -> Done {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Done {
        json::string(self.0, value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Done {
        json::array(self.0, value, |out, byte| json::number(out, i64::from(*byte)));
        Ok(())
    }

    fn serialize_none(self) -> Done {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Done {
        self.plain("null")
    }

    fn serialize_unit_struct(self, _: &'static str) -> Done {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, name: &'static str) -> Done {
        self.serialize_str(name)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        value: &T,
    ) -> Done {
        value.serialize(Writer(variant(self.0, name)))?;
        self.0.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>, Error> {
        Ok(Items::open(self.0, "]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a>, Error> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'a>, Error> {
        self.serialize_seq(None)
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Items<'a>, Error> {
        Ok(Items::open(variant(self.0, name), "]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Members<'a>, Error> {
        Ok(Members::open(self.0, ""))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members<'a>, Error> {
        self.serialize_map(None)
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        name: &'static str,
        _: usize,
    ) -> Result<Members<'a>, Error> {
        Ok(Members::open(variant(self.0, name), "}"))
    }
}

macro_rules! list {
    ($($kind:ident $item:ident),*) => { $(impl $kind for Items<'_> {
        type Ok = ();
        type Error = Error;
        fn $item<T: Serialize + ?Sized>(&mut self, value: &T) -> Done { self.item(value) }
        fn end(self) -> Done { self.close() }
    })* };
}

macro_rules! fields {
    ($($kind:ident),*) => { $(impl $kind for Members<'_> {
        type Ok = ();
        type Error = Error;
        fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Done {
            self.member(key, value)
        }
        fn end(self) -> Done { self.close() }
    })* };
}

list!(SerializeSeq serialize_element, SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field, SerializeTupleVariant serialize_field);
fields!(SerializeStruct, SerializeStructVariant);

impl SerializeMap for Members<'_> {
    type Ok = ();
    type Error = Error;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        self.key = Cow::Owned(key_of(key)?);
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.value(value)
    }

    fn end(self) -> Done {
        self.close()
    }
}

#[cfg(test)]
mod tests;
