//! Claims about rows, fronts, comparisons, figures and tables.
#![cfg(test)]

mod compare;
mod csv;
mod curve;
mod figure;
mod front;
mod golden;
mod hypervolume;
mod page;
mod paired;
mod sample;
mod summary;
mod table;
mod variants;
