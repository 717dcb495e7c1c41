//! Literal histories, one file per topic, and the laws that all histories obey.

mod alerts;
mod builder;
mod classification;
mod course;
mod criteria;
mod decisions;
mod definitions;
mod detection;
mod integrity;
mod laws;
mod liars;
mod people;
mod remedy;
mod restoration;
mod rpo;
mod rto;
mod soundness;
mod tool;
mod witness;
