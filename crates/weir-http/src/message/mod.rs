//! The neutral form of a message: a head is a set of [`Span`]s over the buffer it was read into;
//! a body is a [`Framing`] and ranges of that buffer.
//!
//! Both HTTP versions decode into it and encode from it; policy works on nothing else. A head is
//! a *view*: it is rebuilt from the bytes when it is needed again, so a session keeps bytes and
//! never a parsed head.

mod authority;
pub(crate) mod bytes;
mod field;
mod head;
mod method;
mod span;

pub use authority::{Authority, AuthorityError};
pub use field::{Field, FieldName, FieldSink, Fields};
pub use head::{Framing, RequestHead, ResponseHead, Target, TargetForm, Version};
pub use method::Method;
pub use span::Span;
