//! Everything a person sees.

pub mod background;
pub mod confirm;
pub mod failure;
pub mod json;
pub mod keys;
pub mod output;
pub mod pager;
pub mod progress;
pub mod redact;
pub mod report;
pub mod signals;
pub mod text;
