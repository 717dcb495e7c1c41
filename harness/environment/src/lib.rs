//! Sites, services and links that a drill runs on, and what they can do.
