//! The forms that metrics are written in, and which of them a client gets.

/// How metrics are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// The text format of Prometheus, 0.0.4.
    Plain,
    /// OpenMetrics 1.0.0.
    OpenMetrics,
}

impl Form {
    /// What a client prefers, by its `Accept` fields (RFC 9110, 12.5.1).
    pub(super) fn wanted<'a>(accept: impl Iterator<Item = &'a str>) -> Self {
        let mut wanted = (0.0, Self::Plain);
        for range in accept.flat_map(|field| field.split(',')) {
            if let Some((form, weight)) = weighed(range)
                && weight > wanted.0
            {
                wanted = (weight, form);
            }
        }
        wanted.1
    }

    pub(super) fn media_type(self) -> &'static str {
        match self {
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
        }
    }
}

/// The form that a range of media types names, and its weight.
fn weighed(range: &str) -> Option<(Form, f64)> {
    let mut words = range.split(';').map(str::trim);
    let name = words.next()?.to_ascii_lowercase();
    let (mut version, mut weight) = (None, 1.0);
    for (key, value) in words.filter_map(|word| word.split_once('=')) {
        match key {
            "version" => version = Some(value.trim_matches('"')),
            "q" => weight = value.parse().unwrap_or(0.0),
            _ => {}
        }
    }
    let form = match (name.as_str(), version) {
        ("application/openmetrics-text", Some("1.0.0") | None) => Form::OpenMetrics,
        ("text/plain", Some("0.0.4") | None) | ("text/*" | "*/*", None) => Form::Plain,
        _ => return None,
    };
    Some((form, weight))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_gets_the_form_that_it_prefers() {
        let wanted = |accept: &str| Form::wanted([accept].into_iter());
        let plain = ["", "*/*", "text/html,*/*;q=0.8", "application/openmetrics-text;version=9"];
        let tie = "text/plain, application/openmetrics-text";
        let less = "application/openmetrics-text;q=0.2, text/plain;version=0.0.4;q=0.5";
        let none = "application/openmetrics-text;q=0";
        for accept in plain.into_iter().chain([tie, less, none]) {
            assert_eq!(wanted(accept), Form::Plain, "{accept}");
        }
        // What Prometheus says.
        let usual = "application/openmetrics-text;version=1.0.0,\
                     application/openmetrics-text;version=0.0.1;q=0.75,\
                     text/plain;version=0.0.4;q=0.5,*/*;q=0.1";
        for accept in [usual, "application/openmetrics-text", "Application/OpenMetrics-Text;q=1"] {
            assert_eq!(wanted(accept), Form::OpenMetrics, "{accept}");
        }
    }
}
