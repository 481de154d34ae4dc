//! Tidiness as a test; see [`tidy`].

mod tidy;
