//! What is printed of answers: text with tables for people, JSON for programs.
//!
//! Must not know: how answers are come by.

mod certificates;
mod clusters;
mod epochs;
mod events;
mod frontends;
mod listeners;
mod lists;
mod metrics;
mod page;
mod processes;
mod properties;
mod sessions;

use serde_json::Value;
use weir_client::Answer;
use weir_client::proto::response_content::ContentType;
use weir_client::proto::{ResponseContent, SessionList, WorkerResponses};

pub(crate) use certificates::without_keys;
pub(crate) use epochs::line as transaction;
pub(crate) use events::{event, event_json};

pub(crate) use page::address;
use page::{Page, plain};

/// An answer for programs: what was asked for, or an empty object.
pub(crate) fn json(answer: &Answer) -> String {
    let value = answer.content.as_ref().map_or_else(|| Value::Object(Default::default()), inner);
    format!("{value:#}")
}

/// A content without the name of its kind.
fn inner(content: &ContentType) -> Value {
    match serde_json::to_value(content) {
        Ok(Value::Object(variant)) => variant.into_iter().next().map_or(Value::Null, |(_, v)| v),
        _ => Value::Null,
    }
}

/// An answer for people, on a terminal of `width` columns, if it is one.
pub(crate) fn text(answer: &Answer, width: Option<u16>) -> String {
    let content = match &answer.content {
        Some(content) => content_text(content, width),
        None => "No content".into(),
    };
    format!("Success: {}\n{content}", plain(answer.message.clone()))
}

/// What people are shown of an answer that comes in pages.
#[derive(Default)]
pub(crate) struct Paged {
    /// What the last page had to say.
    message: Option<String>,
    /// There was something to show.
    some: bool,
}

impl Paged {
    /// What is to be printed of the next page, if anything.
    pub(crate) fn text(&mut self, answer: &Answer, width: Option<u16>) -> Option<String> {
        let mut page = Page::new(width);
        if let Some(content) = &answer.content {
            add(&mut page, content);
        }
        let content = page.text();
        self.some |= content.is_some();
        let is_new = self.message.as_ref() != Some(&answer.message);
        let message = is_new.then(|| format!("Success: {}", plain(answer.message.clone())));
        self.message = Some(answer.message.clone());
        let lines: Vec<_> = message.into_iter().chain(content).collect();
        (!lines.is_empty()).then(|| lines.join("\n"))
    }

    /// What is to be printed behind the last one, if anything.
    pub(crate) fn end(&self) -> Option<&'static str> {
        (!self.some).then_some(page::NOTHING)
    }
}

/// All that is known of sessions, for people.
pub(crate) fn session_details(list: &SessionList, width: Option<u16>) -> String {
    let mut page = Page::new(width);
    sessions::details(&mut page, list);
    page.finish()
}

/// How far something is.
pub(crate) fn progress(message: &str) -> String {
    format!("Processing: {}", plain(message.to_owned()))
}

fn content_text(content: &ContentType, width: Option<u16>) -> String {
    let mut page = Page::new(width);
    add(&mut page, content);
    page.finish()
}

/// Every kind of content is known here; one that nothing on the command line asks for is JSON.
fn add(page: &mut Page, content: &ContentType) {
    match content {
        ContentType::Workers(workers) => processes::workers(page, workers),
        ContentType::RequestCounts(counts) => processes::request_counts(page, counts),
        ContentType::MaxConnectionsPerIpLimit(limit) => processes::limit(page, limit.limit),
        ContentType::MaxConnectionsPerSubnetLimit(limit) => processes::limit(page, limit.limit),
        ContentType::WorkerResponses(responses) => worker_responses(page, responses),
        ContentType::Metrics(metrics) => metrics::aggregated(page, metrics),
        ContentType::WorkerMetrics(metrics) => metrics::of_worker(page, "worker", metrics),
        ContentType::AvailableMetrics(names) => metrics::names(page, names),
        ContentType::FrontendList(list) => frontends::list(page, list),
        ContentType::AddressLists(found) => lists::list(page, found),
        ContentType::ListenersList(list) => listeners::list(page, list),
        ContentType::Clusters(clusters) => clusters::list(page, clusters),
        ContentType::ClusterHashes(hashes) => clusters::hashes(page, [("main", hashes)]),
        ContentType::HealthChecksList(list) => clusters::health_checks(page, list),
        ContentType::CertificatesByAddress(list) => certificates::by_address(page, list),
        ContentType::CertificatesWithFingerprints(list) => certificates::table(page, list),
        ContentType::Transaction(result) => epochs::transaction(page, result),
        ContentType::History(history) => epochs::history(page, history),
        ContentType::Explanation(explanation) => epochs::explanation(page, explanation),
        ContentType::Drift(drift) => epochs::drift(page, drift),
        ContentType::SessionList(list) => sessions::list(page, list),
        ContentType::ClosedSessions(_) => {}
        ContentType::Event(_)
        | ContentType::Tapped(_)
        | ContentType::MetricDetailStatus(_)
        | ContentType::WorkerMetricDetailStatus(_)
        | ContentType::ProtectedHealthCheckReply(_) => {
            page.line(format!("{:#}", inner(content)));
        }
    }
}

/// Hashes side by side; other contents once for all that gave the same.
fn worker_responses(page: &mut Page, responses: &WorkerResponses) {
    let hashes = responses.map.iter().map(|(who, content)| match &content.content_type {
        Some(ContentType::ClusterHashes(hashes)) => Some((who.as_str(), hashes)),
        _ => None,
    });
    if let Some(hashes) = hashes.collect::<Option<Vec<_>>>() {
        return clusters::hashes(page, hashes);
    }
    let mut groups: Vec<(Vec<&str>, &ResponseContent)> = Vec::new();
    for (who, content) in &responses.map {
        match groups.iter_mut().find(|(_, same)| *same == content) {
            Some((group, _)) => group.push(who),
            None => groups.push((vec![who], content)),
        }
    }
    for (who, content) in groups {
        page.line(format!("{}:", who.join(", ")));
        if let Some(content) = &content.content_type {
            add(page, content);
        }
    }
}

#[cfg(test)]
mod tests;
