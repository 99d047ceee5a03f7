//! What a worker has measured.

use weir_control::channel::{Question, ToMain, ToWorker};
use weir_control::metrics::{Measured, Query, Sample, Value};

use super::Proxy;

/// The parts of an answer.
pub fn measure(proxy: &mut Proxy, query: Query) -> Vec<Measured> {
    proxy.say(&ToWorker::Ask { number: 9, question: Question::Metrics(query) });
    let mut parts = Vec::new();
    loop {
        match proxy.hear() {
            ToMain::Measured { number: 9, part, last } => {
                parts.push(*part);
                if last {
                    return parts;
                }
            }
            ToMain::Happened(_) => {}
            other => panic!("not measured: {other:?}"),
        }
    }
}

pub fn count(samples: &[Sample], name: &str) -> Option<u64> {
    let sample = samples.iter().find(|sample| sample.name == name)?;
    match sample.value {
        Value::Count(count) => Some(count),
        Value::Gauge(_) | Value::Times(_) => None,
    }
}
