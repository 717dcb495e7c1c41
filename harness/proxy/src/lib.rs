//! The network between the services of a drill: a TCP proxy whose links can be cut and delayed.
