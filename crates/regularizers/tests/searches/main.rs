//! Searches on the bars: what each strength finds, and budgets that are hit.
#![cfg(test)]

mod bench;
mod budgets;
