//! The built-in records, tried on the documents that real stores wrote.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bson::raw::RawDocumentBuf;
use bson::{Bson, DateTime, Document, doc};

use super::detect::{Certainty, Sample, detect};
use super::known::KNOWN;
use super::{Kind, Layout, Weak};
use crate::error::{Error, Need};
use crate::model::index_spec::IndexSpec;
use crate::model::session::State;
