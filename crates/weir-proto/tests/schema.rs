//! `command.proto` against `schema.txt`, the interface written down apart. Numbers from 1000 up,
//! and messages that are only used there, are our own.

use std::collections::BTreeSet;

use prost::Message;
use prost_types::field_descriptor_proto::{Label, Type};
use prost_types::{DescriptorProto, EnumDescriptorProto, FieldDescriptorProto, FileDescriptorSet};

/// The first number of our own.
const OWN: i32 = 1000;

#[test]
fn the_messages_are_those_of_the_interface() {
    let set = FileDescriptorSet::decode(weir_proto::SCHEMA).expect("descriptors");
    let [file] = &set.file[..] else { panic!("one file") };
    assert_eq!((file.package(), file.syntax()), ("command", ""), "proto2 is the unnamed syntax");
    let messages = file.message_type.iter().flat_map(message_lines);
    let made: BTreeSet<String> =
        messages.chain(file.enum_type.iter().flat_map(enum_lines)).collect();
    let text = include_str!("schema.txt").lines();
    let lines = text.filter(|line| !line.is_empty() && !line.starts_with('#'));
    let wanted: BTreeSet<String> = lines.map(str::to_owned).collect();
    let names: BTreeSet<&str> = wanted.iter().map(|line| owner(line)).collect();
    let missing: Vec<_> = wanted.difference(&made).collect();
    let surplus: Vec<_> = made.difference(&wanted).filter(|l| names.contains(owner(l))).collect();
    assert!(missing.is_empty() && surplus.is_empty(), "missing {missing:#?}, instead {surplus:#?}");
    assert!(wanted.len() > 700, "schema.txt is whole");
}

/// The message or enum that a line is about.
fn owner(line: &str) -> &str {
    line.split(['.', ' ']).next().unwrap_or(line)
}

fn enum_lines(kind: &EnumDescriptorProto) -> Vec<String> {
    let line = |name: &str, number| format!("{}.{name} {number}", kind.name());
    let values = kind.value.iter().filter(|value| value.number() < OWN);
    values.map(|value| line(value.name(), value.number())).collect()
}

fn message_lines(message: &DescriptorProto) -> Vec<String> {
    let fields = message.field.iter().filter(|field| field.number() < OWN);
    let mut lines: Vec<_> = fields.map(|field| field_line(message, field)).collect();
    for (range, name) in message.reserved_range.iter().zip(&message.reserved_name) {
        assert_eq!(range.end(), range.start() + 1, "{} reserves one number", message.name());
        lines.push(format!("{} reserved {} {name}", message.name(), range.start()));
    }
    if message.field.is_empty() {
        lines.push(message.name().to_owned());
    }
    lines
}

fn field_line(message: &DescriptorProto, field: &FieldDescriptorProto) -> String {
    let entry = message.nested_type.iter().find(|entry| {
        entry.options.as_ref().is_some_and(|options| options.map_entry())
            && field.type_name().ends_with(&format!(".{}.{}", message.name(), entry.name()))
    });
    let (kind, label) = match (entry, field.oneof_index, field.label()) {
        (Some(entry), ..) => {
            let [key, value] = &entry.field[..] else { panic!("a key and a value") };
            (format!("map<{},{}>", type_name(key), type_name(value)), "map".to_owned())
        }
        (None, Some(oneof), _) => {
            let oneof = usize::try_from(oneof).expect("an index");
            (type_name(field), format!("oneof {}", message.oneof_decl[oneof].name()))
        }
        (None, None, Label::Required) => (type_name(field), "required".into()),
        (None, None, Label::Optional) => (type_name(field), "optional".into()),
        (None, None, Label::Repeated) => (type_name(field), "repeated".into()),
    };
    let mut line = format!("{}.{} {} {kind} {label}", message.name(), field.name(), field.number());
    if let Some(default) = &field.default_value {
        line += &format!(" default {default}");
    }
    line
}

fn type_name(field: &FieldDescriptorProto) -> String {
    match field.r#type() {
        Type::Message | Type::Enum => {
            field.type_name().strip_prefix(".command.").expect("of the package").to_owned()
        }
        scalar => scalar.as_str_name().strip_prefix("TYPE_").expect("a type").to_lowercase(),
    }
}
