//! Neither threads nor jobs change a byte.

use crate::program::{Folder, expect_code, expect_same};

#[test]
fn the_same_plan_gives_the_same_bytes_for_any_number_of_threads_and_jobs() {
    let folder = Folder::new();
    expect_code(&folder.run("one", &["--jobs", "1", "--threads", "1"]), 0);
    let one = folder.path("one/small");
    for (name, jobs, threads) in [("threads", "1", "2"), ("jobs", "2", "1"), ("odd", "3", "3")] {
        expect_code(&folder.run(name, &["--jobs", jobs, "--threads", threads]), 0);
        expect_same(&folder.path(&format!("{name}/small")), &one);
    }
}
