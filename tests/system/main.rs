//! Whole-system tests.
#![cfg(test)]
#![expect(clippy::disallowed_methods, reason = "the tests play the user, who has files")]

mod arms;
mod axes;
mod bad_data;
mod broken_disk;
mod calibration;
mod corpus;
mod crashes;
mod cycles;
mod experiments;
mod kills;
mod modes;
mod morph;
mod multi_label;
mod page;
mod program;
mod proxy;
mod readme;
mod resources;
mod resume;
mod round_trip;
mod sharing;
mod slurm;
mod smoke;
mod stored_data;
mod targets;
mod threads;
mod tidy;
mod trained;

// Shared with the program that finds the inputs which `corpus` reads.
#[path = "../fuzz/seeds.rs"]
mod seeds;
#[path = "../fuzz/target.rs"]
mod target;
