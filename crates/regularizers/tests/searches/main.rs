//! Searches on the bars: what each strength finds, budgets that are hit, networks with
//! gates, and what is said of all.
#![cfg(test)]

mod bench;
mod budgets;
mod gated;
mod shades;
mod strengths;
mod warnings;
