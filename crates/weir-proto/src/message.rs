//! Ways to make messages that are made often, and `Debug` of those that hold secrets.

use std::fmt;

use crate::request::RequestType;
use crate::response_content::ContentType;
use crate::{
    CertificateAndKey, HealthCheckHeaderValue, Request, Response, ResponseContent, ResponseStatus,
    WorkerRequest, WorkerResponse,
};

impl From<RequestType> for Request {
    fn from(request: RequestType) -> Self {
        Self { request_type: Some(request) }
    }
}

impl From<ContentType> for ResponseContent {
    fn from(content: ContentType) -> Self {
        Self { content_type: Some(content) }
    }
}

impl Response {
    /// The last answer to a request that succeeded.
    pub fn ok(message: impl Into<String>, content: impl Into<Option<ContentType>>) -> Self {
        Self::new(ResponseStatus::Ok, message.into(), content.into())
    }

    /// The last answer to a request that failed.
    pub fn failure(message: impl Into<String>) -> Self {
        Self::new(ResponseStatus::Failure, message.into(), None)
    }

    /// An answer that is not the last.
    pub fn processing(message: impl Into<String>, content: impl Into<Option<ContentType>>) -> Self {
        Self::new(ResponseStatus::Processing, message.into(), content.into())
    }

    /// True when no other answer follows.
    pub fn is_last(&self) -> bool {
        self.status() != ResponseStatus::Processing
    }

    fn new(status: ResponseStatus, message: String, content: Option<ContentType>) -> Self {
        Self { status: status.into(), message, content: content.map(Into::into) }
    }
}

impl WorkerRequest {
    /// A request that is answered under the name `id`.
    pub fn new(id: impl Into<String>, request: RequestType) -> Self {
        Self { id: id.into(), content: request.into() }
    }
}

impl WorkerResponse {
    /// What a worker says of the request `id`: `response`, under its name.
    pub fn new(id: impl Into<String>, response: Response) -> Self {
        let Response { status, message, content } = response;
        Self { id: id.into(), status, message, content }
    }
}

impl fmt::Debug for CertificateAndKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CertificateAndKey")
            .field("certificate", &self.certificate)
            .field("certificate_chain", &self.certificate_chain)
            .field("key", &Hidden)
            .field("versions", &self.versions)
            .field("names", &self.names)
            .finish()
    }
}

impl fmt::Debug for HealthCheckHeaderValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HealthCheckHeaderValue")
            .field("name", &self.name)
            .field("value", &Hidden)
            .finish()
    }
}

struct Hidden;

impl fmt::Debug for Hidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{AddCertificate, Status};

    #[test]
    fn requests_have_the_names_of_their_variants() {
        assert_eq!(RequestType::Status(Status {}).name(), "Status");
        assert_eq!(RequestType::Logging("info".into()).name(), "Logging");
        assert_eq!(RequestType::SetMaxConnectionsPerIp(3).name(), "SetMaxConnectionsPerIp");
    }

    #[test]
    fn only_processing_has_a_sequel() {
        assert!(Response::ok("done", None).is_last());
        assert!(Response::failure("no such cluster").is_last());
        assert!(!Response::processing("asking workers", None).is_last());
        assert!(Response { status: 77, ..Response::default() }.is_last());
    }

    #[test]
    fn secrets_are_not_printed() {
        let certificate = CertificateAndKey { key: "hush".into(), ..CertificateAndKey::default() };
        let message = AddCertificate { certificate, ..AddCertificate::default() };
        let request = Request::from(RequestType::AddCertificate(message));
        assert!(!format!("{request:?}").contains("hush"));
        let value = HealthCheckHeaderValue { name: "a".into(), value: vec![77, 78] };
        assert_eq!(format!("{value:?}"), r#"HealthCheckHeaderValue { name: "a", value: … }"#);
    }
}
