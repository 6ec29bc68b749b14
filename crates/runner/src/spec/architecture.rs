//! Section `architecture`: the seed network, `{ inception-v2: { stem: small } }`, or `layers`, a list ([`architectures::layers`]).

pub use architectures::Architecture;
use serde::Deserialize;

use super::{nearest, parse_part};
use crate::diagnostic::Diagnostic;

#[derive(Deserialize)]
struct Section {
    #[serde(with = "serde_yaml::with::singleton_map")]
    architecture: Architecture,
}

/// A network by what a command line calls it: `resnet`, `resnet-50`, `resnet: { depth: 50 }`, or as it stands in an
/// experiment file, `{ resnet: { depth: 50 } }`.
pub fn named(network: &str) -> Result<Architecture, Diagnostic> {
    let word = network.split(':').next().unwrap_or_default().trim_start_matches('{').trim();
    let families = Architecture::families();
    let is_known = families.contains(&word) || word == Architecture::LAYERS;
    let settings = match (network.split_once(':'), with_depth(word)) {
        _ if network.trim_start().starts_with('{') && is_known => network.to_owned(),
        (Some((_, settings)), _) if is_known && !settings.trim().is_empty() => {
            format!("{{ {word}: {settings} }}")
        }
        _ if families.contains(&word) => format!("{{ {word}: {{}} }}"),
        (None, Some((family, depth))) => format!("{{ {family}: {{ depth: {depth} }} }}"),
        (Some(_) | None, _) => return Err(unknown(word)),
    };
    parse_part(&format!("architecture: {settings}")).map(|Section { architecture }| architecture)
}

/// Reads `resnet-50` and `resnet50`: a family and its depth.
fn with_depth(word: &str) -> Option<(&str, usize)> {
    let name = word.trim_end_matches(|c: char| c.is_ascii_digit());
    let depth = word[name.len()..].parse().ok()?;
    let family = name.trim_end_matches('-');
    Architecture::families().contains(&family).then_some((family, depth))
}

fn unknown(word: &str) -> Diagnostic {
    let families = Architecture::families();
    let known: Vec<String> = families.iter().map(|known| format!("`{known}`")).collect();
    let fault = Diagnostic::new(format!("there is no network `{word}`"))
        .expected(format!("{}, or an experiment file that ends in `.yaml`", known.join(", ")));
    match nearest(word, families.iter().copied()) {
        Some(near) => fault.help(format!("did you mean `{near}`?")),
        None => fault,
    }
}
