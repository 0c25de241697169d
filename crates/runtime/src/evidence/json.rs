//! JSON that a tool wrote, read into so much memory and no more: a value takes many times the bytes that it is written in.
//!
//! Knows no kind of report, only which keys are wanted.

use serde::de::{DeserializeSeed, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::fmt;
use std::io::Read;

/// What is read may take about so much.
const MOST_BYTES: usize = 256 << 20;
/// A value takes about so much,
const VALUE_BYTES: usize = 80;
/// an object that is not empty besides,
const OBJECT_BYTES: usize = 400;
/// and each of its keys, without its text.
const KEY_BYTES: usize = 40;

/// Reads one value and nothing behind it; of objects only these keys, where they are told.
///
/// # Errors
/// It is no JSON, or takes too much memory.
pub(super) fn read(reader: impl Read, keys: Option<&[&str]>) -> Result<Value, String> {
    read_within(reader, keys, MOST_BYTES)
}

fn read_within(reader: impl Read, keys: Option<&[&str]>, most_bytes: usize) -> Result<Value, String> {
    let mut left = most_bytes;
    let mut json = serde_json::Deserializer::from_reader(reader);
    let value = Wanted { keys, left: &mut left }.deserialize(&mut json).map_err(|error| error.to_string())?;
    json.end().map_err(|error| error.to_string())?;
    Ok(value)
}

struct Wanted<'a> {
    keys: Option<&'a [&'a str]>,
    left: &'a mut usize,
}

impl Wanted<'_> {
    /// What stands in it is wanted in the same way.
    fn inner(&mut self) -> Wanted<'_> {
        Wanted { keys: self.keys, left: self.left }
    }

    fn take<E: serde::de::Error>(&mut self, bytes: usize) -> Result<(), E> {
        let more = || E::custom(format!("to read it takes more than {} MiB of memory", MOST_BYTES >> 20));
        *self.left = self.left.checked_sub(bytes).ok_or_else(more)?;
        Ok(())
    }
}

impl<'de> DeserializeSeed<'de> for Wanted<'_> {
    type Value = Value;

    fn deserialize<D: serde::Deserializer<'de>>(mut self, json: D) -> Result<Value, D::Error> {
        self.take(VALUE_BYTES)?;
        json.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Wanted<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E: serde::de::Error>(mut self, text: &str) -> Result<Value, E> {
        self.take(text.len())?;
        Ok(text.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut list: A) -> Result<Value, A::Error> {
        let mut values = Vec::new();
        while let Some(value) = list.next_element_seed(self.inner())? {
            values.push(value);
        }
        Ok(values.into())
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        let mut values = Map::new();
        while let Some(key) = map.next_key::<String>()? {
            if self.keys.is_some_and(|keys| !keys.contains(&key.as_str())) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            self.take::<A::Error>(if values.is_empty() { OBJECT_BYTES } else { 0 } + KEY_BYTES + key.len())?;
            values.insert(key, map.next_value_seed(self.inner())?);
        }
        Ok(values.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_value_is_read_as_it_is_and_without_what_nobody_wants() {
        let text = r#"{"a": [null, true, -1, 18446744073709551615, 1.5, "x\n", {}], "b": {"a": 1, "c": [2]}, "a ": 3}"#;
        let whole: Value = serde_json::from_str(text).unwrap();
        assert_eq!(read(text.as_bytes(), None).unwrap(), whole);
        let wanted = json!({ "a": [null, true, -1, u64::MAX, 1.5, "x\n", {}], "b": { "a": 1 } });
        assert_eq!(read(text.as_bytes(), Some(&["a", "b"])).unwrap(), wanted);
        for bad in ["", "1 2", "[1", "{\"a\" 1}", "{\"b\": [}", "nul"] {
            assert!(read(bad.as_bytes(), Some(&["a"])).is_err(), "{bad}");
        }
    }

    #[test]
    fn what_takes_too_much_memory_is_not_read_to_its_end() {
        for (begin, part) in [("[", "0,"), ("", "["), ("[", "{\"a\":0},"), ("[", "{},"), ("{\"k\":[", "[],")]
        {
            let endless = begin.bytes().chain(part.bytes().cycle());
            struct Bytes<I>(I);
            impl<I: Iterator<Item = u8>> Read for Bytes<I> {
                fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
                    Ok(to.iter_mut().zip(&mut self.0).map(|(to, from)| *to = from).count())
                }
            }
            let why = read_within(Bytes(endless), None, 1 << 20).unwrap_err();
            assert!(why.contains("256 MiB of memory") || why.contains("recursion"), "{why}");
        }
    }
}
