//! Options of `Strict-Transport-Security`.

use weir_client::proto::HstsConfig;

/// Any of them but the last enables it.
#[derive(clap::Args)]
pub(crate) struct Hsts {
    /// Seconds that clients keep to `https`.
    #[arg(long = "hsts-max-age", value_name = "SECONDS", conflicts_with = "disabled")]
    max_age: Option<u32>,
    /// For subdomains as well.
    #[arg(long = "hsts-include-subdomains", conflicts_with = "disabled")]
    include_subdomains: bool,
    /// For the lists of browsers.
    #[arg(long = "hsts-preload", conflicts_with = "disabled")]
    preload: bool,
    /// In place of what backends say.
    #[arg(long = "hsts-force-replace-backend", conflicts_with = "disabled")]
    force_replace_backend: bool,
    /// None at all.
    #[arg(id = "disabled", long = "hsts-disabled")]
    disabled: bool,
}

impl Hsts {
    /// What was asked for, if anything.
    pub(super) fn message(&self) -> Option<HstsConfig> {
        if self.disabled {
            return Some(HstsConfig { enabled: Some(false), ..HstsConfig::default() });
        }
        let message = HstsConfig {
            enabled: Some(true),
            max_age: self.max_age,
            include_subdomains: self.include_subdomains.then_some(true),
            preload: self.preload.then_some(true),
            force_replace_backend: self.force_replace_backend.then_some(true),
        };
        let nothing = HstsConfig { enabled: Some(true), ..HstsConfig::default() };
        (message != nothing).then_some(message)
    }
}
