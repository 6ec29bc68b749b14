//! The table of devices.

use std::collections::BTreeSet;

use cost_models::{Calibration, DEVICES, Device, DeviceFile, Grid, Latency, Precision};

#[test]
fn names_are_kebab_case_and_each_is_there_once() {
    let names: BTreeSet<&str> = DEVICES.iter().map(|device| device.name).collect();
    assert_eq!(names.len(), DEVICES.len());
    for name in names {
        assert!(
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'),
            "{name}"
        );
        assert_eq!(Device::named(name).unwrap().name, name);
    }
}

#[test]
fn every_row_has_peaks_a_source_and_a_year() {
    for device in DEVICES {
        let name = device.name;
        assert!(device.peak_gflops > 0.0 && device.peak_gflops.is_finite(), "{name}");
        assert!(device.bandwidth_gbs > 0.0 && device.bandwidth_gbs.is_finite(), "{name}");
        assert!(device.source.len() > 10, "{name}");
        let year: u32 = device.date.parse().unwrap();
        assert!((2014..2030).contains(&year), "{name}");
    }
}

#[test]
fn the_precision_of_a_name_is_that_of_its_row() {
    for device in DEVICES {
        let ending = device.name.rsplit_once('-').map_or("", |(_, ending)| ending);
        for (precision, bytes) in [(Precision::Fp32, 4), (Precision::Tf32, 4), (Precision::Fp16, 2)]
        {
            if ending == precision.to_string() {
                assert_eq!(
                    (device.precision, device.bytes_per_value),
                    (precision, bytes),
                    "{}",
                    device.name
                );
            }
        }
    }
}

// The ridge points of the original's table, in FLOP per byte.
#[test]
fn the_original_devices_have_their_ridges() {
    for (name, ridge) in [
        ("k80", 18.2),
        ("p4", 28.6),
        ("t4", 27.0),
        ("p100", 12.7),
        ("v100", 138.9),
        ("tpu-v2", 75.0),
    ] {
        let device = Device::named(name).unwrap();
        assert!((device.ridge() - ridge).abs() < 0.05, "{name}: {}", device.ridge());
        assert_eq!(device.bytes_per_value, 4);
    }
    assert_eq!(Device::named("flop-latency").unwrap().ridge(), 1e-20);
    assert_eq!(Device::named("memory-latency").unwrap().ridge(), 1e20);
}

#[test]
fn an_unknown_name_lists_the_known_ones() {
    for name in ["", "V100", "a100", "tpu"] {
        let fault = Device::named(name).unwrap_err().to_string();
        assert!(fault.contains(&format!("`{name}`")) && fault.contains("a100-tf32"), "{fault}");
    }
}

#[test]
fn a_device_file_gives_the_device_it_was_written_from() {
    let device = Device::named("l4-fp16").unwrap();
    let file = DeviceFile::Roofline(device.clone());
    let text = serde_json::to_string(&file).unwrap();
    assert_eq!(serde_json::from_str::<DeviceFile>(&text).unwrap(), file);
    let latency = Latency::new(file, 8);
    assert_eq!((latency.device(), latency.batch()), ("l4-fp16", 8));

    let measured = DeviceFile::Measured(Box::new(Calibration {
        table: crate::measured::example(1).table,
        grid: Grid { seed: 0, networks: 0, batch: 1 },
        data: Vec::new(),
    }));
    let text = serde_json::to_string(&measured).unwrap();
    assert_eq!(serde_json::from_str::<DeviceFile>(&text).unwrap(), measured);
}

#[test]
fn device_files_that_cannot_be_are_refused() {
    let right = r#"{"roofline": {"name": "x", "precision": "fp32", "bytes_per_value": 4, "peak_gflops": 1.0, "bandwidth_gbs": 2.0}}"#;
    assert!(serde_json::from_str::<DeviceFile>(right).is_ok());
    for (old, new, words) in [
        ("1.0", "0.0", "`peak_gflops` must be"),
        ("2.0", "-2.0", "`bandwidth_gbs` must be"),
        (": 4", ": 0", "`bytes_per_value` must be"),
        ("fp32", "fp8", "fp8"),
        ("\"name\"", "\"title\"", "title"),
        ("roofline", "rooftop", "rooftop"),
    ] {
        let fault = serde_json::from_str::<DeviceFile>(&right.replace(old, new)).unwrap_err();
        assert!(fault.to_string().contains(words), "{fault}");
    }
    let table = serde_json::to_string(&crate::measured::example(1).table).unwrap();
    let text = format!(
        "{{\"measured\": {{\"table\": {}}}}}",
        table.replace("\"schema\":1", "\"schema\":2")
    );
    let fault = serde_json::from_str::<DeviceFile>(&text).unwrap_err();
    assert!(fault.to_string().contains("`schema` is 2"), "{fault}");
}
