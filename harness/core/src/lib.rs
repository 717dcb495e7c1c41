//! The pure model of firedrill: plan, scenario, clock, history, ledger, verdict.
