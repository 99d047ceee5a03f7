//! What a template can insert, where, and in which answers.

/// A variable of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Variable {
    Route,
    RequestId,
    RedirectLocation,
    ClusterId,
    BackendId,
    Message,
    Phase,
    SuccessfullyParsed,
    PartiallyParsed,
    Invalid,
    Duration,
    Capacity,
    WwwAuthenticate,
    RetryAfter,
    TemplateName,
}

/// Which templates may use a variable.
#[derive(Clone, Copy)]
enum Scope {
    All,
    /// Those for these statuses.
    Of(&'static [u16]),
    /// The free-form ones too.
    OfAndFree(&'static [u16]),
    /// The free-form ones alone.
    Free,
}

/// Where a variable stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// As the whole value of a field.
    Field,
    /// Anywhere in the body.
    Body,
}

use Place::{Body, Field};
use Scope::{All, Free, Of, OfAndFree};

/// How a variable may be used.
pub(super) struct Rule {
    pub(super) variable: Variable,
    /// Its name, without `%`.
    pub(super) name: &'static str,
    scope: Scope,
    places: &'static [Place],
    /// A single time in a template.
    pub(super) once: bool,
}

const ANYWHERE: &[Place] = &[Field, Body];
const REDIRECTS: &[u16] = &[301, 302, 308];

/// No name is the beginning of another.
static RULES: [Rule; 15] = [
    rule(Variable::Route, "ROUTE", All, ANYWHERE),
    rule(Variable::RequestId, "REQUEST_ID", All, ANYWHERE),
    once(Variable::RedirectLocation, "REDIRECT_LOCATION", OfAndFree(REDIRECTS), ANYWHERE),
    rule(Variable::ClusterId, "CLUSTER_ID", OfAndFree(&[429, 502, 503, 504, 507]), ANYWHERE),
    rule(Variable::BackendId, "BACKEND_ID", Of(&[502, 503, 504, 507]), ANYWHERE),
    once(Variable::Message, "MESSAGE", Of(&[400, 413, 502, 503, 507]), &[Body]),
    rule(Variable::Phase, "PHASE", Of(&[400, 413, 502, 507]), ANYWHERE),
    rule(Variable::SuccessfullyParsed, "SUCCESSFULLY_PARSED", Of(&[400, 502]), &[Body]),
    rule(Variable::PartiallyParsed, "PARTIALLY_PARSED", Of(&[400, 502]), &[Body]),
    rule(Variable::Invalid, "INVALID", Of(&[400, 502]), &[Body]),
    rule(Variable::Duration, "DURATION", Of(&[408, 504]), ANYWHERE),
    rule(Variable::Capacity, "CAPACITY", Of(&[413, 507]), ANYWHERE),
    once(Variable::WwwAuthenticate, "WWW_AUTHENTICATE", Of(&[401]), &[Field]),
    once(Variable::RetryAfter, "RETRY_AFTER", Of(&[429]), &[Field]),
    once(Variable::TemplateName, "TEMPLATE_NAME", Free, ANYWHERE),
];

const fn rule(
    variable: Variable,
    name: &'static str,
    scope: Scope,
    places: &'static [Place],
) -> Rule {
    Rule { variable, name, scope, places, once: false }
}

const fn once(
    variable: Variable,
    name: &'static str,
    scope: Scope,
    places: &'static [Place],
) -> Rule {
    Rule { once: true, ..rule(variable, name, scope, places) }
}

impl Rule {
    /// The variable whose name `text` begins with.
    pub(super) fn at_start(text: &str) -> Option<&'static Self> {
        RULES.iter().find(|rule| text.starts_with(rule.name))
    }

    /// Whether it may stand there in a template for `status`; `None` is a free-form one.
    pub(super) fn allows(&self, status: Option<u16>, place: Place) -> bool {
        self.places.contains(&place)
            && match (self.scope, status) {
                (All, _) | (OfAndFree(_) | Free, None) => true,
                (Of(_), None) | (Free, Some(_)) => false,
                (Of(statuses) | OfAndFree(statuses), Some(status)) => statuses.contains(&status),
            }
    }

    /// All that may stand there, for a message.
    pub(super) fn allowed(status: Option<u16>, place: Place) -> String {
        let allowed = RULES.iter().filter(|rule| rule.allows(status, place));
        allowed.map(|rule| format!("`%{}`", rule.name)).collect::<Vec<_>>().join(", ")
    }
}
