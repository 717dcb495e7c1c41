//! Everything made from a finished history: tables, JUnit, Markdown, HTML.
