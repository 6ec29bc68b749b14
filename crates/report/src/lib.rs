//! Rows of results to CSV, Pareto fronts, SVG figures and terminal tables
