use crate::check::Check;
use serde::Deserialize;
#[derive(Deserialize)]
pub(crate) struct Unsupported {
    pub(crate) construct: String,
}
impl Unsupported {
    pub(crate) fn verify(&self, _check: &mut Check) -> Result<(), String> {
        Ok(())
    }
}
