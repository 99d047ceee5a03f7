//! Taps: somebody looks at requests as they end, beside all logs.
//!
//! Must not know: what a request is, and how a record looks.

use serde::{Deserialize, Serialize};
use weir_base::Cidr;
use weir_proto::Tap as Wanted;

/// Records of a worker in a second, when no number is asked for.
pub const RATE: u32 = 100;
/// And at most.
pub const MOST: u32 = 10_000;
/// Values of a kind that a tap may have.
const MOST_VALUES: usize = 256;

/// Which requests somebody looks at: those that each list has something for; an empty one has all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tap {
    /// Tells taps apart.
    pub number: u64,
    /// Ids of clusters.
    pub clusters: Vec<String>,
    /// Hosts without port, in lower case; `*.example.org` for those below.
    pub hosts: Vec<String>,
    /// Where clients come from.
    pub clients: Vec<Cidr>,
    /// First and last status; 0: there was no response.
    pub statuses: Vec<(u16, u16)>,
    /// Records are objects of JSON.
    pub json: bool,
    /// Records of a second, of each worker.
    pub rate: u32,
}

/// What a tap has brought.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tapped {
    /// Of the tap.
    pub number: u64,
    /// Access-log records, without the end of their line.
    pub records: Vec<String>,
    /// Requests since the last time that would have had one, and were too many.
    pub left_out: u64,
}

impl Tap {
    /// What a client asks for.
    ///
    /// # Errors
    /// A sentence about what is not understood.
    pub fn new(number: u64, wanted: &Wanted) -> Result<Self, String> {
        let Wanted { clusters, hosts, clients, statuses, .. } = wanted;
        let lengths = [clusters.len(), hosts.len(), clients.len(), statuses.len()];
        if lengths.into_iter().any(|length| length > MOST_VALUES) {
            return Err(format!("a tap has at most {MOST_VALUES} values of a kind"));
        }
        let block = |text: &String| {
            text.parse::<Cidr>().map_err(|error| format!("`{text}` is no client: {error}"))
        };
        Ok(Self {
            number,
            clusters: clusters.clone(),
            hosts: hosts.iter().map(|host| host.to_ascii_lowercase()).collect(),
            clients: clients.iter().map(block).collect::<Result<_, _>>()?,
            statuses: statuses.iter().map(|text| status(text)).collect::<Result<_, _>>()?,
            json: wanted.json(),
            rate: wanted.rate.filter(|rate| *rate > 0).unwrap_or(RATE).min(MOST),
        })
    }

    /// Whether it looks at a request for this host.
    pub fn has_host(&self, host: &[u8]) -> bool {
        let is = |wanted: &String| match wanted.strip_prefix('*') {
            Some(end) => {
                let at = host.len().checked_sub(end.len());
                at.is_some_and(|at| at > 0 && host[at..].eq_ignore_ascii_case(end.as_bytes()))
            }
            None => host.eq_ignore_ascii_case(wanted.as_bytes()),
        };
        self.hosts.is_empty() || self.hosts.iter().any(is)
    }

    /// Whether it looks at a request with this status.
    pub fn has_status(&self, status: u16) -> bool {
        let is = |(first, last): &(u16, u16)| (*first..=*last).contains(&status);
        self.statuses.is_empty() || self.statuses.iter().any(is)
    }
}

/// `404`, `5xx`, or `none`.
fn status(text: &str) -> Result<(u16, u16), String> {
    let class = text.strip_suffix("xx").and_then(|class| class.parse::<u16>().ok());
    match (class, text.parse::<u16>()) {
        _ if text == "none" => Ok((0, 0)),
        (Some(class @ 1..=9), _) => Ok((class * 100, class * 100 + 99)),
        (None, Ok(status @ 100..=999)) => Ok((status, status)),
        _ => Err(format!("`{text}` is no status: write 404, 5xx, or none")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tap(hosts: &[&str], statuses: &[&str]) -> Result<Tap, String> {
        let texts = |list: &[&str]| list.iter().map(|text| (*text).to_owned()).collect();
        let (hosts, statuses) = (texts(hosts), texts(statuses));
        Tap::new(1, &Wanted { hosts, statuses, ..Wanted::default() })
    }

    #[test]
    fn hosts_are_whole_or_below_another() {
        let tap = tap(&["A.example", "*.b.example"], &[]).expect("it is one");
        let has = |host: &str| tap.has_host(host.as_bytes());
        assert!(["a.example", "A.EXAMPLE", "x.b.example", "y.x.B.example"].map(has) == [true; 4]);
        assert!(["b.example", ".b.example", "xa.example", ""].map(has) == [false; 4]);
    }

    #[test]
    fn statuses_are_one_a_class_or_none() {
        let tap = tap(&[], &["404", "5xx", "none"]).expect("it is one");
        let seen = (0..1000).filter(|status| tap.has_status(*status)).collect::<Vec<_>>();
        assert_eq!(seen, [[0, 404].to_vec(), (500..600).collect()].concat());
        for wrong in ["", "xx", "0xx", "99", "5x", "1000", "5xxx", "ok"] {
            assert!(super::tests::tap(&[], &[wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_rate_is_bounded() {
        let rate =
            |rate| Tap::new(1, &Wanted { rate, ..Wanted::default() }).expect("it is one").rate;
        assert_eq!([None, Some(0), Some(7), Some(u32::MAX)].map(rate), [RATE, RATE, 7, MOST]);
    }
}
