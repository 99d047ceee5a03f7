//! Makes Rust types of `proto/command.proto`, without `protoc`.

use std::path::PathBuf;
use std::{env, error, fs};

use prost::Message;
use prost_types::field_descriptor_proto::Label;
use prost_types::{DescriptorProto, FileDescriptorSet};

const FILE: &str = "proto/command.proto";

fn main() -> Result<(), Box<dyn error::Error>> {
    println!("cargo::rerun-if-changed={FILE}");
    let descriptors = protox::compile([FILE], ["proto"])?;
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("OUT_DIR is not set")?);
    fs::write(out.join("command.bin"), descriptors.encode_to_vec())?;

    fs::write(out.join("names.rs"), names(&descriptors))?;

    let mut config = prost_build::Config::new();
    config.btree_map(["."]);
    config.skip_debug(SECRET);
    config.message_attribute(".", "#[derive(::serde::Serialize, ::serde::Deserialize)]");
    for message in messages(&descriptors) {
        json(&mut config, message);
    }
    config.compile_fds(descriptors)?;
    Ok(())
}

/// Messages whose `Debug` is written by hand.
const SECRET: [&str; 2] = [".command.CertificateAndKey", ".command.HealthCheckHeaderValue"];

/// The JSON form of a message: variants in capitals. Lists and maps may be missing, and so may the
/// required field that state files of before 2.3 do not have.
fn json(config: &mut prost_build::Config, message: &DescriptorProto) {
    const VARIANTS: &str = "#[derive(::serde::Serialize, ::serde::Deserialize)]\n\
                            #[serde(rename_all = \"SCREAMING_SNAKE_CASE\")]";
    let path = format!(".command.{}", message.name());
    for oneof in &message.oneof_decl {
        config.enum_attribute(format!("{path}.{}", oneof.name()), VARIANTS);
    }
    for field in &message.field {
        let path = format!("{path}.{}", field.name());
        if field.label() == Label::Repeated || path == ".command.HealthCheckConfig.mode" {
            config.field_attribute(path, "#[serde(default)]");
        }
    }
}

/// `RequestType::name`.
fn names(descriptors: &FileDescriptorSet) -> String {
    let request = messages(descriptors).filter(|message| message.name() == "Request");
    let fields = request.flat_map(|message| &message.field);
    let arms = fields.map(|field| {
        let name = camel_case(field.name());
        format!("            Self::{name}(_) => {name:?},\n")
    });
    let arms: String = arms.collect();
    format!(
        "impl request::RequestType {{\n    \
             /// The name of the variant, such as `AddCluster`.\n    \
             pub fn name(&self) -> &'static str {{\n        \
                 match self {{\n{arms}        }}\n    }}\n}}\n"
    )
}

fn camel_case(name: &str) -> String {
    let word = |word: &str| word[..1].to_uppercase() + &word[1..];
    name.split('_').map(word).collect()
}

fn messages(descriptors: &FileDescriptorSet) -> impl Iterator<Item = &DescriptorProto> {
    descriptors.file.iter().flat_map(|file| &file.message_type)
}
