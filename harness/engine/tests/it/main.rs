//! Integration tests of the `firedrill` binary and what it is made of, against real services of this machine.

mod backup;
mod command;
mod drills;
mod environment;
mod faults;
mod histories;
mod liars;
mod mistakes;
mod own;
mod pipelines;
mod reproduce;
mod spoiled;
mod suites;
mod undetected;
