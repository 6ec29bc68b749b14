//! A graph compiled once to a static program, and the loop that trains it
