//! Open-loop clients of a drill, what was acknowledged to them, and the final read.
