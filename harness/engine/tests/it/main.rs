//! Integration tests of the `firedrill` binary and what it is made of, against real services of this machine.

mod command;
mod drills;
mod environment;
mod faults;
mod liars;
mod pipelines;
mod spoiled;
mod suites;
