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

/// Who may begin with PROXY protocol headers.
#[derive(clap::Args)]
pub(super) struct Sources {
    /// Lists of addresses: the PROXY protocol is only taken from whoever is in one of them.
    #[arg(long, value_delimiter = ',', value_name = "LIST,…")]
    proxy_from: Vec<String>,
    /// It is taken from everybody.
    #[arg(long, conflicts_with = "proxy_from")]
    proxy_from_everybody: bool,
}

impl Sources {
    /// What was said.
    pub(super) fn message(&self) -> Option<proto::ProxySources> {
        let lists = self.proxy_from.clone();
        (self.proxy_from_everybody || !lists.is_empty()).then_some(proto::ProxySources { lists })
    }
}
