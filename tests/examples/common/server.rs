//! Settings from the environment, and the MongoDB that an example starts if none is named.

use std::env;
use std::error::Error;

use sessionctl::mongod::{Mongod, Options, find_or_fetch};

/// The variable `name`, or `usual` if it is not set.
pub fn setting(name: &str, usual: &str) -> String {
    env::var(name).unwrap_or_else(|_| usual.to_owned())
}

/// The connection string in `SESSIONCTL_URI`. Without it, that of a throwaway MongoDB, which stops when
/// the second value is dropped.
pub fn server() -> Result<(String, Option<Mongod>), Box<dyn Error>> {
    if let Ok(uri) = env::var("SESSIONCTL_URI") {
        return Ok((uri, None));
    }
    let binary = find_or_fetch(&mut |doing| println!("{doing}"))?;
    let throwaway = Mongod::start(&binary, Options::default())?;
    Ok((throwaway.uri(), Some(throwaway)))
}
