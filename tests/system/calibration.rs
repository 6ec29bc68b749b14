//! Measuring a machine, and charging what was measured.

use std::fs;
use std::path::Path;
use std::process::Command;

use cost_models::{Calibration, Class, DeviceFile};

use crate::program::{Folder, PROGRAM, expect_code};

fn calibration(path: &Path) -> Calibration {
    match serde_json::from_slice(&fs::read(path).unwrap()).unwrap() {
        DeviceFile::Measured(calibration) => *calibration,
        DeviceFile::Roofline(_) => panic!("{} is not measured", path.display()),
    }
}

#[test]
fn a_calibrated_device_can_be_refitted_priced_with_and_charged() {
    let folder = Folder::new();
    let file = folder.path("here.json");
    let calibrate = Command::new(PROGRAM)
        .args(["calibrate", "--networks", "8", "--against", "lenet-5", "--"])
        .arg(&file)
        .output()
        .unwrap();
    expect_code(&calibrate, 0);
    let calibration = calibration(&file);
    assert_eq!(runner::calibrate::refit(&calibration).unwrap(), calibration.table);
    assert!(!calibration.table.classes[&Class::Pointwise].is_empty());
    assert!(calibration.data.len() > 100);
    let compared = fs::read_to_string(file.with_extension("csv")).unwrap();
    assert!(compared.starts_with("network,predicted_ms,measured_ms,error_percent\nlenet-5,"));

    let cost = Command::new(PROGRAM)
        .args(["cost", "lenet-5", "--measure", "--json", "--device"])
        .arg(&file)
        .output()
        .unwrap();
    expect_code(&cost, 0);
    let priced: serde_json::Value = serde_json::from_slice(&cost.stdout).unwrap();
    assert!(priced["latency_ms"].as_f64().unwrap() > 0.0, "{priced}");
    assert!(priced["measured"]["latency_ms"].as_f64().unwrap() > 0.0, "{priced}");

    let charged = format!("regularizer.cost={{ latency: {{ device: '{}' }} }}", file.display());
    let run = folder.run("results", &["--set", &charged]);
    expect_code(&run, 0);
    let plan = fs::read_to_string(folder.path("results").join("small/plan.json")).unwrap();
    assert!(plan.contains("\"nanoseconds\""), "the plan holds the numbers, not the name");
    assert!(!plan.contains("\"data\""), "the plan holds no measurements");
}

/// Fitted files are made, not edited: the data give the table again.
#[test]
fn the_table_of_every_device_file_follows_from_its_data() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("results/latency");
    let mut checked = 0;
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|ending| ending == "json") {
            let calibration = calibration(&path);
            assert_eq!(runner::calibrate::refit(&calibration).unwrap(), calibration.table);
            checked += 1;
        }
    }
    assert!(checked > 0);
}
