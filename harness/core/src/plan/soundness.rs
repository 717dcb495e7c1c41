//! What makes a plan unsound although its file parses.
