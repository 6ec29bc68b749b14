//! Claims about rows, fronts, comparisons, figures and tables.
#![cfg(test)]

mod compare;
mod csv;
mod figure;
mod front;
mod golden;
mod sample;
mod summary;
mod table;
