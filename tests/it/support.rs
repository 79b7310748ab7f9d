//! What the tests share: a server, and a database of its own for each test; the program, run as a user
//! would run it, with or without a terminal; and documents as the stores write them.

mod database;
mod documents;
mod program;
mod run;
mod running;
mod server;
mod terminal;
mod tool;
mod waiting;

pub use database::Db;
pub use documents::{LAYOUTS, at, connect_mongo, flask, long_id, now, session, with};
pub use program::Program;
pub use run::Run;
pub use running::Running;
pub use server::{FailPoint, mongod_binary, own_server};
pub use terminal::type_on_terminal;
pub use tool::Tool;
pub use waiting::{LONG, becomes, eventually, milliseconds};
