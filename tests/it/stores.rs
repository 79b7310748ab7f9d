//! The documents of every store, on a server without a TTL monitor, under every command.

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::{Mutex, OnceLock};
use std::time::Duration;

use bson::oid::ObjectId;
use bson::spec::BinarySubtype;
use bson::{Binary, Bson, DateTime, Document, doc};
use serde_json::Value;
use sessionctl::Layout;
use sessionctl::layout::Unit;
use sessionctl::mongod::{Mongod, Options};

use crate::support::{Db, Program, Run, now, own_server};

mod converted;
mod drafts;
mod ending;
mod given;
mod lifetimes;
mod pairs;
mod survey;
mod ttl;
