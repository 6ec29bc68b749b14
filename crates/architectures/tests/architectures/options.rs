//! How an experiment file names an architecture.

use architectures::{Architecture, InceptionV2, Stem};
use serde_yaml::with::singleton_map_recursive;

use crate::parse;

#[test]
fn absent_options_have_the_values_of_slim() {
    let architecture = parse("inception-v2: {}").unwrap();
    let expected = InceptionV2 { stem: Stem::Imagenet, width_multiplier: 1.0, dropout: 0.2 };
    assert_eq!(architecture, Architecture::InceptionV2(expected));
}

#[test]
fn options_are_read_and_written_the_same() {
    let architecture =
        parse("inception-v2: { stem: small, width_multiplier: 0.5, dropout: 0 }").unwrap();
    let expected = InceptionV2 { stem: Stem::Small, width_multiplier: 0.5, dropout: 0.0 };
    assert_eq!(architecture, Architecture::InceptionV2(expected));

    let mut written = Vec::new();
    let mut serializer = serde_yaml::Serializer::new(&mut written);
    singleton_map_recursive::serialize(&architecture, &mut serializer).unwrap();
    assert_eq!(parse(std::str::from_utf8(&written).unwrap()).unwrap(), architecture);
}

#[test]
fn unknown_families_options_and_stems_are_refused() {
    for (text, expected) in [
        (
            "inception-v9: {}",
            "unknown variant `inception-v9`, expected one of `inception-v1`, `inception-v2`,",
        ),
        ("inception-v2: { stems: small }", "unknown field `stems`"),
        ("inception-v2: { stem: tiny }", "unknown variant `tiny`"),
    ] {
        let refusal = parse(text).unwrap_err().to_string();
        assert!(refusal.contains(expected), "{refusal}");
    }
}

#[test]
fn every_family_is_known_by_the_name_that_it_is_read_by() {
    for family in Architecture::families() {
        assert_eq!(parse(&format!("{family}: {{}}")).unwrap().family(), *family);
    }
}

#[test]
fn the_natural_input_fits() {
    for stem in ["imagenet", "small"] {
        let architecture = parse(&format!("inception-v2: {{ stem: {stem} }}")).unwrap();
        assert!(architecture.build(architecture.natural_input(), 10).is_ok());
    }
}
