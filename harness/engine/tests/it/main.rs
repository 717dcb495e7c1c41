//! Integration tests of the `firedrill` binary and what it is made of, against real services of this machine.

mod as_written;
mod backup;
mod buckets;
mod circumstances;
mod command;
mod containers;
mod drills;
mod environment;
mod faults;
mod ground;
mod histories;
mod liars;
mod mistakes;
mod own;
mod pipelines;
mod reproduce;
mod spoiled;
mod suites;
mod turn;
mod undetected;
