//! Devices by name or by file.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use cost_models::{Device, DeviceFile, UnknownDevice};

use crate::diagnostic::Diagnostic;
use crate::spec::nearest;

/// Largest device file that is read.
const MOST_BYTES: u64 = 16 << 20;

/// The device of this name, or of this file if the name ends in `.json`; a relative path begins in `folder`.
pub(crate) fn find(name: &str, folder: &Path) -> Result<DeviceFile, Diagnostic> {
    let is_file =
        Path::new(name).extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json"));
    if is_file {
        return read(name, &folder.join(name));
    }
    Device::named(name).map(DeviceFile::Roofline).map_err(|UnknownDevice { name }| {
        let known: Vec<&str> = UnknownDevice::known().collect();
        let fault = Diagnostic::new(format!("there is no device `{name}`")).expected(format!(
            "a device file that ends in `.json`, or one of {}",
            known.join(", ")
        ));
        match near(&name, &known) {
            Some(near) => fault.help(format!("did you mean `{near}`?")),
            None => fault,
        }
    })
}

/// The known name that was meant; of a chip whose precisions are kept apart, the first.
fn near<'a>(name: &str, known: &[&'a str]) -> Option<&'a str> {
    let name = name.to_lowercase();
    let chip = known
        .iter()
        .find(|known| known.strip_prefix(name.as_str()).is_some_and(|rest| rest.starts_with('-')));
    chip.copied().or_else(|| nearest(&name, known.iter().copied()))
}

fn read(name: &str, path: &Path) -> Result<DeviceFile, Diagnostic> {
    let mut bytes = Vec::new();
    File::open(path).and_then(|file| file.take(MOST_BYTES + 1).read_to_end(&mut bytes)).map_err(
        |error| Diagnostic::new(format!("the device file `{name}` cannot be read: {error}")),
    )?;
    if bytes.len() as u64 > MOST_BYTES {
        let what =
            format!("`{name}` is larger than {MOST_BYTES} bytes, so it cannot be a device file");
        return Err(Diagnostic::new(what));
    }
    serde_json::from_slice(&bytes).map_err(|error| {
        Diagnostic::new(format!("`{name}` is not a device file: {error}"))
            .expected("`{\"roofline\": {..}}` or `{\"measured\": {..}}`")
    })
}
