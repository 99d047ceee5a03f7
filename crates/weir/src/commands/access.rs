//! Who is served, by lists of addresses: arguments of listeners and frontends.

use weir_client::proto;

/// Lists, by their names.
#[derive(clap::Args)]
pub(super) struct Access {
    /// Lists of addresses: whoever is in none of them is not served.
    #[arg(long, value_delimiter = ',', value_name = "LIST,…")]
    allow: Vec<String>,
    /// Lists of addresses: whoever is in one of them is not served.
    #[arg(long, value_delimiter = ',', value_name = "LIST,…")]
    deny: Vec<String>,
    /// Everybody is served.
    #[arg(long, conflicts_with_all = ["allow", "deny"])]
    for_everybody: bool,
}

impl Access {
    /// What was said; of a listener that is there, the rest of it goes.
    pub(super) fn message(&self) -> Option<proto::Access> {
        let said = self.for_everybody || !self.allow.is_empty() || !self.deny.is_empty();
        let (allow, deny) = (self.allow.clone(), self.deny.clone());
        said.then_some(proto::Access { allow, deny })
    }
}
