//! A chaos and disaster-recovery drill harness: finds out whether a DR plan holds.
