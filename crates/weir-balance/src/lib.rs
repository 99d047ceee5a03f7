//! Choosing a backend.

mod policy;

pub use policy::{LoadBalancing, LoadMetric};
