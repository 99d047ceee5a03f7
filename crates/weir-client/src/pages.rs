//! Answers page by page.

use weir_proto::request::RequestType;
use weir_proto::response_content::ContentType;

use crate::client::{Answer, Client};
use crate::error::Error;

/// The pages of an answer; each is asked for when it is wanted. Nothing comes after an error.
#[derive(Debug)]
pub struct Pages<'a> {
    client: &'a mut Client,
    /// Asks for the next one.
    request: Option<RequestType>,
}

impl<'a> Pages<'a> {
    pub(crate) fn new(client: &'a mut Client, mut request: RequestType) -> Self {
        if let Some(page) = request.page_mut() {
            page.get_or_insert_default();
        }
        Self { client, request: Some(request) }
    }

    /// All of them as one answer, with the message of the first.
    ///
    /// # Errors
    /// Those of [`Client::request`], of any page.
    pub fn together(mut self) -> Result<Answer, Error> {
        let mut all = self.next().unwrap_or(Err(Error::Closed))?;
        for page in self {
            if let (Some(all), Some(content)) = (&mut all.content, page?.content) {
                all.append(content);
            }
        }
        Ok(all)
    }
}

impl Iterator for Pages<'_> {
    type Item = Result<Answer, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut request = self.request.take()?;
        let mut answer = match self.client.request(request.clone()) {
            Ok(answer) => answer,
            Err(error) => return Some(Err(error)),
        };
        if let Some(next) = answer.content.as_mut().and_then(ContentType::take_next)
            && let Some(page) = request.page_mut()
        {
            *page = Some(next);
            self.request = Some(request);
        }
        Some(Ok(answer))
    }
}
