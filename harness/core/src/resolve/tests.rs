//! Shipped plans and scenarios resolve; each mistake is drawn at its place.
