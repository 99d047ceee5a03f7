//! A record as an object in a line. Members that are unknown are left out.
//!
//! Texts are escaped as in a line of text first, so that what a reader of JSON gets is as harmless.

use super::AccessRecord;
use super::ascii::put_address;
use super::field::{Field, Value};
use super::{TagList, max};
use crate::escape::{Json, escape};
use crate::line::LineFormat;
use crate::pen::Pen;

impl AccessRecord<'_> {
    pub(super) fn encode_json<'f>(&self, line: &'f mut LineFormat, unix_ns: u64) -> &'f [u8] {
        let (pen, moment) = line.begin_bare(unix_ns);
        for &field in Field::ALL {
            let value = field.of(self, &moment);
            if matches!(value, Value::None) {
                continue;
            }
            pen.text(field.member());
            put(&value, pen);
        }
        pen.byte(b'}');
        // In the place of the first comma.
        pen.set_first(b'{');
        pen.end_line()
    }
}

fn put(value: &Value<'_>, pen: &mut Pen) {
    match *value {
        Value::None => pen.text(b"null"),
        Value::Number(number) => pen.number(number),
        Value::Text(text, max) => quoted(text, max, pen),
        Value::Plain(text) => {
            pen.byte(b'"');
            pen.text(text);
            pen.byte(b'"');
        }
        Value::Address(address) => {
            pen.byte(b'"');
            put_address(Some(address), pen);
            pen.byte(b'"');
        }
        Value::Tags(tags) => put_tags(tags, pen),
    }
}

fn put_tags(tags: &TagList, pen: &mut Pen) {
    pen.byte(b'{');
    for (at, (key, value)) in tags.pairs(max::TAGS).enumerate() {
        if at > 0 {
            pen.byte(b',');
        }
        quoted(key, max::TAGS, pen);
        pen.byte(b':');
        quoted(value, max::TAGS, pen);
    }
    pen.byte(b'}');
}

fn quoted(text: &[u8], max: usize, pen: &mut Pen) {
    pen.byte(b'"');
    escape::<Json>(text, max, pen);
    pen.byte(b'"');
}
