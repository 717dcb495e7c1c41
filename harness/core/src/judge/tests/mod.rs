//! Literal histories, one file per topic.
