//! Random kills lose nothing, do nothing twice, and change no byte. `scripts/kill-test` does many, the test a few.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Child;
use std::time::{Duration, SystemTime};

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::program::{Folder, SMALL, expect_code, expect_same};

/// Points of the sweep: two uniform, one shrunk and two expanded networks for each of four seeds.
const POINTS: usize = 20;

/// Kills in the test, where nobody asks for more.
const KILLS: usize = 12;

/// Longest time between two kills.
const LONGEST: Duration = Duration::from_millis(600);

/// What is finished, with what tells one file from another that took its place.
fn finished(folder: &Path) -> BTreeMap<PathBuf, (SystemTime, u64)> {
    let mut found = BTreeMap::new();
    let Ok(entries) = fs::read_dir(folder) else { return found };
    for path in entries.map_while(Result::ok).map(|entry| entry.path()) {
        if path.is_dir() {
            found.extend(finished(&path));
        } else if path.ends_with("done.json") {
            let file = path.metadata().unwrap();
            found.insert(path, (file.modified().unwrap(), inode(&file)));
        }
    }
    found
}

#[cfg(unix)]
fn inode(file: &fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::ino(file)
}

#[cfg(not(unix))]
fn inode(_: &fs::Metadata) -> u64 {
    0
}

/// Two runners on one folder, of which one after the other is killed and started again until all is done. How many kills.
fn disturbed(folder: &Folder, results: &str, most: usize, random: &mut ChaCha8Rng) -> usize {
    let start = || folder.start(results, &["--jobs", "1", "--threads", "1"]);
    let state = folder.path(results).join("small/state");
    let mut runners: [Child; 2] = [start(), start()];
    let mut before: BTreeMap<PathBuf, (SystemTime, u64)> = BTreeMap::new();
    let mut kills = 0;
    while kills < most {
        std::thread::sleep(LONGEST.mul_f64(random.random()));
        let runner = &mut runners[random.random_range(0..2)];
        let ended = runner.try_wait().unwrap();
        runner.kill().unwrap();
        let status = runner.wait().unwrap();
        let now = finished(&state);
        for (path, file) in &before {
            assert_eq!(now.get(path), Some(file), "{} was lost or done twice", path.display());
        }
        before = now;
        if let Some(ended) = ended {
            assert!(ended.success(), "{status:?}");
            break;
        }
        kills += 1;
        *runner = start();
    }
    for runner in runners {
        let output = runner.wait_with_output().unwrap();
        let was_killed = output.status.code().is_none();
        assert!(was_killed || output.status.success(), "{output:?}");
    }
    // Whoever was killed last may have been the one to write the results.
    expect_code(&folder.run(results, &[]), 0);
    let after = finished(&state);
    assert!(before.iter().all(|(path, file)| after.get(path) == Some(file)), "done twice");
    kills
}

#[test]
fn random_kills_lose_nothing_do_nothing_twice_and_change_no_byte() {
    let folder = Folder::new();
    fs::write(folder.experiment(), format!("{SMALL}seeds: [0, 1, 2, 3]\n")).unwrap();
    expect_code(&folder.run("undisturbed", &[]), 0);
    let expected = folder.path("undisturbed/small");
    let points = fs::read_to_string(expected.join("points.csv")).unwrap();
    assert_eq!(points.lines().count(), 1 + POINTS);

    let wanted = std::env::var("KILLS").map_or(KILLS, |kills| kills.parse().unwrap());
    let mut random = ChaCha8Rng::seed_from_u64(0);
    let (mut kills, mut sweeps) = (0, 0);
    while kills < wanted {
        let results = format!("disturbed-{sweeps}");
        kills += disturbed(&folder, &results, wanted - kills, &mut random);
        sweeps += 1;
        expect_same(&folder.path(&results).join("small"), &expected);
        fs::remove_dir_all(folder.path(&results)).unwrap();
        assert!(sweeps <= 10 * wanted, "kills come too late");
    }
    println!(
        "{kills} kills in {sweeps} sweeps of {POINTS} points: the same bytes, nothing lost, nothing done twice"
    );
}
