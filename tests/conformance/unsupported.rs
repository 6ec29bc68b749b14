//! `unsupported.json`: what the original rejects or silently mistreats. Each construct is handled here, which a small network
//! shows, or refused with a reason.

mod constructs;
mod sketch;

use serde::Deserialize;

use crate::check::Check;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Unsupported {
    pub(crate) construct: String,
    result: String,
    detail: String,
}

impl Unsupported {
    pub(crate) fn verify(&self, check: &mut Check) -> Result<(), String> {
        let known = ["error", "wrong", "link_lost", "partly", "ignored", "ok"];
        check.that(known.contains(&self.result.as_str()), || format!("result `{}`", self.result));
        check.that(!self.detail.is_empty(), || {
            "the original's behaviour is not described".to_owned()
        });
        constructs::verify(&self.construct, check)
    }
}
