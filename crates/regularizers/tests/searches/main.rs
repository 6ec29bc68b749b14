//! Searches on the bars: what each strength finds, budgets that are hit, and what is said of them.
#![cfg(test)]

mod bench;
mod budgets;
mod strengths;
mod warnings;
