//! References for tests: a counting interpreter, a dfdx tape, random graphs, toy graphs
